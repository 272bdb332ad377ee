"""Many independent autonomous systems integrated at once, one per column, each with its own steps.

A shared step would couple the members of a batch: here each column accepts, rejects and finishes alone,
finished columns leave the working block and waiting ones take their place, so that a block stays as wide
as the cache likes. The steps are those of `pair`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from numerics.flow.pair import ORDER, STAGES, Array, Workspace, rk_step, step_error

__all__ = ["Array", "BatchResult", "Ending", "System", "integrate", "rk_step"]

_TINY = np.finfo(float).tiny
_EPS = np.finfo(float).eps
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0  # the usual limits of a step-size change
_FIRST_STEP = 1e-2  # in units of the system's own tempo; the controller corrects it within a few steps


class Ending(IntEnum):
    """Why the integration of a column ended; a system may return further positive codes of its own."""

    RUNNING = 0
    REACHED = -1  # the last requested time
    BUDGET = -2  # too many steps
    STEP_TOO_SMALL = -3  # the step no longer changes the time
    NOT_FINITE = -4


class System(ABC):
    """A batch of autonomous systems y' = field(y); ``y`` is (P, C), ``members`` (C,) says which columns
    of the batch."""

    @abstractmethod
    def field(self, y: Array, members: NDArray[np.intp]) -> Array:
        """dy/dt, (P, C)."""

    @abstractmethod
    def scale(self, y: Array, members: NDArray[np.intp]) -> Array:
        """The size that an error in each entry is compared with: anything that broadcasts to (P, C)."""

    def increment(self, y: Array, h: Array, members: NDArray[np.intp], out: Array) -> None:
        """h·field(y) into ``out`` (P, C), h (C,): for systems that save passes over the memory here."""
        np.multiply(self.field(y, members), h, out=out)

    def tempo(self, y: Array) -> Array:
        """A natural time step at y, (C,): step sizes are remembered in this unit."""
        return np.ones(y.shape[1])

    def first_step(self, y: Array, slope: Array) -> Array:
        """The first step to try, (C,), in units of the tempo, where slope = field(y)."""
        return np.full(y.shape[1], _FIRST_STEP)

    def settle(self, y: Array, slope: Array, t: Array, members: NDArray[np.intp]) -> NDArray[np.int_]:
        """Called after each step with slope = field(y); may renormalise both in place; a positive code
        ends a column."""
        return np.zeros(y.shape[1], dtype=int)

    def events(self, y: Array, members: NDArray[np.intp]) -> Array:
        """Functions whose first passage from negative to positive is located, (number of events, C)."""
        return np.empty((0, y.shape[1]))


@dataclass(frozen=True, eq=False)
class BatchResult:
    """Where each column went; S requested times, P entries, B columns, V events."""

    y: Array  # (P, B) at the end
    t: Array  # (B,) end times
    snapshots: Array  # (S, P, B); a time that was not reached holds the state at the end
    ending: NDArray[np.int_]  # (B,): `Ending` or the system's own code
    event_t: Array  # (V, B): inf where the event did not happen
    event_y: Array  # (V, P, B)
    steps: NDArray[np.int_]  # (B,) accepted
    rejected: NDArray[np.int_]  # (B,)
    evaluations: int  # of the field, counted in columns


@dataclass(eq=False)
class _Run:
    """The results so far (…, B), and the working block of at most ``room`` columns (…, C)."""

    system: System
    times: Array  # (S, B)
    rtol: float
    max_steps: int
    room: int
    y_end: Array
    t_end: Array
    snapshots: Array
    ending: NDArray[np.int_]
    event_t: Array
    event_y: Array
    steps: NDArray[np.int_]
    rejected: NDArray[np.int_]
    workspace: Workspace
    members: NDArray[np.intp]
    y: Array
    slope: Array
    t: Array
    step: Array  # in units of the system's tempo
    landed: NDArray[np.int_]  # how many of the times have been reached
    watch: Array  # (V, C) event functions
    waiting: int = 0  # the first column that has not been admitted
    evaluations: int = 0

    def admit(self) -> None:
        """Fill the free places with waiting columns; a few newcomers are not worth a copy."""
        room, left = self.room - len(self.members), len(self.t_end) - self.waiting
        if not left or room < min(self.room // 8, left):
            return
        new = np.arange(self.waiting, self.waiting + min(room, left))
        self.waiting += len(new)
        fresh = self.y_end[:, new]
        slope = self.system.field(fresh, new)
        self.evaluations += len(new)
        self.members = np.concatenate([self.members, new])
        self.y = np.concatenate([self.y, fresh], axis=1)
        self.slope = np.concatenate([self.slope, slope], axis=1)
        self.t = np.concatenate([self.t, np.zeros(len(new))])
        self.step = np.concatenate([self.step, self.system.first_step(fresh, slope)])
        self.landed = np.concatenate([self.landed, np.zeros(len(new), dtype=int)])
        self.watch = np.concatenate([self.watch, self.system.events(fresh, new)], axis=1)

    def advance(self) -> None:
        """Try one step in every column of the block, and let the finished ones go."""
        system, members = self.system, self.members
        tempo = system.tempo(self.y)
        goal = self.times[self.landed, members]
        h = self.step * tempo
        landing = h >= goal - self.t
        h = np.where(landing, goal - self.t, h)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            y_new, increments = rk_step(system, self.y, self.slope, h, members, self.workspace)
            scale = np.maximum(system.scale(self.y, members), system.scale(y_new, members))
            scale = np.broadcast_to(np.maximum(scale, _TINY), self.y.shape)
            error = step_error(increments, scale) / self.rtol
            factor = np.clip(_SAFETY * np.maximum(error, _TINY) ** (-1 / ORDER), _SHRINK, _GROW)
            largest = np.max(np.abs(y_new), axis=0) ** 2
        self.evaluations += (STAGES - 1) * len(members)
        # A step to where squares overflow has an error of 0 relative to sizes that are none: it is no step.
        finite = np.isfinite(error) & np.isfinite(largest)
        factor[~finite] = _SHRINK
        good = finite & (error <= 1)
        self.steps[members] += good
        self.rejected[members] += ~good
        if len(self.watch) and good.any():
            self._look_for_events(y_new, h, good)

        # A step cut short to land on a time says little about the step that the error allows.
        proposal = h / tempo * factor
        self.step = np.where(landing & good, np.maximum(self.step, proposal), proposal)
        self.t = np.where(good, np.where(landing, goal, self.t + h), self.t)
        np.copyto(self.y, y_new, where=good)
        arrived = np.nonzero(landing & good)[0]
        self.snapshots[self.landed[arrived], :, members[arrived]] = self.y[:, arrived].T
        self.landed[arrived] += 1
        if good.any():
            self.slope = system.field(self.y, members)
            self.evaluations += len(members)
        self._release(good, finite, h * factor)

    def _look_for_events(self, y_new: Array, h: Array, good: NDArray[np.bool_]) -> None:
        after = self.system.events(y_new, self.members)
        for v, column in zip(*np.nonzero(good & (self.watch < 0) & (after >= 0)), strict=True):
            who = self.members[column]
            if np.isfinite(self.event_t[v, who]):
                continue
            one = slice(column, column + 1)
            start, slope = self.y[:, one], self.slope[:, one]
            part, state = _locate(
                self.system, v, start, slope, h[one], self.members[one], float(self.watch[v, column])
            )
            self.event_t[v, who], self.event_y[v, :, who] = self.t[column] + part, state
        self.watch = np.where(good, after, self.watch)

    def _release(self, good: NDArray[np.bool_], finite: NDArray[np.bool_], next_h: Array) -> None:
        members = self.members
        code = np.where(good, self.system.settle(self.y, self.slope, self.t, members), int(Ending.RUNNING))
        tried = self.steps[members] + self.rejected[members]
        code[(code == 0) & (self.landed == len(self.times))] = Ending.REACHED
        code[(code == 0) & (tried >= self.max_steps)] = Ending.BUDGET
        stalled = ~good & (next_h <= np.maximum(_EPS * self.t, _TINY))
        code[(code == 0) & stalled & finite] = Ending.STEP_TOO_SMALL
        code[(code == 0) & stalled] = Ending.NOT_FINITE
        done = code != 0
        if not done.any():
            return
        out = members[done]
        self.y_end[:, out], self.t_end[out], self.ending[out] = self.y[:, done], self.t[done], code[done]
        for k in range(len(self.times)):
            short = done & (self.landed <= k)
            self.snapshots[k][:, members[short]] = self.y[:, short]
        keep = ~done
        self.members, self.y, self.slope = members[keep], self.y[:, keep], self.slope[:, keep]
        self.t, self.step, self.landed = self.t[keep], self.step[keep], self.landed[keep]
        self.watch = self.watch[:, keep]


def integrate(
    system: System,
    y0: Array,
    times: Array,
    *,
    rtol: float,
    max_steps: int = 100_000,
    width: int = 1024,
) -> BatchResult:
    """Integrate every column of y0 (P, B) through the ascending ``times`` (S,) or (S, B), landing on each
    exactly.

    ``times`` may end in inf: then only the system's `settle` or the budget ends a column. Error per step
    at most ``rtol`` times the system's scale. Memory: 15·P·width numbers of work space beside the
    results.
    """
    size, batch = y0.shape
    events = len(system.events(y0[:, :1], np.arange(min(1, batch)))) if batch else 0
    run = _Run(
        system,
        np.broadcast_to(times.reshape(len(times), -1), (len(times), batch)),
        rtol,
        max_steps,
        width,
        y_end=np.array(y0, dtype=float),
        t_end=np.zeros(batch),
        snapshots=np.empty((len(times), size, batch)),
        ending=np.full(batch, int(Ending.RUNNING)),
        event_t=np.full((events, batch), np.inf),
        event_y=np.zeros((events, size, batch)),
        steps=np.zeros(batch, dtype=int),
        rejected=np.zeros(batch, dtype=int),
        workspace=Workspace(size, min(width, batch)),
        members=np.empty(0, dtype=np.intp),
        y=np.empty((size, 0)),
        slope=np.empty((size, 0)),
        t=np.empty(0),
        step=np.empty(0),
        landed=np.empty(0, dtype=int),
        watch=np.empty((events, 0)),
    )
    run.admit()
    while len(run.members):
        run.advance()
        run.admit()
    return BatchResult(
        run.y_end,
        run.t_end,
        run.snapshots,
        run.ending,
        run.event_t,
        run.event_y,
        run.steps,
        run.rejected,
        run.evaluations,
    )


def _locate(
    system: System, v: int, y: Array, slope: Array, h: Array, member: NDArray[np.intp], before: float
) -> tuple[float, Array]:
    """The part of the step h at which event v of one column passes zero, by bisection and secant
    (Illinois) on whole Runge-Kutta steps from the same start, hence to the full order of the method."""

    def at(part: float) -> tuple[float, Array]:
        state, _ = rk_step(system, y, slope, part * h, member)
        return float(system.events(state, member)[v, 0]), state[:, 0]

    low, f_low, high, moved = 0.0, before, 1.0, 0
    f_high, state = at(1.0)
    for _ in range(80):
        if high - low <= 4 * _EPS * high or f_high == 0:
            break
        middle = high - f_high * (high - low) / (f_high - f_low)
        if not low < middle < high:
            middle = (low + high) / 2
        value, trial = at(middle)
        if value >= 0:
            f_low = f_low / 2 if moved > 0 else f_low
            high, f_high, state, moved = middle, value, trial, 1
        else:
            f_high = f_high / 2 if moved < 0 else f_high
            low, f_low, moved = middle, value, -1
    return high * float(h[0]), state
