"""The engine: any leading field against any full flow from the same start, as ε → 0.

At a fixed rescaled time τ, t = τ ε^κ, the distance of the two must fall as ε^k.  A wrong coefficient, order, moment or
signal leaves a distance that does not fall.  Displacements are compared, group by group relative to the group's own:
one that moves by ε² of its size is seen as sharply as the others.  The scales reach down until the local slope has
settled or the floor of the integration is near: activations such as ELU show a higher order first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from numerics.errors import NumericsError
from numerics.flow.network import integrate_field, integrate_fields
from verify.order.result import (
    DECADES,
    POINTS_PER_DECADE,
    GroupOrder,
    OrderResult,
    combined,
    judge,
    judge_slope,
)
from verify.order.slope import power_law

Weights = dict[str, np.ndarray]
LeadingField = Callable[[Weights], Weights]

FLOOR = 1e-13  # rounding of a field of a few hundred terms, relative to the displacement
LOWEST = 1e-10  # smallest ε that is looked at
_PROBE = 300  # steps of a rough integration; one that needs more runs into a blow-up
_SETTLED = 0.02  # change of the local slope from one decade to the next


@dataclass(frozen=True)
class Reached:
    """Displacements θ̂(τ) - θ̂(0) of the full flow by name, (E, ...), not finite where τ was not reached; `floor` (E,) is
    their relative error where it is above rounding.
    """

    moved: Weights
    floor: np.ndarray | float = 0.0


FullFlow = Callable[[np.ndarray, float], Reached]


@dataclass(frozen=True)
class Law:
    """What theory says of a group: gradient O(ε^`gradient_order`), displacement ε^`lag`, known to O(ε^`accuracy`)."""

    gradient_order: int
    lag: int
    accuracy: int


def _same(weights: Weights) -> Weights:
    return weights


def _unbiased(name: str) -> bool:
    return False


def compare_flows(
    leading: LeadingField,
    full: FullFlow,
    start: Weights,
    *,
    predicted: int,
    time_exponent: int,
    epsilons: np.ndarray,
    tau: float | None = None,
    autonomous: bool = False,
    laws: Mapping[str, Law] | None = None,
    split: Callable[[Weights], Weights] = _same,
    biased: Callable[[str], bool] = _unbiased,
    extend: bool = True,
    lowest: float = LOWEST,
) -> OrderResult:
    """Measure the order of accuracy of a leading field θ' (gradient-flow time) from θ̂(0) = `start`, θ = ε θ̂.

    `leading` takes and returns dicts of arrays with one more axis in front, the networks.  `full(epsilons, τ)` gives
    the displacements of the full flow.  `predicted` is k, `laws` those of the groups into which `split` takes the
    weights.  `epsilons` fall from the largest; smaller ones are added while the slope changes (`extend`), none below
    `lowest`.
    `autonomous`: the rescaled field does not depend on ε, one integration serves all.  `tau` None: about the time in
    which the fastest parameter moves by half its size.  `biased` as in `numerics.flow.network.integrate_field`.
    """
    epsilons = np.asarray(epsilons, dtype=float)
    epsilons = epsilons[(epsilons >= lowest) | (epsilons == epsilons[0])]
    pair = _Pair(leading, full, start, time_exponent, autonomous, split, biased)
    tau = pair.natural_time(float(epsilons[-1])) if tau is None else tau
    found = pair.distances(epsilons, tau)
    while extend and found.restless and found.epsilons[-1] > 100 * lowest:
        more = found.epsilons[-1] * 10.0 ** -(np.arange(1, 2 * POINTS_PER_DECADE + 1) / POINTS_PER_DECADE)
        found = found.joined(pair.distances(more, tau))
    slope = power_law(found.epsilons, found.total, found.floor, decades=_decades(predicted))
    verdict, why = judge(predicted, slope, found.total)
    groups = {name: _group(name, law, found) for name, law in (laws or {}).items()}
    wrong = [name for name, group in groups.items() if group.verdict is not verdict]
    return OrderResult(
        predicted=predicted,
        slope=slope,
        epsilons=found.epsilons,
        errors=found.total,
        floor=found.floor,
        tau=tau,
        verdict=combined([verdict, *(group.verdict for group in groups.values())]),
        why=why + "".join(f"; {name}: {groups[name].verdict.value}, {groups[name].why}" for name in wrong),
        groups=groups,
    )


def _decades(order: int) -> float:
    """How many decades an error of this order can span between saturation and rounding."""
    return min(2.0, 9.0 / order)


def _group(name: str, law: Law, found: _Distances) -> GroupOrder:
    errors, sizes = found.groups[name], found.sizes[name]
    slope = power_law(found.epsilons, errors, found.floor, decades=_decades(law.accuracy))
    moved = power_law(found.epsilons, sizes, 0.0)
    verdict, why = judge(law.accuracy, slope, errors)
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
        why=why if verdict is not size and size.value == "CONFIRMED" else f"{why}; displacement: {how}",
    )


@dataclass(frozen=True)
class _Distances:
    """Relative distances at ε (E,): in all, and by group with the sizes of the displacements."""

    epsilons: np.ndarray
    total: np.ndarray
    groups: dict[str, np.ndarray]
    sizes: dict[str, np.ndarray]
    floor: np.ndarray

    def joined(self, other: _Distances) -> _Distances:
        """Both, one after the other."""

        def both(one: dict, two: dict) -> dict:
            return {name: np.concatenate([one[name], two[name]]) for name in one}

        return _Distances(
            np.concatenate([self.epsilons, other.epsilons]),
            np.concatenate([self.total, other.total]),
            both(self.groups, other.groups),
            both(self.sizes, other.sizes),
            np.concatenate([self.floor, other.floor]),
        )

    @property
    def restless(self) -> bool:
        """Whether some distance is far above the floor and still changes its slope."""
        return any(
            _changing(self.epsilons, errors, self.floor) for errors in (self.total, *self.groups.values())
        )


def _changing(epsilons: np.ndarray, errors: np.ndarray, floor: np.ndarray) -> bool:
    decade = POINTS_PER_DECADE
    if len(errors) < 2 * decade + 1 or not np.all(np.isfinite(errors[-2 * decade - 1 :])):
        return False
    if errors[-1] <= 1e3 * floor[-1]:
        return False
    last = np.log(errors[-1 - decade] / errors[-1]) / np.log(epsilons[-1 - decade] / epsilons[-1])
    before = np.log(errors[-1 - 2 * decade] / errors[-1 - decade]) / np.log(
        epsilons[-1 - 2 * decade] / epsilons[-1 - decade]
    )
    return abs(last - before) > _SETTLED


@dataclass(frozen=True)
class _Pair:
    leading: LeadingField
    full: FullFlow
    start: Weights
    time_exponent: int
    autonomous: bool
    split: Callable[[Weights], Weights]
    biased: Callable[[str], bool]

    def rescaled(self, weights: Weights, epsilons: np.ndarray) -> Weights:
        """dθ̂/dτ of the networks `weights` (C, ...) at their ε (C,)."""
        scale = {name: epsilons.reshape(-1, *(1,) * (value.ndim - 1)) for name, value in weights.items()}
        rates = self.leading({name: scale[name] * value for name, value in weights.items()})
        return {name: scale[name] ** (self.time_exponent - 1) * value for name, value in rates.items()}

    def natural_time(self, epsilon: float) -> float:
        """A time in which the fastest parameters move by half their size, before any blow-up."""
        epsilon = 1.0 if self.autonomous else epsilon
        stack = {name: value[None] for name, value in self.start.items()}
        rates = self.rescaled(stack, np.array([epsilon]))
        size = np.sqrt(np.mean(np.concatenate([v.ravel() for v in self.start.values()]) ** 2))
        fastest = max(float(np.max(np.abs(value))) for value in rates.values())
        if not (np.isfinite(fastest) and fastest > 0):
            raise NumericsError("the leading field does not move from the start: no time scale to measure at")
        tau = 0.5 * float(size) / fastest
        while True:
            try:
                with np.errstate(all="ignore"):
                    self.one(epsilon, 2 * tau, rtol=1e-6, max_steps=_PROBE)
            except NumericsError:
                tau /= 2
            else:
                return tau

    def one(self, epsilon: float, tau: float, rtol: float = 1e-13, max_steps: int = 20_000) -> Weights:
        """The leading displacements at one scale."""

        def field(weights: Weights) -> Weights:
            out = self.rescaled({k: v[None] for k, v in weights.items()}, np.array([epsilon]))
            return {name: value[0] for name, value in out.items()}

        return integrate_field(field, self.start, tau, biased=self.biased, rtol=rtol, max_steps=max_steps)

    def distances(self, epsilons: np.ndarray, tau: float) -> _Distances:
        """The full flow's displacements against the leading ones."""
        # A wrong theory can ask for times at which the full flow is far away or stiff: that is data, not an accident.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            reached = self.full(epsilons, tau)
            lead = self.led(epsilons, tau)
            real, derived = self.split(reached.moved), self.split(lead)
            gaps = {name: _norms(real[name] - derived[name]) for name in derived}
            sizes = {name: _norms(derived[name]) for name in derived}
            ends = sum(
                np.sum((self.start[name] + lead[name]) ** 2, axis=tuple(range(1, lead[name].ndim)))
                for name in lead
            )
            total = np.sqrt(sum(gap**2 for gap in gaps.values()) / ends)
            groups = {name: gaps[name] / sizes[name] for name in gaps}
            moved = {name: _norms(real[name]) for name in gaps}
        floor = FLOOR + self.disagreement(float(epsilons[-1]), tau, lead) + np.zeros(len(epsilons))
        return _Distances(
            epsilons,
            np.where(np.isfinite(total), total, np.inf),
            {name: np.where(np.isfinite(v), v, np.inf) for name, v in groups.items()},
            {name: np.where(np.isfinite(v), v, np.inf) for name, v in moved.items()},
            floor + reached.floor,
        )

    def led(self, epsilons: np.ndarray, tau: float) -> Weights:
        """The leading displacements, (E, ...) by name."""
        if self.autonomous:
            # At ε = 1: the rescaled field is the field itself.
            moved = self.one(1.0, tau)
            return {name: np.broadcast_to(v, (len(epsilons), *v.shape)) for name, v in moved.items()}

        def field(weights: Weights, members: np.ndarray) -> Weights:
            return self.rescaled(weights, epsilons[members])

        return integrate_fields(field, self.start, tau, count=len(epsilons), biased=self.biased)

    def disagreement(self, epsilon: float, tau: float, lead: Weights) -> float:
        """How far another integrator, SciPy's with its own steps, ends from this one at the smallest ε."""
        mine = self.split({name: value[-1] for name, value in lead.items()})
        units = {name: max(float(np.max(np.abs(value[-1]))), 1e-300) for name, value in lead.items()}
        shapes = {name: value.shape for name, value in self.start.items()}

        def unpacked(flat: np.ndarray) -> Weights:
            out, place = {}, 0
            for name, shape in shapes.items():
                size = int(np.prod(shape))
                out[name] = units[name] * flat[place : place + size].reshape(shape)
                place += size
            return out

        def rhs(_: float, flat: np.ndarray) -> np.ndarray:
            here = {name: (self.start[name] + value)[None] for name, value in unpacked(flat).items()}
            rates = self.rescaled(here, np.array([1.0 if self.autonomous else epsilon]))
            return np.concatenate([rates[name][0].ravel() / units[name] for name in shapes])

        count = sum(int(np.prod(shape)) for shape in shapes.values())
        with np.errstate(all="ignore"):
            out = solve_ivp(rhs, (0.0, tau), np.zeros(count), method="DOP853", rtol=1e-12, atol=1e-14)
        other = self.split(unpacked(out.y[:, -1]))
        return max(
            float(np.linalg.norm(other[name] - mine[name]) / max(np.linalg.norm(mine[name]), 1e-300))
            for name in mine
        )


def _norms(stack: np.ndarray) -> np.ndarray:
    """The norm of each member, (E,)."""
    return np.sqrt(np.sum(stack.reshape(len(stack), -1) ** 2, axis=1))


def default_scales(top: float) -> np.ndarray:
    """ε from `top` over the default decades, largest first."""
    return top * 10.0 ** -np.arange(0, DECADES + 1e-9, 1 / POINTS_PER_DECADE)
