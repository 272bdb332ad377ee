"""The Taylor terms of an activation as numbers, each side of 0 with its own: a neuron's activation at leading order is a
form homogeneous of order p on each side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import sympy

from theory.formula.activation import Activation

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class PowerForm:
    """σ_p(z) = c₊ z^p for z > 0 and c₋ (-z)^p for z < 0; a smooth σ has c₋ = (-1)^p c₊.

    At z = 0 the derivative is p c₊ z^{p-1} of the plus side for p > 1 (that is 0) and 0 for p = 1, as
    PyTorch has it.  Calls take arrays of any shape.
    """

    order: int
    plus: float
    minus: float

    @classmethod
    def of(cls, activation: Activation) -> PowerForm:
        """The leading form of an activation, its constant σ(0) left out."""
        plus, minus = (float(sympy.N(c, 30)) for c in activation.one_sided)
        return cls(activation.multiplicity, plus, minus)

    def value(self, z: np.ndarray) -> np.ndarray:
        """σ_p(z)."""
        return np.where(z > 0, self.plus, self.minus) * np.abs(z) ** self.order

    def derivative(self, z: np.ndarray) -> np.ndarray:
        """σ_p'(z)."""
        side = np.where(z > 0, self.plus, -self.minus)
        if self.order == 1:
            # A smooth form has its slope at 0 as well.
            return np.where(z == 0, self.plus if self.smooth else 0.0, side)
        return self.order * side * np.abs(z) ** (self.order - 1)

    @property
    def smooth(self) -> bool:
        """Whether both sides are one monomial c z^p."""
        return self.minus == (-1) ** self.order * self.plus
