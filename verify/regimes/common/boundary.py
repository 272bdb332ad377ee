"""Which neurons come so near to a basin boundary that an error of known size along their way decides where they end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from theory import SmoothField, neurons_at
from theory.forms.vectors import unit

Classes = Callable[[np.ndarray, np.ndarray], np.ndarray]
DRAWS = 16  # of the directions of the error, at each time
SHARES = np.array([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])  # of the way


def near_boundary(
    field: SmoothField,
    classes: Classes,
    a0: np.ndarray,
    w0: np.ndarray,
    size: np.ndarray,
    end: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Whether neurons a0 (N,), w0 (N, D) may end elsewhere (N,): moved by `size` (N,), relative to their ρ, in random
    directions of (a, w), at shares of the time `end` (N,), they are sent to another of the `classes`.

    An error at the start alone says too little: a neuron that first nears a dying orientation, and leaves it when its
    output weight changes sign, forgets its start, and what it meets there decides.  Source: condense.
    """
    out = np.zeros(len(a0), dtype=bool)
    expected = classes(a0, w0) if len(a0) else out
    for j in range(len(a0)):
        for share in SHARES:
            at = neurons_at(field, a0[[j]], w0[[j]], share * float(end[j]))
            if at.blown_up[0]:
                break
            state = np.concatenate([at.a, at.w[0]])
            rho = float(np.linalg.norm(state))
            moved = state + rho * min(float(size[j]), 1.0) * unit(
                generator.standard_normal((DRAWS, len(state)))
            )
            moved = moved[np.any(moved[:, 1:] != 0, axis=1)]
            if np.any(classes(moved[:, 0], moved[:, 1:]) != expected[j]):
                out[j] = True
                break
    return out
