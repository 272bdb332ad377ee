"""The certificate of a find: every growing orientation with its error, the form P, and a second witness.

The second witness climbs P and -P from 2000 random orientations each, from the data points alone: the ends must be the
certified growing and dying orientations, each met by the sign that its `neuron_sign` says; the shares are what random
neurons would show.
"""

from __future__ import annotations

import math

import numpy as np

from theory import MomentTensor, OrientationSet
from verify.hunt.counting import ends
from verify.hunt.model import Certificate
from verify.hunt.points import Points
from verify.hunt.symmetry import LARGEST, canonical

STARTS = 2000
NEAR = 1e-2  # an end this near (in radians) to a certified orientation is counted to it


def evidence(
    tensor: MomentTensor,
    found: OrientationSet,
    summary: str,
    points: Points | None,
    bound: int | None,
    *,
    counted: str = "growing",
) -> Certificate:
    """The certificate with everything that the `hunt` document and the table show; `counted`: growing or fixed."""
    growing = found.attractors
    document = {
        "summary": summary,
        "bound": bound,
        "counted": counted,
        "growing": len(growing),
        "dying": len(found.dying),
        "fixed": len(found.orientations),
        "complete": found.complete,
        "method": found.method.value,
        "lines_found": found.lines_found,
        "lines_expected": found.lines_expected,
        "certified": all(o.certified for o in found.orientations),
        "largest_radius": max((o.radius for o in found.orientations), default=None),
        "form": form(tensor),
        "canonical": list(canonical(tensor)) if tensor.dimension <= LARGEST else None,
        "orientations": [o.to_json() for o in found.orientations],
        "witness": witness(points, found) if points is not None and growing and tensor.order > 1 else None,
        "notes": list(found.notes),
    }
    return Certificate(summary, document, tuple(found.notes))


def witness(points: Points, found: OrientationSet) -> dict:
    """Where random orientations end: the share (A,) that each growing one collects, of those that die, and of the rest."""
    starts = np.random.default_rng(0).standard_normal((STARTS, points.inputs + 1))
    starts /= np.linalg.norm(starts, axis=1, keepdims=True)
    # Half of them climb P, the others -P: a neuron climbs either, by the sign of its output weight.
    u = ends(points, found.multiplicity, starts)
    collecting = (*found.attractors, *found.dying)
    cosine = u @ np.array([o.u for o in collecting]).T
    nearest = cosine.argmax(axis=1)
    signs = np.array([o.neuron_sign for o in collecting])
    climbs = np.repeat([1, -1], STARTS)
    hit = (cosine.max(axis=1) > math.cos(NEAR)) & (signs[nearest] == climbs)
    share = np.bincount(nearest[hit], minlength=len(collecting)) / len(u)
    growing = len(found.attractors)
    return {
        "starts": len(u),
        "shares": share[:growing].tolist(),
        "dying": float(share[growing:].sum()),
        "elsewhere": round(float(1 - share.sum()), 12),
    }


def form(tensor: MomentTensor) -> str:
    """P(u) up to its factor, as a polynomial with coprime integer coefficients in u1, ..., uD."""
    common = math.lcm(*(int(c.q) for c in tensor.coefficients))
    whole = [int(c.p) * (common // int(c.q)) for c in tensor.coefficients]
    divisor = math.gcd(*whole) or 1
    terms = []
    for value, row in zip(whole, tensor.exponents.tolist(), strict=True):
        if value:
            powers = [f"u{k + 1}" + (f"^{e}" if e > 1 else "") for k, e in enumerate(row) if e]
            size = abs(value) // divisor
            factor = [] if size == 1 else [str(size)]
            terms.append((" - " if value < 0 else " + ") + " ".join(factor + powers))
    text = "".join(terms)
    return text.removeprefix(" + ") if text.startswith(" + ") else text.strip().replace("- ", "-", 1) or "0"
