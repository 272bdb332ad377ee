"""Where a check claims to resolve a difference, a prediction that is wrong by that much is refuted."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.data import Dataset
from theory import predict
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment
from verify.order import measure_order
from verify.progress import Silent
from verify.regimes.common.confusion import confusion
from verify.regimes.common.order import competing_sizes, order_check
from verify.regimes.smooth.at_horizon import amplitude, horizon, scaling
from verify.regimes.smooth.checks import destination, own_flow
from verify.regimes.smooth.gather import gather
from verify.verdict import Verdict

RNG = np.random.default_rng(11)
X = RNG.standard_normal((30, 3))
DATA = Dataset("small", X, X @ [1.0, -0.4, 0.2] + 0.6 + 0.2 * RNG.standard_normal(30))
NAMES = ["tanh", "silu", "x*tanh(x)", "x**2*sigmoid(x)", "x**2*tanh(x)"]


def only(checks):
    return checks[-1]


@pytest.fixture(scope="module", params=NAMES)
def evidence(request):
    experiment = Experiment(data=DATA, activation=request.param, width=20, seeds=2)
    return gather(experiment, predict(experiment.problem), Silent())


def test_the_truth_is_confirmed(evidence):
    for check in (destination, amplitude, own_flow, horizon, scaling):
        for found in check(evidence):
            assert found.verdict is Verdict.CONFIRMED, (found.name, found.observed, found.tolerance)


def test_tolerances_resolve_something(evidence):
    """No tolerance is so wide that the check says nothing."""
    assert only(horizon(evidence)).tolerance < (0.5 if evidence.driving_order == 1 else 0.05)
    assert only(own_flow(evidence)).tolerance < 0.1
    assert only(amplitude(evidence)).tolerance < 0.1


def test_orientations_rotated_by_five_tolerances_are_refuted(evidence):
    """A wrong orientation of the theory turns destinations and expected neurons alike."""
    truth = only(amplitude(evidence))
    size = 5 * truth.tolerance + 2 * truth.predicted
    axis = np.array([1.0, 2.0, -1.0, 0.5])

    def rotated(v):
        across = axis - np.sum(axis * v, axis=-1, keepdims=True) * v
        across /= np.linalg.norm(across, axis=-1, keepdims=True)
        there = np.linalg.norm(v, axis=-1, keepdims=True) > 0
        return np.where(there, np.cos(size) * v + np.sin(size) * across, 0.0)

    expected = evidence.expected
    lengths = np.linalg.norm(expected.w, axis=-1, keepdims=True)
    goals = rotated(expected.destinations)
    away = expected.u - expected.destinations
    wrong = replace(expected, destinations=goals, w=lengths * (goals + away))
    assert only(amplitude(replace(evidence, expected=wrong))).verdict is Verdict.REFUTED


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_horizon_off_by_five_per_cent_is_refuted(evidence, factor):
    wrong = replace(evidence.expected, times=factor * evidence.expected.times)
    assert only(horizon(replace(evidence, expected=wrong))).verdict is Verdict.REFUTED


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_leading_coefficient_off_by_five_per_cent_is_refuted(evidence, factor):
    wrong = evidence.prediction.changed(coefficient=factor * evidence.prediction.coefficient)
    trained = evidence.trained
    expected = wrong.expect(trained.a0, trained.w0, fraction=evidence.fraction)
    assert only(horizon(replace(evidence, prediction=wrong, expected=expected))).verdict is Verdict.REFUTED
    sigma = torch_activation(evidence.activation)
    result = measure_order(wrong, sigma.value, sigma.derivative, loss="half-mse")
    assert order_check(result, sizes=competing_sizes(wrong, result.tau, 0)).verdict is Verdict.REFUTED


def test_one_wrong_destination_is_refuted(evidence):
    found = evidence.destinations
    predicted = found.predicted.copy()
    agreeing = np.flatnonzero(found.predicted == found.observed)
    other = next(c for c in range(len(found.labels)) if c != predicted[agreeing[0]])
    predicted[agreeing[0]] = other
    near = np.zeros(len(predicted), dtype=bool)
    wrong = confusion(found.labels, predicted, found.observed, found.observed, near)
    assert only(destination(replace(evidence, destinations=wrong))).verdict is Verdict.REFUTED
