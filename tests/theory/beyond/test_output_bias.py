"""Networks with an output bias followed in time, against SciPy, against real networks and against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from numerics.flow.network import network_flow
from numerics.nets import Network
from theory import Problem, TheoryError, predict
from theory.beyond.output_bias import Pursuit, Rest
from theory.fields.output_bias import OutputBiasField
from theory.losses.signal import signal_function
from theory.predictions.output_bias import OutputBiasPrediction
from verify.bridge.digits import torch_activation

RNG = np.random.default_rng(5)
X = RNG.standard_normal((20, 2))
Y = X @ [1.0, -0.5] + 0.7 + 0.3 * RNG.standard_normal(20)


def prediction(formula="tanh", y=Y, **how) -> OutputBiasPrediction:
    found = predict(X, y, formula, output_bias=True, **how)
    assert isinstance(found, OutputBiasPrediction)
    return found


def start(scale, networks=3, m=6, seed=0):
    drawn = np.random.default_rng(seed).standard_normal((networks, m, 4))
    return scale * drawn[:, 0, 0], scale * drawn[..., 0], scale * drawn[..., 1:]


@pytest.mark.parametrize(("formula", "scale"), [("tanh", 1e-3), ("gelu", 1e-3), ("x*tanh(x)", 0.05)])
def test_the_leading_system_is_that_of_another_integrator(formula, scale):
    found = prediction(formula)
    b0, a0, w0 = start(scale)
    field, times = found.force, np.array([0.5, 1.0, 2.0])
    ours = found.pursuit(b0, a0, w0, 0.01).at(times)
    for k, time in enumerate(times):

        def rates(_, flat):
            db, da, dw = field(flat[0], flat[1:7], flat[7:].reshape(6, 3))
            return np.concatenate([[db], da, dw.ravel()])

        flat = np.concatenate([[b0[k]], a0[k], w0[k].ravel()])
        end = solve_ivp(rates, (0, time), flat, method="DOP853", rtol=1e-11, atol=1e-14).y[:, -1]
        mine = np.concatenate([[ours.b[k]], ours.a[k], ours.w[k].ravel()])
        np.testing.assert_allclose(mine, end, rtol=1e-6, atol=1e-6 * scale)


@pytest.mark.parametrize(
    ("formula", "loss"), [("tanh", "half-mse"), ("gelu", "logistic"), ("x*tanh(x)", "mse")]
)
def test_with_all_forces_it_is_the_real_network(formula, loss):
    """The leading system alone is off by what is left out, a hundred times as far and more."""
    y = np.where(Y > 0.3, 1.0, -1.0) if loss == "logistic" else Y
    found = prediction(formula, y, loss_function=loss)
    b0, a0, w0 = start(0.05, networks=1)
    path = found.pursuit(b0, a0, w0, 0.01).at(np.array([1.5]))
    network = Network(2, 6, activations=torch_activation(found.activation), output_bias=True)
    weights = {"w1": w0[0], "a": np.append(a0[0], b0[0])[None]}
    flow = network_flow(network, X, y, weights, epsilons=[1.0], time_exponent=0, tau=1.5, loss=loss)
    real = {name: weights[name] + flow.moved[name][0] for name in weights}
    for whole, led, seen in (
        (path.whole_w[0], path.w[0], real["w1"]),
        (path.whole_a[0], path.a[0], real["a"][0, :-1]),
        (path.whole_b[0], path.b[0], real["a"][0, -1]),
    ):
        off, left_out = np.max(np.abs(whole - seen)), np.max(np.abs(led - seen))
        assert off < 1e-7
        assert off < 1e-2 * left_out


def test_the_mean_is_fitted_in_closed_form():
    """Neurons at 0 stay there: b = ȳ (1 - e^{-t}) under the squared loss."""
    found = prediction()
    b0, a0, w0 = start(1e-9, networks=2)
    times = np.array([0.7, 2.5])
    path = found.pursuit(0 * b0, a0, w0, 0.01).at(times)
    np.testing.assert_allclose(path.b, Y.mean() * -np.expm1(-times), rtol=1e-6)


def test_the_stage_ends_where_the_loss_has_fallen():
    found = prediction()
    fraction, expected = found.initial_stage(*start(1e-4))
    assert fraction == 0.001
    path = expected.path
    outputs = path.b[:, None] + np.einsum("bj,bjn->bn", path.a, path.w @ found.x.T)
    risks = 0.5 * np.mean((outputs - Y) ** 2, axis=1)
    np.testing.assert_allclose(risks, (1 - fraction) * 0.5 * np.var(Y), rtol=1e-6)
    again = found.expect(*start(1e-4)[1:], b0=start(1e-4)[0], times=path.times, after=expected)
    np.testing.assert_allclose(again.path.w, path.w, rtol=1e-5, atol=1e-12)
    # For order 1 the orientation is that of the centred targets, on the side that the growing mode has.
    ends = np.sum(expected.u * expected.destinations, axis=-1)
    assert np.median(ends) > 0.99


@pytest.mark.parametrize(("formula", "scale"), [("gelu", 0.01), ("x*tanh(x)", 0.1)])
def test_all_forces_are_taken_to_their_own_fall(formula, scale):
    """`late` after the leading system's fall they have fallen as far, and there they are, up to the second order of it."""
    found, (b0, a0, w0) = prediction(formula), start(scale, m=20)
    pursuit = found.pursuit(b0, a0, w0, 0.02)
    path = pursuit.until()
    then, later = pursuit.at(path.times), pursuit.at(path.times + path.late)

    def short(at):
        return np.abs(1 - pursuit._whole_fall((at.whole_b, at.whole_a, at.whole_w)))

    assert np.all(short(later) < 0.2 * short(then))
    apart = np.linalg.norm(path.whole_w - later.whole_w, axis=(1, 2))
    assert np.all(apart < 0.2 * np.linalg.norm(then.whole_w - later.whole_w, axis=(1, 2)))


