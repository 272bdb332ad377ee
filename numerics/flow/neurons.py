"""Leading-flow neurons as systems for the batch integrator: to given times, and to the end.

The two clocks are those of `leading`. Rows of the state: a, w_1 ... w_D, and what a clock adds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from numerics.flow.batch import Array, System
from numerics.flow.limits import Limits
from numerics.flow.moments import Force
from numerics.flow.pair import ORDER

_EPS = np.finfo(float).eps
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


class LeadingStatus(IntEnum):
    """What became of a neuron."""

    UNFINISHED = 0  # the step budget ran out first
    GROWING = 1  # aligned with an orientation along which it grows: blow-up for p >= 2
    DYING = 2  # aligned with an orientation along which it shrinks to w = 0
    STUCK = 3  # the force on it vanishes to rounding: T = 0 along it, or a dead one-sided neuron
    ZERO = 4  # it started at a fixed point of the flow, w = 0 (and a = 0 for p = 1)
    REACHED = 5  # the last requested time was reached
    BLOWN_UP = 6  # it blew up before the last requested time


def remaining_time(force_value: Array, a: Array, invariant: Array, multiplicity: int) -> Array:
    """(1/C) ∫_a^∞ (p α² + K)^{-p/2} dα for C = ``force_value``, of the sign of a, and |K| <= p a²/2; p >=
    2."""
    p = multiplicity
    ratio = invariant / (p * a * a)
    integrand = _NODES ** (p - 2) * (1 + np.multiply.outer(ratio, _NODES**2)) ** (-p / 2)
    return (integrand @ _WEIGHTS) / (np.abs(force_value) * np.abs(a) ** (p - 1) * p ** (p / 2))


def _dot(v: Array, w: Array) -> Array:
    return np.einsum("ij,ij->j", v, w)


@dataclass(eq=False)
class _Neurons(System):
    """What both clocks share."""

    force: Force
    rtol: float
    alignment: float

    def field(self, y: Array, members: NDArray[np.intp]) -> Array:
        out = np.empty_like(y)
        self.increment(y, np.ones(y.shape[1]), members, out)
        return out

    def _sizes(self, y: Array) -> tuple[Array, Array, Array]:
        """a, ‖w‖² and ρ² of the columns."""
        a, w = y[0], y[1 : self.force.dimension + 1]
        r2 = _dot(w, w)
        return a, r2, r2 + a * a

    def _ratio(self, w: Array, a: Array, r2: Array, push: Array, radial: Array) -> Array:
        """‖tangential part of ∇Φ‖ / |radial part| for push = a ∇Φ and radial = w·∇Φ."""
        with np.errstate(divide="ignore", invalid="ignore"):
            tangential = push / a - w * (radial / r2)
            size = np.sqrt(_dot(tangential, tangential) * r2)
            ratio = np.where(size > 0, size / np.abs(radial), 0.0)
        return np.where(np.isfinite(ratio), ratio, np.inf)

    def _relative_scale(self, out: Array, r2: Array, rho2: Array) -> Array:
        """a is compared with ρ, w with its own norm (for p >= 2, where it never passes 0 in finite time)."""
        rho = np.sqrt(rho2)
        out[0] = rho
        out[1 : self.force.dimension + 1] = rho if self.force.multiplicity == 1 else np.sqrt(r2)
        return out


@dataclass(eq=False)
class ToTimes(_Neurons):
    """Physical time; the state in units of each neuron's initial norm."""

    last: Array  # (N,) last requested time of each neuron, in its own unit
    blowup: Array  # (N,) filled in on the way

    def increment(self, y: Array, h: Array, members: NDArray[np.intp], out: Array) -> None:
        push = out[1:]
        self.force.gradient(y[1:], out=push)
        np.multiply(_dot(y[1:], push), h / self.force.multiplicity, out=out[0])
        push *= h * y[0]

    def tempo(self, y: Array) -> Array:
        _, _, rho2 = self._sizes(y)
        return rho2 ** ((1 - self.force.multiplicity) / 2) / self.force.bound

    def first_step(self, y: Array, slope: Array) -> Array:
        _, r2, rho2 = self._sizes(y)
        with np.errstate(divide="ignore"):
            rate = np.sqrt(np.maximum(slope[0] ** 2 / rho2, _dot(slope[1:], slope[1:]) / r2))
        return _careful(self.rtol, rate * self.tempo(y))

    def scale(self, y: Array, members: NDArray[np.intp]) -> Array:
        _, r2, rho2 = self._sizes(y)
        return self._relative_scale(np.empty_like(y), r2, rho2)

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
        a, r2, invariant, push = a[some], r2[some], invariant[some], slope[1:, some]
        ratio = self._ratio(y[1:, some], a, r2, push, p * slope[0, some])
        with np.errstate(over="ignore"):
            left = remaining_time(slope[0, some] / r2 ** (p / 2), a, invariant, p)
            # Near its maximum Φ changes by the square of the angle, and so does the time left.
            sure = np.minimum(ratio, 1.0) ** 2 * left <= self.rtol * (t[some] + left)
        # Only a blow-up before the last requested time ends the neuron here.
        sure &= t[some] + left <= self.last[members[some]]
        code[some[sure]] = LeadingStatus.BLOWN_UP
        self.blowup[members[some[sure]]] = t[some[sure]] + left[sure]
        return code


