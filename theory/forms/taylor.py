"""The Taylor terms of an activation as numbers, each side of 0 with its own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from theory.formula.activation import Activation

# Orders beyond the leading one that are looked at; chosen because a ninth is below rounding where the first is small.
FURTHER = 8


def series(activation: Activation, z: np.ndarray, orders: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """The Taylor terms of these orders at z, each side of 0 with its own: their sum and its derivative, shaped like z."""
    orders = [k for k in orders if k > 0]
    top = max(orders)
    plus, minus = (_numbers(activation, top, side) for side in (1, -1))
    size, value, slope = np.abs(z), np.zeros_like(z), np.zeros_like(z)
    for k in orders:
        c = np.where(z > 0, plus[k], minus[k])
        value += c * size**k
        slope += k * c * size ** (k - 1) * np.where(z > 0, 1.0, -1.0)
    return value, slope


@lru_cache(maxsize=256)
def _numbers(activation: Activation, top: int, side: int) -> tuple[float, ...]:
    return tuple(float(c) for c in activation.taylor(top, side))
