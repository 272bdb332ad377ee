"""The full gradient flow in rescaled variables, many scales ε at once: what its two right-hand sides share.

    θ' = -∇R,  R = mean ℓ(f, y)      θ = ε θ̂,  t = ε^κ τ

`two_layer` integrates the neurons of one hidden layer, `network` the displacements of any fully connected network; the
steps are those of `batch`, each scale with its own.

Dense output is the state of every column at any time that the integration has passed.  The nodes of the accepted steps
are kept, and a state between two of them is one whole Runge-Kutta step of the part of the way from the earlier one: of
the full order of the method, where an interpolating polynomial of it has one less, and equal to the integration itself
at the nodes.  Cost: 13 evaluations of the field a time; memory: one state a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike, NDArray

from numerics.errors import NumericsError
from numerics.flow.batch import Array, BatchResult, Ending, System, integrate, rk_step


class FullStatus(IntEnum):
    """How a member's integration ended."""

    REACHED = 0
    BUDGET = 1  # too many steps: the last state is returned
    STALLED = 2  # the step no longer changes the time
    NOT_FINITE = 3


_STATUS = {
    Ending.REACHED: FullStatus.REACHED,
    Ending.BUDGET: FullStatus.BUDGET,
    Ending.STEP_TOO_SMALL: FullStatus.STALLED,
    Ending.NOT_FINITE: FullStatus.NOT_FINITE,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ScaledResult:
    """What every full flow tells of its E members: their scales, the times asked for, where and how each ended.

    ``tau`` as it was asked for; ``tau_end``, ``status`` (of `FullStatus`), ``steps`` and ``rejected`` are (E,).
    """

    epsilons: Float64[np.ndarray, "E"]
    time_exponent: float
    tau: Float64[np.ndarray, "*S"]
    tau_end: Float64[np.ndarray, "E"]
    status: Int[np.ndarray, "E"]
    steps: Int[np.ndarray, "E"]
    rejected: Int[np.ndarray, "E"]


@dataclass(eq=False)
class Scales:
    """The members of a full flow: ε and the speed ε^{κ-1} of each, and the rescaled weight decay in 1/τ that all share."""

    epsilons: Array  # (E,)
    time_exponent: float
    decay: float

    def __post_init__(self) -> None:
        self.speed = self.epsilons ** (self.time_exponent - 1)

    def of(self, members: NDArray[np.intp]) -> tuple[Array, Array]:
        """ε and speed of these members, (C, 1, 1) both."""
        return self.epsilons[members, None, None], self.speed[members, None, None]

    def told(self, tau: ArrayLike, out: BatchResult) -> dict:
        """The fields of `ScaledResult`."""
        return {
            "epsilons": self.epsilons,
            "time_exponent": self.time_exponent,
            "tau": np.asarray(tau, dtype=float),
            "tau_end": out.t,
            "status": np.array([int(_STATUS[Ending(code)]) for code in out.ending], dtype=int),
            "steps": out.steps,
            "rejected": out.rejected,
        }


def scales(epsilons: ArrayLike, time_exponent: float, decay: float) -> Scales:
    """The members of a flow; raises `NumericsError` for scales that are not positive and finite, or a decay below 0."""
    eps = np.atleast_1d(np.asarray(epsilons, dtype=float))
    if eps.ndim != 1 or not len(eps) or not (np.isfinite(eps) & (eps > 0)).all():
        raise NumericsError("epsilons must be positive finite numbers, at least one")
    if not 0 <= decay < np.inf:
        raise NumericsError(f"weight_decay {decay}: a finite number ≥ 0 is needed")
    return Scales(eps, float(time_exponent), decay)


def ascending(tau: ArrayLike) -> Array:
    """The times (S,) of one number or a list; raises `NumericsError` where they do not ascend from 0 or are not finite."""
    times = np.atleast_1d(np.asarray(tau, dtype=float))
    rising = times.ndim == 1 and len(times) > 0 and (np.diff(times, prepend=0.0) >= 0).all()
    if not rising or not np.isfinite(times).all():
        raise NumericsError("tau must be one number or an ascending list, none negative, all finite")
    return times


def samples_and_goals(x: ArrayLike, y: ArrayLike, columns: int | None = None) -> tuple[Array, Array]:
    """x (n, D) and y as (n, K); raises `NumericsError` where they are no data, or x has not so many ``columns``."""
    samples, goals = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    given = goals.shape
    goals = goals.reshape(len(goals), -1) if goals.ndim else goals.reshape(0, 0)
    fits = samples.ndim == 2 and columns in (None, samples.shape[1]) and len(goals) == len(samples) > 0
    if not fits:
        raise NumericsError(
            f"data have shapes x {samples.shape}, y {given}; x (n, {columns or 'D'}) and y (n,) or (n, K) are needed"
        )
    if not (np.isfinite(samples).all() and np.isfinite(goals).all()):
        raise NumericsError("x or y holds a value that is not finite; finite numbers are needed")
    return samples, goals


def run(
    system: System, start: Array, times: Array, *, rtol: float, max_steps: int, nodes: Nodes | None = None
) -> BatchResult:
    """`integrate` from start (P, E); an event that holds from the start has time 0.  ``nodes`` are begun with it."""
    if not (rtol > 0 and max_steps >= 1):
        raise NumericsError(
            f"rtol is {rtol}, max_steps {max_steps}; rtol > 0 and at least one step are needed"
        )
    if nodes is not None:
        nodes.begin(start)
    members = np.arange(start.shape[1])
    out = integrate(system, start, times, rtol=rtol, max_steps=max_steps, width=len(members))
    for v, member in np.argwhere(system.events(start, members) >= 0):
        out.event_t[v, member], out.event_y[v, :, member] = 0.0, start[:, member]
    return out


@dataclass(eq=False)
class Nodes:
    """The accepted steps of every column, in the order in which they were made."""

    times: list[list[float]] = field(default_factory=list)
    states: list[list[Array]] = field(default_factory=list)

    def begin(self, start: Array) -> None:
        self.times = [[0.0] for _ in start.T]
        self.states = [[column.copy()] for column in start.T]

    def add(self, y: Array, t: Array, members: NDArray[np.intp]) -> None:
        """Columns whose last step was rejected stand where they were and are passed over."""
        for column, member in enumerate(members.tolist()):
            if t[column] > self.times[member][-1]:
                self.times[member].append(float(t[column]))
                self.states[member].append(y[:, column].copy())

    def at(self, system: System, tau: ArrayLike) -> Array:
        """The states (S, P, B) at ``tau`` (S,); raises NumericsError outside what every column has passed."""
        times = np.atleast_1d(np.asarray(tau, dtype=float))
        last = min(own[-1] for own in self.times)
        if times.ndim != 1 or not ((times >= 0) & (times <= last)).all():
            raise NumericsError(f"tau must be numbers from 0 to {last:g}, where the integration ended")
        members = np.arange(len(self.times))
        out = []
        for time in times:
            place = [int(np.searchsorted(own, time, side="right")) - 1 for own in self.times]
            y = np.stack([own[k] for own, k in zip(self.states, place, strict=True)], axis=1)
            part = time - np.array([own[k] for own, k in zip(self.times, place, strict=True)])
            moved, _ = rk_step(system, y, system.field(y, members), part, members)
            out.append(np.where(part > 0, moved, y))
        return np.array(out)
