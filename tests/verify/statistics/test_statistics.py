"""Intervals cover, tests keep their declared errors, chance levels are the shares that random vectors show."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import verify.statistics as statistics
from verify.errors import UsageError
from verify.statistics import (
    SequentialTest,
    StatisticalTest,
    bootstrap_interval,
    clopper_pearson,
    cosine_chance,
    cosine_quantile,
    holm,
    median_interval,
    near_any_chance,
    quantile_interval,
    wilson,
)
from verify.verdict import Verdict


def probabilities(n: int, share: float) -> list[float]:
    """The binomial law from its definition, the witness of every exact statement here."""
    return [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]


def coverage(interval, n: int, share: float, level: float) -> float:
    law = probabilities(n, share)
    return sum(q for k, q in enumerate(law) if share in interval(k, n, level))


def test_the_example_of_the_package():
    assert doctest.testmod(statistics).failed == 0


@pytest.mark.parametrize("n", [1, 7, 40])
def test_clopper_pearson_covers_every_share_and_wilson_does_not(n):
    shares = np.linspace(0.003, 0.997, 143)
    exact = [coverage(clopper_pearson, n, s, 0.95) for s in shares]
    score = [coverage(wilson, n, s, 0.95) for s in shares]
    assert min(exact) >= 0.95
    assert min(score) < 0.95
    assert np.mean(score) == pytest.approx(0.95, abs=0.02)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_property_intervals_hold_their_estimate_and_mirror(counts):
    k, n = counts
    for interval in (clopper_pearson, wilson):
        one, other = interval(k, n), interval(n - k, n)
        assert 0 <= one.low <= one.estimate <= one.high <= 1
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


@pytest.mark.parametrize(("n", "q"), [(9, 0.5), (30, 0.5), (60, 0.9)])
def test_quantile_interval_covers_by_the_law_of_ranks(n, q):
    """Ranks as data: the truth lies between the ranks with the attained level, summed from the definition."""
    found = quantile_interval(np.arange(1, n + 1), q, 0.95)
    law = probabilities(n, q)  # of the number of observations below the quantile
    held = sum(p for below, p in enumerate(law) if found.low <= below < found.high)
    assert held == pytest.approx(found.level, abs=1e-12)
    assert held >= 0.95
    # Neither end can be moved inwards.
    assert sum(p for below, p in enumerate(law) if below < found.low + 1) > 0.025
    assert sum(p for below, p in enumerate(law) if below >= found.high - 1) > 0.025


def test_too_few_numbers_give_no_information():
    found = median_interval(np.array([1.0, 2.0, 3.0]), 0.99)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert found.level == 1


def test_bootstrap_of_a_mean_is_that_of_the_normal_law():
    x = np.random.default_rng(1).standard_normal(400)
    found = bootstrap_interval(x, np.mean, 0.95, seed=3)
    half = 1.959964 * x.std() / 20
    assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.012)
    assert found == bootstrap_interval(x, np.mean, 0.95, seed=3)


@pytest.mark.parametrize("dimension", [2, 3, 5, 20])
def test_chance_of_a_cosine_is_what_random_vectors_show(dimension):
    v = np.random.default_rng(dimension).standard_normal((200_000, dimension))
    cosine = v[:, 0] / np.linalg.norm(v, axis=1)
    for threshold in (0.2, 0.5, 0.9):
        for lines, sample in ((True, np.abs(cosine)), (False, cosine)):
            seen = clopper_pearson(int((sample >= threshold).sum()), len(v), 0.9999)
            assert cosine_chance(threshold, dimension, lines=lines) in seen
    # A dimension too many would not pass.
    seen = clopper_pearson(int((np.abs(cosine) >= 0.2).sum()), len(v), 0.9999)
    assert cosine_chance(0.2, dimension + 1) not in seen


def test_chance_in_closed_form():
    assert cosine_chance(0.7, 3) == pytest.approx(0.3)  # Archimedes: the height is uniform
    assert cosine_chance(0.7, 2) == pytest.approx(2 * math.acos(0.7) / math.pi)
    assert cosine_quantile(0.25, 3) == pytest.approx(0.75)
    assert cosine_chance(0.3, 1, lines=False) == 0.5


def test_chance_of_any_target_adds_up_only_where_caps_are_apart():
    cross = np.vstack([np.eye(3), -np.eye(3)])
    apart = near_any_chance(cross, 0.9)
    assert apart.exact
    assert apart.value == pytest.approx(6 * 0.05)
    v = np.random.default_rng(0).standard_normal((100_000, 3))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    hits = int(((v @ cross.T).max(axis=1) >= 0.9).sum())
    assert apart.value in clopper_pearson(hits, len(v), 0.9999)
    close = near_any_chance(cross, 0.6)
    assert not close.exact
    assert ((v @ cross.T).max(axis=1) >= 0.6).mean() < close.value


def test_holm_by_its_definition():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    rejected, adjusted = holm(p, 0.05)
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert rejected.tolist() == [True, False, False, True]


def test_holm_keeps_the_familys_false_alarm_where_no_correction_does_not():
    p = np.random.default_rng(5).random((4000, 10))
    family = sum(holm(row, 0.05)[0].any() for row in p)
    single = int((p <= 0.05).any(axis=1).sum())
    assert clopper_pearson(int(family), 4000, 0.999).low <= 0.05
    assert clopper_pearson(single, 4000, 0.999).low > 0.05


@pytest.mark.parametrize(("threshold", "effect", "n"), [(0.99, 0.05, 300), (0.5, 0.25, 60), (1.0, 0.1, 80)])
def test_declared_errors_are_the_exact_ones(threshold, effect, n):
    test = StatisticalTest("a", threshold, effect, n)
    rates = {}
    for share in (threshold, threshold - effect):
        for verdict in Verdict:
            rates[share, verdict] = sum(
                q for k, q in enumerate(probabilities(n, share)) if test.verdict(k) is verdict
            )
    false = threshold - effect
    assert rates[threshold, Verdict.REFUTED] == pytest.approx(test.false_alarm, abs=1e-12)
    assert rates[threshold, Verdict.REFUTED] <= 1e-3
    assert rates[false, Verdict.REFUTED] == pytest.approx(test.power, abs=1e-12)
    assert rates[false, Verdict.CONFIRMED] <= test.miss
    # One more success would break alpha, one fewer would break the chance of a false confirmation.
    assert sum(probabilities(n, threshold)[: test.refuted_up_to + 2]) > 1e-3
    if test.confirmed_from > test.refuted_up_to + 1:
        assert sum(probabilities(n, false)[test.confirmed_from - 1 :]) > test.miss


def test_a_planned_test_has_its_power_and_no_spare_observations():
    test = StatisticalTest.planned("median cosine", threshold=0.5, effect=0.2)
    assert test.power >= 0.95
    assert StatisticalTest("", 0.5, 0.2, test.n - 1).power < 0.95
    assert test.of(np.ones(test.n)) is Verdict.CONFIRMED
    assert test.of(np.arange(test.n) % 5 == 0) is Verdict.REFUTED
    check = test.check(np.ones(test.n), source="somebody")
    assert (check.verdict, check.source, check.observed) == (Verdict.CONFIRMED, "somebody", 1.0)


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda: StatisticalTest("a", 1.2, 0.1, 10), "threshold"),
        (lambda: StatisticalTest("a", 0.5, 0.6, 10), "effect"),
        (lambda: StatisticalTest("a", 0.5, 0.1, 10).of(np.ones(11)), "declared n is 10"),
        (lambda: StatisticalTest.planned("a", 0.5, 1e-6), "needs more than"),
        (lambda: clopper_pearson(3, 2), "successes"),
        (lambda: median_interval(np.array([1.0, np.nan])), "finite"),
        (lambda: holm(np.array([0.5, 1.5])), "p-values"),
        (lambda: near_any_chance(np.ones((2, 3)), 0.9), "unit vectors"),
        (lambda: SequentialTest("a", 0.5, 0.5, 10), "effect"),
    ],
)
def test_nonsense_is_refused(act, says):
    with pytest.raises(UsageError, match=says):
        act()


def test_sequential_stops_early_and_asks_for_no_more():
    test = SequentialTest("a", 0.9, 0.3, 400)
    taken = []

    def outcomes(value):
        for _ in range(400):
            taken.append(value)
            yield value

    assert test.run(outcomes(True)) == (Verdict.CONFIRMED, math.ceil(math.log(20) / math.log(0.9 / 0.6)))
    assert test.run(outcomes(False)) == (Verdict.REFUTED, math.ceil(math.log(1000) / math.log(4)))
    assert len(taken) == 8 + 5
    assert test.run([True, False])[0] is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("share", [0.9, 0.95])
def test_sequential_errors_by_enumeration(share):
    """Every path of outcomes, as a walk over (n, successes): the exact probability of ever refuting."""
    test = SequentialTest("a", 0.9, 0.3, 120, alpha=0.01)
    other = 0.6
    alive, refuted = {0: 1.0}, 0.0
    for n in range(1, 121):
        fresh: dict[int, float] = {}
        for k, q in alive.items():
            for hit, step in ((1, share), (0, 1 - share)):
                fresh[k + hit] = fresh.get(k + hit, 0.0) + q * step
        alive = {}
        for k, q in fresh.items():
            ratio = (other / 0.9) ** k * (0.4 / 0.1) ** (n - k)
            if ratio >= 100:
                refuted += q
            elif ratio > 0.05:
                alive[k] = q
    assert refuted <= 0.01
    seen = statistics.false_alarm_rate(
        lambda x: test.run(x.tolist())[0], lambda g: g.random(120) < share, repetitions=3000
    )
    assert refuted in seen
