"""Measured orientations: tiny and huge weights, zero and dead neurons, angles, matching, medians, cosines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.errors import NumericsError
from numerics.measure import (
    angle_between,
    chance_counts,
    clusters,
    cosine_matrix,
    cosine_order,
    cosine_quantiles,
    effective_width,
    match,
    measure_neurons,
    weighted_median,
    weighted_quantile,
)

seeds = st.integers(0, 2**32 - 1)


def test_zero_and_dead_neurons_are_counted_not_dropped():
    w = np.array([[1e-200, 1e-200], [0.0, 0.0], [-1.0, -1.0], [3.0, 4.0]])
    a = np.array([1.0, 1.0, 1.0, -2.0])
    x = np.array([[1.0, 0.5], [0.2, 1.0]])
    neurons = measure_neurons(w, a, multiplicity=2, x=x, one_sided=(1.0, 0.0))
    assert neurons.zero.tolist() == [False, True, False, False]
    assert neurons.dead.tolist() == [False, False, True, False]
    assert neurons.live.tolist() == [True, False, False, True]
    assert np.allclose(neurons.orientation[0], np.sqrt(0.5), rtol=1e-15)
    assert neurons.norm[3] == 5.0
    assert neurons.amplitude[3] == 50.0
    assert neurons.output_sign.tolist() == [1.0, 1.0, 1.0, -1.0]
    leaky = measure_neurons(w, a, x=x, one_sided=(1.0, 0.1))
    assert not leaky.dead.any()


def test_angle_uses_both_coordinates():
    # sign(b)·arccos would lose the neurons with b = 0.
    w = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, -2.0], [1.0, 1.0]])
    assert np.allclose(measure_neurons(w).angle, [0, np.pi, -np.pi / 2, np.pi / 4])
    # On the negative axis the angle is π whatever the sign of the zero: one orientation, one angle.
    assert measure_neurons([[-1.0, -0.0]]).angle[0] == np.pi
    with pytest.raises(NumericsError, match="D = 2"):
        _ = measure_neurons(np.ones((1, 3))).angle


@pytest.mark.parametrize("angle", [1e-12, 1e-7, 0.3, np.pi / 2, np.pi - 1e-9])
def test_angles_are_accurate_however_small(angle):
    u, v = np.array([1.0, 0.0]), np.array([np.cos(angle), np.sin(angle)])
    # The coordinates of v carry an absolute rounding error of one epsilon.
    assert angle_between(u, v) == pytest.approx(angle, rel=1e-15, abs=4e-16)


def test_match_finds_the_nearest_target_and_tells_u_from_minus_u():
    targets = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = match([[2.0, 1e-9, 0.0], [-3.0, 0.1, 0.0], [0.1, 5.0, 0.1]], targets)
    assert found.index.tolist() == [0, 1, 2]
    assert found.angle[0] == pytest.approx(5e-10, rel=1e-12)
    with pytest.raises(NumericsError, match="row 1 of u is zero"):
        match([[1.0, 0.0], [0.0, 0.0]], np.eye(2))
    with pytest.raises(NumericsError, match="targets"):
        match(np.eye(2), np.eye(3))


@given(seeds)
def test_property_weighted_median_is_the_median_of_copies(seed):
    rng = np.random.default_rng(seed)
    values, copies = rng.standard_normal(7), rng.integers(0, 5, 7)
    copies[0] += 1
    expanded = np.sort(np.repeat(values, copies))
    assert weighted_median(values, copies) == expanded[(len(expanded) - 1) // 2]
    assert weighted_median(values, 1e-300 * copies) == expanded[(len(expanded) - 1) // 2]
    assert weighted_quantile(values, copies, 1.0) == expanded[-1]
    with pytest.raises(NumericsError, match="weights"):
        weighted_median(values, -copies)


@given(seeds)
def test_property_cosine_quantiles_are_those_of_the_whole_matrix(seed):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((40, 3))
    pairs = np.sort(cosine_matrix(u)[np.triu_indices(40, 1)])
    shares = np.array([0.0, 0.3, 0.5, 1.0])
    exact = pairs[np.floor(shares * (len(pairs) - 1)).astype(int)]
    assert np.abs(cosine_quantiles(u, shares) - exact).max() <= 2.0**-15


def test_cosine_quantiles_do_not_depend_on_the_blocks(monkeypatch):
    u = np.random.default_rng(0).standard_normal((100, 3))
    whole, width = cosine_quantiles(u), effective_width(u)
    monkeypatch.setattr("numerics.measure.angles._BLOCK_BYTES", 8 * 100 * 7)
    assert np.array_equal(cosine_quantiles(u), whole)
    assert effective_width(u) == pytest.approx(width, rel=1e-13)


def test_a_matrix_too_large_is_refused_with_numbers(monkeypatch):
    monkeypatch.setattr("numerics.measure.angles._WHOLE_BYTES", 8 * 9)
    assert cosine_matrix(np.eye(3)).shape == (3, 3)
    with pytest.raises(NumericsError, match="at most 3 neurons"):
        cosine_matrix(np.eye(4))


def test_effective_width_of_known_sets():
    assert effective_width(np.eye(5)) == pytest.approx(5)
    assert effective_width(np.repeat(np.eye(5)[:2], 10, axis=0)) == pytest.approx(2)
    assert effective_width(np.array([[1.0, 0.0], [-1.0, 0.0]])) == pytest.approx(2)
    assert effective_width(np.eye(2), weights=[3.0, 1.0]) == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert effective_width(np.eye(2), weights=[1e-200, 1e-200]) == pytest.approx(2)


@given(seeds, st.integers(1, 5))
def test_property_cosine_order_is_a_permutation_that_keeps_clusters_together(seed, dimension):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 3, 20)
    order = cosine_order(rng.standard_normal((20, dimension)), labels)
    assert sorted(order) == list(range(20))
    seen = labels[order]
    assert np.count_nonzero(np.diff(seen)) == len(set(labels.tolist())) - 1
    assert -1 not in seen[: np.count_nonzero(labels >= 0)]


def test_neurons_of_one_direction_are_one_at_any_threshold():
    # Unit vectors of 50 multiples of one vector differ in the last bit, and so does their cosine from 1.
    rng = np.random.default_rng(0)
    same = np.outer(rng.uniform(0.1, 9, 50), rng.standard_normal(7))
    assert effective_width(same, cosine=1.0) == pytest.approx(1, rel=1e-14)
    assert effective_width(np.r_[same, -same], cosine=1.0) == pytest.approx(2, rel=1e-14)


@given(seeds, st.sampled_from([0.0, 0.6, 0.95, 1.0]))
def test_property_effective_width_is_that_of_the_whole_matrix(seed, cosine):
    rng = np.random.default_rng(seed)
    u = rng.integers(-2, 3, (30, 2)).astype(float)
    u = u[np.abs(u).sum(axis=1) > 0]
    shares = rng.random(len(u))
    shares /= shares.sum()
    near = cosine_matrix(u) >= cosine - 4 * np.finfo(float).eps
    assert effective_width(u, shares, cosine=cosine) == pytest.approx(1 / (shares @ near @ shares), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: effective_width(np.empty((0, 2))), "0 neurons"),
        (lambda: effective_width(np.eye(2), cosine=3), "threshold cosine of 3"),
        (lambda: cosine_quantiles(np.eye(2), [1.5]), "from 0 to 1"),
        (lambda: weighted_quantile([1, 2], [1, 1], 1.5), "share is 1.5"),
        (lambda: weighted_median([1, np.nan], [1, 1]), "without nan"),
        (lambda: measure_neurons([[1e200, 0]], [1.0], multiplicity=3), "overflows"),
        (lambda: measure_neurons(np.eye(2), x=np.ones((2, 3)), one_sided=(1.0, 0.0)), r"\(n, 2\) is needed"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, message):
    with pytest.raises(NumericsError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measure_neurons("up"), "w must be an array of real numbers"),
        (lambda: measure_neurons([[1.0, 2.0], [3.0]]), "w must be an array of real numbers"),
        (lambda: measure_neurons([[1.0, 2.0]], [1.0], multiplicity=1.5), "multiplicity is 1.5"),
        (lambda: clusters([[1.0, 2.0], [3.0]]), "u must be an array of real numbers"),
        (lambda: chance_counts(-1, 3, cosine=0.9, seed=0), "-1 vectors"),
        (lambda: chance_counts(5, 3, cosine=0.9, seed=-1), "seed is -1"),
        (lambda: chance_counts(5, 3, cosine=0.9, seed=0, draws=0), "0 draws"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(call, message):
    with pytest.raises(NumericsError, match=message):
        call()
