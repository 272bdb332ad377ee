"""σ(0) ≠ 0: the derived system against automatic differentiation and the full flow, its weaker variants, its mutants."""

from dataclasses import replace

import numpy as np
import pytest

from tests.theory.witnesses.leading_order import flow_slope, gradient_slope, real_gradient
from theory import TheoryError, activation, loss
from theory.fields.offset import OffsetField, OffsetVariant
from theory.systems.offset import offset_system

RNG = np.random.default_rng(5)
X = np.column_stack([RNG.standard_normal((20, 2)), np.ones(20)])
Y = RNG.standard_normal(20) + 0.4
A, W = RNG.standard_normal(5), RNG.standard_normal((5, 3))
EPSILONS = 10.0 ** -np.arange(1.0, 3.3, 0.25)
PROPER = [v for v in OffsetVariant if v is not OffsetVariant.NAIVE]


def field(name, variant=OffsetVariant.FULL, loss_name="half-mse", y=Y):
    return OffsetField.of(activation(name), loss(loss_name), X, y, variant)


@pytest.mark.parametrize("variant", PROPER, ids=lambda v: v.name)
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "gaussian"])
def test_field_against_automatic_differentiation(name, variant):
    """The error of (a', w') falls as ε^k with the k derived for the variant."""
    k = offset_system(activation(name), variant=variant).order
    # At most ε^4 from 1e-1: above rounding at both scales.
    scales = (1e-1, 1e-2) if k > 2 else (1e-2, 1e-3)
    slope = gradient_slope(field(name, variant), name, X, Y, A, W, 1, epsilons=scales)
    assert abs(slope - k) < 0.1


@pytest.mark.parametrize("loss_name", ["mse", "logistic", "huber", "log(1 + (f - y)**2)"])
def test_every_loss_has_its_signal(loss_name):
    y = np.sign(Y) if loss_name == "logistic" else Y
    f = field("sigmoid", loss_name=loss_name, y=y)
    if "f" in loss_name and "(" in loss_name:
        out = np.array([0.3, -0.2, 1.4])
        target = np.array([1.0, 0.5, -2.0])
        by_hand = -2 * (out - target) / (1 + (out - target) ** 2)
        assert np.allclose(f.signal(out, target), by_hand, rtol=1e-14)
    else:
        assert (
            abs(gradient_slope(f, "sigmoid", X, y, A, W, 1, loss=loss_name, epsilons=(1e-1, 1e-2)) - 3) < 0.1
        )


@pytest.mark.parametrize(
    ("name", "orders"),
    [("sigmoid", (3, 2, 1, 1)), ("softplus", (2, 2, 1, 1)), ("gaussian", (4, 3, 2, 1))],
)
def test_derived_orders(name, orders):
    systems = [offset_system(activation(name), variant=v) for v in PROPER]
    assert tuple(s.order for s in systems) == orders
    assert {s.time_exponent for s in systems} == {1}
    assert dict(systems[0].gradient_orders) == {"a": 0, "w": activation(name).multiplicity}


TAU = 2.0


@pytest.mark.parametrize(("name", "order"), [("sigmoid", 3), ("softplus", 2)])
def test_full_flow_confirms_the_order_of_the_full_system(name, order):
    slope = flow_slope(field(name), name, X, Y, A, W, tau=TAU, time_exponent=1, epsilons=EPSILONS)
    assert slope.resolved
    assert abs(slope.value - order) < 0.05


@pytest.mark.parametrize("variant", PROPER[1:], ids=lambda v: v.name)
def test_full_flow_gives_the_weaker_variants_their_lower_order(variant):
    """So the order check of the full system, 3, refutes each of them."""
    order = offset_system(activation("sigmoid"), variant=variant).order
    slope = flow_slope(
        field("sigmoid", variant), "sigmoid", X, Y, A, W, tau=TAU, time_exponent=1, epsilons=EPSILONS
    )
    assert abs(slope.value - order) < 0.05
    assert order < 3


def test_naive_system_is_wrong_at_leading_order():
    naive = field("sigmoid", OffsetVariant.NAIVE)
    slope = flow_slope(naive, "sigmoid", X, Y, A, W, tau=TAU, time_exponent=1, epsilons=EPSILONS)
    assert abs(slope.value) < 0.05
    with pytest.raises(TheoryError, match="wrong at leading order"):
        offset_system(activation("sigmoid"), variant=OffsetVariant.NAIVE)


MUTANTS = {
    "s0 1 % off": lambda f: replace(f, constant=1.01 * f.constant),
    "c 1 % off": lambda f: replace(f, form=replace(f.form, plus=1.01 * f.form.plus, minus=1.01 * f.form.minus)),
    "c of the wrong sign": lambda f: replace(f, form=replace(f.form, plus=-f.form.plus, minus=-f.form.minus)),
    "p one too high": lambda f: replace(f, form=replace(f.form, order=2)),
    "c of one side": lambda f: replace(f, form=replace(f.form, minus=0.0)),
    "signal doubled": lambda f: replace(f, signal=lambda o, y: 2 * (y - o)),
    "signal without feedback": lambda f: replace(f, signal=lambda o, y: y + 0 * o),
    "feedback of the wrong sign": lambda f: replace(f, signal=lambda o, y: y + o),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutants_lose_the_order(mutant):
    wrong = mutant(field("sigmoid"))
    gradient = gradient_slope(wrong, "sigmoid", X, Y, A, W, 1, epsilons=(1e-1, 1e-2))
    slope = flow_slope(wrong, "sigmoid", X, Y, A, W, tau=TAU, time_exponent=1, epsilons=EPSILONS)
    assert gradient < 2.5
    assert slope.value < 2.5


@pytest.mark.parametrize("name", ["sigmoid", "gaussian"])
def test_balance_moves_as_derived(name):
    """d(‖w‖² - p a²)/dt from the real gradient, at weights so small that the next term is below rounding."""
    a, w = 1e-5 * A, 1e-5 * W
    da, dw = real_gradient(name, X, Y, a, w)
    p = activation(name).multiplicity
    real = 2 * np.sum(w * dw, axis=1) - 2 * p * a * da
    assert np.allclose(field(name).balance_rate(a, w), real, rtol=1e-8)
    assert not np.allclose(1.01 * field(name).balance_rate(a, w), real, rtol=1e-8)


def test_equations_as_text():
    text = offset_system(activation("softplus")).text()
    assert "da/dt = mean(z*s(f))/2 + log(2)*mean(s(f))" in text
    assert "dw/dt = a*mean(x*s(f))/2" in text
    assert "d(-a**2 + r**2)/dt = -2*a*log(2)*mean(s(f))" in text
    assert "O(ε^2)" in text
    kinked = offset_system(activation("1 + max(0, z) + z**4"))
    assert "σ_p(z) = Piecewise((z, z > 0), (0, True))" in kinked.text()
    assert kinked.order == 4


def test_refusals():
    with pytest.raises(TheoryError, match="σ\\(0\\) = 0"):
        offset_system(activation("tanh"))
    with pytest.raises(TheoryError, match="network itself"):
        offset_system(activation("1 + z**2"))
    assert offset_system(activation("1 + z**2"), variant=OffsetVariant.NO_FEEDBACK).order == 3
