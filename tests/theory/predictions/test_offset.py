"""After the mean is fitted: corrected orientation, common sign and splitting time against the real gradient flow."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from numerics.data.datasets import load
from numerics.flow import gradient_flow
from numerics.nets.activations import get
from theory import Kind, TheoryError, loss
from theory.losses.signal import fitted_output, signal_function
from theory.predictions.offset import offset_prediction

EPS = 1e-6


def gaussian_set():
    rng = np.random.default_rng(3)
    return rng.standard_normal((60, 3)), rng.standard_normal(60) + 0.5


SETS = {
    "sine5": (lambda: (load("sine5").x, load("sine5").y), "sigmoid", 300),
    "line": (lambda: (load("line").x, load("line").y), "softplus", 50),
    "gaussian": (gaussian_set, "sigmoid", 100),
}


@cache
def case(name):
    """Prediction, initial neurons, and the real flow's times and neurons up to 1.3 times the predicted split."""
    data, sigma, m = SETS[name]
    prediction = offset_prediction(*data(), sigma)
    rng = np.random.default_rng(0)
    a0, w0 = rng.standard_normal(m), rng.standard_normal((m, prediction.x.shape[1]))
    closed = prediction.split(EPS * a0, EPS * w0)
    times = np.linspace(0.3, 1.3, 51) * closed.time
    act = get(sigma)
    flow = gradient_flow(
        act.value, act.derivative, prediction.x, prediction.y, a0, w0, epsilons=[EPS], multiplicity=1,
        tau=times, time_exponent=0, rtol=1e-8,
    )  # fmt: skip
    return prediction, EPS * a0, EPS * w0, closed, times, flow.w[:, 0]


@pytest.mark.parametrize("name", SETS)
def test_time_of_the_split_within_a_fifth(name):
    """The first neuron turns when the closed form says, and the integrated system says it to the grid of times."""
    prediction, a0, w0, closed, times, w = case(name)
    turned = np.mean(w @ prediction.direction < 0, axis=1)
    assert turned[0] == 0  # one common sign before
    real = times[np.argmax(turned >= closed.share - 1e-12)]
    assert turned.max() >= closed.share - 1e-12
    assert abs(closed.time - real) < 0.2 * real
    exact = prediction.integrate_split(a0, w0)
    assert abs(exact.time - real) < times[1] - times[0] + 0.01 * real
    assert exact.integrated


@pytest.mark.parametrize("name", SETS)
def test_orientation_is_that_of_the_corrected_signal(name):
    """Before the split all neurons point along the mean-corrected vector, with its sign, and not along mean(s x)."""
    prediction, _, _, _, _, w = case(name)
    u = w[0] / np.linalg.norm(w[0], axis=1, keepdims=True)
    naive = prediction.y @ prediction.x
    assert np.median(u @ prediction.direction) > 0.99
    assert abs(np.median(u @ naive) / np.linalg.norm(naive)) < 0.97
    growing = [np.array(o.u) for o in prediction.orientations.attractors]
    assert max(g @ prediction.direction for g in growing) > 1 - 1e-12
    (collected,) = prediction.collected
    assert np.allclose(collected.u, prediction.direction, atol=1e-12)


def test_mutants_of_the_split_miss():
    """A constant, coefficient, or mean that is wrong by a factor, or no correction: off by more than a fifth, or away."""
    prediction, a0, w0, closed, times, w = case("line")
    real = times[np.argmax(np.mean(w @ prediction.direction < 0, axis=1) > 0)]
    slower = replace(prediction, tensor=prediction.tensor.scaled(0.7))
    assert abs(slower.split(a0, w0).time - real) > 0.2 * real
    form = replace(prediction.field.form, plus=1.4 * prediction.field.form.plus)
    faster = replace(prediction, field=replace(prediction.field, form=form))
    assert abs(faster.split(a0, w0).time - real) > 0.2 * real
    other = replace(prediction, fitted=-prediction.fitted)
    assert np.median(w[0] @ other.direction) < 0
    assert other.split(a0, w0).time != pytest.approx(closed.time, rel=1e-3)


def test_closed_form_solves_the_linear_system():
    """Common mode and deviations by their definitions: the stated position vanishes at every turn."""
    prediction, a0, w0, closed, _, _ = case("line")
    along, gamma = w0 @ prediction.direction, prediction.rate
    sign = np.sign(prediction.fitted)
    some = np.isfinite(closed.turns) & (closed.turns > 0)
    t = closed.turns[some]
    alpha, omega = sign * (a0 - a0.mean())[some], (along - along.mean())[some]
    line = abs(prediction.amplitude(len(a0))) * gamma * (t - prediction._delay(len(a0))) + along.mean()
    deviation = omega * np.cosh(gamma * t) + alpha * np.sinh(gamma * t)
    assert np.count_nonzero(some) > 10
    assert np.allclose(line, -deviation, rtol=1e-9)


def test_typical_time_is_the_quantile_of_draws():
    prediction = offset_prediction(*gaussian_set(), "sigmoid")
    rng = np.random.default_rng(8)
    m = 4000
    draws = [
        prediction.split(EPS * rng.standard_normal(m), EPS * rng.standard_normal((m, 4)), share=0.1587).time
        for _ in range(5)
    ]
    typical = prediction.typical_split(m, EPS)
    # ±0.02 in log: the sampling error of a quantile of 4000 draws, twice over.
    assert np.all(np.abs(np.array(draws) - typical) * prediction.rate < 0.1)
    assert prediction.typical_split(m, 1.0) == 0.0


