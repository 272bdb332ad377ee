"""A test of a share whose threshold, size and errors are declared before the data are seen.

Setting.    n independent observations, each a success with probability θ; the claim says θ >= θ0 (`threshold`).
Statement.  With k successes:
                REFUTED        if P_{θ0}(K <= k) <= alpha           a true claim is refuted with probability <= alpha
                CONFIRMED      else if P_{θ1}(K >= k) <= miss       one that is false by `effect` or more, θ <= θ1 =
                                                                    θ0 - effect, is confirmed with probability <= miss
                INCONCLUSIVE   otherwise.
            Both errors are exact, not asymptotic: K is binomial and its tails are monotone in θ.  The power is
            P_{θ1}(REFUTED), and grows as θ falls below θ1.
Steps.      1. A claim on a median, m(X) >= μ, is this one with successes X >= μ and θ0 = 1/2.
            2. A claim θ <= θ0 is this one for failures.
Limits.     Independence: neurons of one network are independent only as far as the theory decouples them; count
            networks where it does not.
Source.     The exact binomial test; for the three-way verdict see Wellek, Testing Statistical Hypotheses of
            Equivalence and Noninferiority.

A test that stops as soon as the observations decide: Wald's likelihood ratio with Ville's exact bounds.

Setting.    As in `declared`: successes with probability θ, the claim θ >= θ0, false by the effect at θ1 = θ0 - effect.
Statement.  L_n = Π f_{θ1}(X_i)/f_{θ0}(X_i).  REFUTED at the first n with L_n >= 1/alpha, CONFIRMED at the first with
            L_n <= miss, INCONCLUSIVE where neither happens up to n = `most`.  A true claim is ever refuted with
            probability <= alpha, one false by the effect or more ever confirmed with probability <= miss.
Steps.      1. For θ >= θ0, E_θ[f_{θ1}(X)/f_{θ0}(X)] <= 1, for the ratio falls in X: L is a supermartingale.
            2. Ville: P(sup L_n >= 1/alpha) <= alpha.  The same for 1/L and θ <= θ1.
Source.     Wald 1945; Ville 1939.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from scipy.stats import binom

from verify.errors import UsageError
from verify.statistics.intervals import Interval, clopper_pearson
from verify.verdict import Check, Verdict

ALPHA = 1e-3
POWER = 0.95
LARGEST = 10_000_000


@dataclass(frozen=True)
class StatisticalTest:
    """The claim that a share is at least `threshold`, and how n observations decide it.

    `alpha` bounds the chance to refute a true claim, `miss` that to confirm one that is false by `effect` (a
    difference of shares) or more.  Raises UsageError for values that make no sense.
    """

    name: str
    threshold: float
    effect: float
    n: int
    alpha: float = ALPHA
    miss: float = 1 - POWER

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UsageError(
                f"{self.name}: threshold is {self.threshold}; accepted: a share above 0, at most 1"
            )
        if not 0 < self.effect <= self.threshold:
            raise UsageError(
                f"{self.name}: effect is {self.effect}; accepted: above 0, at most {self.threshold}"
            )
        for name in ("alpha", "miss"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{self.name}: {name} is {getattr(self, name)}; accepted: between 0 and 1")
        if self.n < 1:
            raise UsageError(f"{self.name}: n is {self.n}; accepted: a whole number of at least 1")

    @classmethod
    def planned(
        cls, name: str, threshold: float, effect: float, *, alpha: float = ALPHA, power: float = POWER
    ) -> StatisticalTest:
        """The test of the least n with this power, and with the same chance to confirm a claim that holds exactly.

        Then a claim false by `effect` is refuted, and one true with a margin confirmed, as good as always.
        Raises UsageError where more than ten million observations would be needed.
        """
        n = 1
        while n <= LARGEST and cls(name, threshold, effect, n, alpha, 1 - power).power < power:
            n *= 2
        if n > LARGEST:
            raise UsageError(f"{name}: an effect of {effect} needs more than {LARGEST} observations")
        low, high = n // 2, n  # the power of a discrete test is a saw-tooth: least up to one tooth
        while high - low > 1:
            middle = (low + high) // 2
            if cls(name, threshold, effect, middle, alpha, 1 - power).power >= power:
                high = middle
            else:
                low = middle
        return cls(name, threshold, effect, high, alpha, 1 - power)

    @cached_property
    def refuted_up_to(self) -> int:
        """The largest count of successes that refutes the claim; -1 where none does."""
        k = int(binom.ppf(self.alpha, self.n, self.threshold))
        return k if binom.cdf(k, self.n, self.threshold) <= self.alpha else k - 1

    @cached_property
    def confirmed_from(self) -> int:
        """The smallest count of successes that confirms the claim; n + 1 where none does."""
        k = int(binom.isf(self.miss, self.n, self.threshold - self.effect)) + 1
        return max(k, self.refuted_up_to + 1)

    @property
    def false_alarm(self) -> float:
        """P(REFUTED) where the claim just holds: the exact largest chance to refute a true claim, at most alpha."""
        return float(binom.cdf(self.refuted_up_to, self.n, self.threshold))

    @property
    def power(self) -> float:
        """P(REFUTED) where the claim is false by `effect`."""
        return float(binom.cdf(self.refuted_up_to, self.n, self.threshold - self.effect))

    def verdict(self, successes: int) -> Verdict:
        """The verdict on a count of successes among exactly n observations."""
        if not 0 <= successes <= self.n:
            raise UsageError(f"{self.name}: {successes} successes; accepted: 0 to the declared n = {self.n}")
        if successes <= self.refuted_up_to:
            return Verdict.REFUTED
        return Verdict.CONFIRMED if successes >= self.confirmed_from else Verdict.INCONCLUSIVE

    def of(self, outcomes: np.ndarray) -> Verdict:
        """The verdict on n outcomes, a boolean array of any shape; another number of them than declared is refused."""
        outcomes = np.asarray(outcomes, dtype=bool)
        if outcomes.size != self.n:
            raise UsageError(f"{self.name}: {outcomes.size} observations; the declared n is {self.n}")
        return self.verdict(int(outcomes.sum()))

    def check(self, outcomes: np.ndarray, *, source: str | None = None) -> Check:
        """The same verdict as a Check, with the interval of the share and the declared errors as its reason."""
        verdict = self.of(outcomes)
        share = clopper_pearson(int(np.sum(outcomes)), self.n)
        return Check(
            name=self.name,
            predicted=f"at least {self.threshold:g}",
            observed=share.estimate,
            tolerance=self.effect,
            verdict=verdict,
            why=f"{int(np.sum(outcomes))} of {self.n}, 99 % interval [{share.low:.4g}, {share.high:.4g}]; declared: "
            f"refuted up to {self.refuted_up_to}, confirmed from {self.confirmed_from}; false alarm "
            f"{self.false_alarm:.2g}, power {self.power:.3f} against {self.threshold - self.effect:g}",
            source=source,
            details={"n": self.n, "alpha": self.alpha, "low": share.low, "high": share.high},
        )


@dataclass(frozen=True)
class SequentialTest:
    """The claim that a share is at least `threshold`, decided as early as possible, and after `most` outcomes at last."""

    name: str
    threshold: float
    effect: float
    most: int
    alpha: float = 1e-3
    miss: float = 0.05

    def __post_init__(self) -> None:
        if not (0 < self.effect < self.threshold < 1):
            raise UsageError(
                f"{self.name}: threshold {self.threshold}, effect {self.effect}; accepted: 0 < effect < threshold < 1"
            )
        if not (0 < self.alpha < 1 and 0 < self.miss < 1):
            raise UsageError(f"{self.name}: alpha {self.alpha}, miss {self.miss}; accepted: between 0 and 1")
        if self.most < 1:
            raise UsageError(f"{self.name}: most is {self.most}; accepted: a whole number of at least 1")

    def run(self, outcomes: Iterable[bool]) -> tuple[Verdict, int]:
        """The verdict and the number of outcomes that it took; no more of them are asked for."""
        null, other = self.threshold, self.threshold - self.effect
        hit, miss = math.log(other / null), math.log((1 - other) / (1 - null))
        upper, lower = -math.log(self.alpha), math.log(self.miss)
        ratio, n = 0.0, 0
        for outcome in outcomes:
            n += 1
            ratio += hit if outcome else miss
            if ratio >= upper:
                return Verdict.REFUTED, n
            if ratio <= lower:
                return Verdict.CONFIRMED, n
            if n == self.most:
                break
        return Verdict.INCONCLUSIVE, n


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
