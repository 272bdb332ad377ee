"""Exponents from measured errors, and the one way from an exponent to a verdict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.claims.witness import exponent_check
from verify.order.engine import judged
from verify.order.result import Slope, judge_slope, power_law, straight_line
from verify.verdict import Verdict

EPSILONS = 10.0 ** -np.arange(0, 4.6, 0.25)
NOTHING = np.full(len(EPSILONS), np.nan)
FLOOR = np.full(len(EPSILONS), 1e-13)


@pytest.mark.parametrize(("k", "bend"), [(1, 5.0), (2, 1.0), (4, 3.0)])
def test_slope_recovers_the_exponent_behind_a_correction(k, bend):
    epsilons = 10.0 ** -np.arange(0, 4.6, 0.25)
    errors = 3 * epsilons**k * (1 + bend * epsilons)
    noise = 1e-13 * np.random.default_rng(k).standard_normal(len(epsilons))
    slope = power_law(epsilons, errors + noise, 1e-13)
    assert slope.resolved
    assert abs(slope.value - k) < 0.03


def test_slope_says_when_it_does_not_know():
    epsilons = 10.0 ** -np.arange(0, 4, 0.25)
    assert not power_law(epsilons, np.full(len(epsilons), 1e-14), 1e-13).resolved
    assert not power_law(epsilons, np.full(len(epsilons), np.nan), 1e-13).resolved
    assert not power_law(epsilons[:5], epsilons[:5], 1e-13).resolved


def test_a_slope_that_is_still_changing_is_no_verdict():
    """ε³ + c ε⁴ turns from 4 to 3 just above rounding: not resolved, rather than wrong."""
    epsilons = 0.2 * 10.0 ** -np.arange(0, 4.6, 0.25)
    turning = power_law(epsilons, 1e-3 * (epsilons**3 + 500 * epsilons**4), 1e-13)
    assert not turning.resolved
    assert "changes" in turning.reason


def test_a_straight_line_takes_errors_as_they_are():
    flat = straight_line(EPSILONS, np.full(len(EPSILONS), 0.9))
    assert flat.resolved
    assert abs(flat.value) < 1e-12
    assert not straight_line(EPSILONS[:2], EPSILONS[:2]).resolved
    assert not straight_line(EPSILONS, np.where(EPSILONS < 0.1, EPSILONS, np.inf)).resolved


@pytest.mark.parametrize(
    ("value", "half", "verdict"),
    [
        (2.01, 0.02, Verdict.CONFIRMED),
        (2.01, 0.2, Verdict.INCONCLUSIVE),  # too wide to pin it down
        (2.08, 0.05, Verdict.INCONCLUSIVE),  # neither within nor outside
        (2.2, 0.05, Verdict.REFUTED),
        (1.0, 0.001, Verdict.REFUTED),
        (np.nan, 0.01, Verdict.INCONCLUSIVE),
        (2.0, np.nan, Verdict.INCONCLUSIVE),
        (1.0, np.inf, Verdict.INCONCLUSIVE),
    ],
)
def test_a_slope_has_one_verdict(value, half, verdict):
    slope = Slope(value, value - half, value + half, (1e-3, 1e-1), 9, True, "")
    found, why = judge_slope(2, slope)
    assert found is verdict
    assert why


def test_an_unresolved_slope_decides_nothing_and_says_why():
    lost = Slope(1.0, 0.9, 1.1, (1e-3, 1e-1), 9, False, "the reason")
    assert judge_slope(2, lost) == (Verdict.INCONCLUSIVE, "the reason")


@pytest.mark.parametrize("k", [1, 2, 3])
def test_claims_and_orders_have_the_same_verdict(k):
    """The law of claims and that of `condense order` are one function."""
    for error in (EPSILONS**k, 3 * EPSILONS ** (k + 0.2), np.full(len(EPSILONS), np.nan)):
        assert (
            exponent_check("e", k, EPSILONS, error, 1e-13).verdict
            is (judge_slope(k, power_law(EPSILONS, error, 1e-13))[0])
        )


def test_flows_that_stay_apart_are_refuted_by_a_number():
    slope, verdict, why = judged(2, EPSILONS, np.full(len(EPSILONS), 1.3), FLOOR, NOTHING)
    assert verdict is Verdict.REFUTED
    assert "as far apart as they are long" in why
    assert np.isfinite(slope.value)


def test_flows_that_do_not_arrive_decide_nothing():
    slope, verdict, why = judged(2, EPSILONS, np.full(len(EPSILONS), np.inf), FLOOR, NOTHING)
    assert (verdict, slope.resolved) == (Verdict.INCONCLUSIVE, False)
    assert "do not both reach" in why
    assert "as they are long" not in why


def test_flows_that_are_known_to_have_run_away_are_apart():
    """Not arrived, but twice as far as all of the leading path: the distance is known from below."""
    least = np.full(len(EPSILONS), 3.0)
    slope, verdict, _ = judged(2, EPSILONS, np.full(len(EPSILONS), np.inf), FLOOR, least)
    assert verdict is Verdict.REFUTED
    assert np.isfinite(slope.value)


def test_flows_that_approach_each_other_from_afar_need_smaller_scales():
    """Errors of 10⁹ ε² fall as they should, and are still above 1: the scales are too large to say."""
    slope, verdict, why = judged(2, EPSILONS, 1e9 * EPSILONS**2, FLOOR, NOTHING)
    assert verdict is Verdict.INCONCLUSIVE
    assert "smaller scales" in why
    assert slope.value == pytest.approx(2)


@given(
    st.lists(st.sampled_from([np.inf, np.nan, 1e-14, 0.3, 0.7, 1e200]), min_size=19, max_size=19),
    st.lists(st.sampled_from([np.nan, 0.7, 5.0]), min_size=19, max_size=19),
    st.integers(1, 6),
)
def test_what_refutes_is_a_number(errors, least, k):
    """Whatever is measured: REFUTED only with a finite slope and a finite interval that excludes the prediction."""
    slope, verdict, why = judged(k, EPSILONS, np.array(errors), FLOOR, np.array(least))
    assert why
    if verdict is not Verdict.INCONCLUSIVE:
        assert slope.resolved
        assert np.all(np.isfinite([slope.value, slope.low, slope.high]))
    if verdict is Verdict.REFUTED:
        assert not slope.low <= k <= slope.high
