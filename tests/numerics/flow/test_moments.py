"""The compressed force against the plain sum over samples, written out independently."""

from itertools import combinations_with_replacement
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.errors import NumericsError
from numerics.flow.moments import moments, monomials, one_sided_moments

# Each sum of n terms of degree p has a relative rounding error below (n + D + 4p) machine epsilons of
# `bound`.
EPS = np.finfo(float).eps


def slack(n: int, dimension: int, p: int) -> float:
    return EPS * (n + comb(dimension + p - 1, p) + 4 * p)


def data(seed: int, n: int, dimension: int):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, dimension)), rng.standard_normal(n), rng


def test_monomials_come_in_dictionary_order():
    w = np.array([[2.0], [3.0], [5.0], [7.0]])
    words = combinations_with_replacement(range(4), 3)
    assert monomials(w, 3)[:, 0].tolist() == [float(np.prod(w[list(word), 0])) for word in words]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_property_gradient_is_the_sum_over_samples(p, dimension, n, seed):
    x, s, rng = data(seed, n, dimension)
    c = float(rng.standard_normal()) + 2
    force = moments(x, s, p, c)
    w = rng.standard_normal((dimension, 7))
    w /= np.linalg.norm(w, axis=0)
    expected = p * c / n * np.einsum("n,nk,nd->dk", s, (x @ w) ** (p - 1), x)
    assert np.abs(force.gradient(w) - expected).max() <= slack(n, dimension, p) * force.bound
    value = c / n * s @ (x @ w) ** p
    assert np.abs(force.potential(w) - value).max() <= slack(n, dimension, p) * force.bound
    assert np.abs(force.gradient(w)).max() <= force.bound * (1 + 1e-12)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_one_sided_force_of_a_smooth_activation_is_the_smooth_force(p):
    x, s, rng = data(3, 20, 4)
    w = rng.standard_normal((4, 9))
    one_sided = one_sided_moments(x, s, p, 0.7, 0.7 * (-1) ** p)
    smooth = moments(x, s, p, 0.7)
    tolerance = slack(20, 4, p) * smooth.bound * np.linalg.norm(w, axis=0).max() ** p
    assert np.abs(one_sided.gradient(w) - smooth.gradient(w)).max() <= tolerance


@pytest.mark.parametrize("p", [1, 2, 3])
def test_one_sided_force_is_the_derivative_of_its_potential(p):
    x, s, rng = data(4, 15, 3)
    force = one_sided_moments(x, s, p, 1.3, -0.4)
    w = rng.standard_normal((3, 5))
    z = x @ w
    value = s @ np.where(z > 0, 1.3 * z**p, -0.4 * np.abs(z) ** p) / 15
    assert np.allclose(force.potential(w), value, rtol=1e-12, atol=1e-13)
    h = 1e-6  # far from every kink here; the central difference errs by h² and eps/h
    for i in range(3):
        up, down = w.copy(), w.copy()
        up[i] += h
        down[i] -= h
        slope = (force.potential(up) - force.potential(down)) / (2 * h)
        assert np.allclose(slope, force.gradient(w)[i], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("p", [1, 2, 3, 4])
@pytest.mark.parametrize("one_sided", [False, True])
def test_hessian_is_the_sum_over_samples(p, one_sided):
    x, s, rng = data(7, 12, 3)
    force = one_sided_moments(x, s, p, 1.3, -0.4) if one_sided else moments(x, s, p, 1.3)
    w = rng.standard_normal((3, 4))
    z = x @ w
    c = np.where(z > 0, 1.3, -0.4 * (-1) ** p) if one_sided else 1.3
    bend = p * (p - 1) * c * z ** max(p - 2, 0)
    expected = np.einsum("n,nj,nd,nk->jdk", s, bend, x, x) / 12
    assert np.abs(force.hessian(w) - expected).max() <= 1e-13 * p * force.bound * max(1, np.abs(w).max()) ** p


def test_few_samples_in_many_dimensions_are_kept_and_many_are_compressed():
    x, s, rng = data(5, 10, 30)
    kept = moments(x, s, 4)
    assert kept.samples is not None
    x, s, _ = data(5, 5000, 3)
    packed = moments(x, s, 4)
    assert packed.samples is None
    assert packed.coefficients.shape == (3, comb(5, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((3, 2)), np.ones(4), 2), "shapes"),
        ((np.ones((3, 2)), np.array([1, np.nan, 2]), 2), "finite"),
        ((np.ones((3, 2)), np.ones(3), 0), "multiplicity"),
        ((np.ones((3, 2)), np.ones(3), 2, 0.0), "coefficient"),
    ],
)
def test_refusals_name_the_problem(arguments, message):
    with pytest.raises(NumericsError, match=message):
        moments(*arguments)


def test_one_sided_refuses_two_zero_coefficients():
    with pytest.raises(NumericsError, match="not both 0"):
        one_sided_moments(np.ones((2, 2)), np.ones(2), 1, 0.0, 0.0)
