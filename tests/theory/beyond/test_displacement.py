"""What lies beyond the leading order carries neurons as far as the real flow parts from the leading one."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.predicted import smooth
from theory import TheoryError
from theory.beyond.displacement import displacement
from theory.forms.vectors import angle, unit

RNG = np.random.default_rng(11)
X = RNG.uniform(-1, 1.5, (20, 2))
Y = np.sin(3 * X[:, 0]) + 0.5 * X[:, 1] + 0.2
BIASED = np.column_stack([X, np.ones(len(X))])
SECH2 = lambda z: 1 / np.cosh(z) ** 2  # noqa: E731
REAL = {  # σ, σ'
    "x*tanh(x)": (lambda z: z * np.tanh(z), lambda z: np.tanh(z) + z * SECH2(z)),
    "x**2*exp(x)": (lambda z: z * z * np.exp(z), lambda z: (z * z + 2 * z) * np.exp(z)),
    "x**2*tanh(x)": (lambda z: z * z * np.tanh(z), lambda z: 2 * z * np.tanh(z) + z * z * SECH2(z)),
    "z**2": (lambda z: z * z, lambda z: 2 * z),
}
SIGNALS = {
    "half-mse": lambda f: Y - f,
    "logistic": lambda f: np.where(Y > 0, 1.0, -1.0) / (1 + np.exp(np.where(Y > 0, 1.0, -1.0) * f)),
}


def network(text, loss, a0, w0, time):
    """The real network's gradient flow, its own σ and signal, by a general integrator."""
    (value, slope), signal, m = REAL[text], SIGNALS[loss], len(a0)

    def rates(_, flat):
        a, w = flat[:m], flat[m:].reshape(m, -1)
        z = w @ BIASED.T
        s = signal(a @ value(z)) / len(Y)
        return np.concatenate([value(z) @ s, (a[:, None] * ((slope(z) * s) @ BIASED)).ravel()])

    size = float(np.abs(w0).max())
    start = np.concatenate([a0, w0.ravel()])
    out = solve_ivp(rates, (0, time), start, method="DOP853", rtol=1e-12, atol=1e-13 * size)
    return out.y[:m, -1], out.y[m:, -1].reshape(m, -1)


def setting(text, loss, epsilon, share=0.4):
    """Prediction, two networks at this scale, and times before any blow-up."""
    y = np.where(Y > 0, 1.0, -1.0) if loss == "logistic" else Y
    found = smooth(X, y, text, loss_function=loss)
    generator = np.random.default_rng(3)
    a0, w0 = epsilon * generator.standard_normal((2, 6)), epsilon * generator.standard_normal((2, 6, 3))
    largest = float(np.max(np.hypot(a0, np.linalg.norm(w0, axis=-1))))
    natural = largest ** (1 - found.driving_order) / found.clock_rate
    return found, a0, w0, share * natural * np.array([1.0, 0.7])


@pytest.mark.parametrize("loss", sorted(SIGNALS))
@pytest.mark.parametrize("text", sorted(REAL))
def test_the_real_flow_parts_from_the_leading_one_by_as_much(text, loss):
    found, a0, w0, times = setting(text, loss, 0.02)
    moved = displacement(found.leading, a0, w0, times, np.ones(a0.shape, dtype=bool))
    flow, change = moved.flow, moved.change
    for b in range(2):
        a, w = network(text, loss, a0[b], w0[b], float(times[b]))
        real = np.column_stack([a, w]) - flow[b]
        assert np.linalg.norm(change[b] - real) < 2e-3 * np.linalg.norm(real)
        assert np.linalg.norm(real) > 1e-7 * np.linalg.norm(flow[b])


@pytest.mark.parametrize("text", sorted(REAL))
def test_it_falls_with_the_order_of_accuracy(text):
    sizes = []
    for epsilon in (0.01, 0.005):
        found, a0, w0, times = setting(text, "half-mse", epsilon)
        turned = found.displacement(a0, w0, times, np.ones(a0.shape, dtype=bool)).turned
        sizes.append(np.median(turned))
    assert np.log2(sizes[0] / sizes[1]) == pytest.approx(found.order, abs=0.05)


def test_a_wrong_leading_order_displaces_nothing_by_itself():
    """A tolerance that grew with the fault of the prediction would confirm it."""
    found, a0, w0, times = setting("x*tanh(x)", "half-mse", 0.01)
    every = np.ones(a0.shape, dtype=bool)
    right = found.displacement(a0, w0, times, every).turned
    changed = found.changed(coefficient=1.05 * found.coefficient).displacement(a0, w0, times, every)
    wrong, flow = changed.turned, changed.flow
    assert np.median(wrong) < 1.3 * np.median(right)
    # while the wrong flow itself is far from the real one
    real = network("x*tanh(x)", "half-mse", a0[0], w0[0], float(times[0]))[1]
    assert np.median(angle(unit(flow[0, :, 1:]), unit(real))) > 20 * np.median(right)


def test_neurons_that_are_not_followed_still_act_on_the_others():
    found, a0, w0, times = setting("x*tanh(x)", "half-mse", 0.05)
    follow = np.ones(a0.shape, dtype=bool)
    follow[:, 0] = False
    some, every = (
        displacement(found.leading, a0, w0, times, which) for which in (follow, np.ones_like(follow))
    )
    flow, change, whole_flow, whole = some.flow, some.change, every.flow, every.change
    assert np.array_equal(flow[:, 0], np.concatenate([a0[:, :1], w0[:, 0]], axis=-1))
    np.testing.assert_allclose(flow[:, 1:], whole_flow[:, 1:], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(change[:, 1:], whole[:, 1:], rtol=5e-3, atol=1e-8)
    np.testing.assert_allclose(flow[:, 0] + change[:, 0], whole_flow[:, 0] + whole[:, 0], rtol=1e-5)


def test_a_flow_that_ends_before_the_time_is_refused():
    found, a0, w0, times = setting("x*tanh(x)", "half-mse", 0.02)
    with pytest.raises(TheoryError, match="accepted: a smaller --fraction"):
        found.displacement(a0, w0, 1e4 * times, np.ones(a0.shape, dtype=bool))
