"""P1a and P1b as hunts: data with another number of isolated fixed orientations than the propositions say.

Setting.    P(u) = Σ y_i (u·x_i)^p, x_i = (input, 1), the leading-order flow of a smooth activation of multiplicity p.
Claims.     P1b: D = 2, at most 2p isolated fixed orientations.   P1a: p = 1, exactly two, any D.
Limits.     Both are theorems, so that the certificate, which knows them, cannot refute them; the score can: it counts on
            the data points, without theory, and only what it suspects is sent to be certified.
Source.     Zhou et al. 2022 (arXiv 2105.11686) for the claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from theory import MomentTensor, OrientationSet, find_orientations
from verify.errors import UsageError
from verify.hunt.certificate import MAX_PATHS, Target, certificate, described
from verify.hunt.counting import fixed_by_climbing, fixed_by_turning
from verify.hunt.model import Certificate
from verify.hunt.points import Points

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MOST = 5  # multiplicities that are drawn when none is asked for: 1 to this


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
        orders = st.integers(1, MOST) if p is None else st.just(p)
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
            return certificate(
                candidate.tensor, found, f"{what}: every orientation is fixed", points, None, counted="fixed"
            )
        count, bound = len(found.orientations), self._bound(candidate)
        violated = count != bound if self.claim == "P1a" else count > bound
        if not (violated and found.complete and all(o.certified for o in found.orientations)):
            return None
        return certificate(
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


def as_points(candidate: Drawn) -> Points | None:
    """The same data as integer points, None where they are not integers."""
    if any(v != int(v) for row in candidate.x for v in row) or any(v != int(v) for v in candidate.y):
        return None
    return Points(
        tuple(tuple(int(v) for v in row) for row in candidate.x), tuple(int(v) for v in candidate.y)
    )
