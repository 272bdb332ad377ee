"""Many independent autonomous systems integrated at once, one per column, each with its own steps.

Dormand and Prince's explicit Runge-Kutta method of order 8 with an error estimate of orders 5 and 3
(Hairer, Nørsett, Wanner, *Solving Ordinary Differential Equations I*, II.5), its tableau read from SciPy.
A shared step would couple the members of a batch: here each column accepts, rejects and finishes alone,
finished columns leave the working block and waiting ones take their place, so that a block stays as wide
as the cache likes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

Array = NDArray[np.float64]

_A, _B, _E3, _E5 = DOP853.A, DOP853.B, DOP853.E3[:-1], DOP853.E5[:-1]
_STAGES = len(_B)
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

    def tempo(self, y: Array) -> Array:
        """A natural time step at y, (C,): step sizes are remembered in this unit."""
        return np.ones(y.shape[1])

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


def rk_step(
    system: System, y: Array, slope: Array, h: Array, members: NDArray[np.intp]
) -> tuple[Array, Array]:
    """One step of size h (C,) from y (P, C) with slope = field(y): the new state and all stages (12, P,
    C)."""
    stages = np.empty((_STAGES, *y.shape))
    stages[0] = slope
    flat = stages.reshape(_STAGES, -1)
    for i in range(1, _STAGES):
        point = (_A[i, :i] @ flat[:i]).reshape(y.shape)
        point *= h
        point += y
        stages[i] = system.field(point, members)
    new = (_B @ flat).reshape(y.shape)
    new *= h
    new += y
    return new, stages


def _error(stages: Array, h: Array, scale: Array) -> Array:
    """The weighted error estimate of a step, (C,), in the same units as the tolerance."""
    flat = stages.reshape(_STAGES, -1)
    shape = stages.shape[1:]
    fifth = np.abs((_E5 @ flat).reshape(shape) / scale).max(axis=0)
    third = np.abs((_E3 @ flat).reshape(shape) / scale).max(axis=0)
    return np.abs(h) * fifth**2 / np.maximum(np.sqrt(fifth**2 + 0.01 * third**2), _TINY)


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
    at most ``rtol`` times the system's scale. Memory: 12·P·width numbers of work space beside the
    results.
    """
    size, batch = y0.shape
    times = np.broadcast_to(times.reshape(len(times), -1), (len(times), batch))
    snapshots = np.empty((len(times), size, batch))
    y_end, t_end = np.array(y0, dtype=float), np.zeros(batch)
    ending = np.full(batch, int(Ending.RUNNING))
    steps, rejected = np.zeros(batch, dtype=int), np.zeros(batch, dtype=int)
    n_events = len(system.events(y_end[:, :1], np.arange(min(1, batch)))) if batch else 0
    event_t, event_y = np.full((n_events, batch), np.inf), np.zeros((n_events, size, batch))
    evaluations = 0

    members = np.empty(0, dtype=np.intp)
    y, slope = np.empty((size, 0)), np.empty((size, 0))
    t, step, landed = np.empty(0), np.empty(0), np.empty(0, dtype=int)
    watch = np.empty((n_events, 0))
    waiting = 0
    while True:
        room = width - len(members)
        if waiting < batch and room >= min(
            width // 8, batch - waiting
        ):  # a few newcomers are not worth a copy
            new = np.arange(waiting, min(waiting + room, batch))
            waiting = int(new[-1]) + 1
            fresh = y_end[:, new]
            members, y = np.concatenate([members, new]), np.concatenate([y, fresh], axis=1)
            slope = np.concatenate([slope, system.field(fresh, new)], axis=1)
            t = np.concatenate([t, np.zeros(len(new))])
            step = np.concatenate([step, np.full(len(new), _FIRST_STEP)])
            landed = np.concatenate([landed, np.zeros(len(new), dtype=int)])
            watch = np.concatenate([watch, system.events(fresh, new)], axis=1)
        if not len(members):
            break

        tempo = system.tempo(y)
        target = times[landed, members] - t
        h = step * tempo
        landing = h >= target
        h = np.where(landing, target, h)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            y_new, stages = rk_step(system, y, slope, h, members)
            scale = np.maximum(
                np.broadcast_to(system.scale(y, members), y.shape), system.scale(y_new, members)
            )
            error = _error(stages, h, np.maximum(scale, _TINY)) / rtol
            factor = np.clip(_SAFETY * np.maximum(error, _TINY) ** (-1 / 8), _SHRINK, _GROW)
        evaluations += _STAGES * len(members)
        finite = np.isfinite(error)
        factor[~finite] = _SHRINK
        good = finite & (error <= 1)
        steps[members[good]] += 1
        rejected[members[~good]] += 1

        if n_events and good.any():
            after = system.events(y_new, members)
            for v, column in zip(*np.nonzero(good & (watch < 0) & (after >= 0)), strict=True):
                who = members[column]
                if np.isinf(event_t[v, who]):
                    one = slice(column, column + 1)
                    part, state = _locate(
                        system, v, y[:, one], slope[:, one], h[one], members[one], watch[v, column]
                    )
                    event_t[v, who], event_y[v, :, who] = t[column] + part, state
            watch = np.where(good, after, watch)

        # A step cut short to land on a time says little about the step that the error allows.
        proposal = h / tempo * factor
        step = np.where(landing & good, np.maximum(step, proposal), proposal)
        t = np.where(good, np.where(landing, times[landed, members], t + h), t)
        if good.all():
            y = y_new
        else:
            np.copyto(y, y_new, where=good)
        arrived = np.nonzero(landing & good)[0]
        snapshots[landed[arrived], :, members[arrived]] = y[:, arrived].T
        landed[arrived] += 1

        if good.any():
            slope = system.field(y, members)
            evaluations += len(members)
        code = np.where(good, system.settle(y, slope, t, members), int(Ending.RUNNING))
        tried = steps[members] + rejected[members]
        code[(code == 0) & (landed == len(times))] = Ending.REACHED
        code[(code == 0) & (tried >= max_steps)] = Ending.BUDGET
        stalled = ~good & (h * factor <= _EPS * np.maximum(t, _TINY)) | (~good & (h < _TINY))
        code[(code == 0) & stalled] = Ending.STEP_TOO_SMALL
        code[(code == Ending.STEP_TOO_SMALL) & ~finite] = Ending.NOT_FINITE

        done = code != 0
        if done.any():
            out = members[done]
            y_end[:, out], t_end[out], ending[out] = y[:, done], t[done], code[done]
            for k in range(len(times)):
                short = done & (landed <= k)
                snapshots[k][:, members[short]] = y[:, short]
            keep = ~done
            members, y, slope, t = members[keep], y[:, keep], slope[:, keep], t[keep]
            step, landed, watch = step[keep], landed[keep], watch[:, keep]
    return BatchResult(y_end, t_end, snapshots, ending, event_t, event_y, steps, rejected, evaluations)


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
