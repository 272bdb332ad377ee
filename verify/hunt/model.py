"""What a hunt is: how candidates are made, scored, simplified and certified; and what it brings home.

How to add one: a class with the methods of `Directed` (candidates are varied towards a higher score) or of `Property`
(hypothesis draws them from a strategy), and `register` it under the id of the claim that it hunts; `condense hunt ID`
then runs it.  A score may err on either side: what counts is `certify`, which returns None unless it has a proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Candidate = TypeVar("Candidate")


@dataclass(frozen=True)
class Certificate:
    """A proof that a candidate violates the claim: `summary` in one line, `document` JSON-ready with every number."""

    summary: str
    document: Mapping[str, Any]
    notes: tuple[str, ...] = ()


class _Common(Protocol[Candidate]):  # pyright: ignore[reportInvalidTypeVarUse]
    @property
    def claim(self) -> str:
        """The id of the claim."""
        ...

    @property
    def statement(self) -> str:
        """The claim in one sentence, with its numbers."""
        ...

    def score(self, candidates: Sequence[Candidate]) -> np.ndarray:
        """One number each: above 0, the candidate is suspected of violating the claim; higher is nearer to that."""
        ...

    def certify(self, candidate: Candidate) -> Certificate | None:
        """A proof that the candidate violates the claim, None where there is none."""
        ...

    def describe(self, candidate: Candidate) -> dict[str, Any]:
        """The candidate as `x`, `y`, `activation`, `bias` of the `hunt` document, and whatever else defines it."""
        ...


class Directed(_Common[Candidate], Protocol[Candidate]):
    """A hunt by evolution: sample, vary what scores best, shrink what is certified."""

    def sample(self, generator: np.random.Generator) -> Candidate:
        """A random candidate."""
        ...

    def vary(self, candidate: Candidate, generator: np.random.Generator) -> Candidate:
        """A random neighbour."""
        ...

    def simpler(self, candidate: Candidate) -> Iterator[Candidate]:
        """Simpler candidates, the boldest first."""
        ...

    def size(self, candidate: Candidate) -> tuple[float, ...]:
        """What shrinking makes smaller, in lexicographic order."""
        ...


class Property(_Common[Candidate], Protocol[Candidate]):
    """A hunt by hypothesis: it draws from the strategy and shrinks by its own rules."""

    def strategy(self) -> SearchStrategy[Candidate]:
        """Everything that the claim speaks of, corner cases included."""
        ...


@dataclass(frozen=True)
class Find:
    """The outcome of a hunt: `counterexample` and `certificate` are None where none was found in `trials` candidates.

    `tried` counts what was looked at, by stage; `first` describes the counterexample before shrinking.  Claim, options,
    seed and trials reproduce it.
    """

    claim: str
    statement: str
    seed: int
    trials: int
    counterexample: Mapping[str, Any] | None
    certificate: Certificate | None
    first: Mapping[str, Any] | None
    tried: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def found(self) -> bool:
        """Whether there is a certified counterexample."""
        return self.certificate is not None

    def document(self) -> dict[str, Any]:
        """The `hunt` document of the interface."""
        example = None
        if self.counterexample is not None and self.certificate is not None:
            example = {**self.counterexample, "certificate": dict(self.certificate.document)}
        return {
            "claim": self.claim,
            "statement": self.statement,
            "found": self.found,
            "trials": self.trials,
            "counterexample": example,
            "before_shrinking": None if self.first is None else dict(self.first),
            "tried": dict(self.tried),
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }
