"""The leading-order flow of two-layer neurons in Cartesian form (theory notes, section 2).

    a' = Φ(w)        w' = a ∇Φ(w)        Φ(w) = c T w^p, or mean(s σ_p(w·x)) for one-sided activations

Gradient ascent of H = a Φ(w), homogeneous of degree p + 1; neurons decouple and K = ‖w‖² - p a² is conserved.

* To given times: each neuron in units of its own initial norm ρ0, with its own steps; a blow-up before
  the last time ends a neuron with its measured blow-up time.
* To the end: with the clock dτ = ρ ‖w‖^{p-2} dt the field becomes homogeneous of degree 1, so that it has a
  direction (a, w)/ρ, which converges, and log ρ, which grows at a constant rate: nothing blows up, and
  tolerances are relative to the scale. With ρ^{p-1} instead, dying neurons would slow down algebraically.

An aligned neuron needs no integrator: along a fixed orientation with C = Φ(u) and a of the sign of C,
``t* - t = (1/C) ∫_a^∞ (p α² + K)^{-p/2} dα`` (theory notes, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics.errors import NumericsError
from numerics.flow.batch import Array, BatchResult, Ending, System, integrate
from numerics.flow.limits import Limits
from numerics.flow.moments import Force

_EPS = np.finfo(float).eps
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]
_LARGEST = (
    350.0  # log of the largest growth that is shown in a and w: beyond, they would overflow when squared
)
_NEAR = 0.01  # tangential over radial force below which the limit is tried
_WIDTH = 2048  # neurons in a working block: 12 stages of 8 rows fit in the second-level cache


class LeadingStatus(IntEnum):
    """What became of a neuron."""

    UNFINISHED = 0  # the step budget ran out first
    GROWING = 1  # aligned with an orientation along which it grows: blow-up for p >= 2
    DYING = 2  # aligned with an orientation along which it shrinks to w = 0
    STUCK = 3  # the force on it vanishes to rounding: T = 0 along it, or a dead one-sided neuron
    ZERO = 4  # it started at a fixed point of the flow, w = 0 (and a = 0 for p = 1)
    REACHED = 5  # the last requested time was reached
    BLOWN_UP = 6  # it blew up before the last requested time


@dataclass(frozen=True, eq=False)
class LeadingFlowResult:
    """Neurons of the leading flow, in the units of the start.

    With requested times: ``a`` (S, N), ``w`` (S, N, D), ``t`` (S,), without the first axis for a single
    time; entries after a neuron's own end repeat its last state and are False in ``reached`` (S, N). To
    the end: ``a`` (N,), ``w`` (N, D), ``t`` (N,) at the moment when the neuron was found aligned, its
    growth shown up to a factor e^350. ``clock`` (N,) is τ at the end, 0 with requested times.
    ``blowup_time`` (N,) is inf where there is none. ``invariant_drift`` (N,) is the change of K over the
    largest of ρ² at its two ends.
    """

    a: Array
    w: Array
    t: Array
    clock: Array
    reached: NDArray[np.bool_]
    status: NDArray[np.int_]
    blowup_time: Array
    invariant_drift: Array
    steps: NDArray[np.int_]
    rejected: NDArray[np.int_]
    evaluations: int

    @property
    def orientation(self) -> Array:
        """w / ‖w‖, with zeros for a neuron with w = 0."""
        r = np.linalg.norm(self.w, axis=-1, keepdims=True)
        return np.divide(self.w, r, out=np.zeros_like(self.w), where=r > 0)

    def count(self, status: LeadingStatus) -> int:
        """How many neurons ended with this status."""
        return int(np.sum(self.status == status))


def remaining_time(force_value: Array, a: Array, invariant: Array, multiplicity: int) -> Array:
    """(1/C) ∫_a^∞ (p α² + K)^{-p/2} dα for C = ``force_value``, of the sign of a, and |K| <= p a²/2; p >=
    2."""
    p = multiplicity
    ratio = invariant / (p * a * a)
    integrand = _NODES ** (p - 2) * (1 + np.multiply.outer(ratio, _NODES**2)) ** (-p / 2)
    return (integrand @ _WEIGHTS) / (np.abs(force_value) * np.abs(a) ** (p - 1) * p ** (p / 2))


@dataclass(eq=False)
class _Neurons(System):
    """What both clocks share.  Rows of the state: a, w_1 ... w_D."""

    force: Force
    rtol: float
    alignment: float

    def _sizes(self, y: Array) -> tuple[Array, Array, Array]:
        """a, ‖w‖² and ρ² of the columns."""
        a, w = y[0], y[1 : self.force.dimension + 1]
        r2 = np.einsum("ij,ij->j", w, w)
        return a, r2, r2 + a * a

    def _motion(self, y: Array, out: Array) -> Array:
        """(Φ, a ∇Φ) into the first rows of ``out``."""
        end = self.force.dimension + 1
        gradient = self.force.gradient(y[1:end])
        out[0] = np.einsum("ij,ij->j", y[1:end], gradient)
        out[0] /= self.force.multiplicity
        np.multiply(gradient, y[0], out=out[1:end])
        return out

    def _alignment(self, y: Array, slope: Array) -> tuple[Array, Array, Array]:
        """For slope = (Φ, a ∇Φ) up to a positive factor: ‖tangential part of ∇Φ‖ / |radial part|, the
        rounding error of that ratio, and the sign of growth of a Φ."""
        end = self.force.dimension + 1
        a, r2, _ = self._sizes(y)
        radial = slope[0] * self.force.multiplicity  # = w·∇Φ
        with np.errstate(divide="ignore", invalid="ignore"):
            tangential = slope[1:end] / a - y[1:end] * (radial / r2)
            size = np.sqrt(np.einsum("ij,ij->j", tangential, tangential) * r2)
            ratio = np.where(size > 0, size / np.abs(radial), 0.0)
        return np.where(np.isfinite(ratio), ratio, np.inf), radial, np.sign(a * radial)


@dataclass(eq=False)
class _ToTimes(_Neurons):
    """Physical time; the state in units of each neuron's initial norm."""

    last: Array  # (N,) last requested time of each neuron, in its own unit
    blowup: Array  # (N,) filled in on the way

    def field(self, y: Array, members: NDArray[np.intp]) -> Array:
        return self._motion(y, np.empty_like(y))

    def tempo(self, y: Array) -> Array:
        _, _, rho2 = self._sizes(y)
        return rho2 ** ((1 - self.force.multiplicity) / 2) / self.force.bound

    def scale(self, y: Array, members: NDArray[np.intp]) -> Array:
        return _relative_scale(self._sizes(y), self.force)

    def settle(self, y: Array, slope: Array, t: Array, members: NDArray[np.intp]) -> NDArray[np.int_]:
        p = self.force.multiplicity
        code = np.zeros(len(t), dtype=int)
        if p == 1:
            return code
        a, r2, rho2 = self._sizes(y)
        invariant = r2 - p * a * a
        candidate = (a * slope[0] > 0) & (2 * np.abs(invariant) <= p * a * a) & (rho2 > 4)
        if not candidate.any():
            return code
        some = np.nonzero(candidate)[0]
        ratio, _, _ = self._alignment(y[:, some], slope[:, some])
        with np.errstate(over="ignore"):
            left = remaining_time(slope[0, some] / r2[some] ** (p / 2), a[some], invariant[some], p)
            # Near its maximum Φ changes by the square of the angle, and so does the time left.
            sure = np.minimum(ratio, 1.0) ** 2 * left <= self.rtol * (t[some] + left)
        # Only a blow-up before the last requested time ends the neuron here.
        sure &= t[some] + left <= self.last[members[some]]
        code[some[sure]] = LeadingStatus.BLOWN_UP
        self.blowup[members[some[sure]]] = t[some[sure]] + left[sure]
        return code


