"""After the mean is fitted: corrected orientation, common sign and splitting time against the real gradient flow."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from numerics.data import load
from numerics.flow import gradient_flow
from numerics.nets.activations import get
from tests.predicted import predicted
from theory import Kind, TheoryError, loss, predict
from theory.flows.offset_split import SHARE, split_times
from theory.losses.signal import fitted_output, signal_function
from theory.predictions.offset import OffsetPrediction, offset_prediction
from theory.predictions.offset_expected import LOADING, WIDTHS
from theory.predictions.prediction import Search
from theory.problem import Problem

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
    slower = prediction.changed(tensor=prediction.tensor.scaled(0.7))
    assert abs(slower.split(a0, w0).time - real) > 0.2 * real
    form = replace(prediction.field.form, plus=1.4 * prediction.field.form.plus)
    faster = prediction.changed(field=replace(prediction.field, form=form))
    assert abs(faster.split(a0, w0).time - real) > 0.2 * real
    other = prediction.changed(fitted=-prediction.fitted)
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
    line = abs(prediction.amplitude(len(a0))) * gamma * (t - prediction.fit.delay(len(a0))) + along.mean()
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
    for sigma, says in (("tanh", "σ\\(0\\) = 0"), ("1 + abs(z)", "kink at 0")):
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


def test_split_time_ignores_the_signs_of_the_draw():
    grid = np.linspace(1, 10, 10)
    turned = np.array([[0.5, 0.2, 0, 0, 0, 0.1, 0.3, 0.4, 0.5, 0.5]]).T
    assert split_times(grid, turned, 0.2)[0] == pytest.approx(6.5)
    assert split_times(grid, 0 * turned, 0.2)[0] == np.inf
    assert split_times(grid, 0 * turned + 1, 0.2)[0] == 0


@pytest.mark.parametrize("name", ["line", "gaussian"])
def test_expectations_are_the_offset_system_s(name):
    """Neurons by another path of the same system, times of the split by the integration of single networks."""
    prediction, a0, w0, closed, _, _ = case(name)
    a0, w0 = np.array([a0, a0[::-1]]), np.array([w0, w0[::-1]])
    times = np.linspace(0, 1.5, 301)[1:] * closed.time
    expected = prediction.expect(a0, w0, times=times)
    assert np.allclose(expected.flow_w[:, 0], expected.flow_w[:, 1, ::-1], rtol=1e-9)
    assert np.array_equal(expected.w, expected.flow_w[-1])
    assert np.array_equal(expected.times, [times[-1]] * 2)
    exact = prediction.integrate_split(a0[0], w0[0], share=SHARE, max_time=2 * closed.time)
    found, uncertainty = prediction.horizon(a0, w0, times=times)
    # In the narrow network of `gaussian` the common mode fits the data before a sixth of the signs has parted.
    assert np.isfinite(exact.time) == (name == "line")
    if name == "line":
        assert np.all(np.abs(found - exact.time) < times[1] + 1e-3 * exact.time)
    else:
        assert np.all(np.isinf(found))
    assert np.all(uncertainty >= times[1] - times[0])
    look = expected.before_split
    assert np.all(expected.turned[look] == 0)
    assert look > 0
    assert times[look] < closed.time
    assert np.all(np.diff(expected.shares_left_out) >= 0)
    sides = expected.destinations @ prediction.direction
    assert np.allclose(np.abs(sides), 1, atol=1e-12)
    assert np.array_equal(sides[0] > 0, expected.w[0] @ prediction.direction > 0)


def test_the_split_has_happened_at_the_time_beyond_it():
    """Networks of other draws, of the width that is taken: most of their signs have parted by then, none at half of it."""
    x, y = gaussian_set()
    prediction = offset_prediction(x, y, "sigmoid")
    width = prediction.splitting_width(EPS)
    end = prediction.time_beyond_split(width, EPS)
    rng = np.random.default_rng(21)
    a0, w0 = EPS * rng.standard_normal((3, width)), EPS * rng.standard_normal((3, width, 4))
    expected = prediction.expect(a0, w0, times=np.linspace(0, end, 101)[1:])
    assert np.all(np.isfinite(expected.splits()))
    assert np.all(expected.turned[50] == 0)
    loading = [prediction.split(a, w, share=SHARE).loading for a, w in zip(a0, w0, strict=True)]
    assert max(loading) < 1.2 * LOADING
    narrower = [m for m in WIDTHS if m < width]
    assert narrower
    few = rng.standard_normal((20, narrower[-1], 5)) * EPS
    assert np.median([prediction.split(f[:, 0], f[:, 1:], share=SHARE).loading for f in few]) > 0.8 * LOADING


@pytest.mark.parametrize(
    ("sigma", "outputs", "options", "says"),
    [
        ("sigmoid", 2, {}, "2 outputs"),
        ("1 + abs(z) + z**4", 1, {}, "a kink at 0"),
        ("1 + max(0, z) + z**4", 3, {}, "3 outputs"),
        ("sigmoid", 1, {"optimizer": "adam"}, "optimizer adam"),
        ("sigmoid", 1, {"optimizer": "sign"}, "optimizer sign"),
    ],
)
def test_equations_are_answered_and_the_rest_refused_by_name(sigma, outputs, options, says):
    """`system`, `field` and `order` for any outputs and kinks; where neurons go only for what is derived."""
    x, y = gaussian_set()
    y = y if outputs == 1 else np.column_stack([y + k for k in range(outputs)])
    prediction = OffsetPrediction.of(Problem.of(x, y, sigma, **options), Search())
    assert prediction.order == prediction.system.order >= 1
    a, w = np.random.default_rng(4).standard_normal((5, *y.shape[1:])), np.ones((5, 4))
    assert [v.shape for v in prediction.field(a, w)] == [a.shape, w.shape]
    assert prediction.notes == ()
    assert "σ(0) ≠ 0" in repr(prediction)
    asked = [
        lambda: prediction.orientations, lambda: prediction.naive_orientations, lambda: prediction.rate,
        lambda: prediction.expect(a, w, times=np.ones(1)), lambda: prediction.splitting_width(EPS),
        lambda: prediction.driving_order,
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(TheoryError, match=says) as refusal:
            ask()
        assert "\n" not in str(refusal.value)
        assert "accepted" in str(refusal.value)


def test_predict_finds_the_regime_of_one_hidden_layer():
    x, y = gaussian_set()
    for sigma, targets in (("sigmoid", y), ("sigmoid", np.column_stack([y, y])), ("1 + abs(z) + z**4", y)):
        assert type(predict(x, targets, sigma)) is OffsetPrediction
    assert type(predict(x, y, "tanh")) is not OffsetPrediction
    assert type(predict(x, y, "sigmoid", optimizer="momentum")) is OffsetPrediction


def test_weight_decay_is_refused():
    x, y = gaussian_set()
    decayed = OffsetPrediction.of(Problem.of(x, y, "sigmoid", weight_decay=0.1), Search())
    for ask in ("system", "field", "order", "fit", "orientations"):
        with pytest.raises(TheoryError, match="accepted"):
            getattr(decayed, ask)


def test_naive_orientations_are_those_at_zero_output():
    x, y = gaussian_set()
    found = predicted(OffsetPrediction, x, y, "sigmoid")
    naive = np.column_stack([x, np.ones(len(x))]).T @ y
    listed = np.array([o.u for o in found.naive_orientations.orientations])
    assert np.max(listed @ naive) == pytest.approx(np.linalg.norm(naive), rel=1e-12)
    assert any("without the fit of the mean" in note for note in found.naive_orientations.notes)
    assert abs(listed[0] @ found.direction) < 0.97


@pytest.mark.parametrize("name", ["half-mse", "mse"])
@pytest.mark.parametrize("sigma", ["sigmoid", "gaussian"])
def test_what_is_left_of_rounded_targets_is_no_signal(name, sigma):
    """Targets that differ by their rounding alone; real ones, down to a millionth of their mean, are followed."""
    rng = np.random.default_rng(12)
    for _ in range(20):
        n, d = int(rng.integers(4, 30)), int(rng.integers(1, 4))
        x, mean = rng.standard_normal((n, d)), float(rng.uniform(-9, 9))
        y = np.where(np.arange(n) < n // 2, mean, np.nextafter(mean, 10.0))
        with pytest.raises(TheoryError, match="within the rounding of the data"):
            offset_prediction(x, y, sigma, loss_function=name)
        real = offset_prediction(x, mean + 1e-6 * rng.standard_normal(n), sigma, loss_function=name)
        assert not real.tensor.within_rounding


def test_a_factor_or_a_sum_of_exact_targets_is_no_rounding():
    """Targets that binary64 holds exactly leave an exact signal, however small."""
    x, y = gaussian_set()
    exact = 1.0 + 2.0**-30 * np.sign(y)
    assert offset_prediction(x, exact, "sigmoid").fitted == pytest.approx(1.0)
