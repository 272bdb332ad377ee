"""The cluster rule: planted clusters, invariances, thresholds, amplitude, chance; and what it must not
do: chain."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.errors import NumericsError
from numerics.measure import chance_counts, clusters, orientation_counts

seeds = st.integers(0, 2**32 - 1)


def planted(seed, centres, sizes, spread=1e-3):
    rng = np.random.default_rng(seed)
    u = np.repeat(centres, sizes, axis=0)
    return u + spread * rng.standard_normal(u.shape)


def naive(u, cosine, minimum):
    """The same rule with exact rational arithmetic on integer vectors, without blocks or updates; counts
    only."""
    left, counts = [tuple(int(v) for v in row) for row in u], []

    def near(p, q):
        dot = sum(a * b for a, b in zip(p, q, strict=True))
        need = Fraction(cosine) ** 2 * sum(a * a for a in p) * sum(b * b for b in q)
        return dot > 0 and dot * dot >= need

    while left:
        caps = [[q for q in left if near(p, q)] for p in left]
        best = max(len(cap) for cap in caps)
        if best < minimum:
            break
        counts.append(best)
        tied = [k for k, cap in enumerate(caps) if len(cap) == best]

        def closeness(k, caps=caps):
            p = np.array(left[k]) / np.linalg.norm(left[k])
            return sum(p @ (np.array(q) / np.linalg.norm(q)) for q in caps[k])

        top = max(closeness(k) for k in tied)
        tied = [k for k in tied if closeness(k) >= top - 1e-9]
        centre = min(tied, key=lambda k: tuple(np.array(left[k]) / np.linalg.norm(left[k])))
        for q in list(caps[centre]):
            left.remove(q)
    return counts


def test_planted_clusters_are_found_u_and_minus_u_apart():
    centres = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0.6, 0.8]])
    found = clusters(planted(0, centres, [10, 7, 20]))
    assert found.counts.tolist() == [20, 10, 7]
    assert found.shares == pytest.approx([20 / 37, 10 / 37, 7 / 37])
    assert np.abs(found.centres - centres[[2, 0, 1]]).max() < 4e-3 / np.sqrt(7)
    assert np.bincount(found.labels).tolist() == [20, 10, 7]


def test_two_neurons_are_no_cluster_by_count_but_may_be_one_by_amplitude():
    u = planted(1, np.eye(3), [2, 40, 5])
    amplitude = np.r_[np.full(2, 50.0), np.full(40, 1e-3), np.full(5, 1.0)]
    assert len(clusters(u)) == 2
    by_amplitude = clusters(u, weights=amplitude)
    assert by_amplitude.counts.tolist() == [2]
    assert by_amplitude.shares[0] == pytest.approx(100 / 105.04)
    assert len(clusters(u, weights=amplitude, minimum_share=0.04)) == 2
    assert np.array_equal(clusters(u, weights=1e-250 * amplitude).labels, by_amplitude.labels)


def test_a_ring_of_neighbours_is_not_one_cluster():
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    found = clusters(np.c_[np.cos(angle), np.sin(angle)], cosine=0.95)
    # A cap is ±18.19 degrees: 13 of the 120; so at least 120/13 caps, less those below 3, and none larger.
    assert 8 <= len(found) <= 12
    assert found.counts.max() == 13


@given(seeds, st.sampled_from([0.5, 0.9, 0.95]))
def test_property_agrees_with_the_rule_in_exact_arithmetic(seed, cosine):
    rng = np.random.default_rng(seed)
    u = rng.integers(-4, 5, (14, 2))
    u = u[np.abs(u).sum(axis=1) > 0]
    assert clusters(u, cosine=cosine).counts.tolist() == naive(u, cosine, 3)


@given(seeds, st.booleans())
def test_property_order_and_axes_do_not_matter(seed, weighted):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((60, 3))
    weights = rng.random(60) if weighted else None
    base = clusters(u, weights=weights, cosine=0.8)
    order = rng.permutation(60)
    moved = clusters(u[order], weights=None if weights is None else weights[order], cosine=0.8)
    assert np.array_equal(moved.labels, base.labels[order])
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turned = clusters(u @ turn, weights=weights, cosine=0.8)
    assert np.array_equal(np.sort(turned.counts), np.sort(base.counts))


def test_blocks_do_not_matter(monkeypatch):
    u = np.random.default_rng(3).standard_normal((200, 3))
    whole = clusters(u, cosine=0.9)
    monkeypatch.setattr("numerics.measure.angles._BLOCK_BYTES", 8 * 200 * 3)
    assert np.array_equal(clusters(u, cosine=0.9).labels, whole.labels)


@given(seeds, st.booleans())
def test_property_the_matrix_at_hand_gives_the_same_clusters(seed, weighted):
    rng = np.random.default_rng(seed)
    u = planted(seed, np.eye(3), [8, 5, 4], 0.2)
    u /= np.linalg.norm(u, axis=1)[:, None]
    weights = rng.random(17) if weighted else None
    base = clusters(u, weights=weights, cosine=0.9)
    given_matrix = clusters(u, weights=weights, cosine=0.9, matrix=np.clip(u @ u.T, -1, 1))
    assert np.array_equal(given_matrix.labels, base.labels)
    assert np.array_equal(given_matrix.counts, base.counts)


def test_chance_level_is_reproducible_and_tells_condensed_from_random():
    first, again = (chance_counts(50, 2, cosine=0.95, seed=4, draws=30) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, chance_counts(50, 2, cosine=0.95, seed=5, draws=30))
    # 50 random vectors in the plane fill the circle: a cap of 36.4 degrees holds 5 on average, so there are
    # between 4 (2 caps' width each) and 16 (50 // 3) of them.
    assert first.min() >= 4
    assert first.max() <= 16
    random = np.random.default_rng(6).standard_normal((50, 2))
    condensed = planted(7, np.array([[1.0, 0], [-1.0, 0]]), [25, 25])
    for count in orientation_counts(random, seed=0, draws=40):
        assert count.chance_low - 2 <= count.count <= count.chance_high + 2
    for count in orientation_counts(condensed, seed=0, draws=40):
        assert count.count == 2
        assert count.chance_low > 2
    # In six dimensions random vectors are far apart: hardly any cluster at all.
    assert chance_counts(50, 6, cosine=0.95, seed=0, draws=20).max() <= 2


def test_edge_cases():
    assert len(clusters(np.empty((0, 3)))) == 0
    assert clusters(np.empty((0, 3))).centres.shape == (0, 3)
    assert clusters(np.ones((3, 2)), cosine=1.0).counts.tolist() == [3]
    with pytest.raises(NumericsError, match="cosine"):
        clusters(np.eye(2), cosine=1.5)
    with pytest.raises(NumericsError, match="weights"):
        clusters(np.eye(2), weights=[1.0, -1.0])
