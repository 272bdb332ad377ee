"""Every regime confirms what is true of real networks, and refutes a theory that is wrong in one place."""

from dataclasses import replace

import numpy as np
import pytest

import verify
from numerics.data.datasets import Dataset
from theory import TheoryError, activation, predict
from theory.orientations.cube.find import sign_descent_orientations
from verify.bridge.experiment import Experiment
from verify.progress import Silent
from verify.regimes.choose import examine
from verify.regimes.common.confusion import Reason, confusion
from verify.regimes.coordinatewise import examine as cube
from verify.regimes.coordinatewise.checks import (
    gradient_flow_orientation,
    own_training,
    sign_orientation,
    sign_side,
)
from verify.regimes.coordinatewise.examine import examine_cube
from verify.regimes.one_sided import examine as field
from verify.regimes.one_sided.checks import field_angle, field_destinations, field_training
from verify.regimes.one_sided.examine import examine_field
from verify.report.verdict import Verdict, combine

RNG = np.random.default_rng(11)
X = RNG.standard_normal((30, 3))
DATA = Dataset("small", X, X @ [1.0, -0.4, 0.2] + 0.6 + 0.2 * RNG.standard_normal(30))
SMALL = {"width": 20, "seeds": 2}


def verdict(checks):
    (check,) = checks
    return check.verdict


@pytest.fixture(scope="module", params=["adam", "sign"])
def on_cube(request):
    experiment = Experiment(data=DATA, optimizer=request.param, init_std=1e-4, **SMALL)
    prediction = predict(DATA.x, DATA.y, "tanh")
    listed = sign_descent_orientations(prediction.field.tensor)
    return cube._gather(experiment, prediction, listed, Silent())


def test_coordinatewise_optimisers_are_confirmed(on_cube):
    assert verdict(sign_side(on_cube)) is Verdict.CONFIRMED
    assert [c.verdict for c in sign_orientation(on_cube)] == [Verdict.CONFIRMED] * 2
    assert verdict(own_training(on_cube)) is Verdict.CONFIRMED
    refuted = gradient_flow_orientation(on_cube)
    assert verdict(refuted) is Verdict.REFUTED
    assert refuted[0].source is not None


def test_gradient_flow_s_orientation_is_refuted_as_our_own(on_cube):
    sphere = on_cube.prediction.linear.direction
    sign = np.sign(on_cube.expected.destinations @ sphere)[..., None]
    wrong = replace(on_cube, expected=replace(on_cube.expected, destinations=sign * sphere))
    # The prediction of such a theory is that neurons come as near to the sphere's orientation as they came to the cube's.
    rotated = sign * sphere * np.linalg.norm(on_cube.leading.w, axis=-1, keepdims=True)
    wrong = replace(
        wrong,
        leading=replace(on_cube.leading, w=rotated),
        leading_half=replace(on_cube.leading_half, w=rotated),
    )
    assert {c.verdict for c in sign_orientation(wrong)} == {Verdict.REFUTED}


@pytest.fixture(scope="module", params=["relu", "outputs"])
def decoupled(request):
    if request.param == "relu":
        experiment = Experiment(data="line", activation="relu", **SMALL)
    else:
        y = np.column_stack([DATA.y, X[:, 1] - X[:, 2]])
        experiment = Experiment(data=Dataset("two", X, y), **SMALL)
    sigma = activation(experiment.activation)
    return field._gather(experiment, sigma, field._leading(experiment, sigma), Silent())


def test_one_sided_and_several_outputs_are_confirmed(decoupled):
    assert verdict(field_destinations(decoupled)) is Verdict.CONFIRMED
    assert verdict(field_training(decoupled)) is Verdict.CONFIRMED
    assert [c.verdict for c in field_angle(decoupled)] == [Verdict.CONFIRMED] * 2


def test_another_leading_order_is_refuted(decoupled):
    """As if the bias column had been forgotten: its weights stay where they were."""
    w = decoupled.leading.w.copy()
    w[..., -1] = decoupled.trained.w0[..., -1]
    wrong = replace(
        decoupled, expected=replace(decoupled.expected, w=w), leading=replace(decoupled.leading, w=w)
    )
    assert verdict(field_training(wrong)) is Verdict.REFUTED


def test_reasons_of_disagreement():
    predicted = np.array([0, 0, 1, 1, 0])
    found = confusion(
        ("u1", "u2", "elsewhere"),
        predicted,
        observed=np.array([0, 1, 0, 0, 1]),
        refined=np.array([0, 0, 0, 0, 1]),
        boundary=np.array([True, False, True, False, False]),
    )
    reasons = [Reason.AGREES, Reason.LEARNING_RATE, Reason.BOUNDARY, Reason.SIGNAL, Reason.SIGNAL]
    assert found.reasons.tolist() == reasons
    document = found.to_json()
    assert document["table"] == [[1, 2], [2, 0]]
    assert document["disagree"] == {"learning rate": 1, "boundary": 1, "signal": 2}


@pytest.mark.parametrize(
    ("options", "regime"),
    [
        ({"activation": "sigmoid"}, "offset"),
        ({}, "smooth"),
    ],
)
def test_the_regime_is_that_of_the_activation(options, regime):
    assert predict(Experiment(data=DATA, **options).problem).regime == regime


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "sigmoid", "optimizer": "adam"},
        {"activation": "relu", "optimizer": "sign"},
        {"activation": "relu(x)**2"},
        {"activation": "gaussian"},
    ],
)
def test_what_is_not_derived_is_refused_in_one_line(options):
    experiment = Experiment(data=DATA, **options)
    with pytest.raises(TheoryError) as refusal:
        examine(experiment, Silent())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("regime", "options"),
    [
        (examine_cube, {"optimizer": "adam", "init_std": 1e-4}),
        pytest.param(examine, {"optimizer": "momentum"}, marks=pytest.mark.slow),
        (examine, {"loss": "huber"}),
        (examine_cube, {"loss": "huber", "optimizer": "sign", "init_std": 1e-4}),
        (examine_field, {"activation": "leaky_relu", "data": "line"}),
    ],
)
def test_every_document_has_six_checks_and_a_verdict(regime, options):
    found = regime(Experiment(**{"data": DATA, **SMALL, **options}), Silent())
    assert len(found.checks) >= 6
    assert combine(found.checks) is Verdict.CONFIRMED, [
        (c.name, c.observed, c.tolerance) for c in found.checks if c.verdict is not Verdict.CONFIRMED
    ]
    assert all(
        np.isfinite(array).all() for name, array in found.arrays.items() if name in ("a", "w", "reason")
    )


def test_an_even_next_term_is_known_to_pull_both_ways():
    """gelu, silu: z² acts oppositely at ĝ and -ĝ; its mean says little of its size, and a narrow tolerance refuted them."""
    for name in ("gelu", "silu"):
        report = verify.run(Experiment(data="line", activation=name, seeds=3))
        assert report.verdict is verify.Verdict.CONFIRMED