@dataclass(eq=False)
class _ToTheEnd(_Neurons):
    """The clock dτ = ρ ‖w‖^{p-2} dt (dτ = dt for p = 1) and (a, w)/ρ on the unit sphere; two more rows: the
    growth of log ρ in this step, and its time in units of ρ^{1-p} at the start of the step."""

    log_rho: Array  # (N,) log of ρ/ρ0
    elapsed: Array  # (N,) time, in units of each neuron's start
    blowup: Array  # (N,)
    near: float  # 0: never try the limit
    limits: Limits

    def _clock(self, r2: Array, rho2: Array) -> Array:
        p = self.force.multiplicity
        if p == 1:
            return np.ones_like(r2)
        if p == 2:
            return 1 / np.sqrt(rho2)
        return 1 / np.sqrt(rho2 * r2 ** (p - 2))

    def field(self, y: Array, members: NDArray[np.intp]) -> Array:
        out = self._motion(y, np.empty_like(y))
        a, r2, rho2 = self._sizes(y)
        clock = self._clock(r2, rho2)
        # y·(Φ, a ∇Φ) = (p + 1) a Φ by Euler's identity.
        growth = (self.force.multiplicity + 1) * a * out[0] * clock / rho2
        out[:-2] *= clock
        out[:-2] -= growth * y[:-2]
        out[-2] = growth
        out[-1] = clock * np.exp((1 - self.force.multiplicity) * y[-2])
        return out

    def tempo(self, y: Array) -> Array:
        return np.full(y.shape[1], 1 / self.force.bound)

    def scale(self, y: Array, members: NDArray[np.intp]) -> Array:
        sizes = self._sizes(y)
        scale = np.empty_like(y)
        scale[:-2] = _relative_scale(sizes, self.force)
        scale[-2] = 1.0
        with np.errstate(over="ignore"):
            so_far = self.elapsed[members] * np.exp((self.force.multiplicity - 1) * self.log_rho[members])
        scale[-1] = so_far + self._clock(*sizes[1:]) / self.force.bound
        return scale

    def settle(self, y: Array, slope: Array, t: Array, members: NDArray[np.intp]) -> NDArray[np.int_]:
        p = self.force.multiplicity
        self.elapsed[members] += y[-1] * np.exp((1 - p) * self.log_rho[members])
        self.log_rho[members] += y[-2]
        slope[-1] *= np.exp((p - 1) * y[-2])
        y[-2:] = 0.0
        _, _, rho2 = self._sizes(y)  # 1 but for the error of the step
        y[:-2] /= np.sqrt(rho2)

        a, r2, _ = self._sizes(y)
        motion, clock = slope[:-2] + slope[-2] * y[:-2], slope[-1]
        ratio, radial, growth = self._alignment(y, motion)
        floor = 8 * _EPS * self.force.bound * r2 ** (p / 2) * clock  # rounding of w·∇Φ
        vanishing = np.abs(radial) <= floor
        code = np.zeros(len(t), dtype=int)
        force2 = np.einsum("ij,ij->j", motion[1:], motion[1:]) * r2
        code[vanishing & (force2 <= (floor * a) ** 2)] = LeadingStatus.STUCK
        # An explicit method at its limit of stability keeps the direction to a few rtol and no better; ∇Φ
        # changes by at most (p - 1) bound times that.
        blur = floor + 4 * self.rtol * max(p - 1, 1) * self.force.bound * r2 ** (p / 2) * clock
        with np.errstate(divide="ignore"):
            near = ~vanishing & (ratio <= np.maximum(max(self.near, self.alignment), blur / np.abs(radial)))
        if not near.any():
            return code
        some = np.nonzero(near)[0]
        y_some, who, ratio, a = y[:, some], members[some], ratio[some], a[some]
        with np.errstate(divide="ignore"):
            aligned = ratio <= np.maximum(self.alignment, blur[some] / np.abs(radial[some]))
        invariant = r2[some] - p * a * a
        left = np.zeros(len(some))
        grows = (growth[some] > 0) & (2 * np.abs(invariant) <= p * a * a)
        if p > 1 and grows.any():
            phi = motion[0, some[grows]] / clock[some[grows]] / r2[some[grows]] ** (p / 2)
            left[grows] = remaining_time(phi, a[grows], invariant[grows], p)
            left[grows] *= np.exp((1 - p) * self.log_rho[who[grows]])
        # K cannot be told from 0 below the error made on the way, which is relative to the largest ρ² so far.
        known = self.rtol * np.maximum(np.exp(-2 * self.log_rho[who]), 1.0)
        dies = (growth[some] < 0) & (invariant <= known)
        # Near its maximum Φ changes by the square of the angle, and so does the time left.
        timely = ratio**2 * left <= self.rtol * (self.elapsed[who] + left)
        tried = np.nonzero(~aligned & timely & (grows | dies))[0]
        if len(tried):
            norm = np.sqrt(r2[some[tried]])
            limit, accepted = self.limits.find(y_some[1:-2, tried] / norm, np.sign(a[tried]))
            y[1:-2, some[tried[accepted]]] = (limit * norm)[:, accepted]
            aligned[tried[accepted]] = True
        code[some[aligned & grows]] = LeadingStatus.GROWING
        code[some[aligned & dies]] = LeadingStatus.DYING
        ended = aligned & grows & (p > 1)
        self.blowup[who[ended]] = self.elapsed[who[ended]] + left[ended]
        return code


