"""False alarms and power of any procedure, measured: run it on many draws and count its verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from verify.errors import UsageError
from verify.report.verdict import Verdict
from verify.statistics.intervals import Interval, clopper_pearson

Data = TypeVar("Data")


def verdict_rates(
    decide: Callable[[Data], Verdict],
    draw: Callable[[np.random.Generator], Data],
    *,
    repetitions: int,
    seed: int = 0,
    level: float = 0.99,
) -> dict[Verdict, Interval]:
    """The share of each verdict of `decide(draw(generator))`, with its exact interval; each draw has its own generator."""
    if repetitions < 1:
        raise UsageError(f"repetitions is {repetitions}; accepted: a whole number of at least 1")
    seeds = np.random.SeedSequence(seed).spawn(repetitions)
    counts = Counter(decide(draw(np.random.default_rng(s))) for s in seeds)
    return {verdict: clopper_pearson(counts[verdict], repetitions, level) for verdict in Verdict}


def false_alarm_rate(
    decide: Callable[[Data], Verdict],
    draw_true: Callable[[np.random.Generator], Data],
    *,
    repetitions: int,
    seed: int = 0,
    level: float = 0.99,
) -> Interval:
    """How often a claim is REFUTED on draws for which it is true."""
    return verdict_rates(decide, draw_true, repetitions=repetitions, seed=seed, level=level)[Verdict.REFUTED]


def power(
    decide: Callable[[Data], Verdict],
    draw_false: Callable[[np.random.Generator], Data],
    *,
    repetitions: int,
    seed: int = 0,
    level: float = 0.99,
) -> Interval:
    """How often a claim is REFUTED on draws for which it is false by the named effect."""
    return verdict_rates(decide, draw_false, repetitions=repetitions, seed=seed, level=level)[Verdict.REFUTED]
