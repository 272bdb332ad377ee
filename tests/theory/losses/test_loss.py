"""Losses: the written-out signals against the series engine, PyTorch's autograd and SymPy; refusals."""

import numpy as np
import pytest
import sympy
import torch
import torch.nn.functional as F
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.losses.loss import Loss, loss

TORCH = {
    "half-mse": lambda f, y: (f - y) ** 2 / 2,
    "mse": lambda f, y: (f - y) ** 2,
    "logistic": lambda f, y: F.softplus(-y * f),
    "huber": lambda f, y: F.huber_loss(f, y, reduction="none"),
}


def _targets(name):
    return np.array([1.0, -1.0]) if name == "logistic" else np.array([0.3, -0.9, 2.5, -7.0, 0.0])


@pytest.mark.parametrize("name", TORCH)
def test_signal_and_curvature_agree_with_autograd(name):
    y = torch.tensor(_targets(name))
    f = torch.zeros_like(y, requires_grad=True)
    values = TORCH[name](f, y)
    (slope,) = torch.autograd.grad(values.sum(), f, create_graph=True)
    curvature = torch.autograd.grad(slope.sum(), f)[0] if slope.requires_grad else torch.zeros_like(y)
    mine = loss(name)
    # One rounding of each of PyTorch's few operations on numbers below 50.
    near = {"rtol": 4e-16, "atol": 1e-15}
    np.testing.assert_allclose([float(s) for s in mine.signal(y.numpy())], -slope.detach(), **near)
    np.testing.assert_allclose(mine.value_at_zero(y.numpy()), values.detach(), **near)
    np.testing.assert_allclose(mine.curvature_at_zero(y.numpy()), curvature, **near)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.sampled_from(["half-mse", "mse", "huber"]))
@settings(deadline=None, max_examples=60)
def test_property_written_out_rules_agree_with_the_series_engine(y, name):
    named = loss(name)
    engine = Loss(name, named.formula)
    y = np.array(y)
    assert named.signal(y).tolist() == engine.signal(y).tolist()  # exact fractions
    assert named.curvature_at_zero(y).tolist() == engine.curvature_at_zero(y).tolist()


def test_logistic_rule_agrees_with_the_series_engine():
    named, y = loss("logistic"), np.array([1.0, -1.0])
    engine = Loss("logistic", named.formula)
    assert named.signal(y).tolist() == engine.signal(y).tolist() == [fmpq(1, 2), fmpq(-1, 2)]
    assert named.curvature_at_zero(y).tolist() == engine.curvature_at_zero(y).tolist() == [0.25, 0.25]


@pytest.mark.parametrize("name", ["half-mse", "mse", "logistic"])
def test_symbolic_derivatives(name):
    f, y = sympy.symbols("f y", real=True)
    ell = loss(name)
    known = {"half-mse": y, "mse": 2 * y, "logistic": y / 2}[name]
    assert sympy.simplify(ell.signal_expression.subs(f, 0) - known) == 0
    bend = {"half-mse": 1, "mse": 2, "logistic": y**2 / 4}[name]
    assert sympy.simplify(ell.curvature.subs(f, 0) - bend) == 0


def test_signals_are_exact_fractions_of_binary64():
    s = loss("mse").signal(np.array([0.1]))[0]
    assert s == 2 * fmpq(*(0.1).as_integer_ratio())
    assert s != fmpq(1, 5)


@pytest.mark.parametrize("y", [np.array([0, 2, 1, 2]), np.eye(3)[[0, 2, 1, 2]]])
def test_cross_entropy(y):
    ell = loss("cross-entropy")
    labels = torch.tensor([0, 2, 1, 2])
    f = torch.zeros((4, 3), dtype=torch.float64, requires_grad=True)
    values = F.cross_entropy(f, labels, reduction="none")
    (slope,) = torch.autograd.grad(values.sum(), f)
    s = ell.signal(y)
    assert s.shape == (4, 3)
    assert s[0].tolist() == [fmpq(2, 3), fmpq(-1, 3), fmpq(-1, 3)]
    np.testing.assert_allclose(s.astype(float), -slope, rtol=0, atol=3e-16)
    np.testing.assert_allclose(ell.value_at_zero(y), values.detach(), rtol=4e-16)
    hessian = torch.func.hessian(lambda v: F.cross_entropy(v, labels[0]))(torch.zeros(3, dtype=torch.float64))
    np.testing.assert_allclose(ell.curvature_at_zero(y)[0], torch.diagonal(hessian), rtol=4e-16)


def test_users_formulas():
    y = np.array([0.5, -2.0])
    assert loss("(f - y)**4").signal(y).tolist() == [fmpq(1, 2), fmpq(-32)]
    smooth = loss("log(cosh(f - y))")
    np.testing.assert_array_max_ulp(smooth.signal(y).astype(float), np.tanh(y), maxulp=2)
    several = loss("(f - y)**2/2").value_at_zero(np.array([[1.0, 2.0], [0.0, 3.0]]))
    assert several.tolist() == [2.5, 4.5]
    assert loss("sqrt(1 + (f - y)**2)").curvature_at_zero(np.array([0.0])).tolist() == [1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: loss("hinge"),
            "accepted: half-mse, mse, logistic, cross-entropy, huber, or a formula in f and y",
        ),
        (lambda: loss("y**2"), "does not depend on the output f"),
        (lambda: loss("(f - t)**2"), "unknown variable 't'; accepted: f and y"),
        (lambda: loss(3), "a name or a formula"),
        (
            lambda: loss("logistic").signal([1.0, 0.0]),
            "takes labels -1 and +1; y[1] is 0: map 0 to -1 (2 y - 1)",
        ),
        (lambda: loss("cross-entropy").signal([0.5]), "takes labels 0, 1, ..., K-1; found 0.5"),
        (lambda: loss("cross-entropy").signal([[0.5, 0.5]]), "one-hot rows"),
        (lambda: loss("cross-entropy").signal([1, 2, 2]), "class 0 has no sample; do labels start at 1?"),
        (lambda: loss("cross-entropy").signal([5, 7]), "class 0 has no sample; do labels start at 5?"),
        (lambda: loss("cross-entropy").signal([0, 1, 3]), "class 2 has no sample, and labels go up to 3"),
        (lambda: loss("cross-entropy").signal([0, 0]), "every label is 0"),
        (lambda: loss("mse").signal([1.0, np.nan]), "target 1 is not a finite number"),
        (lambda: loss("mse").signal([]), "not empty"),
        (lambda: loss("mse").signal(["a"]), "must be numbers"),
        (lambda: loss("abs(f - y)").signal([0.0]), "a kink at f = 0"),
        (lambda: loss("log(f - y)").signal([1.0]), "log of a negative"),
        (lambda: loss("y/f").signal([1.0]), "a pole"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(TheoryError) as refused:
        call()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("factor", ["2*", "-", "0.5*"])
def test_a_wrong_factor_or_sign_in_the_loss_changes_the_signal(factor):
    y = np.array([0.7, -1.3])
    assert loss(f"{factor}(f - y)**2").signal(y).tolist() != loss("mse").signal(y).tolist()
