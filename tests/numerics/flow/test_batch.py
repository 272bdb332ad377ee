"""The batch integrator: its order, its landing on times, its events, the independence of its columns."""

import numpy as np
import pytest

from numerics.flow.batch import Ending, System, integrate, rk_step


class Pendulum(System):
    """q'' = -sin q for several energies: no member is special."""

    def field(self, y, members):
        return np.stack([y[1], -np.sin(y[0])])

    def scale(self, y, members):
        return np.maximum(np.hypot(y[0], y[1]), 1e-300)

    def events(self, y, members):
        return np.stack([-y[0], y[0] - 50.0])  # q passes 0 downwards; q passes 50: never


class Riccati(System):
    """y' = y², blow-up at t = 1/y0."""

    def field(self, y, members):
        return y**2

    def scale(self, y, members):
        return np.abs(y)


class Decay(System):
    def field(self, y, members):
        return -y

    def scale(self, y, members):
        return np.abs(y)


EPS = np.finfo(float).eps
START = np.array([[0.3, 1.0, 2.0], [0.0, 0.1, 0.4]])


def test_one_step_is_of_order_eight():
    # A step of a method of order 8 errs by C h^9: halving h divides the error by 512, up to the next term
    # C' h^10, which moves the slope by O(h). h is taken where the error is far above rounding.
    system, members = Decay(), np.zeros(1, dtype=int)
    y = np.array([[1.0]])
    errors = []
    for h in (1.0, 0.5, 0.25):
        new, _ = rk_step(system, y, -y, np.array([h]), members)
        errors.append(abs(new[0, 0] - np.exp(-h)))
    slopes = np.diff(np.log(errors)) / np.log(0.5)
    assert 8.5 < slopes[-1] < 9.5


def test_error_follows_the_tolerance_and_columns_are_independent():
    reference = integrate(Pendulum(), START, np.array([20.0]), rtol=1e-14).y
    for rtol in (1e-4, 1e-7, 1e-10):
        out = integrate(Pendulum(), START, np.array([20.0]), rtol=rtol)
        # Errors of the steps add up; the pendulum's flow spreads them at most linearly in time.
        allowed = rtol * out.steps * 20 * np.hypot(*START)
        assert (np.abs(out.y - reference).max(axis=0) <= allowed).all()
        alone = np.hstack(
            [integrate(Pendulum(), START[:, [k]], np.array([20.0]), rtol=rtol).y for k in range(3)]
        )
        # Alone or together: the same to the rounding of the stages (BLAS sums a tail in another order).
        assert (np.abs(out.y - alone).max(axis=0) <= 16 * EPS * out.steps * 20 * np.hypot(*START)).all()


def test_narrow_blocks_give_the_same_as_wide_ones():
    rng = np.random.default_rng(0)
    start = rng.standard_normal((2, 40))
    wide = integrate(Pendulum(), start, np.array([1.0, 3.0]), rtol=1e-8)
    narrow = integrate(Pendulum(), start, np.array([1.0, 3.0]), rtol=1e-8, width=8)
    assert (
        np.abs(wide.snapshots - narrow.snapshots).max() <= 16 * EPS * wide.steps.max() * np.abs(start).max()
    )
    assert np.array_equal(wide.steps, narrow.steps)


def test_lands_exactly_on_times_each_column_its_own():
    times = np.array([[0.5, 1.0, 0.0], [2.0, 1.0, 3.0]])
    out = integrate(Decay(), np.ones((1, 3)), times, rtol=1e-12)
    assert (out.ending == Ending.REACHED).all()
    assert np.array_equal(out.t, times[-1])
    assert np.abs(out.snapshots[:, 0] / np.exp(-times) - 1).max() <= 1e-12 * out.steps.max()


def test_event_is_located_to_the_order_of_the_method():
    # A small pendulum's first passage of q = 0 is a quarter of its period, 4 K(sin(q0/2)).
    from scipy.special import ellipk

    start = np.array([[0.3, 1.0, 2.0], [0.0, 0.0, 0.0]])
    out = integrate(Pendulum(), start, np.array([10.0]), rtol=1e-13)
    assert np.abs(out.event_t[0] / ellipk(np.sin(start[0] / 2) ** 2) - 1).max() <= 1e-13 * out.steps.max()
    assert np.abs(out.event_y[0, 0]).max() <= 1e-14
    assert np.isinf(out.event_t[1]).all()


def test_a_blow_up_ends_its_own_column_only():
    out = integrate(Riccati(), np.array([[1.0, 0.25]]), np.array([2.0]), rtol=1e-10)
    assert out.ending[0] in (Ending.STEP_TOO_SMALL, Ending.NOT_FINITE)
    assert out.t[0] == pytest.approx(1.0, rel=1e-8)
    assert out.ending[1] == Ending.REACHED
    assert out.y[0, 1] == pytest.approx(0.5, rel=1e-9)


def test_the_budget_is_kept():
    out = integrate(Pendulum(), START, np.array([1e6]), rtol=1e-10, max_steps=20)
    assert (out.ending == Ending.BUDGET).all()
    assert (out.steps + out.rejected == 20).all()
