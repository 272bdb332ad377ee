"""The leading-order flow of one-sided neurons as numbers: its right-hand side, potential and invariant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theory.errors import TheoryError
from theory.forms.taylor import PowerForm

if TYPE_CHECKING:
    from theory.formula.activation import Activation


@dataclass(frozen=True)
class OneSidedField:
    """a' = mean(s σ_p(w·x)), w' = a mean(s σ_p'(w·x) x) for a batch of neurons.

    x (n, D) with the bias column, `signal` (n,), or (n, K) for K outputs, `form` is σ_p.  Called with a (N,) or (N, K)
    and w (N, D) it returns (a', w') of the same shapes, in parameter per gradient-flow time.  Cost: N n (D + K).
    """

    x: np.ndarray
    signal: np.ndarray
    form: PowerForm

    @classmethod
    def of(cls, activation: Activation, x: np.ndarray, signal: np.ndarray) -> OneSidedField:
        """The field of an activation on data x (n, D), bias column included, with the signal at zero output."""
        x, signal = np.asarray(x, dtype=float), np.asarray(signal).astype(float)
        if x.ndim != 2 or signal.ndim not in (1, 2) or len(signal) != len(x):
            raise TheoryError(
                f"x {x.shape} and signal {signal.shape} must have shapes (n, D) and (n,) or (n, K)"
            )
        return cls(x, signal, PowerForm.of(activation))

    @property
    def order(self) -> int:
        """p, the degree of the field."""
        return self.form.order

    def __call__(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z, s = w @ self.x.T, self._columns / len(self.x)
        back = (a.reshape(len(w), -1) @ s.T) * self.form.derivative(z)
        return (self.form.value(z) @ s).reshape(a.shape), back @ self.x

    def value(self, w: np.ndarray) -> np.ndarray:
        """G(w) = mean(s σ_p(w·x)), shape (N,), or (N, K) for K outputs."""
        return self.form.value(w @ self.x.T) @ self.signal / len(self.x)

    def potential(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """H = a·G(w) of each neuron, shape (N,): the leading-order decrease of the risk."""
        return np.sum((a * self.value(w)).reshape(len(w), -1), axis=1)

    def invariant(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """K = ‖w‖² - p ‖a‖² of each neuron, shape (N,)."""
        return np.sum(w * w, axis=1) - self.form.order * np.sum((a * a).reshape(len(w), -1), axis=1)

    @property
    def _columns(self) -> np.ndarray:
        return self.signal.reshape(len(self.x), -1)
