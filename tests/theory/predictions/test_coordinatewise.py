"""Sign descent and Adam behind the protocol: what is refused and what is accepted in its place, and what is expected."""

import itertools

import numpy as np
import pytest

from tests.predicted import predicted, smooth
from theory import Optimizer, Problem, TheoryError, predict
from theory.flows.coordinatewise import SignFlow
from theory.orientations.cube import sign_descent_orientations
from theory.predictions.coordinatewise import CoordinatewisePrediction

RNG = np.random.default_rng(7)
X = RNG.standard_normal((30, 3))
Y = X @ [1.0, -0.5, 0.2] + 0.8 + 0.3 * RNG.standard_normal(30)
TWO = np.column_stack([Y, X[:, 1]])


@pytest.mark.parametrize("optimizer", ["sign", "adam"])
@pytest.mark.parametrize("sigma", ["tanh", "xtanh"])
def test_orientations_are_those_of_sign_descent(sigma, optimizer):
    found = predicted(CoordinatewisePrediction, X, Y, sigma, optimizer=optimizer, seed=3)
    flow = smooth(X, Y, sigma)
    listed = sign_descent_orientations(flow.leading.tensor, seed=3)
    assert found.orientations.orientations == listed.orientations
    notes = found.orientations.notes
    assert notes[len(notes) - len(listed.notes) :] == listed.notes
    assert [("Adam" in note) for note in notes[: len(notes) - len(listed.notes)]] == [True] * (
        optimizer == "adam"
    )
    assert found.gradient_flow.problem.optimizer is Optimizer.GRADIENT_DESCENT
    assert found.driving_order == flow.driving_order
    np.testing.assert_array_equal(
        found.field(np.ones(1), np.eye(4)[:1])[1], flow.field(np.ones(1), np.eye(4)[:1])[1]
    )


def test_orientations_of_order_one_are_the_signs_of_the_gradient():
    found = predict(X, Y, "tanh", optimizer="adam")
    g = Y @ np.column_stack([X, np.ones(30)])
    assert abs(np.array(found.orientations.attractors[0].u) @ np.sign(g)) == pytest.approx(2, abs=1e-14)


FAILING = {
    "σ(0) ≠ 0": {"sigma": "sigmoid"},
    "kink": {"sigma": "relu"},
    "outputs": {"y": TWO},
    "layers": {"layers": ("tanh",)},
    "weight decay": {"weight_decay": 0.1},
}


@pytest.mark.parametrize("optimizer", ["sign", "adam"])
@pytest.mark.parametrize(
    "names",
    [
        each
        for size in (1, 2, 3)
        for each in itertools.combinations(FAILING, size)
        if not {"σ(0) ≠ 0", "kink"} <= {*each}
    ],
    ids=", ".join,
)
def test_what_is_not_derived_is_refused_in_one_line_that_names_what_is(names, optimizer):
    """Whatever the line accepts is accepted: gradient descent where it is named, and the smooth network at last."""
    given = {"y": Y, "sigma": "tanh", "optimizer": optimizer}
    for name in names:
        given |= FAILING[name]
    y = given.pop("y")
    with pytest.raises(TheoryError) as refusal:
        predict(X, y, **given)
    said = str(refusal.value)
    assert "\n" not in said
    assert optimizer in said
    assert all(name in said for name in names)
    if "gd or momentum" in said:
        for accepted in ("gd", "momentum"):
            predict(X, y, **{**given, "optimizer": accepted})
    remedies = {
        "a smooth activation with σ(0) = 0": {"sigma": "tanh"},
        "one output": {"y": Y},
        "one hidden layer": {"layers": ()},
        "no weight decay": {"weight_decay": 0.0},
    }
    mended = {"y": y, **given}
    for words, change in remedies.items():
        if words in said.split("accepted: ")[1]:
            mended |= change
    predict(X, mended.pop("y"), **mended)


