"""One-sided activations and several outputs: the truth is confirmed, a wrong theory refuted, a saddle's share is open."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from numerics.data import Dataset
from theory import predict
from verify.bridge.experiment import Experiment
from verify.progress import Silent
from verify.regimes.common.confusion import confusion
from verify.regimes.common.regime import put
from verify.regimes.stepwise import REGIME
from verify.regimes.stepwise.at_horizon import AT_HORIZON, TOLD, angle_to_growing, horizon, own_training
from verify.regimes.stepwise.checks import bound, destination
from verify.verdict import Verdict, combine

RNG = np.random.default_rng(11)
X = RNG.standard_normal((30, 3))
DATA = Dataset("small", X, X @ [1.0, -0.4, 0.2] + 0.6 + 0.2 * RNG.standard_normal(30))
TWO = Dataset("two", X, np.column_stack([DATA.y, X[:, 1] - X[:, 2]]))
RINGS = Path(__file__).parents[2] / "cases" / "rings-8.csv"


def gathered(**options):
    experiment = Experiment(**{"width": 20, "seeds": 2, **options})
    return REGIME.gather(experiment, predict(experiment.problem, seed=experiment.seed), Silent())


def only(checks):
    return checks[-1]


@pytest.fixture(scope="module", params=["relu", "softsign", "outputs"])
def evidence(request):
    options = {"data": TWO} if request.param == "outputs" else {"data": DATA, "activation": request.param}
    return gathered(**options)


def test_the_truth_is_confirmed(evidence):
    found = put(REGIME.rules, evidence, "small", Silent())
    assert {check.verdict for check in found if check.source is None} == {Verdict.CONFIRMED}
    assert len(found) == (10 if evidence.activation.is_smooth else 9)
    assert bool(bound(evidence)) is evidence.activation.is_smooth
    assert not evidence.expected.to_saddles.any()
    assert (AT_HORIZON.outside(evidence), TOLD.outside(evidence)) == (None, None)


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_horizon_off_by_five_per_cent_is_refuted(evidence, factor):
    wrong = replace(evidence.expected, times=factor * evidence.expected.times)
    assert only(horizon(replace(evidence, expected=wrong))).verdict is Verdict.REFUTED


def test_one_wrong_destination_is_refuted(evidence):
    assert only(destination(misplaced(evidence))).verdict is Verdict.REFUTED


def misplaced(evidence):
    """As if theory had sent one neuron that grows along an orientation elsewhere."""
    found = evidence.destinations
    predicted = found.predicted.copy()
    growing = np.flatnonzero((predicted == found.observed) & (predicted < len(evidence.prediction.listed)))
    predicted[growing[0]] = (predicted[growing[0]] + 1) % len(found.labels)
    near = found.reasons == 2
    wrong = confusion(found.labels, predicted, found.observed, found.observed, near)
    return replace(evidence, destinations=wrong)


def test_another_leading_order_is_refuted(evidence):
    """As if the bias column had been forgotten: its weights stay where they were."""
    w = evidence.expected.w.copy()
    w[..., -1] = evidence.trained.w0[..., -1]
    wrong = replace(evidence.expected, w=w)
    assert only(own_training(replace(evidence, expected=wrong))).verdict is Verdict.REFUTED


def test_orientations_that_are_turned_are_refuted(evidence):
    """Expected neurons that lie a tenth of a radian farther from the growing orientations than they came."""
    expected = evidence.expected

    def turned(found):
        size = np.linalg.norm(found.w, axis=-1, keepdims=True)
        w = found.w + 0.2 * size * np.array([0.5, -0.5, 0.5, -0.5])
        return replace(found, w=w)

    wrong = replace(expected, leading=turned(expected.leading), leading_half=turned(expected.leading_half))
    verdicts = {check.verdict for check in angle_to_growing(replace(evidence, expected=wrong))}
    assert Verdict.CONFIRMED not in verdicts


def test_what_leaves_the_initial_stage_is_out_of_scope(evidence):
    beyond = replace(evidence.expected, perturbation=np.full(2, 0.2))
    late = replace(evidence, expected=beyond)
    assert "0.2 of the leading one" in AT_HORIZON.outside(late)
    found = {check.name[:7]: check.verdict for check in put(REGIME.rules, late, "small", Silent())}
    assert found["horizon"] is Verdict.INCONCLUSIVE
    assert found["order o"] is Verdict.CONFIRMED


@pytest.fixture(scope="module")
def rings():
    """Symmetric data whose saddles collect an open wedge of neurons each."""
    return gathered(data=RINGS, activation="relu", width=50)


def test_neurons_on_their_way_into_saddles_are_undecided(rings):
    """The run was REFUTED: what training tips out of a saddle's wedge counted as a neuron that theory had wrong."""
    found = put(REGIME.rules, rings, "rings", Silent())
    verdicts = {check.name: check.verdict for check in found}
    assert Verdict.REFUTED not in verdicts.values()
    assert combine(found) is Verdict.INCONCLUSIVE
    undecided = [name for name, each in verdicts.items() if each is Verdict.INCONCLUSIVE]
    assert [name.split()[0] for name in undecided] == ["destination", "number", "number"]
    assert "into saddles" in found[2].why
    saddles = np.array([o.u for o in rings.orientations.open_saddles])
    goals = rings.expected.destinations[rings.expected.to_saddles]
    assert np.allclose(np.max(goals @ saddles.T, axis=1), 1)
    assert 0.1 < rings.expected.to_saddles.mean() < 0.4
    assert any("into 4 saddles" in note for note in REGIME.notes(rings))


def test_among_saddles_a_wrong_theory_is_refuted_still(rings):
    assert only(destination(misplaced(rings))).verdict is Verdict.REFUTED
    late = replace(rings.expected, times=1.05 * rings.expected.times)
    assert only(horizon(replace(rings, expected=late))).verdict is Verdict.REFUTED
    w = np.roll(rings.expected.w, 1, axis=1)
    elsewhere = replace(rings.expected, w=w)
    assert only(own_training(replace(rings, expected=elsewhere))).verdict is Verdict.REFUTED


def test_a_tie_that_the_data_hardly_break_refutes_nothing():
    """Destinations and numbers were REFUTED: what the output changes of the signal decides on the side of a kink."""
    table = np.loadtxt(RINGS, delimiter=",", skiprows=1)
    labels = table[:, 2] * (1 + 1e-5 * np.random.default_rng(5).standard_normal(8))
    found = gathered(data=Dataset("broken", table[:, :2], labels), activation="relu", width=50)
    assert not found.expected.to_saddles.any()
    checks = put(REGIME.rules, found, "broken", Silent())
    assert Verdict.REFUTED not in {check.verdict for check in checks}
    assert only(destination(misplaced(found))).verdict is Verdict.REFUTED
