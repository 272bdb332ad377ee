"""The order engine beyond smooth two-layer networks: one-sided, σ(0) ≠ 0, K outputs, decay, trained networks."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.data import Dataset, load
from theory import activation, loss, predict
from theory.fields.offset import OffsetField, OffsetVariant
from theory.systems.offset import offset_system
from verify.bridge import digits
from verify.bridge.experiment import Experiment
from verify.commands.options import named_layers
from verify.errors import UsageError
from verify.order import Reached, compare_flows, order_of, order_of_accuracy
from verify.order.cases import case_of, of_neurons
from verify.order.engine import default_scales
from verify.order.trained import trained
from verify.verdict import Verdict

RNG = np.random.default_rng(2)


def on_line(formula, **description):
    """The case of an activation on the embedded data."""
    data = load("line")
    return case_of(predict(data.x, data.y, formula, **description))


@pytest.mark.parametrize(
    ("formula", "k"),
    [("relu", 2), ("relu2", 3), ("elu", 1), ("selu", 1), ("softsign", 1), ("sigmoid", 3), ("softplus", 2)],
)
def test_order_without_a_smooth_zero(formula, k):
    document, result = order_of_accuracy(Experiment(data="line", activation=formula))
    assert result.predicted == k
    assert abs(result.slope.value - k) <= 0.05
    assert result.verdict is Verdict.CONFIRMED
    assert document["groups"] == {}


def test_elu_shows_more_than_one_before_it_shows_one():
    """The window must go where the slope has settled: above it the next power is still seen."""
    _, result = order_of_accuracy(Experiment(data="line", activation="elu"))
    local = np.diff(np.log(result.errors)) / np.diff(np.log(result.epsilons))
    assert local.max() > 1.15
    assert abs(result.slope.value - 1) < 0.01


def test_smaller_scales_are_added_while_the_slope_changes():
    """Errors 500 ε² + ε: at the smallest default scale the slope is not 1 yet."""
    start = {"w": np.array([1.0])}

    def full(epsilons, tau):
        return Reached({"w": (np.expm1(tau) + epsilons + 5e4 * epsilons**2)[:, None]})

    options = {
        "predicted": 1,
        "time_exponent": 0,
        "epsilons": default_scales(0.3),
        "tau": 1.0,
        "autonomous": True,
    }
    found = compare_flows(lambda w: w, full, start, **options)
    assert found.verdict is Verdict.CONFIRMED
    assert found.epsilons[-1] < 1e-6
    assert compare_flows(lambda w: w, full, start, extend=False, **options).verdict is not Verdict.CONFIRMED


def test_a_formula_that_loses_its_digits_is_not_followed_below_them(monkeypatch):
    """log(cosh(z)) by its text alone has no digits left at 1e-8: the scales stop where they end."""
    monkeypatch.setattr(digits, "pieces_of", lambda _: None)
    digits.torch_activation.cache_clear()
    try:
        written = on_line("log(cosh(z))")
        assert written.lowest > 1e-4
        assert written.measure().epsilons[-1] >= written.lowest
    finally:
        digits.torch_activation.cache_clear()


@pytest.mark.parametrize("text", ["log(cosh(z))", "logcosh"])
def test_a_formula_that_keeps_its_digits_is_followed_all_the_way(text):
    case = on_line(text)
    assert case.lowest < 1e-9
    assert case.measure().verdict is Verdict.CONFIRMED


@pytest.mark.parametrize("variant", [OffsetVariant.NO_FEEDBACK, OffsetVariant.MEAN_ONLY])
def test_weaker_offset_systems_have_lower_orders(variant):
    """Sigmoid: full 3, without the feedback 2, without σ_p in a' 1; each is refuted as the full one."""
    sigma, data = activation("sigmoid"), load("line")
    x = np.column_stack([data.x, np.ones(len(data.x))])
    field = OffsetField.of(sigma, loss("half-mse"), x, data.y, variant)
    weaker = replace(
        on_line("sigmoid"), system=offset_system(sigma, variant=variant), leading=of_neurons(field, False)
    )
    assert weaker.measure(tau=2.0).verdict is Verdict.CONFIRMED
    full = replace(weaker, system=offset_system(sigma))
    assert full.measure(tau=2.0).verdict is Verdict.REFUTED


@pytest.fixture(scope="module")
def two_outputs():
    x = RNG.standard_normal((12, 2))
    return Dataset("two outputs", x, np.column_stack([x[:, 0] + 0.3, np.sin(x[:, 1])]))


