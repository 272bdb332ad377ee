"""Tests for claims, the user's own included: the law gets its verdict, and every mutant is refuted.

import pytest
from verify.claims.testing import cases

@pytest.mark.parametrize("case", cases("my_claim.py"), ids=str)
def test_my_claim(case):
    case.check()
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.claims.ledger import from_file
from verify.claims.model import Claim, Run
from verify.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Case:
    """One law of a claim and the verdict that the claim's check must reach on it."""

    claim: Claim
    name: str
    law: Any
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.claim.id}-{self.name}"

    def check(self, *, seed: int = 0, quick: bool = True) -> None:
        """Validate the law; AssertionError shows the checks when the verdict is another one."""
        outcome = self.claim.validate(self.law, Run(seed=seed, quick=quick))
        if outcome.verdict is not self.verdict:
            found = "; ".join(
                f"{c.name}: predicted {c.predicted}, observed {c.observed}, tolerance {c.tolerance}, {c.verdict.value}"
                for c in outcome.checks
            )
            raise AssertionError(f"{self}: {outcome.verdict.value}, not {self.verdict.value} ({found})")


def cases(claims: str | Path | Claim | Iterable[Claim]) -> list[Case]:
    """The cases of one claim, of several, or of a file: its law, what is true instead, and each mutant."""
    if isinstance(claims, (str, Path)):
        claims = from_file(claims).claims.values()
    found = []
    for claim in (claims,) if isinstance(claims, Claim) else claims:
        found.append(Case(claim, "law", claim.law, claim.expected))
        if claim.corrected is not None:
            found.append(Case(claim, "corrected", claim.corrected, Verdict.CONFIRMED))
        found += [Case(claim, name, mutant, Verdict.REFUTED) for name, mutant in claim.mutants.items()]
    return found
