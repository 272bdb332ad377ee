"""One verb: hunt a claim.  The registry says which claims have a hunt; a hunt's shape says how it is searched, some by
hypothesis, which draws candidates from a strategy, corner cases first, and shrinks what it finds.
"""

from __future__ import annotations

import difflib
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import numpy as np

from verify.errors import UsageError
from verify.hunt import evolution
from verify.hunt.certificate import Target
from verify.hunt.growing import GrowingBound
from verify.hunt.isolated import IsolatedBound
from verify.hunt.model import Certificate, Directed, Find, Property
from verify.progress import Progress, Silent

TRIALS = 10_000

HUNTS: dict[str, Callable[[Target], Directed[Any] | Property[Any]]] = {
    "C1": lambda target: GrowingBound(target),
    "P1a": lambda target: IsolatedBound(target, "P1a"),
    "P1b": lambda target: IsolatedBound(target, "P1b"),
}


def register(claim: str, make: Callable[[Target], Directed[Any] | Property[Any]]) -> None:
    """Give a claim its hunt: `make` builds it from the options, and refuses those that do not fit by UsageError.

    Raises UsageError where the claim has one already.
    """
    if claim in HUNTS:
        raise UsageError(f"claim {claim!r} has a hunt already")
    HUNTS[claim] = make


def hunt(
    claim: str,
    target: Target | None = None,
    *,
    seed: int = 0,
    trials: int = TRIALS,
    progress: Progress | None = None,
) -> Find:
    """Search a counterexample of a claim by its id among at most `trials` candidates; shrink and certify it.

    The same claim, target, seed and trials give the same find.  Raises UsageError for an unknown claim or options that do
    not fit.  Cost: seconds where counterexamples are common, 0.2 to 3 ms a trial where there are none.
    """
    return run(find_hunt(claim)(target or Target(None, None)), seed=seed, trials=trials, progress=progress)


def run(
    hunted: Directed[Any] | Property[Any],
    *,
    seed: int = 0,
    trials: int = TRIALS,
    progress: Progress | None = None,
) -> Find:
    """The same for a hunt of one's own."""
    for name, value, least in (("trials", trials, 1), ("seed", seed, 0)):
        if value < least:
            raise UsageError(f"{name} is {value}; accepted: a whole number of at least {least}")
    began = time.perf_counter()
    watch = progress if progress is not None else Silent()
    tried: Counter[str] = Counter()
    first = None
    if hasattr(hunted, "strategy"):
        found = search(hunted, trials, seed, watch, tried)  # type: ignore[arg-type]
        if found is not None:
            first, *found = found
    else:
        found = _directed(hunted, trials, seed, watch, tried)  # type: ignore[arg-type]
        if found is not None:
            first, *found = found
    return Find(
        claim=hunted.claim,
        statement=hunted.statement,
        seed=seed,
        trials=tried["search"],
        counterexample=None if found is None else hunted.describe(found[0]),
        certificate=None if found is None else found[1],
        first=None if first is None else hunted.describe(first),
        tried=dict(tried),
        seconds=time.perf_counter() - began,
    )


def _directed(
    hunted: Directed[Any], trials: int, seed: int, watch: Progress, tried: Counter[str]
) -> tuple[Any, Any, Any] | None:
    searching, shrinking = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    found = evolution.search(hunted, trials, searching, watch, tried)
    if found is None:
        return None
    return found[0], *evolution.shrink(hunted, *found, shrinking, watch, tried)


def find_hunt(claim: str) -> Callable[[Target], Directed[Any] | Property[Any]]:
    """The hunt of a claim, its id in any case; UsageError with the closest ids."""
    exact = {name.lower(): name for name in HUNTS}
    if claim.lower() in exact:
        return HUNTS[exact[claim.lower()]]
    close = difflib.get_close_matches(claim.lower(), exact, n=3, cutoff=0.4)
    known = ", ".join(exact[c] for c in close) if close else ", ".join(HUNTS)
    raise UsageError(f"no hunt for the claim {claim!r}; {'close' if close else 'there are'}: {known}")


Candidate = TypeVar("Candidate")


def search(
    hunt: Property[Candidate], trials: int, seed: int, progress: Progress, tried: Counter[str]
) -> tuple[Candidate, Candidate, Certificate] | None:
    """The first candidate that the claim fails on, the simplest that hypothesis shrinks it to, and its certificate."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import NoSuchExample

    progress.stage(f"{hunt.claim}: searching, {trials} trials at most")
    first: list[Any] = []

    def holds(candidate: Candidate) -> bool:
        if first:
            tried["shrinking"] += 1
        else:
            tried["search"] += 1
        if not hunt.score([candidate])[0] > 0:
            return False
        tried["certifications"] += 1
        if hunt.certify(candidate) is None:
            return False
        if not first:
            first.append(candidate)
            progress.stage(f"{hunt.claim}: shrinking")
        return True

    rules = settings(
        max_examples=trials,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[*HealthCheck],  # type: ignore[arg-type]
    )
    try:
        found = find(hunt.strategy(), holds, settings=rules, random=Random(seed))
    except NoSuchExample:
        return None
    certificate = hunt.certify(found)
    assert certificate is not None  # `holds` has just proved it
    return first[0], found, certificate
