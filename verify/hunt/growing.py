"""C1 as a hunt: data on which more than 2p orientations grow.

Setting.    P(u) = Σ y_i (u·x_i)^p, x_i = (input, 1), the leading-order flow of a smooth activation of multiplicity p.
Claim.      C1: the growing orientations are at most 2p, any D.  A theorem for p <= 2 and for D = 2.
Limits.     None found is no proof; what is found is one.  The half-MSE loss at zero output, where the signal is y; any
            other loss with an invertible y -> s is the same hunt.
Source.     Zhou et al. 2022 (arXiv 2105.11686) for the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from theory import MomentTensor, find_orientations
from verify.errors import UsageError
from verify.hunt.certificate import MAX_PATHS, Target, certificate, described
from verify.hunt.counting import growing_lines, starting_directions
from verify.hunt.model import Certificate
from verify.hunt.points import Points, draw, simpler, vary


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
        return certificate(
            tensor,
            found,
            f"{counted} {len(proved)} orientations grow, more than {self.bound}",
            candidate,
            self.bound,
        )

    def describe(self, candidate: Points) -> dict[str, Any]:
        """The data and the network that they are for."""
        return described(candidate.x, candidate.y, self.target.formula(self.order), self.order)