def test_multiplicity_two_keeps_one_sign():
    """σ = exp(-z²): a follows the mean's sign, and neurons go to the orientations that collect it."""
    x, y = gaussian_set()
    prediction = offset_prediction(x, y, "gaussian")
    rng, eps, m = np.random.default_rng(1), 1e-8, 12
    a0, w0 = rng.standard_normal(m), rng.standard_normal((m, 4))
    act = get("gaussian")
    # |w| grows as e^{2 |c ā| λ t} with the largest eigenvalue λ of sign(c ā) T*: stop at a tenth of ā.
    form = prediction.coefficient * prediction.amplitude(m) * prediction.tensor.hessian(np.zeros(4))
    time = np.log(0.1 * abs(prediction.amplitude(m)) / eps) / (2 * np.linalg.eigvalsh(form)[-1])
    flow = gradient_flow(
        act.value, act.derivative, prediction.x, y, a0, w0, epsilons=[eps], multiplicity=2,
        tau=time, time_exponent=0, rtol=1e-13,
    )  # fmt: skip
    assert np.all(np.sign(flow.a[0]) == np.sign(prediction.fitted))
    goals = np.array([o.u for o in prediction.collected])
    u = flow.w[0] / np.linalg.norm(flow.w[0], axis=1, keepdims=True)
    assert np.median(np.max(u @ goals.T, axis=1)) > 0.99
    assert {o.kind for o in prediction.collected} <= {Kind.ATTRACTOR, Kind.DYING}
    with pytest.raises(TheoryError, match="multiplicity 1"):
        prediction.split(a0, w0)


@pytest.mark.parametrize(
    ("name", "y", "value"),
    [
        ("half-mse", [1.0, 2.0, 6.0], 3.0),
        ("mse", [1.0, 2.0, 6.0], 3.0),
        ("logistic", [1.0, 1.0, 1.0, -1.0], np.log(3.0)),
        ("huber", [0.0, 0.0, 10.0, 0.5], 0.5),
        ("(f - y)**2/2", [1.0, 2.0, 6.0], 3.0),
        ("log(1 + exp(-y*f))", [1.0, 1.0, 1.0, -1.0], np.log(3.0)),
    ],
)
def test_fitted_output(name, y, value):
    """The signal at f* averages to 0: for huber f* - 0 twice, f* - 0.5 and -1 add up to 0 at f* = 0.5."""
    ell = loss(name)
    fit = fitted_output(ell, np.array(y))
    assert float(fit.value) == pytest.approx(value, abs=1e-12)
    signal = np.array([float(s.p) / float(s.q) for s in fit.signal])
    assert abs(signal.mean()) < 1e-14
    assert np.allclose(signal, signal_function(ell)(np.full(len(y), fit.value), np.array(y)), atol=1e-14)
    assert fit.exact == (name in ("half-mse", "mse", "logistic"))
    if fit.exact:
        assert sum(fit.signal) == 0


def test_fitted_classes():
    y = np.array([0, 0, 0, 1, 2, 2])
    fit = fitted_output(loss("cross-entropy"), y)
    hot = np.eye(3)[y]
    assert np.all(fit.signal.sum(axis=0) == 0)
    assert fit.value.sum() == pytest.approx(0.0, abs=1e-15)
    at = signal_function(loss("cross-entropy"))(np.tile(fit.value, (6, 1)), hot)
    assert np.allclose(at, fit.signal.astype(float), atol=1e-15)


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("logistic", [1.0, 1.0]),
        ("cross-entropy", [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
        ("exp(-f) + 0*y", [1.0, 2.0]),
    ],
)
def test_no_best_constant_is_refused(name, y):
    with pytest.raises(TheoryError, match="falls for ever"):
        fitted_output(loss(name), np.array(y))


def test_refusals():
    x, y = gaussian_set()
    for sigma, says in (("tanh", "σ\\(0\\) = 0"), ("1 + abs(z)", "not smooth")):
        with pytest.raises(TheoryError, match=says):
            offset_prediction(x, y, sigma)
    with pytest.raises(TheoryError, match="one output"):
        offset_prediction(x, np.column_stack([y, y]), "sigmoid")
    with pytest.raises(TheoryError, match="no orientation is preferred"):
        offset_prediction(np.array([[1.0], [-1.0]]), np.array([1.0, 1.0]), "sigmoid")


def test_neurons_that_the_mean_has_not_yet_carried_over_are_no_split():
    """On `line` the common drift is slow: at 2/ρ some neurons still have the sign of their draw."""
    data = load("line")
    prediction = offset_prediction(data.x, data.y, "sigmoid")
    rng = np.random.default_rng(0)
    a0, w0 = 1e-5 * rng.standard_normal(50), 1e-5 * rng.standard_normal((50, 2))
    closed, exact = prediction.split(a0, w0), prediction.integrate_split(a0, w0)
    assert closed.loading < 0.01
    assert exact.time == pytest.approx(closed.time, rel=0.01)
