"""Theorem: which orientation a neuron reaches, and when.

Setting.     The smooth leading-order flow a' = c P(w), w' = c a ∇P(w) with P(w) = T w^p (theory.systems.smooth).
Statement.   Write w = r u, ψ = arctan(√p a / r) in (-π/2, π/2), ρ² = r² + p a², and run the clock
             dμ = √p r^{p-2} ρ dt.  Then orientation and balance are autonomous, whatever the scale:

                 du/dμ = c sin ψ (T u^{p-1} - P(u) u)
                 dψ/dμ = c P(u) cos ψ cos 2ψ
                 d(log r)/dμ = c P(u) sin ψ          dt/dμ = cos ψ / (√p r^{p-1})

             u runs along the gradient line of c P, forth while a > 0 and back while a < 0.  Growing neurons end at
             ψ = ±π/4 with c P(u) sin ψ > 0, dying ones at ψ = ±π/2 with c P(u) sin ψ < 0, both exponentially in μ.
Proof.       r' = p c a r^{p-1} P, a' = c r^p P and u' = p c a r^{p-2} (T u^{p-1} - P u); substitute
             √p a = r tan ψ and divide by μ'.  |ψ| = π/4 is invariant: it is K = r² - p a² = 0.
Blow-up.     On an aligned balanced neuron r' = √p C r^p, C = |c P(u)|, so it has r^{1-p} / ((p-1) √p C) of time left.
             A balanced one that still turns grows towards a maximum of |P|, so that this bounds what it has left.
Degenerate.  At a maximum that is not one of second order angles fall as a power of μ alone, and log r grows as μ: it
             blows up in finite time all the same, and long before it has turned.
Limits.      A neuron on the boundary of two basins is reported as UNDECIDED, and one drawn to a degenerate orientation:
             its blow-up time is known, where it points in the end is not.
Source.      condense.  For p = 1 the closed form in theory.flows.linear is a second witness.

Which neurons come so near to a boundary of basins that an error of known size along their way decides where they end.

An error at the start alone says too little: a neuron that first nears a dying orientation, and leaves it when its output
weight changes sign, forgets its start, and what it meets there decides.  Source: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Bool, Float64, Real, Shaped

from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.driver import GOES_ON, follow
from theory.forms.vectors import unit


class Fate(Enum):
    """What becomes of a neuron under the leading-order flow."""

    GROWS = "grows without bound along an attractor"
    DIES = "aligns with a dying orientation while its input weight vanishes"
    UNDECIDED = "not within the tolerance of an orientation when it was left, blown up or at the end of the step budget"


@dataclass(frozen=True)
class Destinations:
    """Where N neurons end: unit vectors u (N, D), fates (N,), blow-up times (N,), inf where there is none.

    UNDECIDED with a finite time is a neuron that blows up while it still turns towards a degenerate orientation; u is
    where it was left then.
    """

    u: Float64[np.ndarray, "N D"]
    fates: Shaped[np.ndarray, "N"]  # of Fate
    blow_up_times: Float64[np.ndarray, "N"]

    @property
    def growing(self) -> Bool[np.ndarray, "N"]:
        """Mask (N,) of the neurons that grow."""
        return self.fates == Fate.GROWS


@dataclass(frozen=True)
class Neurons:
    """N neurons at one time: output weights a (N,), orientations u (N, D), amplitudes r (N,), and whether they had
    blown up before (N,); at G times with a first axis G.
    """

    a: Float64[np.ndarray, "*G N"]
    u: Float64[np.ndarray, "*G N D"]
    r: Float64[np.ndarray, "*G N"]
    blown_up: Bool[np.ndarray, "*G N"]

    @property
    def w(self) -> Float64[np.ndarray, "*G N D"]:
        """Input weights (N, D)."""
        return self.r[..., None] * self.u

    def one(self, k: int) -> Neurons:
        """The neurons at the k-th of several times."""
        return Neurons(self.a[k], self.u[k], self.r[k], self.blown_up[k])


def destinations(
    field: SmoothField,
    a0: Real[np.ndarray, "N"],
    w0: Real[np.ndarray, "N D"],
    *,
    tolerance: float = 1e-10,
    aligned: float = 1e-8,
    max_steps: int = 20_000,
) -> Destinations:
    """Follow each neuron to its end; `aligned` bounds the tangential slope and the imbalance at the end.

    Output weights a0 (N,), input weights w0 (N, D) with every w0 ≠ 0; times are gradient-flow times.  Raises TheoryError
    for T = 0 or zero input weights.  Cost: about a hundred batched steps, some thousand where a neuron is drawn to a
    degenerate orientation; memory a few times the input.

    >>> import numpy as np
    >>> from theory.forms.moment_tensor import MomentTensor
    >>> field = SmoothField(MomentTensor.from_data(np.eye(2), np.array([2.0, 4.0]), 3), 1.0)  # P(u) = u_1³ + 2 u_2³
    >>> end = destinations(field, np.array([0.1]), np.array([[0.0, 0.1 * 3**0.5]]))  # balanced: 1/(2·2·3^{3/2}·0.1²)
    >>> end.fates[0].name, end.u.round(6).tolist(), end.blow_up_times.round(4).tolist()
    ('GROWS', [[0.0, 1.0]], [4.8113])
    """
    flow = _OrientationFlow.of(field, a0, w0)

    def arrived(y: np.ndarray, which: np.ndarray) -> np.ndarray:
        grows, dies, turns = flow.arrived(y, aligned)
        return np.select([grows, dies, turns], [_GROWS, _DIES, _TURNS], GOES_ON)

    run = follow(
        flow.velocity, flow.start, np.full(len(a0), _FIRST_STEP),
        tolerance=tolerance, max_steps=max_steps, largest=_LARGEST_STEP, project=flow.normalised, retire=arrived,
    )  # fmt: skip
    fates = np.full(len(a0), Fate.UNDECIDED, dtype=object)
    fates[run.reasons == _GROWS], fates[run.reasons == _DIES] = Fate.GROWS, Fate.DIES
    times = np.full(len(a0), np.inf)
    ends = (run.reasons == _GROWS) | (run.last[:, -2] > _HUGE)
    if field.tensor.order > 1 and ends.any():
        times[ends] = flow.unscale_time(run.last[ends, -1] + flow.time_left(run.last[ends]), ends)
    return Destinations(u=run.last[:, :-3], fates=fates, blow_up_times=times)


def neurons_at(
    field: SmoothField,
    a0: Real[np.ndarray, "N"],
    w0: Real[np.ndarray, "N D"],
    time: float | Real[np.ndarray, ""] | Real[np.ndarray, "G"] | Real[np.ndarray, "G N"],
    *,
    tolerance: float = 1e-11,
    max_steps: int = 20_000,
) -> Neurons:
    """The neurons at gradient-flow times; those that blow up before one are marked there and left at their last state.

    `time` is one time, times (G,) in ascending order, or times (G, N) of each neuron's own: many cost one integration,
    and the neurons have a first axis G then.  Raises TheoryError for times that are not ascending, or where `max_steps`
    do not suffice.  Cost: about a hundred batched steps, and one for each time.

    >>> import numpy as np
    >>> from theory.forms.moment_tensor import MomentTensor
    >>> field = SmoothField(MomentTensor.from_data(np.eye(2), np.array([2.0, 0.0]), 1), 1.0)  # a' = w_1, w_1' = a
    >>> neurons_at(field, np.array([1.0]), np.array([[0.0, 1.0]]), np.array([0.0, 1.0])).a.round(6).tolist()
    [[1.0], [1.543081]]
    """
    flow = _OrientationFlow.of(field, a0, w0)
    asked = np.asarray(time, dtype=float)
    times = np.atleast_1d(asked)
    if not np.all(np.diff(times, axis=0) >= 0):
        raise TheoryError("neurons_at: times that do not ascend; accepted: ascending times, (G,) or (G, N)")
    times = times if times.ndim == 2 else np.repeat(times[:, None], len(a0), axis=1)
    run = follow(
        flow.velocity, flow.start, np.full(len(a0), _FIRST_STEP),
        tolerance=tolerance, max_steps=max_steps, times=flow.scale_time(np.maximum(times, 0.0)), clock=-1,
        largest=_LARGEST_STEP, project=flow.normalised, retire=lambda y, _: np.where(y[:, -2] > _HUGE, _LOST, GOES_ON),
    )  # fmt: skip
    if run.running.any():
        late = float(times[:, run.running].max())
        raise TheoryError(
            f"{run.running.sum()} neurons did not reach time {late:g} in {max_steps} steps; pass a larger max_steps"
        )
    y = run.states
    u, psi, r = y[..., :-3], y[..., -3], flow.scale * np.exp(y[..., -2])
    blown = (run.reasons == _LOST) & (run.met <= np.arange(len(times))[:, None])
    found = Neurons(a=np.tan(psi) * r / np.sqrt(field.tensor.order), u=u, r=r, blown_up=blown)
    return found if asked.ndim else found.one(0)


_FIRST_STEP = 1e-2  # of μ: chosen because the controller finds its own size in two steps from there
_LARGEST_STEP = (
    5.0  # of μ: chosen because components turn at rates up to 1, where longer steps are not stable
)
_GROWS, _DIES, _TURNS, _LOST = 1, 2, 3, 4  # why a neuron is followed no longer
# log(r/ρ0) past which a neuron has left the leading order for good: within e^{-40(p-1)} of its blow-up time.
_HUGE = 40.0  # chosen because e^{-40} is below the rounding of the time
# log(r/ρ0) past which a neuron that still turns is left: it has blown up long ago.  Chosen because an orientation whose
# angles fall as r^{-1/100} or faster is met to 1e-8 before that; at a degenerate one they fall as a power of log r.
_ENDLESS = 2000.0
_FAR = 300.0  # of logarithms; chosen because even the squares of their exponentials are inside the range of binary64


@dataclass(frozen=True)
class _OrientationFlow:
    """States y = (u, ψ, log(r/ρ0), t Λ ρ0^{p-1}), so that all components are O(1); Λ = |c| ‖P‖ is the rate.

    `balance` (N,) is K/ρ0², conserved.  cos ψ = r/ρ = r/√(2r² - K) is taken from it: where a neuron dies the cosine of ψ
    itself is all rounding, and 2r² - K ≥ r² never cancels.
    """

    base: SmoothField
    rate: float
    scale: np.ndarray
    start: np.ndarray
    balance: np.ndarray

    @classmethod
    def of(cls, field: SmoothField, a0: np.ndarray, w0: np.ndarray) -> _OrientationFlow:
        a0, w0 = np.asarray(a0, dtype=float), np.asarray(w0, dtype=float)
        p = field.tensor.order
        r0 = np.linalg.norm(w0, axis=1)
        if not np.all(r0 > 0):
            raise TheoryError(
                f"neuron {int(np.flatnonzero(~(r0 > 0))[0])} has zero or undefined input weights: it has no orientation"
            )
        scale = np.sqrt(r0**2 + p * a0**2)
        psi = np.arctan2(np.sqrt(p) * a0, r0)
        zero = np.zeros_like(r0)
        start = np.column_stack([w0 / r0[:, None], psi, np.log(r0 / scale), zero])
        slopes = np.linalg.norm(field.tensor.gradient(start[:, :-3]), axis=1)
        rate = abs(field.coefficient) * float(np.max(slopes, initial=0.0)) if len(r0) else 1.0
        if not rate > 0:
            raise TheoryError(
                "the moment tensor T = mean(s x^p) vanishes: no neuron moves at this order; "
                "the first order k with c_k T_k ≠ 0 takes the place of p"
            )
        balance = (r0 / scale) ** 2 - p * (a0 / scale) ** 2
        return cls(base=field, rate=rate, scale=scale, start=start, balance=balance)

    def velocity(self, y: np.ndarray, which: np.ndarray) -> np.ndarray:
        """The field at states (k, D + 3) of the neurons `which` (k,)."""
        p, c = self.base.tensor.order, self.base.coefficient / self.rate
        u, psi, log_r = y[:, :-3], y[:, -3], y[:, -2]
        slope = self.base.tensor.gradient(u)
        value = np.sum(u * slope, axis=1)
        sin, cos = np.sin(psi), np.cos(psi)
        out = np.empty_like(y)
        out[:, :-3] = (c * sin)[:, None] * (slope - value[:, None] * u)
        out[:, -3] = c * value * cos * np.cos(2 * psi)
        out[:, -2] = c * value * sin
        inside = np.exp(
            np.clip(log_r, -_FAR, 0.0)
        )  # r/ρ0 where it is below 1, and the inverse where it is above
        outside = np.exp(-np.clip(log_r, 0.0, _FAR))
        exact_cos = inside / np.sqrt(2 * inside**2 - self.balance[which] * outside**2)
        out[:, -1] = exact_cos * np.exp(np.minimum((1 - p) * log_r, _FAR)) / np.sqrt(p)
        return out

    @staticmethod
    def normalised(y: np.ndarray) -> np.ndarray:
        y = y.copy()
        y[:, :-3] /= np.linalg.norm(y[:, :-3], axis=1, keepdims=True)
        return y

    def arrived(self, y: np.ndarray, aligned: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which states (N, D + 3) grow along an orientation, die at one, or have blown up while they still turn."""
        c = self.base.coefficient / self.rate
        u, psi = y[:, :-3], y[:, -3]
        slope = self.base.tensor.gradient(u)
        value = np.sum(u * slope, axis=1)
        tangential = np.linalg.norm(slope - value[:, None] * u, axis=1)
        power = c * value * np.sin(psi)
        still = abs(c) * tangential < aligned * np.abs(c * value)
        balanced = (power > 0) & (np.abs(np.cos(2 * psi)) < aligned)
        endless = (self.base.tensor.order > 1) & (y[:, -2] > _ENDLESS)
        return still & balanced, still & (power < 0) & (np.cos(psi) < aligned), endless & balanced

    def time_left(self, y: np.ndarray) -> np.ndarray:
        p = self.base.tensor.order
        u, log_r = y[:, :-3], y[:, -2]
        growth = np.abs(self.base.coefficient / self.rate * self.base.tensor.value(u))
        return np.exp((1 - p) * log_r) / ((p - 1) * np.sqrt(p) * growth)

    def scale_time(self, time: float | np.ndarray) -> np.ndarray:
        return time * self.rate * self.scale ** (self.base.tensor.order - 1)

    def unscale_time(self, scaled: np.ndarray, members: np.ndarray) -> np.ndarray:
        return scaled / (self.rate * self.scale[members] ** (self.base.tensor.order - 1))


