"""Theorem: which orientation a neuron of a piecewise linear activation (p = 1) reaches, in any D.

Setting.     a' = G(w), w' ∈ a ∂G(w), G(w) = b·w + Σ w_i |w·y_i| (theory.forms.one_sided), both scaled by ε.
Statement.   K = ‖w‖² - a² is conserved.  In the clock dτ = |a| dt the input weight moves on straight lines,
             dw/dτ = s h, s = sign(a), h constant on every face of the arrangement of kinks:
             1. In a cell h = g, its gradient.
             2. A kink i is met where y_i·w = 0.  If s w_i > 0 (convex for s G) both sides push away: it is crossed.
                If s w_i < 0 (concave) h becomes the shortest vector of g + Σ t_k w_k y_k, |t_k| <= 1, over the concave
                kinks met: those with |t_k| < 1 are slid along, the others left on the side of t_k.
             3. a = 0 where ‖w‖² = K: s changes sign, in a cell the neuron retraces its line.
             4. It ends when no event is left (grows along s h), when w = 0 (dies), or when h = 0 (rests in a dead cone).
Why.         Near a point met s G is linear plus concave kinks plus convex ones just crossed; the ascent of a concave
             function moves along its shortest supergradient, and h·y_j of a crossed kink can only grow by the crossing,
             because the projection onto a convex set does not expand.
Limits.      A neuron whose a changes sign while it slides sits on a ridge of the new s G, where the flow is not unique:
             UNDECIDED.  Binary64, with signs and kinks kept as sets, not recomputed.  p >= 2: one_sided_destinations.
Source.      condense; Maennel, Bousquet, Gelly 2018 for the sliding.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.optimize import lsq_linear

from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.smooth import Fate, destinations
from theory.forms.one_sided import OneSidedForm

FLAT = 1e-13  # of Σ |w_i| + |b|; chosen because a smaller |h| is rounding of a thousand terms


class OneSidedFate(Enum):
    """What becomes of a neuron under the one-sided leading-order flow."""

    GROWS = "grows without bound along an attractor"
    DIES = "aligns with a dying orientation while its input weight vanishes"
    RESTS = "comes to rest at a finite size where G and its gradient vanish"
    UNDECIDED = "the flow is not unique from some point on, or the step budget ran out"


@dataclass(frozen=True)
class OneSidedDestinations:
    """Where N neurons end: unit vectors u (N, D), fates (N,) and the final sign of a (N,)."""

    u: np.ndarray
    fates: np.ndarray
    signs: np.ndarray


@dataclass
class Leg:
    """A neuron on a face: w, its sign s of a, the signs of y_i·w (0 for those slid along) and the direction h."""

    w: np.ndarray
    sign: int
    signs: np.ndarray
    h: np.ndarray


@dataclass(frozen=True)
class PolyhedralFlow:
    """The flow of p = 1 in binary64: units (m, D), weights (m,), b (D,)."""

    units: np.ndarray
    weights: np.ndarray
    b: np.ndarray

    @classmethod
    def of(cls, form: OneSidedForm) -> PolyhedralFlow:
        if form.order != 1:
            raise TheoryError(f"the flow of straight lines needs p = 1, this form has p = {form.order}")
        return cls(*form.floats, form.smooth.gradient(np.zeros(form.dimension)))

    def end(self, w: np.ndarray, sign: int, balance: float, max_events: int) -> tuple[OneSidedFate, Leg]:
        """Follow one neuron; `balance` is K, -inf for an a that never vanishes."""
        signs = np.sign(self.units @ w)
        leg = Leg(w, sign, signs, self.b + (self.weights * signs) @ self.units)
        if not np.all(signs):
            leg = self._turned(leg, np.flatnonzero(signs == 0), None)
        flat = FLAT * (np.linalg.norm(self.b) + np.abs(self.weights).sum())
        size = np.linalg.norm(w)
        for _ in range(max_events):
            if np.linalg.norm(leg.h) <= flat:
                return OneSidedFate.RESTS, leg
            which, tau = self._first_kink(leg)
            turn = _first_crossing(leg.w, leg.sign * leg.h, balance)
            if turn < tau:
                if not np.all(leg.signs):
                    return OneSidedFate.UNDECIDED, leg
                leg = Leg(leg.w + turn * leg.sign * leg.h, -leg.sign, leg.signs, leg.h)
                continue
            if np.isinf(tau):
                return OneSidedFate.GROWS, leg
            moved = leg.w + tau * leg.sign * leg.h
            if np.linalg.norm(moved) <= 1e-12 * size:
                return OneSidedFate.DIES, leg
            on = np.append(np.flatnonzero(leg.signs == 0), which)
            leg = self._turned(Leg(moved, leg.sign, leg.signs, leg.h), on, which)
        return OneSidedFate.UNDECIDED, leg

    def _first_kink(self, leg: Leg) -> tuple[int, float]:
        """Return the kink that is met first and when; a neuron that runs into 0 meets all of them there."""
        rate = leg.sign * leg.signs * (self.units @ leg.h)
        gap = np.maximum(leg.signs * (self.units @ leg.w), 0.0)
        time = np.full(len(rate), np.inf)
        hits = rate < -1e-14 * np.linalg.norm(leg.h)
        time[hits] = gap[hits] / -rate[hits]
        if not len(time) or not np.isfinite(time.min()):
            along = leg.w @ leg.h * leg.sign
            straight = np.linalg.norm(leg.w) * np.linalg.norm(leg.h)
            if along < 0 and abs(along) > (1 - 1e-14) * straight:  # every kink is slid along: w runs into 0
                return -1, float(np.linalg.norm(leg.w) / np.linalg.norm(leg.h))
            return -1, np.inf
        k = int(np.argmin(time))
        return k, float(time[k])

    def _turned(self, leg: Leg, on: np.ndarray, which: int | None) -> Leg:
        """Return the leg that starts on the kinks `on`; the convex one `which` is crossed (statement 2)."""
        signs = leg.signs.copy()
        if which is not None and leg.sign * self.weights[which] > 0:
            signs[which] = -signs[which]
            on = on[on != which]
        concave = on[leg.sign * self.weights[on] < 0]
        loose = np.setdiff1d(on, concave)
        signs[concave] = 0
        g = self.b + (self.weights * signs) @ self.units
        if loose.size:  # a start exactly on a ridge: either side; the one that h points to
            signs[loose] = np.where(self.units[loose] @ g * leg.sign >= 0, 1, -1)
            g = self.b + (self.weights * signs) @ self.units
        if concave.size:
            columns = (self.weights[concave, None] * self.units[concave]).T
            gram = columns.T @ columns
            t = np.linalg.solve(gram, -columns.T @ g) if concave.size < len(g) else np.full(concave.size, 2.0)
            if np.any(np.abs(t) > 1):
                t = lsq_linear(columns, -g, bounds=(-1, 1), method="bvls").x
            left = np.abs(t) >= 1 - 1e-12
            signs[concave] = np.where(left, np.sign(t), 0)
            g = g + columns @ t
        return Leg(leg.w, leg.sign, signs, g)


def _first_crossing(w: np.ndarray, speed: np.ndarray, square: float) -> float:
    """Return the first τ > 0 with ‖w + τ speed‖² = square, where the norm falls through it; inf if none."""
    if square <= 0:
        return np.inf
    a, b, c = speed @ speed, w @ speed, w @ w - square
    root = b * b - a * c
    if b >= 0 or root <= 0 or c <= 0:
        return np.inf
    return float(c / (-b + np.sqrt(root)))


def one_sided_destinations(
    form: OneSidedForm, a0: np.ndarray, w0: np.ndarray, *, max_events: int = 10_000, max_steps: int = 4_000
) -> OneSidedDestinations:
    """Return where neurons a0 (N,), w0 (N, D), all w0 ≠ 0, go under a' = G(w), w' = a ∂G(w).

    p = 1: exact but for rounding, about 0.3 ms an event and neuron.  p >= 2: G is differentiable, and theory.flows.smooth's
    step-controlled flow is followed across kinks; a neuron that creeps towards the edge of a dead cone RESTS once G is
    below 1e-9 of its largest size.  Form: one_sided_form(x, s, sigma)[0].
    """
    a0, w0 = np.asarray(a0, dtype=float), np.asarray(w0, dtype=float)
    if form.order > 1:
        return _smooth_pieces(form, a0, w0, max_steps)
    flow = PolyhedralFlow.of(form)
    u, fates, signs = np.empty_like(w0), np.empty(len(a0), dtype=object), np.empty(len(a0), dtype=int)
    for k, (a, w) in enumerate(zip(a0, w0, strict=True)):
        if not np.any(w):
            raise TheoryError(f"neuron {k} has zero input weights: it has no orientation")
        sign = 1 if a > 0 or (a == 0 and form.value(w) > 0) else -1
        fates[k], leg = flow.end(w, sign, float(w @ w - a * a), max_events)
        end = leg.sign * leg.h if fates[k] is OneSidedFate.GROWS else leg.w
        u[k], signs[k] = end / np.linalg.norm(end), leg.sign
    return OneSidedDestinations(u, fates, signs)


def _smooth_pieces(
    form: OneSidedForm, a0: np.ndarray, w0: np.ndarray, max_steps: int
) -> OneSidedDestinations:
    units = w0 / np.linalg.norm(w0, axis=1, keepdims=True)
    scale = form.smooth.frobenius_bound * 2.0**form.smooth.exponent2 + np.abs(form.floats[1]).sum()
    asleep = np.linalg.norm(form.gradient(units), axis=1) <= FLAT * scale
    names = {
        Fate.GROWS: OneSidedFate.GROWS,
        Fate.DIES: OneSidedFate.DIES,
        Fate.UNDECIDED: OneSidedFate.UNDECIDED,
    }
    u, fates = units.copy(), np.full(len(a0), OneSidedFate.RESTS, dtype=object)
    moving = np.flatnonzero(~asleep)
    signs = np.sign(a0).astype(int)
    if moving.size:
        # OneSidedForm has order, value and gradient = ∇G/p, all that the flow asks of a moment tensor.
        field = SmoothField(form, 1.0)  # type: ignore[arg-type]
        found = destinations(field, a0[moving], w0[moving], max_steps=max_steps)
        u[moving] = found.u
        fates[moving] = [names[f] for f in found.fates]
        value = form.value(u)
        stuck = (fates == OneSidedFate.UNDECIDED) & (np.abs(value) < 1e-9 * scale)
        fates[stuck] = OneSidedFate.RESTS
        grown, died = fates == OneSidedFate.GROWS, fates == OneSidedFate.DIES
        signs[grown] = np.sign(value[grown])
        signs[died] = -np.sign(value[died])
    return OneSidedDestinations(u, fates, signs)
