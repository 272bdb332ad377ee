"""The offset system (σ(0) ≠ 0) as numbers, with the weaker systems that leave one of its terms out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.forms.taylor import PowerForm
from theory.losses.loss import CrossEntropy, Loss
from theory.losses.signal import Signal, signal_function

if TYPE_CHECKING:
    from theory.formula.activation import Activation


class OffsetVariant(StrEnum):
    """Which terms of the offset system are kept; the value says it in words."""

    FULL = "the offset system"
    NO_FEEDBACK = "the signal taken at f = s0 Σ a, without Σ a σ_p(z)"
    MEAN_ONLY = "the signal taken at f = s0 Σ a, and a' = s0 mean(s) alone"
    FROZEN = "the signal taken at f = 0"
    NAIVE = "the system of σ(0) = 0: the signal at f = 0 and no s0"


@dataclass(frozen=True)
class OffsetField:
    """a' = s0 mean(s) + mean(s σ_p(z)), w' = a mean(s σ_p'(z) x), z = w·x, s at f = s0 Σ a + Σ a σ_p(z).

    x (n, D) with the bias column, y (n,) or (n, K) targets; `constant` is s0 = σ(0), `form` is σ_p = c z^p.
    Called with a (m,) or (m, K) and w (m, D) it returns (a', w') alike, in parameter per gradient-flow time.  The
    output couples the neurons, so all m of the network belong in one call.  Cost: m n (D + K).
    """

    x: np.ndarray
    y: np.ndarray
    signal: Signal
    constant: float
    form: PowerForm
    variant: OffsetVariant = OffsetVariant.FULL

    @classmethod
    def of(
        cls,
        activation: Activation,
        loss: Loss,
        x: np.ndarray,
        y: np.ndarray,
        variant: OffsetVariant = OffsetVariant.FULL,
    ) -> OffsetField:
        """The field of a network on data x (n, D), bias column included, y (n,) or (n, K) (labels for cross-entropy)."""
        x, targets = np.asarray(x, dtype=float), loss.targets(y)
        if x.ndim != 2 or len(x) != len(targets):
            raise TheoryError(f"x {x.shape} and y {targets.shape} must have shapes (n, D) and (n,) or (n, K)")
        if isinstance(loss, CrossEntropy) and targets.ndim != 2:
            raise TheoryError("cross-entropy needs one-hot targets (n, K)")
        constant = float(sympy.N(activation.value_at_zero, 30))
        return cls(x, targets, signal_function(loss), constant, PowerForm.of(activation), variant)

    def __call__(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.x)
        columns = a if a.ndim == 2 else a[:, None]
        z = w @ self.x.T
        bent = self.form.value(z)
        naive = self.variant is OffsetVariant.NAIVE
        s = self.signal_at(a, w).reshape(n, -1) / n
        growth = bent @ s
        if not naive:
            pull = self.constant * s.sum(axis=0)
            growth = np.broadcast_to(pull, growth.shape) + (
                0.0 if self.variant is OffsetVariant.MEAN_ONLY else growth
            )
        back = (columns @ s.T) * self.form.derivative(z)
        return growth.reshape(a.shape), back @ self.x

    def output(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """f at the samples, as this variant has it: (n,) for a (m,), (n, K) for a (m, K)."""
        shape = (len(self.x), *a.shape[1:])
        if self.variant in (OffsetVariant.FROZEN, OffsetVariant.NAIVE):
            return np.zeros(shape)
        mean = np.broadcast_to(self.constant * a.sum(axis=0), shape)
        if self.variant is not OffsetVariant.FULL:
            return mean
        return mean + self.form.value(self.x @ w.T) @ a

    def signal_at(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """s at the samples, of the shape of the output."""
        return self.signal(self.output(a, w), self.y.reshape(len(self.x), *a.shape[1:]))

    def balance_rate(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """d(‖w‖² - p ‖a‖²)/dt = -2 p s0 a·mean(s) of each neuron, shape (m,): 0 in the systems of σ(0) = 0."""
        s = self.signal_at(a, w).reshape(len(self.x), -1).mean(axis=0)
        pull = 0.0 if self.variant is OffsetVariant.NAIVE else self.constant
        return -2 * self.form.order * pull * (a.reshape(len(a), -1) @ s)

    def reduced(self, variant: OffsetVariant) -> OffsetField:
        """The same network with fewer terms kept."""
        return replace(self, variant=variant)
