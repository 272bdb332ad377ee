"""Hunts for data on which the number of orientations breaks a bound: C1, P1a, P1b.

Setting.    P(u) = Σ y_i (u·x_i)^p, x_i = (input, 1), the leading-order flow of a smooth activation of multiplicity p.
Claims.     C1   the growing orientations are at most 2p, any D                    (directed search)
            P1b  D = 2: the isolated fixed orientations are at most 2p             (hypothesis)
            P1a  p = 1: the isolated fixed orientations are exactly two, any D     (hypothesis)
Limits.     None found is no proof; what is found is one.  The half-MSE loss at zero output, where the signal is y; any
            other loss with an invertible y -> s is the same hunt.
Source.     Zhou et al. 2022 (arXiv 2105.11686) for the claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from theory import MomentTensor, OrientationSet, activation, find_orientations
from verify.errors import UsageError
from verify.hunt.counting import fixed_by_climbing, fixed_by_turning, growing_lines, starting_directions
from verify.hunt.evidence import evidence
from verify.hunt.model import Certificate
from verify.hunt.points import Points, draw, simpler, vary

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MAX_PATHS = 2000  # homotopy paths above which a certificate takes too long to be asked for hundreds of times
PARANOIA = 5  # multiplicities that a property hunt draws from when none is asked for: 1 to this


@dataclass(frozen=True)
class Target:
    """What is hunted: `multiplicity` and `dimension` (D, bias counted; None: drawn anew each time), `bound` (None: 2p)."""

    multiplicity: int | None
    dimension: int | None
    bound: int | None = None
    activation: str | None = None
    drop: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.activation is not None:
            act = activation(self.activation)
            if not act.is_smooth or act.value_at_zero != 0:
                raise UsageError(
                    f"activation {self.activation!r}: the claim speaks of smooth activations with σ(0) = 0; accepted: "
                    "tanh, x*tanh(x), z**3, ..."
                )
            if self.multiplicity not in (None, act.multiplicity):
                raise UsageError(
                    f"multiplicity is {self.multiplicity} but {self.activation!r} has {act.multiplicity}; give one of them"
                )
            object.__setattr__(self, "multiplicity", act.multiplicity)
        for name in ("multiplicity", "dimension", "bound"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; accepted: a whole number of at least 1")

    def formula(self, order: int) -> str:
        """The activation as text: the one asked for, or the power, the simplest of its multiplicity."""
        if self.activation is not None:
            return self.activation
        return "z" if order == 1 else f"z**{order}"


@dataclass(frozen=True)
class GrowingBound:
    """C1 as a directed hunt: data with more than `bound` growing orientations."""

    target: Target
    claim: str = "C1"

    def __post_init__(self) -> None:
        fixed = replace(
            self.target,
            multiplicity=3 if self.target.multiplicity is None else self.target.multiplicity,
            dimension=3 if self.target.dimension is None else self.target.dimension,
        )
        if self.target.drop:
            raise UsageError(f"C1 has no hypothesis {', '.join(sorted(self.target.drop))!r} to drop")
        if self.dimension_of(fixed) < 2:
            raise UsageError("dimension is 1; accepted: at least 2, one input and the bias")
        object.__setattr__(self, "target", fixed)
        MomentTensor.from_coefficients(
            [], [], self.order, self.dimension
        )  # refuses sizes that it does not treat

    @staticmethod
    def dimension_of(target: Target) -> int:
        """D of a target that fixes it."""
        assert target.dimension is not None
        return target.dimension

    @property
    def order(self) -> int:
        """p."""
        assert self.target.multiplicity is not None
        return self.target.multiplicity

    @property
    def dimension(self) -> int:
        """D, the bias counted."""
        return self.dimension_of(self.target)

    @property
    def bound(self) -> int:
        """The number that must not be exceeded."""
        return 2 * self.order if self.target.bound is None else self.target.bound

    @property
    def statement(self) -> str:
        """The claim with its numbers."""
        p, size = self.order, self.dimension
        return f"For multiplicity {p} and D = {size} (bias counted) at most {self.bound} orientations grow."

    @cached_property
    def _starts(self) -> np.ndarray:
        return starting_directions(self.order, self.dimension)

    def sample(self, generator: np.random.Generator) -> Points:
        """A handful of points with random integers."""
        while True:
            points = draw(self.dimension - 1, self.dimension + 1, self.dimension + self.order + 1, generator)
            if points.proper:
                return points

    def vary(self, candidate: Points, generator: np.random.Generator) -> Points:
        """One or two of the numbers moved."""
        return vary(candidate, generator)

    def simpler(self, candidate: Points) -> Iterator[Points]:
        """Fewer points, smaller integers."""
        return simpler(candidate)

    def size(self, candidate: Points) -> tuple[float, ...]:
        """Points, then the sum of the magnitudes, then the largest."""
        return candidate.size

    def score(self, candidates: Sequence[Points]) -> np.ndarray:
        """Growing orientations found quickly, less the bound."""
        out = np.full(len(candidates), -np.inf)
        usable = [k for k, c in enumerate(candidates) if c.proper]
        if not usable:
            return out
        if self.order == 1:  # linear: one line unless the moment vanishes
            counts = [int(np.any(candidates[k].targets @ candidates[k].matrix)) for k in usable]
        else:
            counts = [
                len(g) for g in growing_lines([candidates[k] for k in usable], self.order, self._starts)
            ]
        out[usable] = 2 * np.array(counts) - self.bound
        return out

    def tensor(self, candidate: Points) -> MomentTensor:
        """The exact moment tensor."""
        return MomentTensor.from_data(candidate.matrix, candidate.targets, self.order)

    def certify(self, candidate: Points) -> Certificate | None:
        """All fixed orientations, certified; None unless more than `bound` of them are proved to grow.

        Where the enumeration is too long, a search, each hit of which is certified: then the count is a lower bound.
        """
        if not candidate.proper:
            return None
        tensor = self.tensor(candidate)
        found = find_orientations(tensor, max_paths=MAX_PATHS)
        proved = [o for o in found.attractors if o.certified]
        exact = found.complete or found.method.value == "multistart"
        if len(proved) <= self.bound or not exact:
            return None
        counted = "exactly" if found.complete else "at least"
        return evidence(
            tensor,
            found,
            f"{counted} {len(proved)} orientations grow, more than {self.bound}",
            candidate,
            self.bound,
        )

    def describe(self, candidate: Points) -> dict[str, Any]:
        """The data and the network that they are for."""
        return described(candidate.x, candidate.y, self.target.formula(self.order), self.order)


@dataclass(frozen=True)
class Drawn:
    """A candidate of a property hunt: data as drawn and the multiplicity."""

    x: tuple[tuple[float, ...], ...]
    y: tuple[float, ...]
    order: int

    @cached_property
    def tensor(self) -> MomentTensor:
        """The exact moment tensor, bias included."""
        x = np.column_stack([np.array(self.x, dtype=float), np.ones(len(self.x))])
        return MomentTensor.from_data(x, np.array(self.y, dtype=float), self.order)

    @cached_property
    def orientations(self) -> OrientationSet:
        """All fixed orientations."""
        return find_orientations(self.tensor, max_paths=MAX_PATHS)


@dataclass(frozen=True)
class IsolatedBound:
    """P1b (D = 2, at most 2p) and P1a (p = 1, exactly two) as property hunts over all data that hypothesis can think of.

    The hypothesis `isolated` may be dropped: then data where a whole continuum is fixed count as well.
    """

    target: Target
    claim: str

    def __post_init__(self) -> None:
        unknown = self.target.drop - {"isolated"}
        if unknown:
            raise UsageError(
                f"{self.claim} has no hypothesis {', '.join(sorted(unknown))!r}; accepted: isolated"
            )
        name, wanted = ("dimension", 2) if self.claim == "P1b" else ("multiplicity", 1)
        if getattr(self.target, name) not in (None, wanted):
            raise UsageError(f"{self.claim} speaks of {name} {wanted} only, not {getattr(self.target, name)}")
        object.__setattr__(self, "target", replace(self.target, **{name: wanted}))

    @property
    def statement(self) -> str:
        """The claim with its numbers."""
        which = "isolated fixed orientations" if "isolated" not in self.target.drop else "fixed orientations"
        if self.claim == "P1a":
            return f"For multiplicity 1 there are exactly {2 if self.target.bound is None else self.target.bound} {which}."
        p = self.target.multiplicity
        bound = self.target.bound or ("2p" if p is None else 2 * p)
        return f"For D = 2 (one input and the bias){'' if p is None else f' and multiplicity {p}'} at most {bound} {which}."

    def strategy(self) -> SearchStrategy[Drawn]:
        """Data sets, corner cases and vanishing moments included, with a multiplicity."""
        from hypothesis import strategies as st

        from verify import strategies

        p, dimension = self.target.multiplicity, self.target.dimension
        orders = st.integers(1, PARANOIA) if p is None else st.just(p)
        inputs = st.integers(1, 4) if dimension is None else st.just(dimension - 1)

        def of(setting: tuple[int, int]) -> SearchStrategy[Drawn]:
            order, d = setting
            plain = strategies.datasets(inputs=d, samples=(2, max(8, order + 3)))
            flat = strategies.vanishing_moments(order, inputs=d, round_too=True)
            return st.one_of(plain, plain, plain, flat).map(
                lambda data: Drawn(
                    tuple(tuple(row) for row in data.x.tolist()), tuple(data.y.tolist()), order
                )
            )

        return st.tuples(orders, inputs).flatmap(of)

    def score(self, candidates: Sequence[Drawn]) -> np.ndarray:
        """By how many orientations the claim fails, as counted on the data points, without proof and without theory."""
        return np.array([self._excess(c) for c in candidates], dtype=float)

    def _excess(self, candidate: Drawn) -> float:
        count = (
            fixed_by_turning(candidate.x, candidate.y, candidate.order)
            if self.claim == "P1b"
            else (fixed_by_climbing(candidate.x, candidate.y))
        )
        if count is None:  # nothing turns: every orientation is fixed, so it seems
            return 1.0 if "isolated" in self.target.drop else -np.inf
        return abs(count - self._bound(candidate)) if self.claim == "P1a" else count - self._bound(candidate)

    def _bound(self, candidate: Drawn) -> int:
        if self.target.bound is not None:
            return self.target.bound
        return 2 * candidate.order

    def _continuum(self, candidate: Drawn) -> bool:
        """Whether every orientation is fixed, exactly: T = 0, or D = 2 and P constant on the circle."""
        found = candidate.orientations
        return candidate.tensor.is_zero or (found.dimension == 2 and found.lines_found == 0)

    def certify(self, candidate: Drawn) -> Certificate | None:
        """The complete list of fixed orientations, or the exact proof that all are fixed."""
        found, points = candidate.orientations, as_points(candidate)
        if self._continuum(candidate):
            if "isolated" not in self.target.drop or len(set(candidate.x)) < len(candidate.x):
                return None  # two targets for one input cancel: true, and no news
            what = "T = 0 exactly" if candidate.tensor.is_zero else "P is constant on the circle, exactly"
            return evidence(
                candidate.tensor, found, f"{what}: every orientation is fixed", points, None, counted="fixed"
            )
        count, bound = len(found.orientations), self._bound(candidate)
        violated = count != bound if self.claim == "P1a" else count > bound
        if not (violated and found.complete and all(o.certified for o in found.orientations)):
            return None
        return evidence(
            candidate.tensor,
            found,
            f"exactly {count} fixed orientations, not {bound}",
            points,
            bound,
            counted="fixed",
        )

    def describe(self, candidate: Drawn) -> dict[str, Any]:
        """The data and the network that they are for."""
        return described(candidate.x, candidate.y, self.target.formula(candidate.order), candidate.order)


def described(x: Sequence[Sequence[float]], y: Sequence[float], formula: str, order: int) -> dict[str, Any]:
    """Data in the `hunt` document; whole numbers as integers, the inputs without the bias."""
    return {
        "x": [[_whole(v) for v in row] for row in x],
        "y": [_whole(v) for v in y],
        "activation": formula,
        "bias": True,
        "multiplicity": order,
        "dimension": len(x[0]) + 1,
    }


def as_points(candidate: Drawn) -> Points | None:
    """The same data as integer points, None where they are not integers."""
    if any(v != int(v) for row in candidate.x for v in row) or any(v != int(v) for v in candidate.y):
        return None
    return Points(
        tuple(tuple(int(v) for v in row) for row in candidate.x), tuple(int(v) for v in candidate.y)
    )


def _whole(value: float) -> int | float:
    return int(value) if value == int(value) else float(value)
