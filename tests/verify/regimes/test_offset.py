"""σ(0) ≠ 0: the regime confirms what is true of real networks, refutes wrong theories, says where it decides nothing."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.data import Dataset
from theory import TheoryError
from theory.forms.taylor import PowerForm
from theory.predictions.offset import OffsetPrediction
from theory.predictions.prediction import NEGLECTED, Search
from verify.bridge.experiment import Experiment
from verify.progress import Silent
from verify.regimes import examine
from verify.regimes.common.regime import put
from verify.regimes.offset import REGIME
from verify.regimes.offset.checks import (
    corrected_orientation,
    fitted_mean,
    naive_orientation,
    own_flow,
    shares_before,
)
from verify.regimes.offset.split import orientations_after, orientations_before, shares_after, split_time
from verify.verdict import Verdict, combine

RNG = np.random.default_rng(11)
X = RNG.standard_normal((30, 3))
DATA = Dataset("small", X, X @ [1.0, -0.4, 0.2] + 0.6 + 0.2 * RNG.standard_normal(30))
# A small mean: in a narrow network a large one makes the common mode fit the data before the signs have split.
NEAR = Dataset("near", X, X @ [1.0, -0.4, 0.2] + 0.1 + 0.2 * RNG.standard_normal(30))
OWN = (
    fitted_mean, corrected_orientation, own_flow, shares_before, split_time, shares_after, orientations_before,
    orientations_after,
)  # fmt: skip


def verdict(checks):
    (check,) = checks
    return check.verdict


@pytest.fixture(scope="module")
def evidence():
    experiment = Experiment(data=NEAR, activation="sigmoid", width=60, seeds=2)
    return REGIME.gather(experiment, OffsetPrediction.of(experiment.problem, Search()), Silent())


def followed(evidence, flow_w, **parts):
    """The evidence as if theory had expected these neurons on the way."""
    return replace(evidence, expected=replace(evidence.expected, flow_w=flow_w, w=flow_w[-1], **parts))


@pytest.mark.parametrize("check", OWN, ids=lambda check: check.__name__)
def test_what_is_true_is_confirmed(evidence, check):
    assert verdict(check(evidence)) is Verdict.CONFIRMED


def test_the_naive_orientation_is_refuted(evidence):
    assert verdict(naive_orientation(evidence)) is Verdict.REFUTED
    assert corrected_orientation(evidence)[0].observed > 0.999


def test_a_split_at_another_time_is_refuted(evidence):
    flow = evidence.expected.flow_w
    shift = len(flow) // 4
    wrong = followed(evidence, np.concatenate([np.repeat(flow[:1], shift, axis=0), flow[:-shift]]))
    assert verdict(split_time(wrong)) is not Verdict.CONFIRMED
    assert verdict(shares_after(wrong)) is Verdict.REFUTED


def test_without_the_mean_correction_every_neuron_is_elsewhere(evidence):
    flow = evidence.expected.flow_w
    side = np.sign(flow @ evidence.direction)[..., None]
    wrong = followed(evidence, side * np.linalg.norm(flow, axis=-1, keepdims=True) * evidence.naive)
    assert verdict(own_flow(wrong)) is Verdict.REFUTED
    assert verdict(corrected_orientation(wrong)) is Verdict.REFUTED


def test_another_mean_is_refuted(evidence):
    wrong = replace(evidence, expected_outputs=1.1 * evidence.expected_outputs)
    assert verdict(fitted_mean(wrong)) is Verdict.REFUTED


def test_a_leading_coefficient_off_by_five_per_cent_is_refuted(evidence):
    form = evidence.prediction.field.form
    field = replace(evidence.prediction.field, form=PowerForm(1, 1.05 * form.plus, 1.05 * form.minus))
    wrong = evidence.prediction.changed(field=field)
    start = evidence.trained
    found = replace(
        evidence, prediction=wrong, expected=wrong.expect(start.a0, start.w0, times=evidence.grid)
    )
    assert verdict(own_flow(found)) is Verdict.REFUTED


def test_what_the_system_leaves_out_bounds_what_networks_do_and_not_by_much(evidence):
    """The distance of the trained networks from the system, relative to their motion, at every time of the grid."""
    flow = evidence.expected.flow_w
    apart, moved = (
        np.linalg.norm(each.reshape(*each.shape[:2], -1), axis=-1)
        for each in (evidence.seen_w - flow, flow - evidence.trained.w0)
    )
    share = np.max(apart / moved, axis=1)
    described = evidence.left_out <= NEGLECTED
    assert np.mean(described) > 0.5
    assert np.all(share[described] <= evidence.left_out[described])
    later = described & (np.arange(len(share)) >= evidence.look)
    assert np.all(evidence.left_out[later] < 10 * share[later])


@pytest.mark.parametrize("since", ["the start", "the split", "the end"])
def test_nothing_is_decided_where_the_system_is_no_description(evidence, since):
    """Out of scope a check keeps its numbers and decides nothing, right or wrong; what is about others stays."""
    first = {"the start": 0, "the split": evidence.look + 1, "the end": len(evidence.grid) - 1}[since]
    beyond = np.arange(len(evidence.grid)) >= first
    lost = replace(evidence, left_out=np.where(beyond, 2 * NEGLECTED, evidence.left_out))
    found = {check.name: check for check in put(REGIME.rules, lost, "lost", Silent())}
    known = {check.name: check for check in put(REGIME.rules, evidence, "known", Silent())}
    assert found.keys() == known.keys()
    late = ("turned round", "after the split")
    if since == "the end":
        late = ("turned round at the end", "after the split")
    for name, check in found.items():
        if check.source is not None:
            continue  # what others claim has doubts of its own
        always = "order" in name or "activation" in name
        undecided = not always and (since == "the start" or any(part in name for part in late))
        if undecided:
            assert check.verdict is Verdict.INCONCLUSIVE, name
            assert "would be conclusive" in check.why
        else:
            assert check.verdict is known[name].verdict, name
        assert check.observed == known[name].observed


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": Dataset("two", X, np.column_stack([DATA.y, X[:, 1]]))}, "2 outputs"),
        ({"activation": "1 + abs(z) + z**4"}, "a kink at 0"),
        ({"activation": "gaussian"}, "multiplicity 1"),
        ({"data": Dataset("mean", X, np.full(30, 0.3))}, "no orientation is preferred"),
        ({"loss": "logistic", "data": Dataset("one", X, np.ones(30))}, "same sign"),
    ],
)
def test_what_is_not_derived_is_refused_in_one_line(options, says):
    experiment = Experiment(**{"data": DATA, "activation": "sigmoid", "width": 20, "seeds": 2, **options})
    with pytest.raises(TheoryError, match=says) as refusal:
        examine(experiment, Silent())
    assert "\n" not in str(refusal.value)
    assert "accepted" in str(refusal.value)


def test_a_document_has_six_checks_arrays_figures_and_a_verdict():
    found = examine(Experiment(data=NEAR, activation="softplus", width=60, seeds=2), Silent())
    assert len(found.checks) >= 6
    assert combine(found.checks) is Verdict.CONFIRMED
    assert all(np.isfinite(found.arrays[name]).all() for name in ("a", "w", "reason", "left_out"))
    assert {name for name, _ in found.drawings} == {"cosine", "order", "destinations", "shares", "rivals"}
    for _, draw in found.drawings:
        draw()


@pytest.mark.parametrize("check", [corrected_orientation, own_flow, shares_before], ids=lambda c: c.__name__)
def test_what_chance_would_meet_is_not_confirmed(evidence, check):
    """Neurons that are to turn by less than what is left out, or to stand at random: no evidence that they did."""
    flow, seen, trained = evidence.expected.flow_w.copy(), evidence.seen_w.copy(), evidence.trained
    start = trained.w0 / np.linalg.norm(trained.w0, axis=-1, keepdims=True)
    drawn = start + 1e-3 * RNG.standard_normal(start.shape)
    flow[evidence.look], seen[evidence.look] = drawn, start
    early = replace(followed(evidence, flow), seen_w=seen, left_out=np.full(len(evidence.grid), NEGLECTED))
    assert verdict(check(early)) is not Verdict.CONFIRMED
