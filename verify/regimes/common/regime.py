"""What a regime is to verify: how its evidence is gathered, which checks are put to it, and in which scope each decides.

A check is a pure function of evidence: it neither predicts, trains nor integrates.  Its scope says on which evidence the
theory claims to describe what the check looks at; outside it a check shows its numbers and decides nothing.  That is the
one way in which a verdict turns INCONCLUSIVE: `Check.undecided`, called by the runner outside a scope, and by a check for
a doubt of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from theory import Prediction
from verify.bridge.experiment import Experiment
from verify.progress import Progress
from verify.regimes.common.evidence import Drawing
from verify.verdict import Check

P = TypeVar("P", bound=Prediction)
E = TypeVar("E")


def _nowhere(evidence: object) -> str | None:
    return None


@dataclass(frozen=True)
class Scope(Generic[E]):
    """Where a check decides: `outside` gives the reason why evidence is out of scope, with the remedy; None within it."""

    name: str
    outside: Callable[[E], str | None]


EVERYWHERE: Scope = Scope("everywhere", _nowhere)


@dataclass(frozen=True)
class Rule(Generic[E]):
    """A check and its scope."""

    check: Callable[[E], list[Check]]
    scope: Scope[E] = field(default_factory=lambda: EVERYWHERE)


@dataclass(frozen=True)
class Regime(Generic[P, E]):
    """`gather` trains, follows and measures, once; `rules` are the checks in the order in which they are shown; `arrays`
    go to the run folder, `drawings` are the figures yet to be drawn; `notes` are for the reader."""

    gather: Callable[[Experiment, P, Progress], E]
    rules: tuple[Rule[E], ...] = ()
    arrays: Callable[[E], dict[str, np.ndarray]] = lambda evidence: {}
    drawings: Callable[[E], tuple[Drawing, ...]] = lambda evidence: ()
    notes: Callable[[E], tuple[str, ...]] = lambda evidence: ()


def put(rules: Iterable[Rule[E]], evidence: E, name: str, watch: Progress) -> list[Check]:
    """Put each check to the evidence; every result knows its experiment and its share of the time."""
    results = []
    for rule in rules:
        watch.stage(f"{name}: {rule.check.__name__.replace('_', ' ')}")
        started = time.perf_counter()
        found = rule.check(evidence)
        reason = rule.scope.outside(evidence)
        if reason is not None:
            found = [each.undecided(reason) for each in found]
        seconds = (time.perf_counter() - started) / max(len(found), 1)
        results += [each.timed(seconds, name) for each in found]
    return results
