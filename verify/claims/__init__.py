"""The ledger of claims: theorems, conjectures and observations, each validated anew (see `model` for how to add one)."""

from verify.claims.ledger import Entry, Ledger, built_in, from_file, resolve, validate
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run

__all__ = [
    "About",
    "Claim",
    "Dynamics",
    "Entry",
    "Ledger",
    "Method",
    "Outcome",
    "Reading",
    "Run",
    "built_in",
    "from_file",
    "resolve",
    "validate",
]
