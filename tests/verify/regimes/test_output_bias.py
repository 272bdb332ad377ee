"""An output bias: the regime confirms what is true of real networks, refutes wrong theories, or says why it cannot."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from numerics.data import Dataset, load
from theory import predict
from theory.forms.taylor import PowerForm
from verify.bridge.experiment import Experiment
from verify.errors import UsageError
from verify.progress import Silent
from verify.regimes import examine
from verify.regimes.common.regime import put
from verify.regimes.output_bias import REGIME
from verify.regimes.output_bias.checks import (
    corrected_orientation,
    destination,
    fitted_mean,
    horizon,
    invariant,
    naive_orientation,
    own_flow,
)
from verify.verdict import Verdict, combine

gathering = import_module("verify.regimes.output_bias.gather")

RNG = np.random.default_rng(11)
X = RNG.standard_normal((30, 3))
DATA = Dataset("small", X, X @ [1.0, -0.4, 0.2] + 0.6 + 0.2 * RNG.standard_normal(30))
EMBEDDED = load("line")
LINE = Dataset("line", EMBEDDED.x, EMBEDDED.y + 0.5)
OWN = (fitted_mean, corrected_orientation, own_flow, destination, invariant, horizon)


def gathered(experiment, change=None):
    found = predict(experiment.problem)
    return gathering.gather(experiment, found if change is None else change(found), Silent())


@pytest.fixture(scope="module")
def evidence():
    return gathered(Experiment(data=DATA, width=12, seeds=2, output_bias=True))


@pytest.fixture(scope="module")
def above():
    """Order 2: the neurons sleep until long after the mean is fitted."""
    return gathered(
        Experiment(data=LINE, activation="x*tanh(x)", init_std=0.02, width=30, seeds=2, output_bias=True)
    )


def verdict(checks):
    (check,) = checks
    return check.verdict


@pytest.mark.parametrize("check", OWN, ids=lambda check: check.__name__)
def test_what_is_true_is_confirmed(evidence, above, check):
    assert verdict(check(evidence)) is Verdict.CONFIRMED
    assert verdict(check(above)) is Verdict.CONFIRMED


def test_the_orientations_of_zero_output_are_refuted_and_decide_nothing(evidence):
    assert verdict(naive_orientation(evidence)) is Verdict.REFUTED
    assert combine(put(REGIME.rules, evidence, "small", Silent())) is Verdict.CONFIRMED


@pytest.mark.parametrize(
    ("activation", "loss", "optimizer"), [("gelu", "huber", "gd"), ("tanh", "logistic", "momentum")]
)
def test_other_activations_losses_and_momentum(activation, loss, optimizer):
    data = replace_targets(np.where(DATA.y > 0.2, 1.0, -1.0)) if loss == "logistic" else DATA
    found = examine(
        Experiment(
            data=data,
            activation=activation,
            loss=loss,
            optimizer=optimizer,
            width=10,
            seeds=2,
            output_bias=True,
        ),
        Silent(),
    )
    assert combine(found.checks) is Verdict.CONFIRMED
    assert {"b", "path_b", "expected_b", "naive_orientations"} <= set(found.arrays)
    assert found.arrays["path_b"].shape == found.arrays["path_times"].shape
    assert {name for name, _ in found.drawings} >= {"cosine", "order", "destinations", "rivals"}


def replace_targets(y):
    return Dataset("signs", X, y)


class _Frozen:
    """The signal at zero output whatever the network puts out."""

    def __init__(self, signal):
        self._signal = signal

    def __call__(self, f, y):
        return self._signal(0 * f, y)


WRONG = {
    "the mean is not fitted": lambda found: found.changed(
        y=found.y - found.y.mean(), signal=lambda f, y: 0 * f + y
    ),
    "c is too large": lambda found: found.changed(form=PowerForm(1, 1.3, -1.3)),
    "c is too small": lambda found: found.changed(form=PowerForm(1, 0.8, -0.8)),
    "the signal is twice as large": lambda found: found.changed(signal=lambda f, y: 2 * (y - f)),
    "another sign of c": lambda found: found.changed(form=PowerForm(1, -1.0, 1.0)),
    "the data lack their last column": lambda found: found.changed(x=found.x * [1, 1, 1, 0]),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_theories_are_refuted(evidence, wrong):
    """The same training, set against what a wrong leading system makes of the same start."""
    prediction = wrong(evidence.prediction)
    trained = evidence.trained
    _, predicted = prediction.initial_stage(trained.b0, trained.a0, trained.w0, evidence.fraction)
    expected = prediction.expect(trained.a0, trained.w0, b0=trained.b0, times=evidence.expected.times)
    broken = replace(
        evidence,
        prediction=prediction,
        predicted=predicted,
        expected=expected,
        earlier=expected,
        destinations=gathering._table(
            prediction, expected, evidence.coarser, evidence.trained, evidence.refined
        ),
    )
    assert Verdict.REFUTED in {verdict(check(broken)) for check in OWN}


RUNS = ("trained", "refined", "coarser")


def test_every_check_can_fail(evidence):
    limit = evidence.limit()

    def seen(**parts):
        """The evidence as if all trainings had ended there."""
        return replace(evidence, **{name: replace(getattr(evidence, name), **parts) for name in RUNS})

    turned = seen(w=np.roll(limit.w, 1, axis=-1), b=limit.b + 0.1, times=limit.times * 1.1)
    for check in (fitted_mean, corrected_orientation, own_flow, horizon):
        assert verdict(check(turned)) is Verdict.REFUTED, check.__name__
    assert verdict(horizon(seen(times=limit.times * 1.003))) is Verdict.REFUTED
    assert verdict(invariant(seen(a=1.5 * limit.a, w=limit.w))) is Verdict.REFUTED
    flipped = seen(a=-limit.a, w=-limit.w)
    table = gathering._table(
        flipped.prediction, flipped.expected, flipped.coarser, flipped.trained, flipped.refined
    )
    assert verdict(destination(replace(flipped, destinations=table))) is Verdict.REFUTED


def test_a_large_learning_rate_decides_nothing():
    found = examine(Experiment(data=DATA, width=6, seeds=2, output_bias=True, lr=0.5), Silent())
    assert combine(found.checks) is Verdict.INCONCLUSIVE
    assert any("the learning rate hides it" in check.why for check in found.checks)


def test_what_would_take_too_many_steps_is_refused():
    with pytest.raises(UsageError, match="accepted: a larger --init-std"):
        gathered(
            Experiment(data=LINE, activation="x*tanh(x)", init_std=0.02, lr=1e-6, seeds=1, output_bias=True)
        )


def test_a_fraction_is_of_what_the_mean_leaves(evidence):
    fine = evidence.refined
    left = 1 - np.asarray(fine.losses) / (0.5 * np.var(DATA.y))
    # At the last step before or after the fall.
    assert np.all(np.abs(left - evidence.fraction) < 0.2 * evidence.fraction)