def test_moments_that_vanish_are_refused_as_under_gradient_descent():
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    lines = []
    for optimizer in ("gd", "sign"):
        with pytest.raises(TheoryError) as refusal:
            predict(x, x[:, 0] * x[:, 1], "tanh", optimizer=optimizer)
        lines.append(str(refusal.value))
    assert lines[0] == lines[1]


def test_an_order_of_accuracy_is_refused_by_name():
    with pytest.raises(TheoryError, match="sign.*accepted: optimizer gd"):
        _ = predict(X, Y, "tanh", optimizer="sign").order


A0, W0 = 1e-4 * RNG.standard_normal((2, 30)), 1e-4 * RNG.standard_normal((2, 30, 4))


def test_expected_neurons_are_those_of_the_closed_form():
    prediction = predicted(CoordinatewisePrediction, X, Y, "tanh", optimizer="sign")
    found = prediction.expect(A0, W0, fraction=1e-4, lr=2e-7)
    flow = SignFlow(prediction.leading.linear.g, prediction.leading.coefficient)
    trapped = np.linalg.norm(found.destinations, axis=-1) == 0
    assert np.mean(trapped) < 0.03
    for b in range(2):
        _, w = flow.at(found.times[b], A0[b], W0[b])
        assert np.max(np.abs(w - found.w[b])[~trapped[b]]) < 0.05e-4  # a few steps
        side = found.destinations[b] @ flow.direction
        assert np.all(
            (side == flow.signs(A0[b], W0[b]).round())[~trapped[b]] | (np.abs(side) < 1 + 1e-12)[~trapped[b]]
        )
        np.testing.assert_array_equal(np.sign(side)[~trapped[b]], flow.signs(A0[b], W0[b])[~trapped[b]])
    assert np.all(found.training.reached)
    times, _ = prediction.horizon(A0, W0, fraction=1e-4, lr=2e-7)
    np.testing.assert_array_equal(times, found.times)
    np.testing.assert_array_equal(found.spread, np.broadcast_to(found.tilt[:, None], A0.shape))


@pytest.mark.parametrize("optimizer", ["sign", "adam"])
def test_the_expected_time_is_that_of_the_fall(optimizer):
    """Of the risk of the real tanh network, in the state that is expected."""
    found = predict(X, Y, "tanh", optimizer=optimizer).expect(A0, W0, fraction=1e-3, lr=5e-6)
    x = np.column_stack([X, np.ones(30)])
    for a, w in zip(found.a, found.w, strict=True):
        output = np.tanh(x @ w.T) @ a
        assert 1 - np.mean((output - Y) ** 2) / np.mean(Y**2) == pytest.approx(1e-3, rel=1e-4)


def test_a_changed_law_changes_what_is_expected():
    prediction = predicted(CoordinatewisePrediction, X, Y, "tanh", optimizer="sign")
    wrong = prediction.changed(coefficient=-1.0)
    right, other = (each.expect(A0, W0, fraction=1e-3, lr=5e-6) for each in (prediction, wrong))
    free = np.linalg.norm(right.destinations, axis=-1) * np.linalg.norm(other.destinations, axis=-1) > 0
    np.testing.assert_allclose(
        np.abs(np.sum(right.destinations * other.destinations, axis=-1))[free], 1.0, rtol=1e-12
    )
    assert np.any(np.sum(right.destinations * other.destinations, axis=-1)[free] < 0)
    assert wrong.gradient_flow.leading.coefficient == 1.0


def test_a_learning_rate_that_is_none_is_refused():
    with pytest.raises(TheoryError, match="learning rate"):
        predict(X, Y, "tanh", optimizer="sign").expect(A0, W0, fraction=1e-3, lr=0.0)


def test_covers_every_network_under_such_an_optimiser_and_no_other():
    for optimizer in Optimizer:
        for sigma in ("tanh", "relu", "sigmoid"):
            network = Problem.of(X, Y, sigma, optimizer=optimizer).network
            assert CoordinatewisePrediction.covers(network, False, optimizer) is (
                optimizer in ("adam", "sign")
            )
