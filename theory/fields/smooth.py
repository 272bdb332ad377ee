"""The leading-order flow of smooth neurons as numbers: its right-hand side, potential and invariant."""

from __future__ import annotations

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
