"""Confidence intervals for shares and quantiles.

Shares.     Clopper and Pearson's interval inverts the binomial test and covers at least at its level for every share;
            Wilson's inverts the normal approximation with the variance of the hypothesis: narrower, and near its level
            on average only.  Verdicts use the first, tables may show the second.
Quantiles.  X_(i) <= Q(q) <= X_(j) fails with probability P(B < i) + P(B >= j), B ~ Binomial(n, q), whatever the law
            of X (at least: ties only widen).  No information is an infinite interval, never a missing one.
Source.     Clopper, Pearson 1934; Wilson 1927; David, Nagaraja, Order Statistics, section 7.1; Efron 1979.

Many tests at once: Holm's step-down, which keeps the family's false alarm at alpha whatever their dependence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.stats import binom, norm

from verify.errors import UsageError


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval [low, high] that covers the truth with probability `level`, or more."""

    estimate: float
    low: float
    high: float
    level: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def clopper_pearson(successes: int, trials: int, level: float = 0.99) -> Interval:
    """The exact interval of a share: coverage at least `level`, half of the rest on either side."""
    _check_counts(successes, trials)
    tail = (1 - check_level(level)) / 2
    low = special.betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    return Interval(successes / trials, float(low), float(high), level)


def wilson(successes: int, trials: int, level: float = 0.99) -> Interval:
    """The score interval of a share: coverage near `level` on average over shares, below it for some."""
    _check_counts(successes, trials)
    z = float(norm.ppf(0.5 + check_level(level) / 2))
    share, weight = successes / trials, z * z / trials
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    # At 0 and 1 the bound is exact; rounding would leave it a last digit off.
    low = 0.0 if successes == 0 else centre - half
    return Interval(share, low, 1.0 if successes == trials else centre + half, level)


def median_interval(sample: np.ndarray, level: float = 0.99) -> Interval:
    """The order-statistic interval of the median of a sample (n,); infinite where n is too small for the level."""
    return quantile_interval(sample, 0.5, level)


def quantile_interval(sample: np.ndarray, q: float, level: float = 0.99) -> Interval:
    """The order-statistic interval of the q-quantile of a sample (n,); `level` in the answer is the one attained.

    Each side fails with at most half of 1 - level; a side on which no order statistic does that well is infinite.
    """
    x = np.sort(_finite(sample))
    if not 0 < q < 1:
        raise UsageError(f"quantile is {q}; accepted: a number between 0 and 1")
    n, tail = len(x), (1 - check_level(level)) / 2
    below = binom.cdf(np.arange(n), n, q)  # P(B <= k)
    i = int(np.searchsorted(below, tail, side="right"))  # the largest i with P(B < i) = below[i-1] <= tail
    j = _upper_rank(below, tail)
    low = float(x[i - 1]) if i >= 1 else -math.inf
    high = float(x[j - 1]) if j <= n else math.inf
    missed = (float(below[i - 1]) if i >= 1 else 0.0) + (1 - float(below[j - 1]) if j <= n else 0.0)
    return Interval(float(np.quantile(x, q)), low, high, 1 - missed)


def bootstrap_interval(
    sample: np.ndarray,
    statistic: Callable[..., np.ndarray] = np.median,
    level: float = 0.99,
    *,
    resamples: int = 9999,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap of `statistic(samples, axis=-1)`: asymptotic, for statistics without an exact interval.

    Cost: `resamples` × n numbers, in blocks of a million.
    """
    x = _finite(sample)
    check_level(level)
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    block = max(1, 1_000_000 // len(x))
    values = np.concatenate(
        [
            np.atleast_1d(
                statistic(x[generator.integers(len(x), size=(min(block, resamples - k), len(x)))], axis=-1)
            )
            for k in range(0, resamples, block)
        ]
    )
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(x, axis=-1)), float(low), float(high), level)


def check_level(level: float) -> float:
    """The level itself; UsageError unless it lies between 0 and 1."""
    if not 0 < level < 1:
        raise UsageError(f"level is {level}; accepted: a number between 0 and 1, such as 0.99")
    return level


def _upper_rank(below: np.ndarray, tail: float) -> int:
    """The smallest rank j with P(B >= j) = 1 - P(B <= j - 1) <= tail; n + 1 where there is none."""
    good = np.flatnonzero(1 - below <= tail)
    return int(good[0]) + 1 if len(good) else len(below) + 1


def _check_counts(successes: int, trials: int) -> None:
    if not (trials >= 1 and 0 <= successes <= trials):
        raise UsageError(
            f"{successes} successes in {trials} trials; accepted: 0 <= successes <= trials, trials >= 1"
        )


def _finite(sample: np.ndarray) -> np.ndarray:
    x = np.asarray(sample, dtype=float)
    if x.ndim != 1 or not len(x) or not np.all(np.isfinite(x)):
        raise UsageError(
            f"sample of shape {x.shape}; accepted: at least one number, all finite, of shape (n,)"
        )
    return x


def holm(p_values: np.ndarray, alpha: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Which hypotheses are rejected (m,), and the adjusted p-values (m,), to be compared with alpha.

    adjusted_(i) = max_{j <= i} (m - j + 1) p_(j): rejecting where it is <= alpha rejects any true hypothesis with
    probability at most alpha.  Source: Holm 1979.
    """
    p = np.asarray(p_values, dtype=float)
    check_level(alpha)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise UsageError(f"p-values of shape {p.shape}; accepted: numbers between 0 and 1, of shape (m,)")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted <= alpha, adjusted
