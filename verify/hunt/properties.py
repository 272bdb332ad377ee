"""Property-based search: hypothesis draws candidates from a strategy, corner cases first, and shrinks what it finds."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, TypeVar

from verify.hunt.model import Certificate, Property
from verify.progress import Progress

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