@dataclass(eq=False)
class ToTheEnd(_Neurons):
    """The clock dτ = ρ ‖w‖^{p-2} dt (dτ = dt for p = 1) and (a, w)/ρ on the unit sphere; two more rows: the
    growth of log ρ in this step, and its time in units of ρ^{1-p} at the start of the step."""

    log_rho: Array  # (N,) log of ρ/ρ0
    elapsed: Array  # (N,) time, in units of each neuron's start
    blowup: Array  # (N,)
    near: float  # 0: never try the limit
    limits: Limits
    retry: Array = field(init=False)  # (N,) the limit is tried at force ratios below this

    def __post_init__(self) -> None:
        self.retry = np.full(len(self.elapsed), np.inf)

    def _clock(self, r2: Array, rho2: Array) -> Array:
        p = self.force.multiplicity
        if p == 1:
            return np.ones_like(r2)
        if p == 2:
            return 1 / np.sqrt(rho2)
        return 1 / np.sqrt(rho2 * (r2 if p == 3 else r2 ** (p - 2)))

    def increment(self, y: Array, h: Array, members: NDArray[np.intp], out: Array) -> None:
        p, w, push = self.force.multiplicity, y[1:-2], out[1:-2]
        a, r2, rho2 = self._sizes(y)
        self.force.gradient(w, out=push)
        clock = self._clock(r2, rho2) * h
        np.multiply(_dot(w, push), clock / p, out=out[0])
        # y·(Φ, a ∇Φ) = (p + 1) a Φ by Euler's identity.
        growth = np.multiply(a * out[0], (p + 1) / rho2, out=out[-2])
        push *= a * clock
        out[:-2] -= growth * y[:-2]
        np.multiply(clock, np.exp((1 - p) * y[-2]), out=out[-1])

    def tempo(self, y: Array) -> Array:
        return np.full(y.shape[1], 1 / self.force.bound)

    def first_step(self, y: Array, slope: Array) -> Array:
        _, r2, _ = self._sizes(y)
        with np.errstate(divide="ignore"):
            rate = np.sqrt(np.maximum(slope[0] ** 2, _dot(slope[1:-2], slope[1:-2]) / r2))
        return _careful(self.rtol, np.maximum(rate, np.abs(slope[-2])) / self.force.bound)

    def scale(self, y: Array, members: NDArray[np.intp]) -> Array:
        _, r2, rho2 = self._sizes(y)
        scale = self._relative_scale(np.empty_like(y), r2, rho2)
        scale[-2] = 1.0
        # The whole time cannot be shorter than what has passed and 1/bound on the clock.
        with np.errstate(over="ignore"):
            so_far = self.elapsed[members] * np.exp((self.force.multiplicity - 1) * self.log_rho[members])
        scale[-1] = so_far + y[-1] + self._clock(r2, rho2) / self.force.bound
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
        w, across = y[1:-2], slope[1:-2]  # up to a multiple of w, this is a ∇Φ
        radial = p * (slope[0] + slope[-2] * a)  # w·∇Φ, like all forces here times the clock
        floor = 8 * _EPS * self.force.bound * r2 ** (p / 2) * slope[-1]  # its rounding
        # An explicit method at its limit of stability keeps the direction to a few rtol and no better; ∇Φ
        # changes by at most (p - 1) bound times that.
        blur = floor * (1 + self.rtol * max(p - 1, 1) / (2 * _EPS))
        reach = np.maximum(max(self.near, self.alignment) * np.abs(radial), blur)
        # A first look, to rounding of the square: few neurons deserve the second.
        tangential2 = _dot(across, across) - _dot(w, across) ** 2 / r2
        some = np.nonzero(tangential2 * r2 <= (2 * reach * a) ** 2 + 1e-12 * r2 * radial**2)[0]
        code = np.zeros(len(t), dtype=int)
        if len(some):
            push = across[:, some] + slope[-2, some] * w[:, some]
            part = (a[some], r2[some], slope[-1, some], push, radial[some], floor[some], blur[some])
            code[some] = self._look_closer(y, some, members[some], *part)
        return code

    def _look_closer(
        self,
        y: Array,
        some: NDArray[np.intp],
        who: NDArray[np.intp],
        a: Array,
        r2: Array,
        clock: Array,
        push: Array,
        radial: Array,
        floor: Array,
        blur: Array,
    ) -> NDArray[np.int_]:
        """The status of the columns ``some`` of y that look aligned; one that is given its limit is moved
        there. push = a ∇Φ, radial = w·∇Φ and their roundings are in units of 1/clock."""
        p = self.force.multiplicity
        ratio = self._ratio(y[1:-2, some], a, r2, push, radial)
        vanishing = np.abs(radial) <= floor
        code = np.zeros(len(some), dtype=int)
        code[vanishing & (_dot(push, push) * r2 <= (floor * a) ** 2)] = LeadingStatus.STUCK
        with np.errstate(divide="ignore"):
            least = np.maximum(self.alignment, blur / np.abs(radial))
        near = ~vanishing & (ratio <= np.maximum(self.near, least))
        aligned = near & (ratio <= least)
        invariant = r2 - p * a * a
        grows = near & (a * radial > 0) & (2 * np.abs(invariant) <= p * a * a)
        left = np.zeros(len(some))
        if p > 1 and grows.any():
            phi = radial[grows] / (p * clock[grows] * r2[grows] ** (p / 2))
            left[grows] = remaining_time(phi, a[grows], invariant[grows], p)
            left[grows] *= np.exp((1 - p) * self.log_rho[who[grows]])
        # K cannot be told from 0 below the error made on the way, which is relative to the largest ρ² so far.
        known = self.rtol * np.maximum(np.exp(-2 * self.log_rho[who]), 1.0)
        dies = near & (a * radial < 0) & (invariant <= known)
        # Near its maximum Φ changes by the square of the angle, and so does the time left.
        timely = ratio**2 * left <= self.rtol * (self.elapsed[who] + left)
        tried = np.nonzero(~aligned & timely & (grows | dies) & (ratio <= self.retry[who]))[0]
        if len(tried):
            norm = np.sqrt(r2[tried])
            limit, accepted = self.limits.find(y[1:-2, some[tried]] / norm, np.sign(a[tried]))
            y[1:-2, some[tried[accepted]]] = (limit * norm)[:, accepted]
            aligned[tried[accepted]] = True
            self.retry[who[tried]] = ratio[tried] / 2  # near a saddle the ratio is small for a while
        code[aligned & grows] = LeadingStatus.GROWING
        code[aligned & dies] = LeadingStatus.DYING
        ended = aligned & grows & (p > 1)
        self.blowup[who[ended]] = self.elapsed[who[ended]] + left[ended]
        return code


def _careful(rtol: float, rate: Array) -> Array:
    """A first step whose error, of order rate·h to the power 9, is well below rtol."""
    return 0.3 * rtol ** (1 / (ORDER + 1)) / np.maximum(rate, np.finfo(float).tiny)
