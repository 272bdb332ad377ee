"""The engine: a leading flow and the full flow from the same start, as ε → 0, whatever integrates them.

At a fixed rescaled time τ, t = τ ε^κ, the distance of the two must fall as ε^k.  A wrong coefficient, order, moment or
signal leaves a distance that does not fall.  The scales reach down until the local slope has settled or the floor of the
integration is near: activations such as ELU show a higher order first.

A `Pair` knows the two flows: `verify.order.fields` takes any field and any flow, `verify.order.smooth` smooth neurons by
integrators of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from theory.systems import GroupLaw
from verify.order.result import (
    GroupOrder,
    OrderResult,
    Slope,
    combined,
    judge_slope,
    power_law,
    straight_line,
)
from verify.verdict import Verdict

POINTS_PER_DECADE = 4  # chosen because a window of two decades then has nine, twice what is fitted
DECADES = 4.5  # looked at by default; chosen because order 2 goes from 1 to the floor in them
FLOOR = 1e-13  # derived from the rounding of a field of a few hundred terms, relative to the displacement
LOWEST = 1e-10  # smallest ε that is looked at; chosen because an error of order 1 is a thousand times the floor there
_SETTLED = 0.02  # change of the local slope from one decade to the next; chosen because it is less than half a tolerance
_CLOSE = 1e3  # of the floor: nearer to it no smaller scales are asked for; derived from order 3 over a decade
_APART = (
    0.5  # relative distance from which the flows count as apart; chosen because a law that leads is closer
)
# Derived from what lies between saturation (1e-3) and ten times the floor, nine decades: errors of order k span 9/k decades
# of ε there.
_SPAN = 9.0


@dataclass(frozen=True)
class Distances:
    """Relative distances at ε (E,): in all, and by group with the sizes of the displacements; inf where either flow did
    not reach the time.

    `floor` (E,) is what the measurement itself leaves.  `least` (E,) is the distance that the full flow has at least from
    all of the leading one where it did not reach the time, because it ran far away from it; nan where nothing is known.
    """

    epsilons: np.ndarray
    total: np.ndarray
    groups: dict[str, np.ndarray]
    sizes: dict[str, np.ndarray]
    floor: np.ndarray
    least: np.ndarray

    def joined(self, other: Distances) -> Distances:
        """Both, one after the other."""

        def both(one: dict, two: dict) -> dict:
            return {name: np.concatenate([one[name], two[name]]) for name in one}

        return Distances(
            np.concatenate([self.epsilons, other.epsilons]),
            np.concatenate([self.total, other.total]),
            both(self.groups, other.groups),
            both(self.sizes, other.sizes),
            np.concatenate([self.floor, other.floor]),
            np.concatenate([self.least, other.least]),
        )

    @property
    def restless(self) -> bool:
        """Whether some distance is far above the floor and still changes its slope."""
        return any(
            _changing(self.epsilons, errors, self.floor) for errors in (self.total, *self.groups.values())
        )


class Pair(ABC):
    """A leading flow and a full flow from the same start."""

    @abstractmethod
    def natural_time(self, epsilon: float) -> float:
        """A rescaled time before any blow-up in which parameters move by about their size; `epsilon` is the least scale."""

    @abstractmethod
    def distances(self, epsilons: np.ndarray, tau: float) -> Distances:
        """The full flow against the leading one at the rescaled time, one network a scale (E,)."""


def measure(
    pair: Pair,
    *,
    predicted: int,
    epsilons: np.ndarray,
    tau: float | None = None,
    groups: Mapping[str, GroupLaw] | None = None,
    extend: bool = True,
    lowest: float = LOWEST,
) -> OrderResult:
    """Measure the order of accuracy of a pair's leading flow beside the `predicted` k.

    `epsilons` fall from the largest; smaller ones are added while the slope changes (`extend`), none below `lowest`.
    `tau` None: the pair's natural time.  `groups` are the laws of those that the pair tells apart.
    """
    epsilons = np.asarray(epsilons, dtype=float)
    epsilons = epsilons[(epsilons >= lowest) | (epsilons == epsilons[0])]
    tau = pair.natural_time(float(epsilons[-1])) if tau is None else tau
    found = pair.distances(epsilons, tau)
    while extend and found.restless and found.epsilons[-1] > 100 * lowest:
        more = found.epsilons[-1] * 10.0 ** -(np.arange(1, 2 * POINTS_PER_DECADE + 1) / POINTS_PER_DECADE)
        found = found.joined(pair.distances(more, tau))
    slope, verdict, why = judged(predicted, found.epsilons, found.total, found.floor, found.least)
    each = {name: _group(name, law, found) for name, law in (groups or {}).items()}
    wrong = [name for name, group in each.items() if group.verdict is not verdict]
    return OrderResult(
        predicted=predicted,
        slope=slope,
        epsilons=found.epsilons,
        errors=found.total,
        floor=found.floor,
        tau=tau,
        verdict=combined([verdict, *(group.verdict for group in each.values())]),
        why=why + "".join(f"; {name}: {each[name].verdict.value}, {each[name].why}" for name in wrong),
        groups=each,
    )


def judged(
    predicted: int, epsilons: np.ndarray, errors: np.ndarray, floor: np.ndarray, least: np.ndarray
) -> tuple[Slope, Verdict, str]:
    """The exponent of errors (E,), largest ε first, whether it is the predicted one, and why.

    Flows that stay apart are refuted by the slope of their distance.  One that did not reach its time decides nothing,
    unless it is known to have run away from the other (`least`).
    """
    slope = power_law(epsilons, errors, floor, decades=min(2.0, _SPAN / predicted))
    last = np.s_[-2 * POINTS_PER_DECADE :]
    known = np.where(np.isfinite(errors[last]), errors[last], least[last])
    if np.all(known >= _APART):
        flat = slope if slope.resolved else straight_line(epsilons[last], known)
        verdict, why = judge_slope(predicted, flat)
        apart = "over the two smallest decades of ε the flows stay as far apart as they are long"
        if verdict is Verdict.REFUTED:
            return flat, verdict, f"{apart}; {why}"
        return slope, Verdict.INCONCLUSIVE, f"{apart}: smaller scales would decide; {why}"
    lost = int(np.sum(~np.isfinite(errors[last])))
    if not slope.resolved and lost:
        return slope, Verdict.INCONCLUSIVE, (
            f"at {lost} of the {len(known)} smallest scales the two flows do not both reach the rescaled time"
        )  # fmt: skip
    return slope, *judge_slope(predicted, slope)


def default_scales(top: float) -> np.ndarray:
    """ε from `top` over the default decades, largest first."""
    return top * 10.0 ** -np.arange(0, DECADES + 1e-9, 1 / POINTS_PER_DECADE)


def _group(name: str, law: GroupLaw, found: Distances) -> GroupOrder:
    errors, sizes = found.groups[name], found.sizes[name]
    moved = power_law(found.epsilons, sizes, 0.0)
    nothing = np.full(len(errors), np.nan)
    slope, verdict, why = judged(law.accuracy, found.epsilons, errors, found.floor, nothing)
    size, how = judge_slope(law.lag, moved)
    return GroupOrder(
        name=name,
        gradient_order=law.gradient_order,
        lag=law.lag,
        accuracy=law.accuracy,
        moved=moved,
        slope=slope,
        errors=errors,
        verdict=combined([verdict, size]),
        why=why if verdict is not size and size is Verdict.CONFIRMED else f"{why}; displacement: {how}",
    )


def _changing(epsilons: np.ndarray, errors: np.ndarray, floor: np.ndarray) -> bool:
    decade = POINTS_PER_DECADE
    if len(errors) < 2 * decade + 1 or not np.all(np.isfinite(errors[-2 * decade - 1 :])):
        return False
    if errors[-1] <= _CLOSE * floor[-1]:
        return False
    last = np.log(errors[-1 - decade] / errors[-1]) / np.log(epsilons[-1 - decade] / epsilons[-1])
    before = np.log(errors[-1 - 2 * decade] / errors[-1 - decade]) / np.log(
        epsilons[-1 - 2 * decade] / epsilons[-1 - decade]
    )
    return abs(last - before) > _SETTLED
