"""The certificate of a find: every growing orientation with its error, the form P, and a second witness.

The second witness climbs P and -P from 2000 random orientations each, from the data points alone: the ends must be the
certified growing and dying orientations, each met by the sign that its `neuron_sign` says; the shares are what random
neurons would show.

What a hunt for orientations aims at, and how its data stand in the `hunt` document.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory import MomentTensor, OrientationSet, activation
from verify.errors import UsageError
from verify.hunt.counting import ends
from verify.hunt.model import Certificate
from verify.hunt.points import LARGEST, Points, canonical

STARTS = 2000
NEAR = 1e-2  # an end this near (in radians) to a certified orientation is counted to it


def certificate(
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


MAX_PATHS = 2000  # homotopy paths above which a certificate takes too long to be asked for hundreds of times


@dataclass(frozen=True)
class Target:
    """What is hunted: `multiplicity` and `dimension` (D, bias counted; None: drawn anew each time), `bound` (None: 2p)."""

    multiplicity: int | None
    dimension: int | None
    bound: int | None = None
    activation: str | None = None
    drop: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.activation is not None:
            act = activation(self.activation)
            if not act.is_smooth or act.value_at_zero != 0:
                raise UsageError(
                    f"activation {self.activation!r}: the claim speaks of smooth activations with σ(0) = 0; accepted: "
                    "tanh, x*tanh(x), z**3, ..."
                )
            if self.multiplicity not in (None, act.multiplicity):
                raise UsageError(
                    f"multiplicity is {self.multiplicity} but {self.activation!r} has {act.multiplicity}; give one of them"
                )
            object.__setattr__(self, "multiplicity", act.multiplicity)
        for name in ("multiplicity", "dimension", "bound"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; accepted: a whole number of at least 1")

    def formula(self, order: int) -> str:
        """The activation as text: the one asked for, or the power, the simplest of its multiplicity."""
        if self.activation is not None:
            return self.activation
        return "z" if order == 1 else f"z**{order}"


def described(x: Sequence[Sequence[float]], y: Sequence[float], formula: str, order: int) -> dict[str, Any]:
    """Data in the `hunt` document; whole numbers as integers, the inputs without the bias."""
    return {
        "x": [[_whole(v) for v in row] for row in x],
        "y": [_whole(v) for v in y],
        "activation": formula,
        "bias": True,
        "multiplicity": order,
        "dimension": len(x[0]) + 1,
    }


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else float(value)
