"""Examination: all that is found out about one experiment, in a form that needs no knowledge of its theory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from verify.experiment import Experiment
from verify.progress import Progress
from verify.verdict import Check

if TYPE_CHECKING:
    from matplotlib.figure import Figure

E = TypeVar("E")
Drawing = tuple[str, Callable[[], "Figure"]]


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Checks with their verdicts, notes for the reader, arrays for the run folder, and figures yet to be drawn.

    `drawings` are (name, function that draws): they are called after the numbers are on disk.
    """

    experiment: Experiment
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    drawings: tuple[Drawing, ...]


def put(
    checks: Iterable[Callable[[E], list[Check]]], evidence: E, experiment: Experiment, watch: Progress
) -> list[Check]:
    """Put each check to the evidence; every result knows its experiment and its share of the time."""
    results = []
    for check in checks:
        watch.stage(f"{experiment.name}: {check.__name__.replace('_', ' ')}")
        started = time.perf_counter()
        found = check(evidence)
        seconds = (time.perf_counter() - started) / max(len(found), 1)
        results += [each.timed(seconds, experiment.name) for each in found]
    return results
