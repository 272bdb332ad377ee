"""What the leading order leaves out of a training by sign descent or Adam, on the very networks that it predicts.

Setting.     Networks at leading order, c z^m, at the wanted fall of the loss.  The leader of each has the largest
             |a| ‖w‖^m; g = mean(s z^{m-1} x) is the gradient on its w over m c a, z = w·x.
Statement.   By then entry k of g has changed by Δ_k: by the next Taylor term c' z^q and, through κ = ∂²ℓ/∂f², by the
             output.  With ρ_k = |Δ_k/g_k|:
             - sign descent has seen nothing as long as ρ_k < 1: no sign has changed;
             - Adam's step answers a history known up to the factor 1 - ρ_k by one known up to 1/(1 - ρ_k);
             - along the orientation sign(g) all entries together have changed by |Δ·sign(g)|/‖g‖_1.
Known.       m = 1: the first order of Δ is in the prediction (`theory.flows.coordinatewise.PerturbedLinear`); left is its
             relative error, that of the output and the fall itself.
Limits.      m ≥ 2: Δ is that of the leader at the end.  Other neurons have gradients of their own, and one that turned on
             its way met entries near 0, which any change may turn over: the tilt is an estimate and no bound.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.beyond.leading_order import LeadingOrder
from theory.problem import Optimizer

# Of one entry of a step, whose size is lr whatever the gradient is: from +1 to -1.  Derived.
_TURNED_OVER = 2.0


@dataclass(frozen=True)
class GradientChange:
    """`gradient` (B, D): g of the leader of each of B networks; `change` (B, D): Δ."""

    gradient: np.ndarray
    change: np.ndarray

    @classmethod
    def of(cls, leading: LeadingOrder, a: np.ndarray, w: np.ndarray) -> GradientChange:
        """On networks a (B, N), w (B, N, D)."""
        found = [_of_leader(leading, *each) for each in zip(a, w, strict=True)]
        return cls(np.array([g for g, _ in found]), np.array([delta for _, delta in found]))

    @property
    def relative(self) -> np.ndarray:
        """ρ (B, D): 0 where g_k = Δ_k = 0, infinite where g_k alone is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            still = np.where(self.change == 0, 0.0, np.inf)
            return np.where(self.gradient == 0, still, np.abs(self.change / self.gradient))

    @property
    def along(self) -> np.ndarray:
        """|Δ·sign(g)|/‖g‖_1 (B,)."""
        return np.array(
            [
                abs(float(delta @ np.sign(g))) / float(np.sum(np.abs(g)))
                for g, delta in zip(self.gradient, self.change, strict=True)
            ]
        )

    def tilt(self, optimizer: Optimizer, order: int, fraction: float) -> np.ndarray:
        """By how many radians (B,) an aligned neuron may be turned; `order` is m, `fraction` the fall of the loss."""
        rho = self.relative
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = (
                0.0
                if optimizer is Optimizer.SIGN
                else self._unknown(order, fraction)[:, None] * rho / (1 - rho)
            )
            off = np.where(rho < 1, np.minimum(seen, _TURNED_OVER), _TURNED_OVER)
        return np.sqrt(np.sum(off**2, axis=1) / rho.shape[1])

    def clock(self, order: int, fraction: float, lr: float, times: np.ndarray) -> np.ndarray:
        """The relative uncertainty (B,) of the horizons `times` (B,): the change along the orientation, and one step."""
        return self._unknown(order, fraction) * self.along + lr / times

    def _unknown(self, order: int, fraction: float) -> np.ndarray:
        """The share of the change (B,) that is not in the prediction."""
        return self.along + fraction if order == 1 else np.ones(len(self.gradient))


def _of_leader(leading: LeadingOrder, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g (D,) and Δ (D,) of the leader of one network a (N,), w (N, D)."""
    x, s, m, c = leading.x, leading.signal, leading.order, leading.coefficient
    lead = int(np.argmax(np.abs(a) * np.linalg.norm(w, axis=-1) ** m))
    z, n = x @ w[lead], len(x)
    output = c * (x @ w.T) ** m @ a
    gradient = (s * z ** (m - 1)) @ x / n
    change = -(leading.curvatures * output * z ** (m - 1)) @ x / n
    if leading.next_term is not None:
        q, c_next = leading.next_term
        change = change + q * c_next / (m * c) * ((s * z ** (q - 1)) @ x) / n
    return gradient, change
