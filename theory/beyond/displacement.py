"""How far the forces beyond leading order carry each neuron from its leading flow, by a given time.

Setting.     θ' = L(θ) + F(θ), L the leading force, F all others: the further Taylor terms on the signal at zero output, and
             the whole series on what the output changes of the signal.
Statement.   θ = y + δ with y' = L(y) and δ' = L(y + δ) - L(y) + F(y + δ), δ(0) = 0: exact, but for the Taylor terms above
             m + 8.
Numbers.     y and δ are integrated side by side (Dormand and Prince's 8(5,3)), each network in its own time, so that a δ of
             1e-6 of y keeps three digits.  All of it is theory's own series: F has no leading term in it, and a wrong L
             displaces nothing by itself.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.integrate import DOP853

from theory.beyond.leading_order import LeadingOrder
from theory.errors import TheoryError
from theory.forms.taylor import FURTHER
from theory.forms.vectors import angle, unit
from theory.losses.signal import signal_function

_RTOL = 1e-8  # of y; chosen because what is looked at is far larger relative to y
_DIGITS = 1e-4  # of δ in a step, relative; chosen because δ over some ten steps is then known to `_KNOWN`
_KNOWN = 1e-3  # of δ, relative
_SMALLEST = 1e-10  # of ρ; a δ below is not resolved: chosen because training is not either
_MAX_EVALUATIONS = 6000  # chosen because hundreds are usual; more are needed only near a blow-up


class _Forces:
    """The forces on B networks of m neurons, a (B, m), w (B, m, D)."""

    def __init__(self, leading: LeadingOrder) -> None:
        self._leading, self._signal = leading, signal_function(leading.problem.loss)
        self._x, self._y = leading.x, leading.problem.y
        self._s0 = self._signal(np.zeros(len(self._x)), self._y)
        taylor = [float(c) for c in leading.problem.activation.taylor(leading.order + FURTHER)]
        self._whole = [0.0, *taylor[1:]]
        self._higher = [0.0 if k <= leading.order else c for k, c in enumerate(taylor)]

    def leading(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        on_a, on_w = self._leading.field(a.reshape(-1), w.reshape(-1, w.shape[-1]))
        return on_a.reshape(a.shape), on_w.reshape(w.shape)

    def beyond(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z, n = w @ self._x.T, len(self._x)
        value, slope = polynomial(self._whole, z)
        higher, steeper = polynomial(self._higher, z)
        output = np.einsum("bm,bmn->bn", a, value)
        changed = (self._signal(output, np.broadcast_to(self._y, output.shape)) - self._s0)[:, None, :]
        on_a = (higher @ self._s0 + np.sum(value * changed, axis=-1)) / n
        on_w = a[..., None] * ((steeper * self._s0 + slope * changed) @ self._x) / n
        return on_a, on_w


def polynomial(coefficients: list[float], z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ_k c_k z^k and its derivative, by Horner's rule from the first coefficient that is not 0."""
    start = next((k for k, c in enumerate(coefficients) if c), len(coefficients))
    value, slope = np.zeros_like(z), np.zeros_like(z)
    if start == len(coefficients):
        return value, slope
    for c in reversed(coefficients[start:]):
        slope *= z
        slope += value
        value *= z
        value += c
    power = z ** (start - 1)  # a constant term is never asked for
    slope = power * (start * value + z * slope)
    value *= power * z
    return value, slope


class _Flow:
    """y and δ of B networks as one system in the share of each network's own time, from 0 to 1."""

    def __init__(
        self, leading: LeadingOrder, a0: np.ndarray, w0: np.ndarray, times: np.ndarray, follow: np.ndarray
    ) -> None:
        self._forces, self._start = _Forces(leading), np.concatenate([a0[..., None], w0], axis=-1)
        self._times, self._follow = times[:, None, None], follow[..., None]

    @cached_property
    def _size(self) -> np.ndarray:
        return np.linalg.norm(self._start, axis=-1, keepdims=True)

    def rates(self, share: float, flat: np.ndarray) -> np.ndarray:
        y, delta = flat.reshape(2, *self._start.shape)
        both = y + delta
        lead_y = self._joined(self._forces.leading(y[..., 0], y[..., 1:])) * self._follow
        lead = self._joined(self._forces.leading(both[..., 0], both[..., 1:]))
        beyond = self._joined(self._forces.beyond(both[..., 0], both[..., 1:]))
        out = np.stack([lead_y, lead - lead_y + beyond])
        return (out * self._times).reshape(-1)

    @staticmethod
    def _joined(force: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.concatenate([force[0][..., None], force[1]], axis=-1)

    def end(self) -> tuple[np.ndarray, np.ndarray]:
        """(y, δ) at the times, each (B, m, 1 + D)."""
        shape = self._start.shape
        start = np.stack([self._start, np.zeros(shape)]).reshape(-1)
        # Where y stands still, δ is all of the motion.
        digits = np.where(self._follow, _DIGITS, _RTOL)
        rtol = np.stack([np.full(shape, _RTOL), np.broadcast_to(digits, shape)]).reshape(-1)
        floor = np.broadcast_to(self._size, shape)
        atol = np.stack([_RTOL * floor, _SMALLEST * floor]).reshape(-1)
        # A step that is tried and refused may go past the blow-up.
        with np.errstate(over="ignore", invalid="ignore"):
            y, delta = self._integrated(start, rtol, atol).reshape(2, *shape)
        return y, delta

    def _integrated(self, start: np.ndarray, rtol: np.ndarray, atol: np.ndarray) -> np.ndarray:
        solver = DOP853(self.rates, 0.0, start, 1.0, rtol=rtol, atol=atol)  # type: ignore[arg-type]
        while solver.status == "running":
            reason = solver.step()
            if solver.status == "failed" or solver.nfev > _MAX_EVALUATIONS:
                raise TheoryError(
                    f"the flow beyond leading order cannot be followed to the horizon ({reason or 'too many steps'}); "
                    "accepted: a smaller --fraction"
                )
        return solver.y


@dataclass(frozen=True)
class Displaced:
    """B networks in the leading flow, `flow`, and what lies beyond it, `change`: y and δ, each (B, m, 1 + D), a first."""

    flow: np.ndarray
    change: np.ndarray

    @property
    def a(self) -> np.ndarray:
        """a (B, m) with all forces."""
        return (self.flow + self.change)[..., 0]

    @property
    def w(self) -> np.ndarray:
        """w (B, m, D) with all forces."""
        return (self.flow + self.change)[..., 1:]

    @property
    def turned(self) -> np.ndarray:
        """By how many radians (B, m), at most, the forces beyond leading order have turned each neuron."""
        return (1 + _KNOWN) * angle(unit(self.flow[..., 1:]), unit(self.w))


def displacement(
    leading: LeadingOrder, a0: np.ndarray, w0: np.ndarray, times: np.ndarray, follow: np.ndarray
) -> Displaced:
    """The leading flow of a0 (B, m), w0 (B, m, D) at the times (B,), and what is beyond it.

    `follow` (B, m) says which neurons have not blown up in the leading flow by then; the others stand still in it, and
    their change is all of their motion: their output acts on the rest.  Raises TheoryError where the flow does not reach
    the times.  Cost: some hundreds of evaluations of m n (D + 8) each, all networks at once.
    """
    return Displaced(*_Flow(leading, a0, w0, np.asarray(times, dtype=float), follow).end())
