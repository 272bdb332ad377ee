"""Which neurons come so near to a boundary of basins that an error of known size along their way decides where they end.

An error at the start alone says too little: a neuron that first nears a dying orientation, and leaves it when its output
weight changes sign, forgets its start, and what it meets there decides.  Source: condense.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from theory.fields import SmoothField
from theory.flows.smooth import neurons_at
from theory.forms.vectors import unit

Classes = Callable[[np.ndarray, np.ndarray], np.ndarray]
DRAWS = 16  # of the directions of the error, at each time: chosen because a boundary is met by half of them
SHARES = np.array(
    [0.0, 0.25, 0.5, 0.75, 0.9, 1.0]
)  # of the way: chosen denser towards its end, where neurons turn


def near_boundary(
    field: SmoothField,
    classes: Classes,
    a0: np.ndarray,
    w0: np.ndarray,
    size: np.ndarray,
    end: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Whether neurons a0 (N,), w0 (N, D) may end elsewhere (N,), moved in random directions of (a, w).

    They are moved by `size` (N,), relative to their ρ = √(a² + ‖w‖²), at shares of the gradient-flow time `end` (N,);
    `classes` of a (M,) and w (M, D) tells the ends apart (M,).  Cost: one integration, and at most 6 calls a neuron.
    """
    out = np.zeros(len(a0), dtype=bool)
    if not len(a0):
        return out
    expected = classes(a0, w0)
    at = neurons_at(field, a0, w0, np.multiply.outer(SHARES, np.asarray(end, dtype=float)))
    states = np.concatenate([at.a[..., None], at.w], axis=-1)
    for j in range(len(a0)):
        for state, blown_up in zip(states[:, j], at.blown_up[:, j], strict=True):
            if blown_up:
                break
            reach = float(np.linalg.norm(state)) * min(float(size[j]), 1.0)
            moved = state + reach * unit(generator.standard_normal((DRAWS, len(state))))
            moved = moved[np.any(moved[:, 1:] != 0, axis=1)]
            if np.any(classes(moved[:, 0], moved[:, 1:]) != expected[j]):
                out[j] = True
                break
    return out
