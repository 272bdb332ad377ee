"""Directed search: many hill climbers side by side, and a shrinker that lets them help where single steps do not.

Climbers accept what scores at least as well (neutral steps cross plateaux), the weakest are now and then replaced by
copies of the best or by fresh samples.  Counts of trials, not the clock, bound the search, so that a seed reproduces it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from verify.hunt.model import Certificate, Directed
from verify.progress import Progress

Candidate = TypeVar("Candidate")

CLIMBERS = 64
COPIED = 0.2  # share of moves that start from one of the best instead of the climber's own place
FRESH = 0.02  # share of the weaker half that starts anew in each generation
REPAIRS = 12  # generations that a smaller candidate gets to recover its score
SHRINKING = 40_000  # candidates looked at while shrinking, at most


def search(
    hunt: Directed[Candidate],
    trials: int,
    generator: np.random.Generator,
    progress: Progress,
    tried: Counter[str],
) -> tuple[Candidate, Certificate] | None:
    """The first certified candidate within `trials` scored ones, None where there is none."""
    progress.stage(f"{hunt.claim}: searching, {trials} trials at most")
    members = [hunt.sample(generator) for _ in range(min(CLIMBERS, trials))]
    return _climb(hunt, members, trials, generator, tried, "search")


def _climb(
    hunt: Directed[Candidate],
    members: list[Candidate],
    trials: int,
    generator: np.random.Generator,
    tried: Counter[str],
    stage: str,
) -> tuple[Candidate, Certificate] | None:
    scores = np.asarray(hunt.score(members), dtype=float)
    used = len(members)
    tried[stage] += used
    while True:
        for k in np.argsort(-scores, kind="stable"):
            if scores[k] <= 0:
                break
            tried["certifications"] += 1
            certificate = hunt.certify(members[k])
            if certificate is not None:
                return members[k], certificate
            scores[k] = -np.inf  # degenerate or miscounted: leave it
        count = min(len(members), trials - used)
        if count <= 0:
            return None
        ranked = np.argsort(-scores, kind="stable")
        best, weak = ranked[: max(1, len(ranked) // 5)], set(ranked[len(ranked) // 2 :].tolist())
        moved = []
        for k in range(count):
            chance = generator.random(2)
            if stage == "search" and k in weak and chance[0] < FRESH:
                moved.append(hunt.sample(generator))
                scores[k] = -np.inf
                continue
            source = int(generator.choice(best)) if chance[1] < COPIED else k
            moved.append(hunt.vary(members[source], generator))
        fresh = np.asarray(hunt.score(moved), dtype=float)
        used += count
        tried[stage] += count
        for k in range(count):
            if fresh[k] >= scores[k]:
                members[k], scores[k] = moved[k], fresh[k]


def shrink(
    hunt: Directed[Candidate],
    candidate: Candidate,
    certificate: Certificate,
    generator: np.random.Generator,
    progress: Progress,
    tried: Counter[str],
) -> tuple[Candidate, Certificate]:
    """A candidate that no single simplification, and no repair after a bold one, makes simpler; with its certificate."""
    progress.stage(f"{hunt.claim}: found, shrinking")
    while tried["shrinking"] < SHRINKING:
        found = _first(hunt, hunt.simpler(candidate), candidate, tried)
        if found is None:
            found = _repaired(hunt, candidate, generator, tried)
        if found is None:
            break
        candidate, certificate = found
    return candidate, certificate


def _first(
    hunt: Directed[Candidate], simpler: Iterator[Candidate], than: Candidate, tried: Counter[str]
) -> tuple[Candidate, Certificate] | None:
    """The first of the simpler candidates that certifies."""
    smaller = [c for c in simpler if hunt.size(c) < hunt.size(than)]
    for start in range(0, len(smaller), CLIMBERS):
        batch = smaller[start : start + CLIMBERS]
        tried["shrinking"] += len(batch)
        for k in np.flatnonzero(np.asarray(hunt.score(batch)) > 0):
            tried["certifications"] += 1
            certificate = hunt.certify(batch[k])
            if certificate is not None:
                return batch[k], certificate
    return None


def _repaired(
    hunt: Directed[Candidate], candidate: Candidate, generator: np.random.Generator, tried: Counter[str]
) -> tuple[Candidate, Certificate] | None:
    """A candidate of a smaller first size (one point fewer), after climbing back from a simpler one that failed."""
    first = hunt.size(candidate)[0]
    bold: Sequence[Candidate] = [c for c in hunt.simpler(candidate) if hunt.size(c)[0] < first]
    if not bold:
        return None
    members = [bold[k % len(bold)] for k in range(max(CLIMBERS, len(bold)))]
    return _climb(hunt, members, REPAIRS * len(members), generator, tried, "shrinking")
