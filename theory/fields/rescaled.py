"""Any leading-order field in rescaled parameters and time, where speeds are of order 1 whatever ε."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Field = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def rescaled(field: Field, epsilon: float, time_exponent: int) -> Field:
    """dθ̂/dτ with θ = ε θ̂, t = τ ε^κ, κ = `time_exponent`: ε^{κ-1} times the field at ε θ̂."""
    speed = float(epsilon) ** (time_exponent - 1)

    def scaled(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a_dot, w_dot = field(epsilon * a, epsilon * w)
        return speed * a_dot, speed * w_dot

    return scaled
