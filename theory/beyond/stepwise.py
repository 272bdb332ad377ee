"""What leading-order training leaves out where neurons decouple with multiplicity 1: one-sided σ, and K outputs.

Setting.     Networks a (m,) or (m, K), w (m, D) that leading-order training has brought to the fall of the risk; the whole
             force has the signal at their output f in place of that at zero output, and every Taylor term of σ.
Statement.   The forces beyond the leading ones grow at least as e^{γt} against these, with the next Taylor term or with the
             output: their share at the end bounds that of a neuron's whole motion.  A relative change π e^{kγ(t - t_δ)} of
             the rate changes the fall by 2π/k, which is counted up to φ; the second order is π of that.
Numbers.     All of it is theory's own series: a wrong field cannot widen its own tolerance.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.fields.one_sided import OneSidedField
from theory.forms.taylor import FURTHER, series
from theory.forms.vectors import unit
from theory.formula.activation import Activation

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)  # chosen because exact for what is of degree 23 in f
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


@dataclass(frozen=True)
class GrownNetwork:
    """One network a (m,) or (m, K), w (m, D) at the end of leading-order training by `field`.

    `signal_at` gives the signal (n,) or (n, K) at an output of that shape, `curvature` is ∂²ℓ/∂f² at zero output, one
    number or one a sample.
    """

    activation: Activation
    field: OneSidedField
    signal_at: Callable[[np.ndarray], np.ndarray]
    curvature: float | np.ndarray
    a: np.ndarray
    w: np.ndarray

    @property
    def _columns(self) -> np.ndarray:
        return self.a.reshape(len(self.w), -1)

    @cached_property
    def _z(self) -> np.ndarray:
        return self.w @ self.field.x.T

    @cached_property
    def _whole(self) -> tuple[np.ndarray, np.ndarray]:
        return series(self.activation, self._z, range(1, FURTHER + 2))

    @cached_property
    def _leading(self) -> tuple[np.ndarray, np.ndarray]:
        return series(self.activation, self._z, [1])

    @cached_property
    def _at_zero(self) -> np.ndarray:
        return self.signal_at(np.zeros_like(self.field.signal))

    def _output(self, values: np.ndarray) -> np.ndarray:
        return (values.T @ self._columns).reshape(self.field.signal.shape)

    def _force(self, signal: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        x = self.field.x
        return ((self._columns @ signal.reshape(len(x), -1).T) * slopes) @ x / len(x)

    @cached_property
    def perturbation(self) -> float:
        """The forces beyond leading order on the input weights relative to the leading ones: in norm, or on average over
        what the neurons contribute to the fall, whichever is larger."""
        values, slopes = self._whole
        full = self._force(self.signal_at(self._output(values)), slopes)
        lead = self._force(self._at_zero, self._leading[1])
        # Along w alone: what holds a neuron on a kink, to and fro from step to step, moves nothing.
        along, beyond = np.abs(np.sum(lead * unit(self.w), axis=1)), np.linalg.norm(full - lead, axis=1)
        each = np.divide(beyond, along, out=np.zeros_like(along), where=along > 0)
        share = along * np.linalg.norm(self.w, axis=1)
        return max(float(np.linalg.norm(beyond) / np.linalg.norm(along)), float(share @ each / np.sum(share)))

    @cached_property
    def signal_change(self) -> np.ndarray:
        """By how much the output has changed the signal, (n,) or (n, K)."""
        return self.signal_at(self._output(self._whole[0])) - self._at_zero

    @cached_property
    def growth(self) -> float:
        """d log H/dt, H = Σ a·a' the first term of the fall: ‖∇H‖²/H along the gradient of H, but for what acts across w
        and holds a neuron on its kink."""
        on_a, on_w = self.field(self.a, self.w)
        along = np.sum(on_w * unit(self.w), axis=1)
        return float((np.sum(on_a**2) + np.sum(along**2)) / np.sum(self.a * on_a))

    @cached_property
    def fall_error(self) -> float:
        """How far the fall of the risk that leading-order training counts is from the whole one, relative to it."""
        f, lead = self._output(self._whole[0]), self._output(self._leading[0])
        counted = np.sum(self._at_zero * lead) - 0.5 * np.sum(self.curvature * lead**2)
        fall = sum(
            weight * np.sum(f * self.signal_at(node * f))
            for node, weight in zip(_NODES, _WEIGHTS, strict=True)
        )
        return float(abs(fall - counted) / abs(fall))


def exponent(activation: Activation) -> int:
    """k, with which what is left out grows as e^{kγt}: q - 1 by the next Taylor term, 2 by the output."""
    q = activation.next_order
    return 2 if q is None else min(q - 1, 2)
