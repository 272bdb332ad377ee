"""Many members of one autonomous system followed at once, each with steps of its own, past given times or to its end.

A round is one step of every member that is still followed (theory.flows.driver).  A step whose estimated error is above
the tolerance is taken again, shorter.  Members stop being followed when they have passed their last time, when `retire`
gives a reason, or when their step falls below `smallest`: what is left costs only what is left.

Times.  Either the variable of the system is the time itself, or, with a `clock`, the time is a component of the state
that never falls.  A time is met by cutting the step to it: exactly in the first case, by Newton's iteration on the clock
in the second.  The step before it was cut is taken up again behind the time, so that a grid costs about as many steps
as its last time alone, and one more for each time.

An explicit Runge-Kutta step for a batch of members, each with its own step size.

Dormand and Prince, J. Comput. Appl. Math. 6 (1980) 19-26: order 5 with an embedded order 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Velocity = Callable[
    [np.ndarray, np.ndarray], np.ndarray
]  # of states (k, d) and the members (k,) that have them
Retire = Callable[
    [np.ndarray, np.ndarray], np.ndarray
]  # the same, to a reason (k,): 0 goes on, above 0 stops

GOES_ON, STUCK = 0, -1  # reasons; those above 0 are the caller's

# Of a time: chosen because sums of steps are rounded by a few units of 1e-16, and a clock by as many as it has steps.
_MET, _MET_BY_CLOCK = 1e-14, 1e-13
_SLOWEST = 1e-300  # of a clock: chosen because binary64 divides by it


@dataclass(frozen=True)
class Followed:
    """What became of N members with states of d components.

    `states` (G, N, d) at the G times (the last state where a time was not met), `met` (N,) how many of its times each
    member met, `last` (N, d) where it was left, `reasons` (N,) why: GOES_ON (its times are met, or the rounds ran out),
    STUCK, or what `retire` said.  `running` (N,) are those that the rounds did not suffice for.
    """

    states: np.ndarray
    met: np.ndarray
    last: np.ndarray
    reasons: np.ndarray
    running: np.ndarray


def follow(
    velocity: Velocity,
    start: np.ndarray,
    size: np.ndarray,
    *,
    tolerance: float,
    max_steps: int,
    times: np.ndarray | None = None,
    clock: int | None = None,
    largest: float = np.inf,
    smallest: float = 0.0,
    project: Callable[[np.ndarray], np.ndarray] | None = None,
    retire: Retire | None = None,
    together: bool = False,
) -> Followed:
    """Follow N members y' = velocity(y, members) from `start` (N, d), with first steps `size` (N,).

    `tolerance` of a step, as `theory.flows.driver.step` measures its error; at most `max_steps` rounds.  `times` (G, N),
    ascending along the first axis, are those to record the states at, None to follow until `retire` ends it; `clock` is
    the index of the component that is the time, None where the variable of the system is.  Steps stay below `largest`;
    a member whose step would fall below `smallest` is STUCK.  `project` is applied to every new state.  `together`: one
    member that is STUCK ends it for all.  Cost: seven evaluations of the velocity a round.
    """
    count, goal = (0, None) if times is None else (len(times), np.asarray(times, dtype=float))
    y, h, free = start, np.array(size, dtype=float), np.array(size, dtype=float)
    now = np.zeros(len(start)) if clock is None else start[:, clock]
    members, passed = np.arange(len(start)), np.zeros(len(start), dtype=int)
    states = np.repeat(start[None], count, axis=0)
    met, last, reasons = passed.copy(), start.copy(), np.full(len(start), GOES_ON)
    close = _MET if clock is None else _MET_BY_CLOCK

    def pass_times() -> np.ndarray:
        """Record the members that stand at their next time; return which of them have met one just now."""
        arrived, any_of = np.zeros(len(members), dtype=bool), True
        while goal is not None and any_of:
            due = goal[np.minimum(passed, count - 1), members]
            here = (passed < count) & (due - now <= close * due)
            states[passed[here], members[here]] = y[here]
            passed[here] += 1
            arrived |= here
            any_of = bool(here.any())
        return arrived

    pass_times()
    gone = np.full(len(members), goal is not None) & (passed == count)
    for _ in range(max_steps):
        met[members], last[members] = passed, y
        keep = ~gone
        members, passed, gone = members[keep], passed[keep], gone[keep]
        y, now, h, free = y[keep], now[keep], h[keep], free[keep]
        if not members.size:
            break
        who = members

        def slope(at: np.ndarray, who: np.ndarray = who) -> np.ndarray:
            return velocity(at, who)

        first, reach, in_time = slope(y), h, np.ones(len(members), dtype=bool)
        due = None if goal is None else goal[passed, members]
        if due is not None:
            pace = 1.0 if clock is None else np.maximum(first[:, clock], _SLOWEST)
            reach = np.minimum(h, (due - now) / pace)
        with np.errstate(over="ignore", invalid="ignore"):  # a step too long is not taken
            new, error = step(slope, y, reach, first)
        if clock is not None and due is not None:
            in_time = new[:, clock] <= due * (1 + _MET)
        right = error <= tolerance
        taken = right & in_time
        y = np.where(taken[:, None], new if project is None else project(new), y)
        now = np.where(taken, now + reach, now) if clock is None else y[:, clock]
        proposed = next_size(reach, np.where(np.isfinite(error), error, np.inf), tolerance)
        if clock is not None and goal is not None:
            proposed = np.where(taken, proposed, 0.5 * reach)
        proposed = np.minimum(proposed, largest)
        free = np.where((reach < h) & right, free, proposed)
        h = proposed
        if retire is not None:
            why = np.where(taken, retire(y, members), GOES_ON)
            reasons[members] = why
            gone = why != GOES_ON
        else:
            gone = np.zeros(len(members), dtype=bool)
        if goal is not None:
            passed = np.where(gone, passed + count, passed)  # who has retired meets no time
            arrived = pass_times()
            passed = np.where(gone, passed - count, passed)
            h = np.where(arrived, np.maximum(h, free), h)
            gone = gone | (passed == count)
        stuck = ~gone & (h < smallest)
        reasons[members[stuck]] = STUCK
        gone = gone | stuck
        if together and stuck.any():
            break
    met[members], last[members] = passed, y
    running = np.zeros(len(start), dtype=bool)
    running[members[~gone]] = True
    for k in range(count):
        states[k, met <= k] = last[met <= k]
    return Followed(states, met, last, reasons, running)


Field = Callable[[np.ndarray], np.ndarray]

# The pair of orders 5 and 4 of Dormand and Prince, derived from the conditions of order: Hairer, Norsett and Wanner, II.5.
_WEIGHTS = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def step(
    field: Field, y: np.ndarray, h: np.ndarray, first: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """One step of size h (N,) of the autonomous system y' = field(y), y (N, d); `first` (N, d) is field(y) if known.

    Returns the new states (N, d) and the estimated local error (N,): the largest over the components, each relative to
    its size where that exceeds 1.
    """
    slopes = [field(y) if first is None else first]
    last = y
    for row in _WEIGHTS:
        last = y + h[:, None] * sum(b * slope for b, slope in zip(row, slopes, strict=False) if b)
        slopes.append(field(last))
    error = h[:, None] * sum(e * slope for e, slope in zip(_ERROR, slopes, strict=True) if e)
    return last, np.max(np.abs(error) / np.maximum(1.0, np.abs(last)), axis=1)


# The standard controller of order 5, Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.4.
_SAFETY, _SHRINK, _STRETCH = 0.9, 0.2, 5.0  # chosen because these are its usual values
_EXPONENT = 1 / 5  # derived from the order of the error, h^5
_LEAST_ERROR = 1e-300  # chosen because binary64 divides by it


def next_size(h: np.ndarray, error: np.ndarray, tolerance: float) -> np.ndarray:
    """The step size (N,) that the standard controller proposes after a step of size h with that error."""
    factor = _SAFETY * (tolerance / np.maximum(error, _LEAST_ERROR)) ** _EXPONENT
    return h * np.clip(factor, _SHRINK, _STRETCH)