def _relative_scale(sizes: tuple[Array, Array, Array], force: Force) -> Array:
    """a is compared with ρ, w with its own norm (for p >= 2, where it never passes 0 in finite time)."""
    _, r2, rho2 = sizes
    scale = np.empty((force.dimension + 1, len(r2)))
    scale[0] = np.sqrt(rho2)
    scale[1:] = scale[0] if force.multiplicity == 1 else np.sqrt(r2)
    return scale


def leading_flow(
    force: Force,
    a0: ArrayLike,
    w0: ArrayLike,
    *,
    times: ArrayLike | None = None,
    rtol: float = 1e-10,
    alignment: float = 1e-10,
    newton: bool = True,
    max_steps: int = 20_000,
) -> LeadingFlowResult:
    """Integrate neurons a0 (N,), w0 (N, D) of the leading flow to ``times`` (ascending, or one number),
    or to their ends.

    ``force`` is `moments` or `one_sided_moments`. ``rtol`` bounds the error of each step relative to the
    neuron's own norm; ``alignment`` is the ratio of tangential to radial force at which a neuron counts as
    aligned, and not finer than the tolerance lets it be seen. With ``newton`` a neuron well inside the basin
    of an orientation is given that limit, to rounding, and the steps to it are saved (see `limits`).
    Time is gradient-flow time. Raises `NumericsError` for wrong shapes or numbers. Cost: linear in N,
    independent of the number of samples for `moments`; memory: the results and some 2·D MB. Source: theory
    notes, sections 2 and 6.
    """
    a, w = np.array(a0, dtype=float), np.array(w0, dtype=float)
    if a.ndim != 1 or w.shape != (len(a), force.dimension):
        raise NumericsError(
            f"neurons have shapes a {a.shape}, w {w.shape}; a (N,) and w (N, {force.dimension}) are needed"
        )
    if not (np.isfinite(a).all() and np.isfinite(w).all()):
        raise NumericsError("a or w holds a value that is not finite; finite initial values are needed")
    if not (rtol > 0 and alignment > 0):
        raise NumericsError(f"rtol is {rtol}, alignment {alignment}; both must be positive")
    if force.bound == 0:  # no signal: nothing moves
        rest = np.ones(len(a), dtype=bool)
    else:
        rest = (np.linalg.norm(w, axis=1) == 0) & ((force.multiplicity > 1) | (a == 0))
    p = force.multiplicity
    rho0 = np.where(rest, 1.0, np.hypot(a, np.linalg.norm(w, axis=1)))
    unit = rho0 ** (1 - p)  # of time
    start = np.vstack([a, w.T]) / rho0
    moving = np.nonzero(~rest)[0]
    blowup, clock, drift = np.full(len(a), np.inf), np.zeros(len(a)), np.zeros(len(a))

    if times is None:
        near = _NEAR if newton else 0.0
        elapsed, log_rho = np.zeros(len(moving)), np.zeros(len(moving))
        part, limits = np.full(len(moving), np.inf), Limits(force)
        ends = _ToTheEnd(force, rtol, alignment, log_rho, elapsed, part, near, limits)
        state = np.vstack([start[:, moving], np.zeros((2, len(moving)))])
        out = integrate(ends, state, np.array([np.inf]), rtol=rtol, max_steps=max_steps, width=_WIDTH)
        final = start.copy()
        final[:, moving] = out.y[:-2] * np.exp(np.minimum(log_rho, _LARGEST))
        # In units of the end, or of the start where that is larger, so that no growth overflows.
        shrink = np.exp(-np.maximum(log_rho, 0.0))
        drift[moving] = _drift(start[:, moving] * shrink, out.y[:-2] * np.exp(np.minimum(log_rho, 0.0)), p)
        t = np.zeros(len(a))
        t[moving], clock[moving] = elapsed * unit[moving], out.t
        snapshots, reached = final[None], np.zeros((1, len(a)), dtype=bool)
    else:
        t = np.asarray(times, dtype=float)
        asked = np.atleast_1d(t)
        if asked.ndim != 1 or not len(asked) or (np.diff(asked) < 0).any() or not (asked >= 0).all():
            raise NumericsError(
                "times must be one number or an ascending list of numbers, none negative or NaN"
            )
        own = asked[:, None] / unit[moving]
        timed = _ToTimes(force, rtol, alignment, own[-1], part := np.full(len(moving), np.inf))
        out = integrate(timed, start[:, moving], own, rtol=rtol, max_steps=max_steps, width=_WIDTH)
        snapshots = np.repeat(start[None], len(asked), axis=0)
        snapshots[:, :, moving] = out.snapshots
        reached = np.ones((len(asked), len(a)), dtype=bool)
        drift = _drift(start, snapshots[-1], p)
        reached[:, moving] = asked[:, None] <= np.where(
            out.ending == Ending.REACHED, np.inf, out.t * unit[moving]
        )

    blowup[moving] = part * unit[moving]
    status = np.full(len(a), int(LeadingStatus.ZERO if force.bound else LeadingStatus.STUCK))
    status[moving] = _status(out)
    a_out, w_out = snapshots[:, 0] * rho0, np.moveaxis(snapshots[:, 1:], 1, 2) * rho0[:, None]
    steps, rejected = np.zeros(len(a), dtype=int), np.zeros(len(a), dtype=int)
    steps[moving], rejected[moving] = out.steps, out.rejected
    if t.ndim == 0 or times is None:
        a_out, w_out, reached = a_out[0], w_out[0], reached[0]
    return LeadingFlowResult(
        a_out, w_out, t, clock, reached, status, blowup, drift, steps, rejected, out.evaluations
    )


def _status(out: BatchResult) -> NDArray[np.int_]:
    status = np.where(out.ending > 0, out.ending, int(LeadingStatus.UNFINISHED))
    return np.where(out.ending == Ending.REACHED, int(LeadingStatus.REACHED), status)


def _drift(start: Array, end: Array, p: int) -> Array:
    """|K(end) - K(start)| over the largest of ρ² at the two ends."""
    invariants = [np.einsum("ij,ij->j", y[1:], y[1:]) - p * y[0] ** 2 for y in (start, end)]
    sizes = [np.einsum("ij,ij->j", y, y) for y in (start, end)]
    largest = np.maximum(*sizes)
    return np.abs(invariants[1] - invariants[0]) / np.where(largest > 0, largest, 1.0)
