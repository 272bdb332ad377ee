"""Quality tier: false alarms at most 1 in 1000 runs of a true claim, and the stated power, measured by simulation."""

import numpy as np
import pytest
from scipy.stats import binom

from verify.statistics import (
    SequentialTest,
    StatisticalTest,
    bootstrap_interval,
    clopper_pearson,
    false_alarm_rate,
    median_interval,
    power,
    verdict_rates,
)
from verify.verdict import Verdict

pytestmark = pytest.mark.quality

RUNS = 60_000
LEVEL = 0.99999  # some twenty intervals are looked at


@pytest.mark.parametrize(("threshold", "effect"), [(0.99, 0.02), (0.5, 0.2), (0.9, 0.1)])
def test_false_alarms_and_power_of_the_declared_test(threshold, effect):
    test = StatisticalTest.planned("a", threshold, effect)

    def draw(share):
        return lambda generator: generator.random(test.n) < share

    alarms = false_alarm_rate(test.of, draw(threshold), repetitions=RUNS, level=LEVEL)
    assert alarms.low <= 1e-3
    assert test.false_alarm in alarms
    found = power(test.of, draw(threshold - effect), repetitions=RUNS, seed=1, level=LEVEL)
    assert test.power in found
    assert found.high >= 0.95
    # The simulation would notice a test ten times too eager, and one without its power.
    eager = StatisticalTest("a", threshold, effect, test.n, alpha=1e-2)
    assert false_alarm_rate(eager.of, draw(threshold), repetitions=RUNS, level=LEVEL).low > 1e-3
    half = StatisticalTest("a", threshold, effect, test.n // 2)
    weak = power(lambda x: half.of(x[: half.n]), draw(threshold - effect), repetitions=RUNS, level=LEVEL)
    assert weak.high < 0.95


def test_a_median_claim_is_the_claim_on_a_share_of_one_half():
    """Cosines that are skewed and far from normal: the sign test does not mind."""
    test = StatisticalTest.planned("median cosine", threshold=0.5, effect=0.2)

    def draw(shift):  # the median of 1 - E², E exponential, is 1 - log(2)²
        return lambda generator: (1 - generator.exponential(size=test.n) ** 2 * shift) >= 1 - np.log(2) ** 2

    assert false_alarm_rate(test.of, draw(1.0), repetitions=RUNS, level=LEVEL).low <= 1e-3
    # P(E² s <= log(2)²) = 1 - 2^(-1/√s) = 0.3.
    shift = (np.log(2) / -np.log(0.7)) ** 2
    assert test.power in power(test.of, draw(shift), repetitions=RUNS, level=LEVEL)


def test_sequential_test_keeps_both_errors_and_is_cheaper():
    fixed = StatisticalTest.planned("a", 0.9, 0.1)
    test = SequentialTest("a", 0.9, 0.1, 4 * fixed.n)
    used = []

    def decide(x):
        verdict, n = test.run(x.tolist())
        used.append(n)
        return verdict

    true = verdict_rates(decide, lambda g: g.random(test.most) < 0.9, repetitions=RUNS // 3, level=LEVEL)
    assert true[Verdict.REFUTED].low <= 1e-3
    false = verdict_rates(decide, lambda g: g.random(test.most) < 0.8, repetitions=RUNS // 3, level=LEVEL)
    assert false[Verdict.CONFIRMED].low <= 0.05
    assert false[Verdict.REFUTED].low > 0.9
    assert np.mean(used) < 0.6 * fixed.n


@pytest.mark.parametrize("law", ["normal", "exponential", "cauchy"])
def test_median_intervals_cover_for_any_law(law):
    truth = {"normal": 0.0, "exponential": np.log(2), "cauchy": 0.0}[law]
    generator = np.random.default_rng(7)
    draws = getattr(generator, f"standard_{law}")(size=(4000, 41))
    level = median_interval(draws[0], 0.95).level
    held = sum(truth in median_interval(x, 0.95) for x in draws)
    assert level in clopper_pearson(held, len(draws), LEVEL)
    # The bootstrap is asymptotic: near its level, within what 4000 repetitions and n = 41 allow.
    held = sum(
        truth in bootstrap_interval(x, np.median, 0.95, resamples=400, seed=k)
        for k, x in enumerate(draws[:1000])
    )
    assert 0.92 <= held / 1000 <= 0.98


def test_planned_power_is_that_of_the_binomial_law():
    for threshold, effect in ((0.99, 0.02), (0.5, 0.2), (0.9, 0.1)):
        test = StatisticalTest.planned("a", threshold, effect)
        assert binom.cdf(test.refuted_up_to, test.n, threshold - effect) >= 0.95
