"""The driver of many members against closed forms: decay, a clock that is not linear, members that stop."""

import numpy as np
import pytest

from theory.flows.driver import GOES_ON, STUCK, follow

RATES = np.array([1.0, 3.0, 20.0])


def decay(y, members):
    return -RATES[members, None] * y


def test_every_member_meets_its_own_times():
    times = np.array([[0.0, 0.1, 0.2], [0.5, 0.1, 0.3], [1.0, 2.0, 0.4]])
    run = follow(decay, np.ones((3, 1)), np.full(3, 1e-2), tolerance=1e-11, max_steps=500, times=times)
    np.testing.assert_allclose(run.states[..., 0], np.exp(-RATES * times), atol=1e-10)
    assert np.all(run.met == 3)
    assert not run.running.any()
    assert np.all(run.reasons == GOES_ON)


def test_times_cost_no_more_than_a_step_each():
    counted = []

    def counting(y, members):
        counted.append(len(members))
        return decay(y, members)

    def rounds(times):
        counted.clear()
        grid = np.repeat(np.asarray(times)[:, None], 3, axis=1)
        follow(counting, np.ones((3, 1)), np.full(3, 1e-2), tolerance=1e-9, max_steps=5000, times=grid)
        return len(counted) / 7

    assert rounds(np.linspace(0.1, 1.0, 10)) <= rounds([1.0]) + 2 * 10


def test_a_clock_is_met():
    """y' = y with the clock t' = y, t = e^s - 1: at t = 1, 3 the state is 2, 4."""
    run = follow(
        lambda y, _: np.stack([y[:, 0], y[:, 0]], axis=1), np.array([[1.0, 0.0]]), np.array([1e-2]),
        tolerance=1e-12, max_steps=500, times=np.array([[1.0], [3.0]]), clock=1,
    )  # fmt: skip
    np.testing.assert_allclose(run.states[:, 0], [[2, 1], [4, 3]], rtol=1e-10)


def test_members_retire_with_a_reason_and_meet_no_later_time():
    run = follow(
        decay, np.ones((3, 1)), np.full(3, 1e-2), tolerance=1e-9, max_steps=2000, times=np.full((2, 3), [[0.1], [5.0]]),
        retire=lambda y, members: np.where(y[:, 0] < 1e-3, members + 1, GOES_ON),
    )  # fmt: skip
    np.testing.assert_array_equal(run.reasons, [0, 2, 3])
    np.testing.assert_array_equal(run.met, [2, 1, 1])
    np.testing.assert_array_equal(run.states[1], run.last)
    assert np.all(run.last[1:] < 1e-3)
    assert np.all(run.last[1:] > 1e-4)


@pytest.mark.parametrize("together", [False, True])
def test_a_member_without_a_solution_is_stuck(together):
    """y' = y² from 1 blows up at time 1; from 0.1 it does not before 2."""
    run = follow(
        lambda y, _: y**2, np.array([[1.0], [0.1]]), np.full(2, 1e-3), tolerance=1e-9, max_steps=5000,
        times=np.full((1, 2), 2.0), smallest=1e-9, together=together,
    )  # fmt: skip
    np.testing.assert_array_equal(run.reasons, [STUCK, GOES_ON])
    np.testing.assert_array_equal(run.met, [0, 0 if run.running[1] else 1])
    if not together:
        assert not run.running.any()
        np.testing.assert_allclose(run.states[0, 1], 1 / (10 - 2), rtol=1e-7)


def test_rounds_that_do_not_suffice_are_said():
    run = follow(
        decay, np.ones((3, 1)), np.full(3, 1e-2), tolerance=1e-9, max_steps=3, times=np.full((1, 3), 9.0)
    )
    assert run.running.all()
    assert np.all(run.met == 0)
    np.testing.assert_array_equal(run.states[0], run.last)