Classes = Callable[[np.ndarray, np.ndarray], np.ndarray]
DRAWS = 16  # of the directions of the error, at each time: chosen because a boundary is met by half of them
SHARES = np.array(
    [0.0, 0.25, 0.5, 0.75, 0.9, 1.0]
)  # of the way: chosen denser towards its end, where neurons turn


def near_boundary(
    field: SmoothField,
    classes: Classes,
    a0: Float64[np.ndarray, "N"],
    w0: Float64[np.ndarray, "N D"],
    size: Float64[np.ndarray, "N"],
    end: Float64[np.ndarray, "N"],
    generator: np.random.Generator,
) -> Bool[np.ndarray, "N"]:
    """Whether neurons a0 (N,), w0 (N, D) may end elsewhere (N,), moved in random directions of (a, w).

    They are moved by `size` (N,), relative to their ρ = √(a² + ‖w‖²), at shares of the gradient-flow time `end` (N,);
    `classes` of a (M,) and w (M, D) tells the ends apart (M,).  Cost: one integration, and at most 6 calls a neuron.
    """
    out = np.zeros(len(a0), dtype=bool)
    if not len(a0):
        return out
    expected = classes(a0, w0)
    at = neurons_at(field, a0, w0, np.multiply.outer(SHARES, np.asarray(end, dtype=float)))
    states = np.concatenate([at.a[..., None], at.w], axis=-1)
    for j in range(len(a0)):
        for state, blown_up in zip(states[:, j], at.blown_up[:, j], strict=True):
            if blown_up:
                break
            reach = float(np.linalg.norm(state)) * min(float(size[j]), 1.0)
            moved = state + reach * unit(generator.standard_normal((DRAWS, len(state))))
            moved = moved[np.any(moved[:, 1:] != 0, axis=1)]
            if np.any(classes(moved[:, 0], moved[:, 1:]) != expected[j]):
                out[j] = True
                break
    return out
