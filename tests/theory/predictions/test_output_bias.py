"""What theory says of networks with an output bias: orientations of what the mean leaves, the order, and refusals."""

import numpy as np
import pytest

from theory import Network, TheoryError, activation, derive, predict
from theory.predictions.output_bias import OutputBiasPrediction
from verify.order import order_of
from verify.order.cases import case_of, of_network
from verify.verdict import Verdict

RNG = np.random.default_rng(3)
X = RNG.integers(-4, 5, (24, 2)) / 4
Y = np.round(4 * (X @ [1.0, -0.5] + 0.7 + 0.3 * RNG.standard_normal(24))) / 4
LABELS = RNG.integers(0, 3, 24)


def predicted(y, formula, **how) -> OutputBiasPrediction:
    found = predict(X, y, formula, output_bias=True, **how)
    assert isinstance(found, OutputBiasPrediction)
    return found


def listed(found):
    return np.array(sorted(o.u for o in found.orientations))


@pytest.mark.parametrize("formula", ["tanh", "x*tanh(x)", "x**2*tanh(x)", "relu"])
def test_orientations_are_those_of_the_targets_less_their_mean(formula):
    found = predicted(Y, formula)
    centred = predict(X, Y - Y.mean(), formula)
    np.testing.assert_allclose(listed(found.orientations), listed(centred.orientations), atol=1e-9)
    np.testing.assert_allclose(listed(found.naive_orientations), listed(predict(X, Y, formula).orientations))
    assert not np.allclose(listed(found.orientations)[0], listed(found.naive_orientations)[0], atol=1e-3)
    assert "fits the mean first" in found.orientations.notes[0]
    assert found.orientations.complete


def test_several_outputs_and_cross_entropy():
    targets = np.column_stack([Y, Y**2])
    found = predicted(targets, "tanh")
    g = (targets - targets.mean(axis=0)).T @ np.column_stack([X, np.ones(24)]) / 24
    top = np.linalg.svd(g)[2][0]
    assert max(abs(o.u @ top) for o in found.orientations.attractors) > 1 - 1e-9
    assert predict(X, LABELS, "tanh", loss_function="cross-entropy", output_bias=True).orientations.complete


def test_data_of_mean_zero_lose_nothing_by_an_output_bias():
    found = predicted(Y - Y.mean(), "tanh")
    np.testing.assert_allclose(listed(found.orientations), listed(found.naive_orientations), atol=1e-12)


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ({"optimizer": "adam"}, "an output bias takes steps of the size of all others"),
        ({"layers": ("tanh",)}, "with further hidden layers is not derived"),
        ({"weight_decay": 0.1}, "with weight decay is not derived"),
        ({"sigma": "sigmoid"}, "the neurons fit the mean beside the output bias"),
    ],
)
def test_what_is_not_derived_is_refused_in_one_line(description, said):
    with pytest.raises(TheoryError, match=said) as refused:
        predict(X, Y, **{"sigma": "tanh", **description}, output_bias=True)
    assert "accepted" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_moments_that_vanish_with_the_mean():
    """y = x² on symmetric points: mean((y - mean y) x) = 0, and order 2 drives the neurons once the mean is fitted."""
    x = np.array([-2.0, -1.0, 1.0, 2.0])
    found = predict(x, x**2, "gelu", output_bias=True)
    assert len(found.orientations.attractors) == 2
    with pytest.raises(
        TheoryError, match="the moments of order 1 vanish and those of order 2 drive the neurons"
    ):
        _ = found.field


def test_questions_that_its_theorem_does_not_answer():
    with pytest.raises(
        TheoryError, match="what its neurons do from their start with an output bias is not derived"
    ):
        _ = predict(X, Y, "relu", output_bias=True).field
    with pytest.raises(TheoryError, match="homogeneous"):
        derive(Network((activation("z**2"),), output_bias=True))
    with pytest.raises(TheoryError, match="several outputs"):
        derive(Network((activation("tanh"),), output_bias=True), several_outputs=True)


@pytest.mark.parametrize(("formula", "k"), [("tanh", 2), ("gelu", 1), ("x*tanh(x)", 3), ("x**2*tanh(x)", 4)])
def test_the_measured_order_is_the_derived_one(formula, k):
    """At a fixed time the error is ε^{q-1} of the weights and ε^{q-p} of what they have moved."""
    found = predicted(Y, formula)
    p = found.activation.multiplicity
    assert found.order == k
    assert {law.accuracy for law in found.system.groups.values()} == {k + 1 - p}
    result = order_of(found)
    assert result.verdict is Verdict.CONFIRMED, result.why
    assert abs(result.slope.value - k) <= 0.05
    assert all(abs(group.slope.value - (k + 1 - p)) <= 0.05 for group in result.groups.values())


def test_what_is_left_out_of_the_leading_system():
    """The output lacks c' Σ a z^q, of order q + 1, which makes ε^{q+p} in a', ε^{q+p-1} relative to the size of a."""
    terms = predicted(Y, "tanh").system.order_terms
    assert dict(terms) == {"next Taylor term of the activation": 2, "what it adds to the output": 4}


def _frozen(field):
    """The signal at zero output: the mean is never fitted."""
    return lambda b, a, w: field(0 * b, a, w)


def _without_feedback(field):
    return lambda b, a, w: (
        (field(b, 0 * a, w)[0], *field(b, 0 * a, 0 * w)[1:]) if False else _parts(field, b, a, w)
    )


def _parts(field, b, a, w):
    # The rates of neurons so small that they put nothing out, scaled back: linear at p = 1.
    _, on_a, on_w = field(b, 1e-9 * a, 1e-9 * w)
    return field(b, 0 * a, 0 * w)[0], 1e9 * on_a, 1e9 * on_w


def _twice(field):
    return lambda b, a, w: (2 * field(b, a, w)[0], *field(b, a, w)[1:])


def _sign(field):
    return lambda b, a, w: (field(b, a, w)[0], -field(b, a, w)[1], field(b, a, w)[2])


@pytest.mark.parametrize("wrong", [_frozen, _twice, _sign], ids=lambda f: f.__name__)
def test_a_wrong_leading_system_is_refuted(wrong):
    found = predicted(Y, "tanh")
    case = case_of(found)
    broken = type(case)(**{**vars(case), "leading": of_network(wrong(found.force))})
    assert broken.measure().verdict is Verdict.REFUTED


def test_without_the_feedback_of_the_output_the_order_is_no_better_than_p_plus_1():
    """z + z^5 has q - p = 4: the feedback, of relative order p + 1 = 2, decides where it is left out."""
    found = predicted(Y, "z + z**5")
    assert found.order == 4
    case = case_of(found)
    broken = type(case)(**{**vars(case), "leading": of_network(_without_feedback(found.force))})
    assert abs(broken.measure().slope.value - 2) < 0.1
    assert order_of(found).verdict is Verdict.CONFIRMED
