"""p >= 3 with more complex lines than may be followed: a search from random starts, every hit certified.

Nothing is proved about what was not met.  The share of starts that would end on an unseen line is
estimated by Good and Turing: the number of lines met once, divided by the number of hits (Good 1953).
"""

from __future__ import annotations

import numpy as np

from theory.forms.moment_tensor import MomentTensor
from theory.orientations.result import Method, Orientation, OrientationSet, both_sides, whole_sphere
from theory.orientations.tensor.frame import followed
from theory.orientations.tensor.homotopy import orient, real_enclosure
from theory.orientations.tensor.search import ascent, group_lines, random_units, stationary

STARTS = 600  # of each of the three searches
APART = 1e-5


def multistart(tensor: MomentTensor, *, bias: bool, expected: int, seed: int = 0) -> OrientationSet:
    """Return certified fixed orientations met from random starts: maxima and minima of P, and any kind."""
    notes: list[str] = []
    real: list[Orientation] = []
    uncertified = 0
    if tensor.is_zero:
        notes.append(
            "T = 0: every orientation is fixed (a continuum, the whole sphere); the next order decides"
        )
    else:
        generators = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3)]
        starts = [random_units(STARTS, tensor.dimension, g) for g in generators]
        hits = [ascent(tensor, starts[0], 1), ascent(tensor, starts[1], -1), stationary(tensor, starts[2])]
        for name, found in zip(("maxima of P", "minima of P", "any kind"), hits, strict=True):
            _, counts = group_lines(found, APART)
            once = int((counts == 1).sum())
            share = f"{once / len(found):.3g}" if len(found) else "unknown"
            notes.append(
                f"search for {name}: {len(found)} of {STARTS} starts converged, to {len(counts)} lines; "
                f"estimated unseen share {share} (Good and Turing)"
            )
        heads, _ = group_lines(np.concatenate(hits), APART)
        for head in heads:
            enclosure = real_enclosure(tensor, head.astype(complex))
            if enclosure is None:
                uncertified += 1
            else:
                real.append(orient(tensor, enclosure, notes))
        real = _merged(real)
        if uncertified:
            notes.append(f"{uncertified} lines met could not be certified (singular or too close); left out")
        rank = followed(tensor)
        if rank < tensor.dimension:
            notes.append(
                f"T sees {rank} of {tensor.dimension} directions: P(u) = 0 and u is fixed on the unit sphere "
                "orthogonal to them"
            )
        notes.append(f"{expected} complex lines are more than may be followed: a search, not an enumeration")
    return OrientationSet(
        multiplicity=tensor.order,
        dimension=tensor.dimension,
        bias=bias,
        bound_2p=2 * tensor.order,
        lines_expected=expected,
        lines_found=len(real),
        complete=False,
        method=Method.MULTISTART,
        notes=tuple(notes),
        orientations=both_sides(real, tensor.order),
        seed=seed,
        continua=(whole_sphere(tensor.dimension),) if tensor.is_zero else (),
        stats={"starts": 3 * STARTS, "uncertified": uncertified},
    )


def _merged(real: list[Orientation]) -> list[Orientation]:
    """Return one of each set of lines whose certificates do not prove them apart."""
    kept: list[Orientation] = []
    for line in real:
        u = np.array(line.u)
        gaps = [
            np.linalg.norm(u - (u @ np.array(k.u)) * np.array(k.u)) - line.radius - k.radius for k in kept
        ]
        if all(gap > 1e-14 for gap in gaps):
            kept.append(line)
    return kept
