"""The project's own laws and the related results: each gets its verdict, and every mutant is refuted."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import verify.claims
from verify.claims.ledger import claims_of
from verify.claims.testing import cases

FOLDER = Path(verify.claims.__file__).parent
FILES = [
    f"{shelf}.{info.name}"
    for shelf in ("laws", "related")
    for info in pkgutil.iter_modules([str(FOLDER / shelf)])
]
CLAIMS = [
    claim for name in FILES for claim in claims_of(importlib.import_module(f"verify.claims.{name}")).values()
]


@pytest.mark.parametrize("claim", [pytest.param(c, id=c.id) for c in CLAIMS])
def test_claim_and_its_mutants(claim):
    for case in cases(claim):
        case.check()
