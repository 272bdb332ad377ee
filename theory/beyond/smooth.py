"""What the prediction at the horizon leaves out at first order, on the very state that it predicts.

The forces by the whole Taylor series and the whole signal, less the leading one and less the first-order terms that the
prediction has (the next Taylor term, the feedback of the output through ℓ''): further Taylor terms, the curvature's
change with f, the output of lower orders.  Theory's formulas bound their second order only where these are small.

All of it is theory's own series, term by term: were it the difference of a real network's force and the predicted one, a
wrong prediction would widen its own tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.beyond.leading_order import LeadingOrder
from theory.beyond.neglected import TAYLOR, feedback, neglected
from theory.forms.taylor import FURTHER, series
from theory.losses.signal import signal_function

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)  # chosen because exact for signals of degree 23 in f
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


@dataclass(frozen=True)
class State:
    """A network a (N,), w (N, D) at leading order, with the forces on it: each a pair (on a (N,), on w (N, D))."""

    leading_order: LeadingOrder
    a: np.ndarray
    w: np.ndarray

    @cached_property
    def _z(self) -> np.ndarray:
        return self.w @ self.leading_order.x.T

    @cached_property
    def _leading_form(self) -> tuple[np.ndarray, np.ndarray]:
        m = self.leading_order.order
        return series(self.leading_order.problem.activation, self._z, [m])

    @cached_property
    def _values(self) -> tuple[np.ndarray, np.ndarray]:
        m = self.leading_order.order
        return series(self.leading_order.problem.activation, self._z, range(1, m + FURTHER + 1))

    @property
    def output(self) -> np.ndarray:
        """f (n,)."""
        return self.a @ self._values[0]

    @cached_property
    def beyond(self) -> tuple[np.ndarray, np.ndarray]:
        """The forces on a and w beyond the leading one."""
        x, n = self.leading_order.x, len(self.leading_order.x)
        signal = signal_function(self.leading_order.problem.loss)
        at_zero = signal(np.zeros(n), self._targets)
        changed = signal(self.output, self._targets) - at_zero
        # Moments of lower orders than the leading one vanish exactly.
        higher = series(self.leading_order.problem.activation, self._z, self._higher)
        on_a = higher[0] @ at_zero + self._values[0] @ changed
        on_w = self.a[:, None] * ((higher[1] * at_zero + self._values[1] * changed) @ x)
        return on_a / n, on_w / n

    @property
    def _higher(self) -> range:
        m = self.leading_order.order
        return range(m + 1, m + FURTHER + 1)

    @cached_property
    def leading(self) -> tuple[np.ndarray, np.ndarray]:
        """The leading-order force."""
        return self.leading_order.field(self.a, self.w)

    @cached_property
    def next_term(self) -> tuple[np.ndarray, np.ndarray]:
        """The force of the next Taylor term."""
        terms = [t for t in neglected(self.leading_order, self.a, self.w) if t.name == TAYLOR]
        q = self.leading_order.next_term[0] if self.leading_order.next_term else None
        if not terms or terms[0].exponent + self.leading_order.order != q:
            return np.zeros_like(self.a), np.zeros_like(self.w)
        return terms[0].on_a, terms[0].on_w

    def feedback(self, sources: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The force by the leading-order output of the neurons `sources` (K,) on all of them; 0 where m > p."""
        leading_order = self.leading_order
        if leading_order.order > leading_order.problem.activation.multiplicity:
            return np.zeros_like(self.a), np.zeros_like(self.w)
        return feedback(leading_order, self.a, self.w, sources)

    def left_out(self, *known: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The forces beyond the leading one less the known ones."""
        on_a, on_w = (self.beyond[k] - sum(each[k] for each in known) for k in (0, 1))
        return on_a, on_w

    def relative(self, force: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """The size of a force on each neuron (N,) relative to the leading one."""
        lead = np.hypot(self.leading[0], np.linalg.norm(self.leading[1], axis=1))
        return np.hypot(force[0], np.linalg.norm(force[1], axis=1)) / lead

    @property
    def fall(self) -> float:
        """By how much the risk is below that of zero output."""
        f, signal = self.output, signal_function(self.leading_order.problem.loss)
        each = (w * np.mean(f * signal(t * f, self._targets)) for t, w in zip(_NODES, _WEIGHTS, strict=True))
        return float(sum(each))

    def late(self, fraction: float) -> float:
        """The gradient-flow time from here until the risk has fallen by the fraction, at the present rate."""
        on_a, on_w = (lead + more for lead, more in zip(self.leading, self.beyond, strict=True))
        rate = float(np.sum(on_a**2) + np.sum(on_w**2))
        return (fraction * self.leading_order.problem.risk - self.fall) / rate

    @property
    def fall_error(self) -> float:
        """How far the fall of the risk that the prediction counts is from the real one, relative to it.

        The prediction has mean(s f) - mean(ℓ'' f²)/2 with the two first Taylor terms of f.
        """
        leading_order, f, real = self.leading_order, self.output, self.fall
        signal = signal_function(leading_order.problem.loss)
        counted = self._leading_form[0]
        if leading_order.next_term is not None:
            counted = (
                counted + series(leading_order.problem.activation, self._z, [leading_order.next_term[0]])[0]
            )
        counted = self.a @ counted
        bends = leading_order.curvatures
        at_zero = signal(np.zeros(len(f)), self._targets)
        known = np.mean(at_zero * counted) - 0.5 * np.mean(bends * counted**2)
        return float(abs(real - known) / abs(real)) if real else float("inf")

    @property
    def _targets(self) -> np.ndarray:
        return self.leading_order.problem.y
