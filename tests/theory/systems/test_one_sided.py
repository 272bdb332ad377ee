"""ReLU and its like: the derived system against automatic differentiation and the full flow, invariants, mutants."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.flow import leading_flow, one_sided_moments
from tests.theory.witnesses.leading_order import flow_slope, gradient_slope, integrated
from theory import TheoryError, activation, smooth_system
from theory.fields.one_sided import OneSidedField
from theory.forms.taylor import PowerForm
from theory.systems.one_sided import one_sided_system

RNG = np.random.default_rng(7)
X = np.column_stack([RNG.standard_normal((20, 2)), np.ones(20)])
Y = RNG.standard_normal(20)
A, W = RNG.standard_normal(5), RNG.standard_normal((5, 3))
COARSE = 10.0 ** -np.arange(1.0, 3.3, 0.25)
FINE = 10.0 ** -np.arange(3.0, 5.1, 0.25)
ORDERS = {
    "relu": 2, "leaky_relu": 2, "abs": 2, "relu2": 3, "elu": 1, "selu": 1, "softsign": 1, "hardtanh": 2,
}  # fmt: skip


def field(name):
    return OneSidedField.of(activation(name), X, Y)


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_derived_orders(name, order):
    system = one_sided_system(activation(name))
    p = activation(name).multiplicity
    assert (system.order, system.time_exponent) == (order, 1 - p)
    assert dict(system.gradient_orders) == {"a": p, "w": p}
    assert activation(name).predicted_order == order


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_field_against_automatic_differentiation(name, order):
    p = activation(name).multiplicity
    # ELU's ε² hides its ε until 1e-3.
    scales = (1e-4, 1e-5) if order == 1 else (1e-2, 1e-3)
    slope = gradient_slope(field(name), name, X, Y, A, W, 1 - p, epsilons=scales)
    assert abs(slope - order) < 0.05


@pytest.mark.parametrize(
    ("name", "tau", "epsilons"),
    [("relu", 1.0, COARSE), ("leaky_relu", 1.0, COARSE), ("abs", 0.2, COARSE), ("relu2", 0.3, COARSE),
     ("elu", 1.0, FINE), ("softsign", 1.0, FINE)],
)  # fmt: skip
def test_full_flow_confirms_the_order(name, tau, epsilons):
    p = activation(name).multiplicity
    slope = flow_slope(
        field(name), name, X, Y, A, W, tau=tau, time_exponent=1 - p, epsilons=epsilons, autonomous=True
    )
    assert slope.resolved
    assert abs(slope.value - ORDERS[name]) < 0.05


def changed(**parts):
    return lambda f: replace(f, form=replace(f.form, **{k: g(f.form) for k, g in parts.items()}))


MUTANTS = {
    "c of the plus side 1 % off": changed(plus=lambda f: 1.01 * f.plus),
    "c of the minus side 1 % off": changed(minus=lambda f: f.minus + 0.01),
    "c of the wrong sign": changed(plus=lambda f: -f.plus),
    "sides exchanged": changed(plus=lambda f: f.minus, minus=lambda f: f.plus),
    "p one too high": changed(order=lambda f: f.order + 1),
    "smooth instead": changed(minus=lambda f: (-1) ** f.order * f.plus),
    "signal doubled": lambda f: replace(f, signal=2 * f.signal),
    "signal of the wrong sign": lambda f: replace(f, signal=-f.signal),
}


@pytest.mark.parametrize("name", ["relu", "relu2"])
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutants_lose_the_order(name, mutant):
    wrong, p = mutant(field(name)), activation(name).multiplicity
    assert gradient_slope(wrong, name, X, Y, A, W, 1 - p) < 0.5
    slope = flow_slope(
        wrong, name, X, Y, A, W, tau=0.3, time_exponent=1 - p, epsilons=COARSE, autonomous=True
    )
    assert slope.value < 0.5


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu2"])
def test_invariant_potential_and_an_integrator_of_its_own(name):
    """K is kept, H grows, and numerics' one-sided flow arrives at the same place."""
    f = field(name)
    end = integrated(f, A, W, 0.3)
    a, w = end[:5], end[5:].reshape(5, 3)
    assert np.allclose(f.invariant(a, w), f.invariant(A, W), rtol=0, atol=1e-10)
    assert np.all(f.potential(a, w) >= f.potential(A, W))
    own = leading_flow(
        one_sided_moments(X, Y, f.order, f.form.plus, f.form.minus), A, W, times=0.3, rtol=1e-12
    )
    assert np.allclose(own.a, a, rtol=1e-9)
    assert np.allclose(own.w, w, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["relu", "relu2", "softsign"])
def test_field_is_the_gradient_of_the_potential(name):
    f, h = field(name), 1e-6
    a_dot, w_dot = f(A, W)
    up, down = f.potential(A + h, W), f.potential(A - h, W)
    assert np.allclose((up - down) / (2 * h), a_dot, rtol=1e-7)
    for k in range(3):
        step = h * np.eye(3)[k]
        change = (f.potential(A, W + step) - f.potential(A, W - step)) / (2 * h)
        assert np.allclose(change, w_dot[:, k], rtol=1e-6, atol=1e-9)


def test_smooth_activations_are_a_special_case():
    for name in ("tanh", "x*tanh(x)"):
        special, smooth = one_sided_system(activation(name)), smooth_system(activation(name))
        assert special.order == smooth.order
        assert [str(e) for e in special.equations] == [str(e) for e in smooth.equations]


def test_a_side_of_higher_order_counts_as_the_next_term():
    """max(0, z) + min(0, z)²: p = 1 leads, the other side's 2 is q: k = 1, met by the full flow of the same σ."""
    system = one_sided_system(activation("max(0, z) + min(0, z)**2"))
    assert system.order == 1
    assert "0*(-z)**1 for z < 0" in system.text()
    assert PowerForm.of(activation("max(0, z) + min(0, z)**2")) == PowerForm(1, 1.0, 0.0)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "abs"])
def test_jump_at_a_kink(name):
    """Across w·x_i = 0 the speed of w·x_i jumps by a s_i (c₊ + c₋) ‖x_i‖²/n: sliding needs it to be negative."""
    f = field(name)
    for i in range(5):
        normal = X[i] / (X[i] @ X[i])
        on = W - np.multiply.outer(W @ X[i], normal)
        above, below = (f(A, on + d * normal)[1] @ X[i] for d in (1e-9, -1e-9))
        jump = A * Y[i] * (f.form.plus + f.form.minus) * (X[i] @ X[i]) / len(X)
        assert np.allclose(above - below, jump, rtol=1e-6)
        assert np.all(jump[(above < 0) & (below > 0)] < 0)


def test_equations_as_text():
    text = one_sided_system(activation("leaky_relu")).text()
    assert "σ_p(z) = Piecewise((z, z > 0), (z/100, True))" in text
    assert "da/dt = mean(s*σ_p(z))" in text
    assert "dw/dt = a*mean(s*x*σ'_p(z))" in text
    assert "K = -a**2 + r**2" in text


def test_refusals():
    with pytest.raises(TheoryError, match="σ\\(0\\)"):
        one_sided_system(activation("sigmoid"))
    with pytest.raises(TheoryError, match="exact"):
        one_sided_system(activation("relu"), curvature_vanishes=True)
    assert one_sided_system(activation("elu"), curvature_vanishes=True).order == 1
    with pytest.raises(TheoryError, match="shapes"):
        OneSidedField.of(activation("relu"), X, Y[:5])
