"""What a search says about fixed orientations that no certificate can reach: multiple lines and continua.

Nothing here is proved.  Random starts are moved to fixed orientations; those where M is singular to
rounding, and which no certified line explains, are either a few isolated multiple lines or many
different ones, a continuum.
"""

from __future__ import annotations

import numpy as np

from theory.moment_tensor import MomentTensor
from theory.orientations.result import Orientation
from theory.orientations.search import group_lines, projected, random_units, stationary
from theory.stability import Kind

STARTS = 300
FLAT = 1e-4  # |eigenvalue of M| of a double line at residual CONVERGED ~ 1e-11: its root, with a margin of 30
APART = 1e-3
MANY = 6  # this many different singular lines are taken for a continuum


def describe_singular(
    tensor: MomentTensor, known: list[Orientation], generator: np.random.Generator
) -> tuple[list[Orientation], list[str]]:
    """Return the isolated singular real lines, uncertified and degenerate, and a note on what was seen."""
    u = stationary(tensor, random_units(STARTS, tensor.dimension, generator))
    value, _, form = projected(tensor, u)
    # One eigenvalue of the projected form is 0, along u itself.
    spectrum = np.linalg.eigvalsh(form)
    scale = np.abs(spectrum).max(axis=1, initial=1e-300, keepdims=True)
    flat = (np.abs(spectrum) < FLAT * np.maximum(scale, tensor.frobenius_bound * 1e-3)).sum(axis=1) - 1
    for line in known:
        at = np.array(line.u)
        flat[np.linalg.norm(u - (u @ at)[:, None] * at, axis=1) < APART] = 0
    u, value, flat, spectrum = u[flat > 0], value[flat > 0], flat[flat > 0], spectrum[flat > 0]
    if not len(u):
        return [], ["no singular real orientation was met by a search from random starts (not a proof)"]
    heads, counts = group_lines(u, APART)
    unit = float(np.ldexp(1.0, tensor.exponent2))
    if len(heads) < MANY:
        lines = []
        for head in heads:
            p_value = float(tensor.value(head))
            lines.append(Orientation(tuple(head.tolist()), p_value, Kind.DEGENERATE, None, False, 2.0))
        return lines, [
            f"{len(heads)} isolated singular real lines were met by a search; listed, not certified"
        ]
    where = ", ".join(f"{x:.4g}" for x in heads[0])
    low, high = float(value.min()) * unit, float(value.max()) * unit
    return [], [
        f"a continuum of real fixed orientations, of dimension {int(flat.min())} (numerical, not proved): "
        f"{len(u)} of {STARTS} random starts end on it, at {len(heads)} different lines, "
        f"with {low:.6g} <= P <= {high:.6g}, for example at ({where})"
    ]
