"""What a claim is: a statement with hypotheses, made executable, beside wrong versions of itself.

How to add one: a file in `paper/`, `laws/` or `related/` or anywhere else (`condense claims
./my_claim.py`, or an entry point of the group `condense.claims`).  Its docstring reads as a theorem (Setting,
Hypotheses, Statement, Steps, Limits, Source); every `Claim` at module level joins the ledger.  A claim has

* `law`: the formula or formulas that the statement asserts, as a callable or a small frozen object;
* `validate(law, run) -> Outcome`: observe *without the law* (simulate, train, enumerate, certify), predict *by the law
  alone*, compare in `Check`s.  Observations that cost time depend on the run only, so cache them (`functools.cache` on
  a function of seed and size): law and mutants then share them;
* `mutants`: wrong laws, by name (factor, sign, exponent, signal, missing correction).  Each must come out REFUTED;
* `expected`: the verdict of the law.  Where that is REFUTED, `corrected` is the law that is true instead: the same check
  must confirm it, and the mutants are mutants of that one, so that the refutation is known to be earned.

`verify.claims.testing.cases` turns all of that into tests.  A statistical claim declares its `false_alarm`, the
probability that its check refutes a true law; the ledger adds them up to at most 1/1000.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import numpy as np

from verify.errors import UsageError
from verify.progress import Progress, Silent
from verify.verdict import Check, Verdict, combine, finite

Law = TypeVar("Law")


class Method(StrEnum):
    """How the verdict is reached; the strongest tool that the check relies on."""

    SYMBOLIC = "symbolic"
    CERTIFIED = "certified"
    ORDER = "order"
    STATISTICAL = "statistical"


class About(StrEnum):
    """Which orientations, or what else, a claim speaks of."""

    FIXED = "fixed"
    ATTRACTING = "attracting"
    GROWING = "growing"
    DYING = "dying"
    OTHER = "other"


class Reading(StrEnum):
    """How neurons are counted."""

    NEURON_COUNT = "by neuron count"
    AMPLITUDE = "by amplitude"
    NONE = "not applicable"


class Dynamics(StrEnum):
    """Under which dynamics the claim is made; many are true of one and false of another."""

    LEADING_FLOW = "leading-order flow"
    GRADIENT_FLOW = "gradient flow"
    GRADIENT_DESCENT = "gradient descent"
    ADAM = "Adam"
    SIGN_DESCENT = "sign descent"
    NONE = "none"


@dataclass(frozen=True)
class Run:
    """What a validation may depend on besides the law: a seed, whether it must be quick, and who watches."""

    seed: int = 0
    quick: bool = False
    progress: Progress = field(default_factory=Silent, compare=False)

    def generator(self, *key: int | str) -> np.random.Generator:
        """A generator of its own for each key, the same in every process and order."""
        words = [k if isinstance(k, int) else zlib.crc32(k.encode()) for k in key]
        return np.random.default_rng(np.random.SeedSequence([self.seed, *words]))

    def pick(self, quick: Any, full: Any) -> Any:
        """The first value in a quick run, else the second."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Outcome:
    """What a validation found: its checks decide the verdict, `summary` says it in one line.

    `counterexample` is a JSON-ready description from which a refutation can be repeated, shown where there is one;
    `details` holds further numbers, such as a confusion table.
    """

    summary: str
    checks: tuple[Check, ...]
    counterexample: dict[str, Any] | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """REFUTED before INCONCLUSIVE before CONFIRMED; INCONCLUSIVE without checks."""
        return combine(self.checks)

    def evidence(self) -> dict[str, Any]:
        """Every check with its numbers, tolerance and where that comes from."""
        checks = [
            {
                "name": c.name,
                "predicted": c.predicted,
                "observed": c.observed,
                "tolerance": c.tolerance,
                "why": c.why,
                "verdict": c.verdict.value,
                **({"details": c.details} if c.details else {}),
            }
            for c in self.checks
        ]
        return finite({"summary": self.summary, "checks": checks, **self.details})


_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*([.\-][A-Za-z0-9]+)*")


@dataclass(frozen=True, eq=False)
class Claim(Generic[Law]):
    """A statement (`statement` in LaTeX) with hypotheses and source, and the check that validates it anew."""

    id: str
    title: str
    statement: str
    hypotheses: tuple[str, ...]
    source: str
    method: Method
    about: About
    reading: Reading
    dynamics: Dynamics
    law: Law
    validate: Callable[[Law, Run], Outcome]
    mutants: Mapping[str, Law]
    expected: Verdict = Verdict.CONFIRMED
    corrected: Law | None = None
    false_alarm: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mutants", MappingProxyType(dict(self.mutants)))
        if not _ID.fullmatch(self.id):
            raise UsageError(
                f"claim id {self.id!r}: accepted are letters and digits, with . or - between them"
            )
        if not self.mutants:
            raise UsageError(
                f"claim {self.id}: no mutants; at least one wrong law that its check refutes is needed"
            )
        if self.expected is Verdict.REFUTED and self.corrected is None:
            raise UsageError(
                f"claim {self.id}: expected REFUTED; the corrected law that the same check confirms is needed"
            )
        if (self.method is Method.STATISTICAL) != (self.false_alarm > 0):
            raise UsageError(
                f"claim {self.id}: false_alarm is {self.false_alarm}; statistical claims and no others need one"
            )

    def run(self, run: Run) -> Outcome:
        """Validate the claim's own law."""
        return self.validate(self.law, run)

    def description(self) -> dict[str, Any]:
        """What the claim says, JSON-ready, without running anything."""
        return {
            "id": self.id,
            "title": self.title,
            "statement": self.statement,
            "hypotheses": list(self.hypotheses),
            "source": self.source,
            "method": self.method.value,
            "about": self.about.value,
            "reading": self.reading.value,
            "dynamics": self.dynamics.value,
            "expected": self.expected.value,
            "mutants": list(self.mutants),
            "false_alarm": self.false_alarm,
        }
