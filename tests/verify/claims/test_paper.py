"""Every claim of the source paper: the law gets its verdict, what is true instead is confirmed, every mutant refuted."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import verify.claims
from verify.claims.ledger import claims_of
from verify.claims.testing import cases

FOLDER = Path(verify.claims.__file__).parent
FILES = [f"paper.{info.name}" for info in pkgutil.iter_modules([str(FOLDER / "paper")])]
CLAIMS = [
    claim for name in FILES for claim in claims_of(importlib.import_module(f"verify.claims.{name}")).values()
]
# These train networks or integrate for more than a second; the rest runs in the default tier.
LONG = {"destinations.training"}


@pytest.mark.parametrize(
    "claim",
    [pytest.param(c, marks=[pytest.mark.slow] if c.id in LONG else [], id=c.id) for c in CLAIMS],
)
def test_claim_and_its_mutants(claim):
    for case in cases(claim):
        case.check()
