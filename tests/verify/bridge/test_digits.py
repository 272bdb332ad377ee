"""Formulas keep their digits: the callable against correctly rounded values, wherever small networks live."""

import numpy as np
import pytest
import torch
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

import verify.bridge.digits as digits
from theory import activation
from theory.formula.evaluation import series_at
from theory.formula.pieces import Pieces
from verify import strategies
from verify.bridge.digits import losing, pieces_of, rounding_bound, torch_activation
from verify.bridge.formula import text_activation

# The first nine were REFUTED as written, by noise taken for a law; the next six INCONCLUSIVE; the others were held out.
CANCELLING = (
    "log(cosh(x))", "cos(x)-1", "exp(x)-1-x", "sqrt(1+x**2)-1", "sin(x)/x-1", "log(1+exp(x))-log(2)-x/2",
    "atan(x)-tanh(x)", "(exp(x)-1)/x-1", "sin(x)-x+x**3/6", "x-tanh(x)", "log(1+x**2)", "erf(x)-2*x/sqrt(pi)",
    "sinh(x)-sin(x)", "1-exp(-x**4)", "cosh(x)-1", "tan(x)-x", "asinh(x)-x", "exp(-x)-1+x-x**2/2", "silu(x)-x/2",
    "(1+x)**10-1", "log(1+1e12*x**2)", "tanh(1e6*x)-1e6*x", "gelu(x)-x/2", "x*cosh(x)-sinh(x)", "1/(1+x**2)-1",
    "softplus(x)-log(2)-x/2", "exp(sin(x))-1-x", "tanh(x)/x-1", "(x-sin(x))/x", "log(sin(x)/x)", "elu(x)+x**2",
)  # fmt: skip


def points(rng, count, low=-25.0, high=0.5):
    size = 10.0 ** rng.uniform(low, high, count)
    return np.concatenate([size, -size])


@pytest.mark.parametrize("text", CANCELLING)
def test_cancelling_formulas_keep_their_digits(text):
    sigma, rng = activation(text), np.random.default_rng(5)
    z = points(rng, 80)
    exact = sigma.evaluate(z)
    found = torch_activation(sigma).value(torch.from_numpy(z)).numpy()
    assert np.max(np.abs(found - exact) / np.abs(exact)) < 1e-13
    assert (np.abs(found - exact) <= rounding_bound(sigma, z)).all()


@pytest.mark.parametrize("text", CANCELLING)
def test_derivatives_keep_their_digits(text):
    sigma, rng = activation(text), np.random.default_rng(6)
    z = points(rng, 20)
    found = torch_activation(sigma).derivative(torch.from_numpy(z)).numpy()
    for each, slope in zip(z, found, strict=True):
        _, exact, second = series_at(sigma.tree, sigma.formula.variable, arb(each), 1, 3, 1000)
        exact, second = float(exact.mid()), float(second.mid())
        assert abs(slope - exact) <= 1e-13 * (abs(exact) + abs(each * second))


@given(strategies.activations(), st.integers(0, 10**6))
def test_property_any_formula_is_within_its_bound(known, seed):
    sigma = activation(known.text)
    z = points(np.random.default_rng(seed), 6, low=-20, high=0)
    found = torch_activation(sigma).value(torch.from_numpy(z)).numpy()
    assert (np.abs(found - sigma.evaluate(z)) <= rounding_bound(sigma, z) + np.finfo(float).tiny).all()


def test_the_text_loses_what_the_polynomials_keep():
    sigma = activation("log(cosh(x))")
    z = np.array([1e-9, -3e-7])
    assert (text_activation(sigma).value(torch.from_numpy(z)).numpy() != sigma.evaluate(z)).all()
    assert torch_activation(sigma).value(torch.from_numpy(z)).numpy() == pytest.approx(z * z / 2, rel=1e-13)
    assert (-30, 1) in losing(sigma)


@pytest.mark.parametrize(
    "text", ["x*tanh(x)", "2*sinh(x/2)**2", "max(x, 0)", "1/(1+exp(-x))", "1e-8+tanh(x)", "gelu(x)"]
)
def test_a_text_that_loses_nothing_is_used_as_it_is(text):
    sigma = activation(text)
    assert losing(sigma) == []
    assert pieces_of(sigma) is None
    z = torch.linspace(-3, 3, 50, dtype=torch.float64)
    assert torch.equal(torch_activation(sigma).value(z), text_activation(sigma).value(z))


def test_zero_itself_and_removable_poles_are_values():
    for text, value, slope in [
        ("sin(x)/x-1", 0.0, 0.0),
        ("(exp(x)-1)/x", 1.0, 0.5),
        ("log(sin(x)/x)", 0.0, 0.0),
    ]:
        sigma = torch_activation(activation(text))
        zero = torch.zeros(1, dtype=torch.float64)
        assert sigma.value(zero).item() == value
        assert sigma.derivative(zero).item() == slope


def test_a_wrong_polynomial_is_seen_by_the_check_of_the_two_sides(monkeypatch):
    from verify.regimes.common.count import agreement

    class Evidence:
        activation = activation("cosh(x)-1")

    (before,) = agreement(Evidence)
    assert before.verdict.name == "CONFIRMED"
    right = pieces_of(Evidence.activation)
    wrong = Pieces(**{**vars(right), "coefficients": right.coefficients * (1 + 1e-12)})
    monkeypatch.setattr(digits, "pieces_of", lambda _: wrong)
    torch_activation.cache_clear()
    try:
        (after,) = agreement(Evidence)
    finally:
        torch_activation.cache_clear()
    assert after.verdict.name == "REFUTED"


def test_value_and_derivative_together_in_single_precision_and_in_any_batch():
    sigma = torch_activation(activation("exp(x)-1-x"))
    z = torch.from_numpy(points(np.random.default_rng(0), 500))
    value, slope = sigma.value_and_derivative(z, torch.empty_like(z), torch.empty_like(z))
    assert torch.equal(value, sigma.value(z))
    assert torch.equal(slope, sigma.derivative(z))
    assert torch.equal(torch.stack([sigma.value(each) for each in z.view(-1, 1)]).view(-1), value)
    single = sigma.value(z.float())
    assert single.dtype == torch.float32
    assert torch.equal(single, sigma.value(z.float().double()).float())


def test_what_is_not_finite_is_as_the_text_has_it():
    sigma = activation("exp(x)-1-x")
    z = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e300, 5e-324, -0.0], dtype=torch.float64)
    ours, text = torch_activation(sigma), text_activation(sigma)
    assert torch.equal(ours.value(z)[:4].isnan(), text.value(z)[:4].isnan())
    assert ours.value(z)[4:].tolist() == [0.0, 0.0]
    assert ours.derivative(z)[4:].tolist() == [5e-324, 0.0]


def test_two_ways_of_writing_one_function_are_one_function():
    one, other = (torch_activation(activation(text)) for text in ("cosh(x)-1", "2*sinh(x/2)**2"))
    z = torch.from_numpy(points(np.random.default_rng(2), 200))
    torch.testing.assert_close(one.value(z), other.value(z), rtol=2e-14, atol=0)
    torch.testing.assert_close(one.derivative(z), other.derivative(z), rtol=2e-14, atol=0)
