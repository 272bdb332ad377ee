"""What the step size leaves: bounded in the tolerance, or said with the learning rate that would decide."""

import numpy as np
import pytest

from theory import predict
from verify.bridge.experiment import Experiment
from verify.progress import Silent
from verify.regimes.common.regime import put
from verify.regimes.smooth import REGIME
from verify.regimes.smooth.at_horizon import AT_HORIZON, amplitude, horizon, scaling
from verify.regimes.smooth.checks import own_flow
from verify.regimes.smooth.gather import gather
from verify.verdict import Verdict


def gathered(**options):
    experiment = Experiment(seeds=2, **options)
    return gather(experiment, predict(experiment.problem), Silent())


@pytest.mark.parametrize(
    "options",
    [
        {"data": "line", "fraction": 1e-7},
        {"data": "line", "activation": "silu", "fraction": 1e-7},
        pytest.param({"data": "sine5", "lr": 0.01}, marks=pytest.mark.slow),
        {"data": "sine5", "lr": 0.03},
        pytest.param({"data": "sine5", "lr": 1e-4, "optimizer": "momentum"}, marks=pytest.mark.slow),
    ],
)
def test_small_falls_and_ordinary_learning_rates_are_confirmed(options):
    evidence = gathered(**options)
    rules = [rule for rule in REGIME.rules if rule.check in (amplitude, horizon, scaling, own_flow)]
    for found in put(rules, evidence, "", Silent()):
        assert found.verdict is Verdict.CONFIRMED, (found.name, found.observed, found.tolerance)


@pytest.mark.parametrize(
    "options",
    [{"lr": 0.1}, pytest.param({"lr": 0.5}, marks=pytest.mark.slow), {"lr": 0.1, "optimizer": "momentum"}],
)
def test_a_learning_rate_that_hides_the_flow_is_named_with_one_that_would_not(options):
    evidence = gathered(data="sine5", **options)
    reason = AT_HORIZON.outside(evidence)
    assert "learning rate hides it" in reason
    better = float(reason.split("--lr ")[1].split()[0])
    assert gathered(data="sine5", **{**options, "lr": better}).steps_hide is None


def test_a_small_fall_counts_the_neurons_that_never_lead():
    """At a fall of 1e-7 of the loss they carry a tenth of it; at 1e-9 the start has fallen further already."""
    (found,) = horizon(gathered(data="line", activation="xtanh", fraction=1e-7))
    assert found.verdict is Verdict.CONFIRMED, (found.observed, found.tolerance)
    assert found.observed < 1e-4
    assert "no initial stage" in AT_HORIZON.outside(gathered(data="line", activation="xtanh", fraction=1e-9))


def test_a_time_off_by_what_a_step_changes_is_refuted():
    """The step size is no cloak: at a learning rate that is judged, 1/γ of error in the horizon is seen."""
    from dataclasses import replace

    evidence = gathered(data="sine5", lr=0.03)
    wrong = replace(evidence.expected, times=evidence.expected.times + 0.05 / evidence.prediction.linear.rate)
    (found,) = horizon(replace(evidence, expected=wrong))
    assert found.verdict is Verdict.REFUTED
    assert np.isfinite(found.tolerance)