def test_a_fall_that_is_not_met_is_refused(monkeypatch):
    monkeypatch.setattr("theory.beyond.output_bias._MEETINGS", 0)
    with pytest.raises(TheoryError, match="was not met in 0 steps of Newton's iteration"):
        prediction().initial_stage(*start(1e-4))


def test_a_fall_at_the_start_is_refused():
    # The bias begins at the best constant, and the neurons beyond it.
    found, (b0, a0, _) = prediction(), start(0.3)
    g = np.append((Y - Y.mean()) @ X / 20, 0.0)
    with pytest.raises(TheoryError, match="at the start the loss is already"):
        found.initial_stage(0 * b0 + Y.mean(), np.abs(a0), np.abs(a0)[..., None] * g)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["tanh", "x*tanh(x)"]))
def test_rotations_and_the_balance(seed, formula):
    """The flow of rotated inputs is the rotated flow, and K = ‖w‖² - p a² of each neuron is conserved."""
    draw = np.random.default_rng(seed)
    x, y = draw.standard_normal((9, 3)), draw.standard_normal(9) + 1
    turn = np.linalg.qr(draw.standard_normal((3, 3)))[0]
    b, a, w = draw.standard_normal(2), draw.standard_normal((2, 4)), draw.standard_normal((2, 4, 3))
    plain, turned = (
        OutputBiasField.of(Problem.of(inputs, y, formula, bias=False, output_bias=True))
        for inputs in (x, x @ turn)
    )
    (b1, a1, w1), (b2, a2, w2) = plain(b, a, w), turned(b, a, w @ turn)
    np.testing.assert_allclose(b1, b2, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(a1, a2, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(w1 @ turn, w2, rtol=1e-9, atol=1e-9)
    p = plain.form.order
    np.testing.assert_allclose(np.sum(w * w1, axis=-1), p * a * a1, rtol=1e-9, atol=1e-9)


def test_what_is_left_out_has_no_leading_term():
    """F falls with the next Taylor term: on a as ε^q, on w as ε^q, of tanh q = 3."""
    problem = Problem.of(X, Y, "tanh", output_bias=True)
    rest = Rest(problem, OutputBiasField.of(problem))
    b, a, w = start(1.0, networks=1)
    sizes = [rest(0 * b + 0.4, e * a, e * w) for e in (1e-2, 1e-3)]
    for k in (1, 2):
        fall = np.linalg.norm(sizes[0][k]) / np.linalg.norm(sizes[1][k])
        assert abs(np.log10(fall) - 3) < 0.01


def test_too_many_steps_are_refused(monkeypatch):
    monkeypatch.setattr("theory.beyond.output_bias.MOST_STEPS", 5)
    with pytest.raises(TheoryError, match="did not come to the wanted fall of the loss in 5 steps"):
        prediction().initial_stage(*start(1e-4))
    assert signal_function(prediction().loss)(0.0, 1.0) == 1.0
    assert isinstance(prediction().pursuit(*start(1e-4), 0.01), Pursuit)
