"""The exact form against sums in Fractions, its contractions against the data, and what is refused."""

from fractions import Fraction
from itertools import combinations_with_replacement
from math import factorial

import numpy as np
import pytest
from flint import acb, arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor, monomials


def fraction_coefficients(x, s, p):
    """Every coefficient of P as a Fraction, straight from the definition."""
    out = {}
    for factors in combinations_with_replacement(range(x.shape[1]), p):
        exponents = tuple(factors.count(k) for k in range(x.shape[1]))
        multiple = factorial(p)
        for e in exponents:
            multiple //= factorial(e)
        total = Fraction(0)
        for row, signal in zip(x.tolist(), s.tolist(), strict=True):
            term = Fraction(signal)
            for k in factors:
                term *= Fraction(row[k])
            total += term
        out[exponents] = multiple * total / len(s)
    return out


@pytest.mark.parametrize(("p", "dimension"), [(1, 3), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3), (7, 2)])
def test_coefficients_are_the_exact_moments(p, dimension):
    rng = np.random.default_rng([p, dimension])
    x, s = (
        rng.standard_normal((5, dimension)) * 10.0 ** rng.integers(-6, 6, (5, dimension)),
        rng.standard_normal(5),
    )
    x[0, 0] = 0.0
    tensor = MomentTensor.from_data(x, s, p)
    expected = fraction_coefficients(x, s, p)
    assert [tuple(e) for e in tensor.exponents.tolist()] == list(expected)
    for found, value in zip(tensor.coefficients, expected.values(), strict=True):
        assert found == fmpq(value.numerator, value.denominator)


def test_rational_data_are_accepted():
    x = np.array([[fmpq(1, 3), Fraction(2, 7)], [1, 0.5]], dtype=object)
    tensor = MomentTensor.from_data(x, np.array([Fraction(3, 2), fmpq(-1, 5)], dtype=object), 2)
    assert tensor.coefficients[0] == (fmpq(3, 2) / 9 - fmpq(1, 5)) / 2


@given(st.sampled_from([(1, 2), (2, 4), (3, 3), (5, 4), (9, 2)]), st.integers(0, 2**32), st.booleans())
def test_property_contractions(shape, seed, is_complex):
    p, dimension = shape
    rng = np.random.default_rng(seed)
    x, s = rng.standard_normal((20, dimension)), rng.standard_normal(20)
    tensor = MomentTensor.from_data(x, s, p)
    u = rng.standard_normal((3, dimension)) + 1j * is_complex * rng.standard_normal((3, dimension))
    if not is_complex:
        u = u.real
    dots = u @ x.T
    # Terms of either evaluation are at most these, and each is rounded a few times a factor and once a sum.
    size = np.mean(np.abs(s) * np.abs(x).sum(axis=1) ** p) * np.abs(u).max() ** p
    tolerance = 2**-52 * (20 + 4 * p + len(tensor.coefficients)) * max(size, 1e-300)
    assert np.all(np.abs(tensor.value(u) - (dots**p) @ s / 20) <= tolerance)
    gradient = ((dots ** (p - 1)) * s) @ x / 20
    assert np.all(np.abs(tensor.gradient(u) - gradient) <= tolerance / np.abs(u).max() * dimension)
    assert np.all(np.abs((u * tensor.gradient(u)).sum(axis=-1) - tensor.value(u)) <= tolerance)
    if p > 1:
        along = (tensor.hessian(u) @ u[..., None])[..., 0]
        assert np.all(np.abs(along - tensor.gradient(u)) <= tolerance / np.abs(u).max() * dimension)
        weights = dots ** (p - 2) * s / 20
        hessian = np.einsum("ni,ij,ik->njk", weights, x, x)
        assert np.all(np.abs(tensor.hessian(u) - hessian) <= tolerance / np.abs(u).max() ** 2 * dimension**2)


def test_balls_contain_the_exact_contraction():
    rng = np.random.default_rng(3)
    tensor = MomentTensor.from_data(rng.standard_normal((9, 3)), rng.standard_normal(9), 4)
    w = [fmpq(1, 3), fmpq(-2, 5), fmpq(7, 8)]
    exact = tensor.evaluate_exact(w)
    for precision in (53, 128):
        with ctx.workprec(precision):
            u = [arb(v) for v in w]
            hessian = tensor.hessian_balls(u, precision)
            total = sum(u[j] * hessian[j, k] * u[k] for j in range(3) for k in range(3))
            assert (total * arb(fmpq(2) ** tensor.exponent2)).contains(exact)
            turned = tensor.hessian_balls([acb(v) for v in w], precision)
            assert all(turned[j, k].real.overlaps(hessian[j, k]) for j in range(3) for k in range(3))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32))
def test_property_frobenius_bound(p, dimension, seed):
    rng = np.random.default_rng(seed)
    tensor = MomentTensor.from_data(rng.standard_normal((6, dimension)), rng.standard_normal(6), p)
    u = rng.standard_normal((50, dimension))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    bound = tensor.frobenius_bound * 2.0**tensor.exponent2
    assert np.all(np.abs(tensor.value(u)) <= bound * (1 + 1e-13))
    if dimension == 1:
        assert bound == pytest.approx(abs(tensor.value(u[0])), rel=1e-13)


def test_from_coefficients_and_scaling():
    tensor = MomentTensor.from_coefficients([[1, 1], [2, 0], [1, 1]], [1, Fraction(1, 2), 2], 2, 2)
    assert [str(c) for c in tensor.coefficients] == ["1/2", "3", "0"]
    assert tensor.scaled(fmpq(2, 3)).coefficients == (fmpq(1, 3), fmpq(2), fmpq(0))
    assert not tensor.is_zero
    assert tensor.scaled(0).is_zero


def test_monomials_are_all_there_once():
    basis = monomials(5, 4)
    rows = {tuple(row) for row in basis.exponents.tolist()}
    assert len(rows) == len(basis.exponents) == 70
    assert np.array_equal(basis.index(basis.codes()), np.arange(70))


@pytest.mark.parametrize(
    ("x", "s", "p", "message"),
    [
        ([[1.0, np.nan]], [1.0], 2, "x, column 1: entry 0 is not finite"),
        ([[1.0, 2.0]], [np.inf], 2, "s: entry 0 is not finite"),
        ([[1.0, 2.0]], [1.0, 2.0], 2, "must have shapes"),
        ([1.0, 2.0], [1.0, 2.0], 2, "must have shapes"),
        ([[1.0, 2.0]], [1.0], 0, "at least 1"),
        (np.ones((2, 60)), [1.0, 2.0], 6, "distinct entries; at most"),
    ],
)
def test_refusals(x, s, p, message):
    with pytest.raises(TheoryError, match=message):
        MomentTensor.from_data(np.array(x), np.array(s), p)


def test_refused_coefficients():
    with pytest.raises(TheoryError, match="sum 3"):
        MomentTensor.from_coefficients([[1, 1]], [1], 3, 2)
