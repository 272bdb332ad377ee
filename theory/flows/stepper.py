"""An explicit Runge-Kutta step for a batch of members, each with its own step size.

Dormand and Prince, J. Comput. Appl. Math. 6 (1980) 19-26: order 5 with an embedded order 4.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Field = Callable[[np.ndarray], np.ndarray]

_WEIGHTS = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def step(
    field: Field, y: np.ndarray, h: np.ndarray, first: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """One step of size h (N,) of the autonomous system y' = field(y), y (N, d); `first` (N, d) is field(y) if known.

    Returns the new states (N, d) and the estimated local error (N,): the largest over the components, each relative to
    its size where that exceeds 1.
    """
    slopes = [field(y) if first is None else first]
    last = y
    for row in _WEIGHTS:
        last = y + h[:, None] * sum(b * slope for b, slope in zip(row, slopes, strict=False) if b)
        slopes.append(field(last))
    error = h[:, None] * sum(e * slope for e, slope in zip(_ERROR, slopes, strict=True) if e)
    return last, np.max(np.abs(error) / np.maximum(1.0, np.abs(last)), axis=1)


# The standard controller of order 5, Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.4.
_SAFETY, _SHRINK, _STRETCH = 0.9, 0.2, 5.0  # chosen because these are its usual values
_EXPONENT = 1 / 5  # derived from the order of the error, h^5
_LEAST_ERROR = 1e-300  # chosen because binary64 divides by it


def next_size(h: np.ndarray, error: np.ndarray, tolerance: float) -> np.ndarray:
    """The step size (N,) that the standard controller proposes after a step of size h with that error."""
    factor = _SAFETY * (tolerance / np.maximum(error, _LEAST_ERROR)) ** _EXPONENT
    return h * np.clip(factor, _SHRINK, _STRETCH)
