"""Merging condensed neurons: exact for a monomial, of order q - p in the scale, of order 2 in the angle."""

import numpy as np
import pytest

from numerics.errors import NumericsError
from numerics.measure import clusters
from numerics.measure.merging import line_labels, merge_neurons, output_change

V = np.array([0.6, 0.0, 0.8])
X = np.random.default_rng(1).standard_normal((30, 3))


def condensed(scale, p, angle=0.0, seed=0):
    """Neurons on ±V with norms that differ, tilted by about `angle`, with outputs that add up rather than
    cancel."""
    rng = np.random.default_rng(seed)
    r, side = scale * rng.uniform(0.5, 2, 8), np.where(np.arange(8) % 2, -1.0, 1.0)
    u = side[:, None] * V + angle * rng.standard_normal((8, 3))
    return scale * rng.uniform(0.5, 1.5, 8) * side**p, r[:, None] * u / np.linalg.norm(u, axis=1)[:, None]


def relative_change(value, p, scale, angle=0.0):
    a, w = condensed(scale, p, angle)
    merged = merge_neurons(a, w, np.zeros(8), multiplicity=p)
    assert len(merged.a) == 1
    return output_change(value, X, (a, w), (merged.a, merged.w)).relative


@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_a_monomial_is_merged_exactly(p):
    # Two sums of eight terms, each a few roundings.
    assert relative_change(lambda z: z**p, p, 1.0) <= 64 * (p + 4) * np.finfo(float).eps


@pytest.mark.parametrize(
    ("value", "p", "q"),
    [
        (np.tanh, 1, 3),
        (lambda z: z / (1 + np.exp(-z)), 1, 2),
        (lambda z: z * np.tanh(z), 2, 4),
        (lambda z: z**2 * np.tanh(z), 3, 5),
    ],
)
def test_the_change_has_the_predicted_order(value, p, q):
    scales = np.array([1e-3, 1e-4])
    a, w = condensed(1.0, p)
    order = merge_neurons(a, w, np.zeros(8), multiplicity=p).predicted_order(q)
    slope = np.diff(np.log([relative_change(value, p, s) for s in scales])) / np.diff(np.log(scales))
    assert order == q - p
    assert slope[0] == pytest.approx(order, abs=0.01)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_a_spread_of_orientations_costs_its_square(p):
    # For p = 1 the mean direction, weighted by a r, is exact but for its length: also of order 2.
    angles = np.array([1e-3, 1e-4])
    slope = np.diff(np.log([relative_change(lambda z: z**p, p, 1.0, t) for t in angles])) / np.diff(
        np.log(angles)
    )
    assert slope[0] == pytest.approx(2, abs=0.05)


def test_a_missing_parity_or_power_is_seen():
    a, w = condensed(1.0, 3)
    merged = merge_neurons(a, w, np.zeros(8), multiplicity=3)
    for wrong in (1, 2, 4):
        other = merge_neurons(a, w, np.zeros(8), multiplicity=wrong)
        assert output_change(lambda z: z**3, X, (a, w), (other.a, other.w)).relative > 1e-2
    assert output_change(lambda z: z**3, X, (a, w), (-merged.a, merged.w)).relative == pytest.approx(2)


def test_unlabelled_neurons_stay_zero_neurons_go_and_labels_come_from_clusters():
    a, w = condensed(1e-3, 2)
    a, w = np.r_[a, 1.0, 1.0], np.vstack([w, [0.0, 1e-3, 0.0], [0.0, 0.0, 0.0]])
    live = np.linalg.norm(w, axis=1) > 0
    found = clusters(w[live])
    labels = np.full(10, -1)
    labels[live] = found.labels
    assert len(found) == 2
    joined = line_labels(found.centres, labels)
    merged = merge_neurons(a, w, joined, multiplicity=2)
    assert len(merge_neurons(a, w, labels, multiplicity=2).a) == 3
    assert len(merged.a) == 2
    assert merged.source.tolist() == [0] * 8 + [1, -1]
    assert np.allclose(merged.w[1], [0, 1e-3, 0], rtol=1e-15)
    assert merged.spread.max() <= 1e-7
    change = output_change(lambda z: z * np.tanh(z), X, (a, w), (merged.a, merged.w))
    assert change.rms <= change.largest
    assert change.relative < 1e-4


def test_refusals():
    with pytest.raises(NumericsError, match="labels"):
        merge_neurons(np.ones(2), np.eye(2), [0], multiplicity=1)
    with pytest.raises(NumericsError, match="whole numbers"):
        merge_neurons(np.ones(2), np.eye(2), [0, np.nan], multiplicity=1)
    with pytest.raises(NumericsError, match="multiplicity is 0"):
        merge_neurons(np.ones(2), np.eye(2), [0, 0], multiplicity=0)
    with pytest.raises(NumericsError, match="next_order is 3"):
        merge_neurons(np.ones(2), np.eye(2), [0, 0], multiplicity=3).predicted_order(3)
    with pytest.raises(NumericsError, match=r"x has shape \(3, 5\)"):
        output_change(np.tanh, np.ones((3, 5)), (np.ones(2), np.eye(2)), (np.ones(2), np.eye(2)))


def test_a_multiplicity_or_labels_that_mean_nothing_are_refused():
    a, w = np.ones(2), np.array([[1.0, 2.0], [-1.0, -2.0]])
    with pytest.raises(NumericsError, match=r"multiplicity is 1\.5"):  # once nan weights from (-1)^1.5
        merge_neurons(a, w, np.zeros(2), multiplicity=1.5)
    with pytest.raises(NumericsError, match="labels must be an array of real numbers"):
        merge_neurons(a, w, ["one", "two"], multiplicity=1)
