"""The distance to the attracting set, isolated orientations and continua, by hand."""

import numpy as np
import pytest

from theory import MomentTensor, TheoryError, find_orientations
from theory.forms.stability import Kind
from theory.orientations.result import AttractingSet, Continuum


def test_isolated_orientations_by_their_angle():
    """P = Σ w_k³: ±e_k grow, at u the nearest of them is that of the largest |component|."""
    found = AttractingSet.of(find_orientations(MomentTensor.from_data(np.eye(3), np.full(3, 3.0), 3)))
    u = np.array([[1.0, 0, 0], [0, -1, 0], [3, 4, 0], [1, 1, 1]])
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    np.testing.assert_allclose(found.distance(u), np.arccos(np.abs(u).max(axis=1)), atol=1e-8)


def test_a_circle_by_its_span_and_an_end_of_the_flow_lies_on_it():
    ring = MomentTensor.from_data(np.diag([1.0, 1.0, 0.5]), np.ones(3), 2)
    found = AttractingSet.of(find_orientations(ring))
    assert not len(found.isolated)
    assert len(found.spans) == 1
    latitude = np.array([0.0, 1e-9, 0.3, np.pi / 2])
    u = np.stack([0.6 * np.cos(latitude), 0.8 * np.cos(latitude), np.sin(latitude)], axis=1)
    np.testing.assert_allclose(found.distance(u), latitude, atol=1e-15)


def test_what_cannot_be_measured_is_said():
    found = find_orientations(MomentTensor.from_data(np.eye(3), np.full(3, 3.0), 3))
    unknown = Continuum(1, Kind.DEGENERATE, 1.0, False)
    asleep = Continuum(1, Kind.DEGENERATE, 0.0, False)
    with_it = AttractingSet.of(
        type(found)(**{**vars(found), "continua": (unknown, asleep), "orientations": ()})
    )
    assert with_it.unmeasured == (unknown,)
    assert with_it.is_empty
    assert np.all(np.isinf(with_it.distance(np.eye(3))))
    with pytest.raises(TheoryError, match="accepted: \\(N, 3\\)"):
        with_it.distance(np.ones((2, 4)))
