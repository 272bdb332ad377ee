"""Any leading field against any full flow, as a pair of the engine.

Displacements are compared, group by group relative to the group's own: one that moves by ε² of its size is seen as
sharply as the others.  The floor is the difference of two integrators on the leading field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from numerics.errors import NumericsError
from numerics.flow.network import integrate_field, integrate_fields
from verify.order.engine import FLOOR, Distances, Pair, measure
from verify.order.result import OrderResult

Weights = dict[str, np.ndarray]
LeadingField = Callable[[Weights], Weights]

_PROBE = 300  # steps of a rough integration; chosen because tens are usual: one that needs more runs into a blow-up
_STEPS = 20_000  # of an exact one; chosen because hundreds are usual
_RTOL = 1e-13  # of a step; derived from FLOOR, which it must not exceed
_ROUGH = 1e-6  # of a step of a rough integration; chosen because it sees a blow-up as well as a finer one
_MOVE = 0.5  # of its size, by which the fastest parameter moves; chosen because blow-ups are further ahead as a rule
_WITNESS = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-14}  # chosen because SciPy's steps are all its own
# Times the size of the leading flow: farther, a full flow has run away.  Chosen because the distance is then at least
# the size of all of the leading path.
FAR = 2.0


@dataclass(frozen=True)
class Reached:
    """Displacements θ̂(τ) - θ̂(0) of the full flow by name, (E, ...), not finite where τ was not reached; `floor` (E,) is
    their relative error where it is above rounding; `last` those of the last states, where they are known.
    """

    moved: Weights
    floor: np.ndarray | float = 0.0
    last: Weights | None = None


FullFlow = Callable[[np.ndarray, float], Reached]


def _same(weights: Weights) -> Weights:
    return weights


def _unbiased(name: str) -> bool:
    return False


def compare_flows(leading: LeadingField, full: FullFlow, start: Weights, **options: Any) -> OrderResult:
    """The order of accuracy of a leading field against a full flow: the fields of `FieldPair` and what `measure` takes."""
    pair = {name: options.pop(name) for name in FieldPair.__dataclass_fields__ if name in options}
    return measure(FieldPair(leading, full, start, **pair), **options)


@dataclass(frozen=True)
class FieldPair(Pair):
    """A leading field θ' (gradient-flow time) from θ̂(0) = `start`, θ = ε θ̂, and a full flow.

    `leading` takes and returns dicts of arrays with one more axis in front, the networks.  `full(epsilons, τ)` gives
    the displacements of the full flow.  Time is t = τ ε^`time_exponent`.  `autonomous`: the rescaled field does not
    depend on ε, one integration serves all.  `split` takes weights apart into the groups that are compared.  `biased` as in
    `numerics.flow.network.integrate_field`.
    """

    leading: LeadingField
    full: FullFlow
    start: Weights
    time_exponent: int
    autonomous: bool = False
    split: Callable[[Weights], Weights] = _same
    biased: Callable[[str], bool] = _unbiased

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
        tau = _MOVE * float(size) / fastest
        while True:
            try:
                with np.errstate(all="ignore"):
                    self.one(epsilon, 2 * tau, rtol=_ROUGH, max_steps=_PROBE)
            except NumericsError:
                tau /= 2
            else:
                return tau

    def one(self, epsilon: float, tau: float, rtol: float = _RTOL, max_steps: int = _STEPS) -> Weights:
        """The leading displacements at one scale."""

        def field(weights: Weights) -> Weights:
            out = self.rescaled({k: v[None] for k, v in weights.items()}, np.array([epsilon]))
            return {name: value[0] for name, value in out.items()}

        return integrate_field(field, self.start, tau, biased=self.biased, rtol=rtol, max_steps=max_steps)

    def distances(self, epsilons: np.ndarray, tau: float) -> Distances:
        """The full flow's displacements against the leading ones."""
        # A wrong theory can ask for times at which the full flow is far away or stiff: that is data, not an accident.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            reached = self.full(epsilons, tau)
            lead = self.led(epsilons, tau)
            real, derived = self.split(reached.moved), self.split(lead)
            gaps = {name: _norms(real[name] - derived[name]) for name in derived}
            sizes = {name: _norms(derived[name]) for name in derived}
            there = self.split({name: self.start[name] + lead[name] for name in lead})
            ends = sum(np.sum(v**2, axis=tuple(range(1, v.ndim))) for v in there.values())
            total = np.sqrt(sum(gap**2 for gap in gaps.values()) / ends)
            moved = {name: _norms(real[name]) for name in gaps}
            # A group that the leading field leaves at rest is as far off as it has moved.
            units = {name: np.where(sizes[name] > 0, sizes[name], moved[name]) for name in gaps}
            groups = {name: gaps[name] / units[name] for name in gaps}
            least = self.run_away(reached.last, lead) / np.sqrt(ends)
        floor = FLOOR + self.disagreement(float(epsilons[-1]), tau, lead) + np.zeros(len(epsilons))
        return Distances(
            epsilons,
            np.where(np.isfinite(total), total, np.inf),
            {name: np.where(np.isfinite(v), v, np.inf) for name, v in groups.items()},
            {name: np.where(np.isfinite(v), v, np.inf) for name, v in moved.items()},
            floor + reached.floor,
            least,
        )

    def run_away(self, last: Weights | None, lead: Weights) -> np.ndarray:
        """The least distance (E,) of last states that are far from all of the leading path; nan where they are not.

        The leading flow climbs one homogeneous potential where it is autonomous: ‖θ̂‖² is convex in time, and so nowhere
        larger than at the ends.
        """
        count = len(next(iter(lead.values())))
        if last is None or not self.autonomous:
            return np.full(count, np.nan)

        def norms(moved: Weights) -> np.ndarray:
            return np.sqrt(sum(_norms(self.start[name] + value) ** 2 for name, value in moved.items()))

        path = np.maximum(norms(lead), np.sqrt(sum(float(np.sum(v**2)) for v in self.start.values())))
        there = norms(last)
        return np.where(np.isfinite(there) & (there > FAR * path), there - path, np.nan)

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
            out = solve_ivp(rhs, (0.0, tau), np.zeros(count), **_WITNESS)
        other = self.split(unpacked(out.y[:, -1]))
        return max(
            float(np.linalg.norm(other[name] - mine[name]) / max(np.linalg.norm(mine[name]), 1e-300))
            for name in mine
        )


def _norms(stack: np.ndarray) -> np.ndarray:
    """The norm of each member, (E,)."""
    return np.sqrt(np.sum(stack.reshape(len(stack), -1) ** 2, axis=1))
