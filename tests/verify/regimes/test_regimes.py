"""Every regime confirms what is true of real networks, and refutes a theory that is wrong in one place."""

import numpy as np
import pytest

import verify
from numerics.data import Dataset
from theory import TheoryError, predict
from verify.bridge.experiment import Experiment
from verify.progress import Silent
from verify.regimes import examine
from verify.regimes.common.confusion import Reason, confusion
from verify.verdict import Verdict, combine

RNG = np.random.default_rng(11)
X = RNG.standard_normal((30, 3))
DATA = Dataset("small", X, X @ [1.0, -0.4, 0.2] + 0.6 + 0.2 * RNG.standard_normal(30))
SMALL = {"width": 20, "seeds": 2}


def verdict(checks):
    (check,) = checks
    return check.verdict


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
        (examine, {"optimizer": "adam", "init_std": 1e-4}),
        pytest.param(examine, {"optimizer": "momentum"}, marks=pytest.mark.slow),
        (examine, {"loss": "huber"}),
        (examine, {"loss": "huber", "optimizer": "sign", "init_std": 1e-4}),
        (examine, {"activation": "leaky_relu", "data": "line"}),
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
