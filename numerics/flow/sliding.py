"""One-sided activations with p = 1: straight lines from kink to kink, sliding where a kink attracts.

Between two kinks the force is constant, ∇Φ = v, and with γ = ‖v‖, w∥ = w·v/γ

    a(t) = a cosh γt + w∥ sinh γt        w(t) = w + q(t) v,  q' = a:

a straight line, on which the next kink w·x_i = 0, and the moment when a changes its sign, are roots of a
quadratic equation. So no step size and no tolerance is needed: a neuron goes from event to event.

On a kink the force jumps by κ_i x_i, κ_i = s_i (c₊ + c₋)/n. Where a κ_i < 0 the kink attracts, and w' = a v with
the element v of smallest norm of Clarke's subdifferential (Filippov 1988; for a concave jump the minimal
selection is the only solution): the neuron slides while v·x_i = 0 and leaves to the side that v points
to. A kink with a κ_i > 0 is crossed. A neuron whose a changes its sign while it slides is at a point where
the flow is not unique: it leaves to the side that torch's convention σ'(0) = 0 takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from numerics.flow.moments import Array, OneSidedMoments
from numerics.flow.neurons import LeadingStatus

_EPS = np.finfo(float).eps
_ROUNDING = 64 * _EPS


class _Line(NamedTuple):
    """A segment of C neurons: a, w (D, C) at its start, the constant force v (D, C), and the way of a, ±1."""

    a: Array
    w: Array
    v: Array
    way: Array

    @property
    def rate(self) -> Array:
        return np.sqrt(np.einsum("ij,ij->j", self.v, self.v))

    @property
    def along(self) -> Array:
        rate = self.rate
        return np.einsum("ij,ij->j", self.w, self.v) / np.where(rate > 0, rate, 1.0)

    def at(self, t: Array) -> tuple[Array, Array]:
        """a (C,) and w (D, C) after the times t (C,)."""
        rate, along = self.rate, self.along
        moved = np.where(rate > 0, rate, 1.0)
        sinh, half = np.sinh(rate * t), np.sinh(rate * t / 2)
        q = np.where(rate > 0, (self.a * sinh + 2 * along * half**2) / moved, self.a * t)
        return self.a * (1 + 2 * half**2) + along * sinh, self.w + q * self.v

    def time_to(self, q: Array) -> Array:
        """When w has moved by q v, q of the sign of ``way``; inf where it never has."""
        rate, along = self.rate, self.along
        with np.errstate(invalid="ignore", divide="ignore"):
            goal = rate * q + along  # A e^{γt} - B e^{-γt}, A and B the halves of a ± w∥
            a = self.way * np.sqrt(goal**2 + (self.a - along) * (self.a + along))
            forward = np.abs(self.a + along) >= np.abs(a - goal)
            growth = np.where(forward, (a + goal) / (self.a + along), (self.a - along) / (a - goal))
            time = np.log(growth) / rate
        return np.where(np.isfinite(time), np.maximum(time, 0.0), np.inf)

    def time_to_sign_change(self) -> Array:
        """When a passes 0; inf where it does not."""
        along = self.along
        passes = (self.way * along < 0) & (np.abs(along) > np.abs(self.a))
        with np.errstate(invalid="ignore", divide="ignore"):
            time = np.log((along - self.a) / (along + self.a)) / (2 * self.rate)
        return np.where(passes, np.where(np.isfinite(time), np.maximum(time, 0.0), np.inf), np.inf)


@dataclass(eq=False)
class Sliding:
    """N neurons on their way; the states below are filled in as they end. Times in gradient-flow time."""

    force: OneSidedMoments
    times: Array  # (S,) requested, may be empty
    alignment: float
    a: Array  # (N,)
    w: Array  # (D, N)
    snapshots: Array = field(init=False)  # (S, D + 1, N)
    t: Array = field(init=False)
    status: NDArray[np.int_] = field(init=False)
    events: NDArray[np.int_] = field(init=False)

    def __post_init__(self) -> None:
        force, count = self.force, len(self.a)
        self.snapshots = np.repeat(np.vstack([self.a, self.w])[None], len(self.times), axis=0)
        self.t, self.events = np.zeros(count), np.zeros(count, dtype=int)
        self.status = np.full(count, int(LeadingStatus.UNFINISHED))
        self.jump = force.weighted * (force.slopes[0] - force.slopes[1])  # (D, n): κ_i x_i
        self.bend = np.einsum("di,id->i", self.jump, force.samples)  # κ_i ‖x_i‖²
        self.norms = np.linalg.norm(force.samples, axis=1)

    def run(self, moving: NDArray[np.intp], max_events: int) -> None:
        """Follow the neurons ``moving`` to their ends or through the last of the requested times."""
        z = self.force.samples @ self.w[:, moving]
        kink = (self.bend != 0)[:, None]
        on = kink & (np.abs(z) <= _ROUNDING * self.norms[:, None] * np.linalg.norm(self.w[:, moving], axis=0))
        side = np.where(z > 0, 1.0, -1.0)
        rise = np.einsum("ij,ij->j", self.w[:, moving], self._constant_force(side, None))  # Φ
        # Where a = 0 it takes the sign of Φ at once.
        way = np.where(self.a[moving] != 0, np.sign(self.a[moving]), np.sign(rise))
        side, on = self._leave_repelling(side, on, way, np.ones(len(moving), dtype=bool))
        for _ in range(max_events):
            if not len(moving):
                return
            v, side, on = self._forces(side, on, way)
            line = _Line(self.a[moving], self.w[:, moving], v, way)
            wait, hit, turned, ended = self._next_event(line, side, on)
            self._record(moving, line, wait, ended)
            going = ended == LeadingStatus.UNFINISHED
            if len(self.times):
                going &= self.t[moving] < self.times[-1]
            self.events[moving] += 1
            way = np.where(turned, -way, way)
            attracting = self.bend[:, None] * way < 0
            side = np.where(hit & ~attracting, -side, side)
            on = on | (hit & attracting)
            side, on = self._leave_repelling(side, on, way, turned)
            moving, way, side, on = moving[going], way[going], side[:, going], on[:, going]

    def _constant_force(self, side: Array, on: NDArray[np.bool_] | None) -> Array:
        """∇Φ of the sign patterns (n, C); on kinks with σ' = 0, or of the negative side when on is None."""
        slopes = np.where(side > 0, self.force.slopes[0], self.force.slopes[1])
        return self.force.weighted @ (slopes if on is None else np.where(on, 0.0, slopes))

    def _leave_repelling(
        self, side: Array, on: NDArray[np.bool_], way: Array, which: NDArray[np.bool_]
    ) -> tuple[Array, NDArray[np.bool_]]:
        repelling = on & (self.bend[:, None] * way > 0) & which
        if not repelling.any():
            return side, on
        speed = way * (self.force.samples @ self._constant_force(side, on))
        return np.where(repelling, np.where(speed > 0, 1.0, -1.0), side), on & ~repelling

    def _forces(
        self, side: Array, on: NDArray[np.bool_], way: Array
    ) -> tuple[Array, Array, NDArray[np.bool_]]:
        """v (D, C), and the kinks that the neurons leave with it."""
        side = np.where(on, -1.0, side)
        v = self._constant_force(side, None)
        for column in np.nonzero(on.any(axis=0))[0]:
            chosen = np.nonzero(on[:, column])[0]
            jumps = self.jump[:, chosen]
            if len(chosen) == 1:
                share = np.clip(-(self.force.samples[chosen] @ v[:, column]) / self.bend[chosen], 0.0, 1.0)
            else:
                share = lsq_linear(jumps, -v[:, column], (0.0, 1.0), method="bvls", tol=_EPS).x
            v[:, column] += jumps @ share
            # A force that cancels to rounding is none.
            total = np.abs(self.force.weighted) @ np.abs(np.where(side[:, column] > 0, *self.force.slopes))
            if np.linalg.norm(v[:, column]) <= _ROUNDING * np.linalg.norm(total):
                v[:, column] = 0.0
            speed = way[column] * (self.force.samples[chosen] @ v[:, column])
            free = (share <= 0) | (share >= 1)
            leaves = free & (np.abs(speed) > _ROUNDING * self.norms[chosen] * np.linalg.norm(total))
            side[chosen[leaves], column] = np.sign(speed[leaves])
            on[chosen[leaves], column] = False
        return v, side, on

    def _next_event(
        self, line: _Line, side: Array, on: NDArray[np.bool_]
    ) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int_]]:
        """Time to the next event (C,), the kinks hit (n, C), whether a changes its sign, and how a neuron ends."""
        z, speed = self.force.samples @ line.w, line.way * (self.force.samples @ line.v)
        approaching = (side * speed < 0) & ~on & (self.bend != 0)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            # Rounding may have left z on the wrong side: then the kink is here.
            distance = np.where(approaching, np.maximum(side * z, 0.0) / np.abs(speed), np.inf)
        nearest = distance.min(axis=0)
        across = line.w - line.along * line.v / np.where(line.rate > 0, line.rate, 1.0)
        radial = np.linalg.norm(across, axis=0) <= 1e3 * _ROUNDING * np.linalg.norm(line.w, axis=0)
        falls = radial & (line.way * line.along < 0) & (np.abs(line.a) >= np.abs(line.along))
        to_zero = np.abs(line.along) / np.where(line.rate > 0, line.rate, 1.0)  # the way to w = 0
        nearest = np.where(falls, to_zero, nearest)
        with np.errstate(over="ignore"):
            to_kink = np.where(np.isfinite(nearest), line.time_to(line.way * nearest), np.inf)
        to_turn = np.where(falls, np.inf, line.time_to_sign_change())
        wait, turned = np.minimum(to_kink, to_turn), to_turn < to_kink
        hit = approaching & (distance <= nearest * (1 + _ROUNDING)) & ~turned & ~falls & np.isfinite(wait)
        ended = np.full(len(wait), int(LeadingStatus.UNFINISHED))
        ended[~np.isfinite(wait)] = LeadingStatus.GROWING
        ended[falls] = LeadingStatus.DYING
        ended[line.rate == 0] = LeadingStatus.STUCK
        return wait, hit, turned, ended

    def _record(self, moving: NDArray[np.intp], line: _Line, wait: Array, ended: NDArray[np.int_]) -> None:
        start = self.t[moving]
        for k, time in enumerate(self.times):
            inside = (start <= time) & (time < start + wait)
            if inside.any():
                a, w = line.at(np.where(inside, time - start, 0.0))
                self.snapshots[k, 0, moving[inside]] = a[inside]
                self.snapshots[k, 1:, moving[inside]] = w[:, inside].T
        grows, dies = ended == LeadingStatus.GROWING, ended == LeadingStatus.DYING
        pause = np.where(np.isfinite(wait), wait, np.where(grows, self._until_aligned(line), 0.0))
        a, w = line.at(pause)
        w[:, grows] = (
            np.linalg.norm(w, axis=0) * line.way * line.v / np.where(line.rate > 0, line.rate, 1.0)
        )[:, grows]
        w[:, dies] *= np.where(np.isfinite(wait[dies]), 0.0, 1.0)
        a = np.where(np.abs(a) <= _ROUNDING * np.abs(line.a), 0.0, a)
        self.a[moving], self.w[:, moving] = a, w
        self.t[moving] = start + (wait if len(self.times) else pause)
        self.status[moving] = ended
        for k, time in enumerate(self.times):  # at rest from here on
            rests = (dies | (ended == LeadingStatus.STUCK)) & (time >= start + np.where(dies, wait, 0.0))
            self.snapshots[k, 0, moving[rests]] = a[rests]
            self.snapshots[k, 1:, moving[rests]] = w[:, rests].T

    def _until_aligned(self, line: _Line) -> Array:
        """How long it takes until the angle to ±v is the alignment asked for, growing by e^300 at most."""
        across = line.w - line.along * line.v / np.where(line.rate > 0, line.rate, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = 2 * np.linalg.norm(across, axis=0) / (self.alignment * np.abs(line.a + line.along))
            return np.where(line.rate > 0, np.clip(np.log(growth), 0.0, 300.0) / line.rate, 0.0)
