"""The leading-order flow of a deep network as numbers: right-hand side, potential and invariants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.formula.activation import Activation
from theory.losses.loss import Loss, loss
from theory.systems.deep.architecture import Algebra, Architecture, Weights, gradients
from theory.systems.deep.balances import Balance, balances
from theory.systems.deep.powers import Kept, PowerCount, power_count

_MOST_MOMENTS = 8  # vanishing ones to look behind before saying that no theorem applies


class _Samples(Algebra):
    """Coefficients are arrays over the samples, (..., n, m) for a layer of m neurons."""

    def apply(self, w: np.ndarray, h: np.ndarray) -> np.ndarray:
        return h @ np.swapaxes(w, -1, -2)

    def pull(self, delta: np.ndarray, w: np.ndarray) -> np.ndarray:
        return delta @ w

    def outer(self, delta: np.ndarray, h: np.ndarray) -> np.ndarray:
        return np.swapaxes(delta, -1, -2) @ h

    def total(self, delta: np.ndarray) -> np.ndarray:
        return delta.sum(axis=-2)


@dataclass(frozen=True)
class DeepField:
    """θ' of the leading system for the weights of one network, named and shaped as `numerics.nets.Network.shapes`.

    `x` (n, D) with the first layer's bias column, `signal` (n, K) = -∂ℓ/∂f at f = 0, `powers` which orders each group
    climbs.  Called with a dict of arrays a (K, m_L), w1 (m_1, D), w_l (m_l, m_{l-1} [+ 1, the bias last]) it returns
    one alike, in parameter per gradient-flow time; leading axes, the same for all, are networks of their own.  Group
    by group it is homogeneous of the degrees in `powers.groups` (the JOINT system is a sum of such parts).  Cost: the
    network's, times the number of powers kept.
    """

    x: np.ndarray
    signal: np.ndarray
    powers: PowerCount

    @classmethod
    def of(
        cls,
        activations: Sequence[str | Activation],
        x: np.ndarray,
        y: np.ndarray,
        *,
        loss_function: str | Loss = "half-mse",
        hidden_bias: bool = False,
        residual: bool = False,
        keeping: Kept = Kept.STRICT,
    ) -> DeepField:
        """The field on data x (n, D), bias column included, y (n,) or (n, K) (labels for cross-entropy).

        Which moment tensors vanish is decided exactly.  Raises TheoryError where the theorem does not apply.
        """
        architecture = Architecture.of(activations, hidden_bias=hidden_bias, residual=residual)
        ell = loss_function if isinstance(loss_function, Loss) else loss(loss_function)
        x = np.asarray(x, dtype=float)
        exact = ell.signal(y)
        if x.ndim != 2 or len(x) != len(exact):
            raise TheoryError(f"x {x.shape} and y {np.shape(y)} must have shapes (n, D) and (n,) or (n, K)")
        signal = exact.reshape(len(exact), -1)
        curved = bool(np.any(ell.curvature_at_zero(y) != 0))
        vanishing: set[int] = set()
        while True:
            powers = power_count(
                architecture, keeping=keeping, vanishing_moments=vanishing, curvature_vanishes=not curved
            )
            leading = {d for group in powers.groups.values() for d in group.moments} - vanishing
            empty = {d for d in leading if _vanishes(x, signal, d)}
            if not empty:
                return cls(x, signal.astype(float), powers)
            vanishing |= empty
            if len(vanishing) > _MOST_MOMENTS:
                raise TheoryError(
                    f"the moments mean(s x^d) of the orders {sorted(vanishing)} vanish on these data: no theorem here "
                    "applies; accepted: other data or other activations"
                )

    def __call__(self, parameters: Weights) -> Weights:
        """The right-hand side, of the shapes of the parameters."""
        series = self._series(parameters)
        out = {}
        for name, value in self.architecture.split(parameters).items():
            parts = [series[name][n - 1] for n in self.powers.groups[name].kept if n - 1 in series[name]]
            out[name] = sum(parts) if parts else np.zeros_like(value)
        return self.architecture.join(out)

    @property
    def architecture(self) -> Architecture:
        """The network that this is about."""
        return self.powers.architecture

    def potential(self, parameters: Weights, order: int) -> float:
        """The part of degree `order` of mean(s f), by Euler's identity from its gradient in the output weights."""
        grown = self._series(parameters, order)["a"].get(order - 1)
        return 0.0 if grown is None else float(np.sum(parameters["a"] * grown))

    @cached_property
    def balances(self) -> tuple[Balance, ...]:
        """The conserved quadratic forms."""
        return balances(self.powers)

    def invariants(self, parameters: Weights) -> dict[str, np.ndarray]:
        """Each conserved form, one value a neuron of its layer, (m_l,)."""
        groups = self.architecture.split(parameters)
        return {balance.name: balance.value(groups) for balance in self.balances}

    @cached_property
    def _taylor(self) -> tuple[tuple[float, ...], ...]:
        top = max(n for group in self.powers.groups.values() for n in group.kept)
        return tuple(
            tuple(float(sympy.N(c, 30)) for c in self.architecture.taylor(layer, top))
            for layer in range(1, self.architecture.depth + 1)
        )

    def _series(self, parameters: Weights, top: int | None = None) -> dict[str, dict[int, np.ndarray]]:
        n = len(self.x)
        groups = {
            name: np.broadcast_to(value[..., None, :], (*value.shape[:-1], n, value.shape[-1]))
            if name[0] == "b"
            else value
            for name, value in self.architecture.split(parameters).items()
        }
        top = max(m for group in self.powers.groups.values() for m in group.kept) if top is None else top
        return gradients(
            self.architecture, _Samples(), groups, self.x, self.signal / n, self._taylor, top - 1
        )


def _vanishes(x: np.ndarray, signal: np.ndarray, order: int) -> bool:
    """Whether T_d = mean(s x^{⊗d}) is zero for every output, exactly."""
    if order == 0:
        return all(sum(column[1:], column[0]) == 0 for column in signal.T)
    return all(MomentTensor.from_data(x, column, order).is_zero for column in signal.T)
