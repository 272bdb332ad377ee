"""The leading-order flow of smooth neurons with K outputs as numbers, and its closed form for p = 1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor

if TYPE_CHECKING:
    from theory.formula.activation import Activation


@dataclass(frozen=True)
class OutputsField:
    """a_k' = c T_k w^p, w' = p c Σ_k a_k T_k w^{p-1} for a batch of neurons; `tensors` (T_1, ..., T_K), order p.

    Called with a (N, K) and w (N, D) it returns (a', w') of the same shapes, in parameter per gradient-flow time.
    """

    tensors: tuple[MomentTensor, ...]
    coefficient: float

    @classmethod
    def of(cls, activation: Activation, x: np.ndarray, signal: np.ndarray) -> OutputsField:
        """The field of a smooth activation on data x (n, D), bias column included; signal (n, K), exact or floats."""
        signal = np.asarray(signal)
        if signal.ndim != 2 or not activation.is_smooth:
            raise TheoryError(
                f"signal {signal.shape}, σ = {activation.text}: K outputs need a signal (n, K) and a smooth σ; a σ with "
                "two sides has OneSidedField, which takes K outputs"
            )
        return cls(
            output_tensors(x, signal, activation.multiplicity),
            float(sympy.N(activation.leading_coefficient, 30)),
        )

    @property
    def order(self) -> int:
        """p, the degree of the field."""
        return self.tensors[0].order

    def __call__(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slopes = self._slopes(w)
        growth = np.einsum("nd,nkd->nk", w, slopes)
        return self.coefficient * growth, self.order * self.coefficient * np.einsum("nk,nkd->nd", a, slopes)

    def values(self, w: np.ndarray) -> np.ndarray:
        """T(w) = (T_1 w^p, ..., T_K w^p), shape (N, K)."""
        return np.einsum("nd,nkd->nk", w, self._slopes(w))

    def potential(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """H = c Σ_k a_k T_k w^p of each neuron, shape (N,)."""
        return self.coefficient * np.sum(a * self.values(w), axis=1)

    def invariant(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """K = ‖w‖² - p ‖a‖² of each neuron, shape (N,)."""
        return np.sum(w * w, axis=1) - self.order * np.sum(a * a, axis=1)

    def _slopes(self, w: np.ndarray) -> np.ndarray:
        """T_k w^{p-1}, shape (N, K, D)."""
        return np.stack([np.broadcast_to(t.gradient(w), w.shape) for t in self.tensors], axis=1)


def output_tensors(x: np.ndarray, signal: np.ndarray, order: int) -> tuple[MomentTensor, ...]:
    """T_k = mean(s_k x^{⊗order}) for each column of signal (n, K); exact where the signal is."""
    return tuple(MomentTensor.from_data(x, column, order) for column in np.asarray(signal).T)


@dataclass(frozen=True)
class LinearOutputs:
    """Closed form for p = 1: the flow a' = c M w, w' = c Mᵀ a with M = mean(s xᵀ), `matrix` (K, D).

    Along the k-th pair of singular vectors (p_k, v_k) of c M, a·p_k and w·v_k follow cosh and sinh of σ_k t; all
    other components of w and a stand still.  The first pair wins: w → ± v_1, with the other components behind by
    e^{(σ₂-σ₁)t}, so at r = O(1) by the factor ε^{1-σ₂/σ₁}.  Raises TheoryError for M = 0.
    """

    matrix: np.ndarray
    coefficient: float

    def __post_init__(self) -> None:
        if not self.matrix.any():
            raise TheoryError("mean(s xᵀ) = 0: with multiplicity 1 no neuron moves at leading order")

    @classmethod
    def of(cls, field: OutputsField) -> LinearOutputs:
        """From the field of order 1; raises TheoryError for another order."""
        if field.order != 1:
            raise TheoryError(f"the closed form needs order 1, this field has order {field.order}")
        rows = [t.gradient(np.zeros(t.dimension)) for t in field.tensors]
        return cls(np.array(rows), field.coefficient)

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.linalg.svd(self.coefficient * self.matrix, full_matrices=False)

    @property
    def rates(self) -> np.ndarray:
        """σ_k (min(K, D),), the growth rates in 1/time, falling."""
        return self._modes[1]

    @property
    def direction(self) -> np.ndarray:
        """v_1 (D,), the orientation that collects half of the neurons; -v_1 has the others."""
        return self._modes[2][0]

    @property
    def output_direction(self) -> np.ndarray:
        """p_1 (K,), the direction of the output weights of the neurons at v_1."""
        return self._modes[0][:, 0]

    @property
    def alignment_exponent(self) -> float:
        """1 - σ₂/σ₁: the angle of a neuron that has grown to r = O(1) is of the order ε to this power."""
        return float(1.0 - self.rates[1] / self.rates[0]) if len(self.rates) > 1 else 1.0

    def at(self, time: float, a0: np.ndarray, w0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """a (N, K) and w (N, D) at a gradient-flow time, from a0 (N, K) and w0 (N, D)."""
        left, rates, right = self._modes
        cosh, sinh = np.cosh(rates * time) - 1.0, np.sinh(rates * time)
        outer, inner = a0 @ left, w0 @ right.T
        return a0 + (outer * cosh + inner * sinh) @ left.T, w0 + (inner * cosh + outer * sinh) @ right

    def signs(self, a0: np.ndarray, w0: np.ndarray) -> np.ndarray:
        """+1 for the neurons that end at v_1, -1 at -v_1, 0 on the boundary; shape (N,)."""
        return np.sign(a0 @ self.output_direction + w0 @ self.direction)