@pytest.mark.parametrize(
    ("formula", "k"), [("tanh", 2), ("x*tanh(x)", 2), ("leaky_relu", 2), ("softplus", 2)]
)
def test_several_outputs(two_outputs, formula, k):
    _, result = order_of_accuracy(Experiment(data=two_outputs, activation=formula))
    assert result.predicted == k
    assert result.verdict is Verdict.CONFIRMED, result.why


def test_cross_entropy(two_outputs):
    labels = Dataset("labels", two_outputs.x, (two_outputs.x[:, 0] > 0).astype(float))
    _, result = order_of_accuracy(Experiment(data=labels, activation="tanh", loss="cross-entropy"))
    assert result.verdict is Verdict.CONFIRMED, result.why


@pytest.mark.parametrize("formula", ["tanh", "x*tanh(x)", "abs"])
def test_weight_decay_on_both_sides_and_on_one(formula):
    case = on_line(formula, weight_decay=0.4)
    assert case.measure().verdict is Verdict.CONFIRMED
    assert replace(case, decay=0.0).measure().verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("tanh", {}),
        ("x*tanh(x)", {"layers": ("tanh",)}),
        ("tanh", {"layers": ("xtanh",), "hidden_bias": True}),
        ("sigmoid", {}),
    ],
)
def test_trained_networks_have_the_same_order(formula, options):
    case = on_line(formula, **options)
    result = trained(case)
    assert result.verdict is Verdict.CONFIRMED, result.why
    assert result.predicted == case.system.order
    assert "without extrapolation" in result.notes[0]


def test_training_with_a_wrong_theory_is_refuted():
    case = on_line("tanh")
    wrong = replace(case, leading=lambda w: {k: 1.01 * v for k, v in case.leading(w).items()})
    assert trained(wrong).verdict is Verdict.REFUTED


def test_the_engine_takes_any_two_flows():
    """θ' = θ + 3 ε θ², against θ' = θ: the distance is 3 ε (e^τ - 1), and the claim of ε² is refuted."""
    start = {"w": np.array([1.0, 0.5])}

    def full(epsilons, tau):
        e, w = epsilons[:, None], start["w"]
        end = w * np.exp(tau) / (1 - 3 * e * w * np.expm1(tau))
        return Reached({"w": end - w})

    epsilons = 0.05 * 10.0 ** -np.arange(0, 4.01, 0.25)
    options = {"time_exponent": 0, "epsilons": epsilons, "tau": 1.0, "autonomous": True}
    right = compare_flows(lambda w: w, full, start, predicted=1, **options)
    assert right.verdict is Verdict.CONFIRMED
    assert right.errors[-1] == pytest.approx(
        3 * epsilons[-1] * np.expm1(1.0) * np.linalg.norm(start["w"] ** 2) / np.linalg.norm(start["w"]),
        rel=1e-3,
    )
    assert compare_flows(lambda w: w, full, start, predicted=2, **options).verdict is Verdict.REFUTED


def test_a_flow_that_never_arrives_is_no_evidence_for_a_slope():
    start = {"w": np.array([1.0])}
    lost = compare_flows(
        lambda w: w,
        lambda e, tau: Reached({"w": np.full((len(e), 1), np.inf)}),
        start,
        predicted=1,
        time_exponent=0,
        epsilons=10.0 ** -np.arange(0, 4, 0.25),
        tau=1.0,
        autonomous=True,
    )
    assert lost.verdict is Verdict.INCONCLUSIVE
    assert not lost.slope.resolved
    assert "as they are long" not in lost.why


def test_lists_of_layers():
    assert named_layers("") == ()
    assert named_layers("xtanh, max(z, 0) ,tanh") == ("xtanh", "max(z, 0)", "tanh")
    with pytest.raises(UsageError, match="empty"):
        named_layers("tanh,,tanh")
    with pytest.raises(UsageError, match="--layers"):
        order_of_accuracy(Experiment(data="line"), residual=True)
    with pytest.raises(UsageError, match="--layers"):
        order_of_accuracy(Experiment(data="line"), hidden_bias=True)


def test_a_degenerate_maximum_has_an_order():
    """Neurons drawn to a maximum with one zero direction blow up too: the time is taken before the first of them does."""
    x = np.array([[1.0, -1.0], [1.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    result = order_of(predict(x, np.array([1.0, 1.0, 1.0, 0.0]), "z**4"))
    assert (result.predicted, result.verdict) == (5, Verdict.CONFIRMED)
    assert abs(result.slope.value - 5) <= 0.05
