"""The closed form for p = 1 against a matrix exponential, and its horizon against the network that it describes."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from theory.errors import TheoryError
from theory.flows.linear import LinearFlow, linear_horizon

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("c", [1.0, -0.5])
def test_is_the_matrix_exponential(c):
    g = RNG.standard_normal(4)
    flow = LinearFlow(g, c)
    a0, w0 = RNG.standard_normal(6), RNG.standard_normal((6, 4))
    generator = np.zeros((5, 5))
    generator[0, 1:] = generator[1:, 0] = c * g
    exact = expm(0.8 * generator) @ np.vstack([a0, w0.T])
    a, w = flow.at(0.8, a0, w0)
    np.testing.assert_allclose(a, exact[0], rtol=1e-12)
    np.testing.assert_allclose(w, exact[1:].T, rtol=1e-12, atol=1e-12)


def test_angles_are_those_of_the_state():
    flow = LinearFlow(RNG.standard_normal(3), 1.0)
    a0, w0 = RNG.standard_normal(50), RNG.standard_normal((50, 3))
    _, w = flow.at(2.0, a0, w0)
    cosine = flow.signs(a0, w0) * (w @ flow.direction) / np.linalg.norm(w, axis=1)
    np.testing.assert_allclose(flow.angles(2.0, a0, w0), np.arccos(cosine), atol=1e-7)


@pytest.mark.parametrize(("fraction", "error"), [(0.001, 2e-3), (0.01, 2e-2)])
def test_horizon_of_a_linear_network(fraction, error):
    """A linear two-layer network, integrated in full from small weights, crosses at the predicted time.

    2γt is off by O(δ): the neglected tilt of the signal.
    """
    x = np.column_stack([RNG.standard_normal((20, 2)), np.ones(20)])
    y = x @ np.array([1.0, -0.5, 0.3]) + 0.1 * RNG.standard_normal(20)
    a0, w0 = 1e-4 * RNG.standard_normal(5), 1e-4 * RNG.standard_normal((5, 3))

    def field(_, theta):
        a, w = theta[:5], theta[5:].reshape(5, 3)
        s = y - x @ (w.T @ a)
        force = s @ x / len(x)
        return np.concatenate([w @ force, np.outer(a, force).ravel()])

    def crossing(_, theta):
        f = x @ (theta[5:].reshape(5, 3).T @ theta[:5])
        return np.mean((y - f) ** 2) / np.mean(y**2) - (1 - fraction)

    crossing.terminal = True
    run = solve_ivp(
        field, (0, 1e3), np.concatenate([a0, w0.ravel()]), "DOP853", rtol=1e-11, atol=1e-16, events=crossing
    )
    flow = LinearFlow((y[:, None] * x).mean(axis=0), 1.0)
    predicted = linear_horizon(
        flow, a0, w0, x, fraction=fraction, risk=float(np.mean(y**2) / 2), curvature=1.0
    )
    assert 2 * flow.rate * abs(run.t_events[0][0] - predicted) < error


def test_refuses_what_cannot_be():
    with pytest.raises(TheoryError, match=r"mean\(s x\) = 0"):
        LinearFlow(np.zeros(3), 1.0)
    flow = LinearFlow(np.array([1.0]), 1.0)
    with pytest.raises(TheoryError, match="accepted: 0 < fraction"):
        linear_horizon(
            flow, np.ones(1), np.ones((1, 1)), np.ones((3, 1)), fraction=0.9, risk=10.0, curvature=1.0
        )


def test_the_decaying_mode_counts_where_neurons_have_hardly_grown():
    """Without curvature the fall is γ Σ a w∥ of the flow itself: solved by bisection on the closed form."""
    rng = np.random.default_rng(5)
    flow = LinearFlow(rng.standard_normal(3), 0.7)
    a, w = rng.standard_normal(9), rng.standard_normal((9, 3))
    x = rng.standard_normal((20, 3))

    def fall(t):
        late_a, late_w = flow.at(t, a, w)
        return flow.rate * np.sum(late_a * (late_w @ flow.direction))

    for time in (0.3 / flow.rate, 1 / flow.rate, 4 / flow.rate):
        wanted = fall(time)
        found = linear_horizon(flow, a, w, x, fraction=wanted / 1e9, risk=1e9, curvature=1e-12)
        assert found == pytest.approx(time, rel=1e-6)


@pytest.mark.parametrize("time", [0.05, 1.0, 6.0])
def test_the_response_is_the_first_order_of_a_flow_that_answers_its_output(time):
    """Witness: the coupled flow, g less h c C M, integrated; its change over h, from h and h/2."""
    rng = np.random.default_rng(3)
    x, s, c = rng.standard_normal((30, 3)), rng.standard_normal(30), -0.7
    flow, spread = LinearFlow(s @ x / 30, c), x.T @ x / 30
    a0, w0 = 0.1 * rng.standard_normal(5), 0.1 * rng.standard_normal((5, 3))
    at = time / flow.rate

    def moved(h: float) -> np.ndarray:
        def field(_: float, y: np.ndarray) -> np.ndarray:
            a, w = y[:5], y[5:].reshape(5, 3)
            g = flow.g - h * c * (spread @ (a @ w))
            return np.concatenate([c * (w @ g), c * np.multiply.outer(a, g).ravel()])

        start = np.concatenate([a0, w0.ravel()])
        return solve_ivp(field, (0, at), start, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]

    still, h = moved(0.0), 1e-3 * np.exp(-2 * time)
    first, second = (moved(h) - still) / h, (moved(h / 2) - still) / (h / 2)
    on_a, on_w = flow.response(at, a0, w0, spread)
    ours, theirs = np.concatenate([on_a, on_w.ravel()]), 2 * second - first
    assert np.linalg.norm(ours - theirs) <= 1e-5 * np.linalg.norm(theirs)


def test_the_response_is_the_tilt_once_the_growing_mode_rules():
    rng = np.random.default_rng(4)
    x, s = rng.standard_normal((30, 3)), rng.standard_normal(30)
    flow = LinearFlow(s @ x / 30, 0.8)
    a0, w0 = 1e-6 * rng.standard_normal(40), 1e-6 * rng.standard_normal((40, 3))
    time = 10 / flow.rate
    a, w = flow.at(time, a0, w0)
    growing = (a + w @ flow.direction) / 2
    mode = float(np.sum(growing**2))
    _, on_w = flow.response(time, a0, w0, 2.0 * x.T @ x / 30)
    across = on_w - np.multiply.outer(on_w @ flow.direction, flow.direction)
    tilts = across / growing[:, None]
    assert np.allclose(tilts, flow.tilt(x, mode, 2.0), rtol=1e-3, atol=0)


def test_weights_without_an_initial_stage_are_refused():
    rng = np.random.default_rng(5)
    x, s = rng.standard_normal((30, 3)), rng.standard_normal(30)
    flow = LinearFlow(s @ x / 30, 1.0)
    a0, w0 = rng.standard_normal(40), rng.standard_normal((40, 3))
    with pytest.raises(TheoryError, match="no initial stage; smaller initial weights"):
        linear_horizon(flow, a0, w0, x, fraction=1e-3, risk=0.5, curvature=1.0)
