"""The leading-order systems as numbers, one a file: right-hand sides, potentials and invariants.

Here the one of smooth neurons, and any field in rescaled parameters and time, where speeds are of order 1 whatever ε.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.forms.moment_tensor import MomentTensor


@dataclass(frozen=True)
class SmoothField:
    """a' = c T w^p, w' = p c a T w^{p-1} for a batch of neurons.

    `tensor` is the moment tensor T of order p, `coefficient` the leading coefficient c.  Called with a (N,) and
    w (N, D) it returns (a', w') of the same shapes, in units of parameter per gradient-flow time.
    """

    tensor: MomentTensor
    coefficient: float

    @property
    def order(self) -> int:
        """p, the degree of the field."""
        return self.tensor.order

    def __call__(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p, c = self.tensor.order, self.coefficient
        slope = self.tensor.gradient(w)
        return c * np.sum(w * slope, axis=-1), p * c * a[..., None] * slope

    def potential(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """H = c a T w^p of each neuron, shape (N,): the leading-order decrease of the risk."""
        return self.coefficient * a * self.tensor.value(w)

    def invariant(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """K = ‖w‖² - p a² of each neuron, shape (N,)."""
        return np.sum(w * w, axis=-1) - self.tensor.order * a * a


Field = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def rescaled(field: Field, epsilon: float, time_exponent: int) -> Field:
    """dθ̂/dτ with θ = ε θ̂, t = τ ε^κ, κ = `time_exponent`: ε^{κ-1} times the field at ε θ̂."""
    speed = float(epsilon) ** (time_exponent - 1)

    def scaled(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a_dot, w_dot = field(epsilon * a, epsilon * w)
        return speed * a_dot, speed * w_dot

    return scaled
