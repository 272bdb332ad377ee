"""A form homogeneous of order p on each side of 0: what a neuron's activation is at leading order, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy

if TYPE_CHECKING:
    from theory.formula.activation import Activation


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
