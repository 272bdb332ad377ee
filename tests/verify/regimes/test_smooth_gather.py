"""Evidence of the smooth regime: what has not arrived decides nothing."""

from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from tests.predicted import smooth
from theory import Kind, neurons_at
from theory.beyond.displacement import Displaced
from theory.forms.vectors import angle
from verify.regimes.smooth.destinations import SAME
from verify.regimes.smooth.evidence import SmoothEvidence

gather = import_module("verify.regimes.smooth.gather")


@dataclass
class Listed:
    u: np.ndarray
    kind: Kind


def prediction(kind):
    listed = [Listed(np.array([1.0, 0.0, 0.0]), kind), Listed(np.array([0.0, 1.0, 0.0]), Kind.ATTRACTOR)]
    return SimpleNamespace(orientations=SimpleNamespace(orientations=listed))


@pytest.mark.parametrize(
    ("apart", "creeping"), [(0.0, False), (SAME / 2, False), (2 * SAME, True), (0.03, True), (0.5, False)]
)
def test_near_a_degenerate_orientation_but_not_at_it_nothing_has_arrived(apart, creeping):
    u = np.array([[np.cos(apart), np.sin(apart), 0.0], [np.cos(apart), 0.0, -np.sin(apart)]])
    assert gather._creeping(prediction(Kind.DEGENERATE), u).tolist() == [creeping, creeping]


@pytest.mark.parametrize("kind", [Kind.ATTRACTOR, Kind.DYING, Kind.SADDLE])
def test_elsewhere_what_is_near_has_to_be_there(kind):
    u = np.array([[np.cos(0.03), np.sin(0.03), 0.0]])
    assert not gather._creeping(prediction(kind), u).any()


def evidence_of(**parts):
    """Evidence that has these parts alone."""
    found = object.__new__(SmoothEvidence)
    for name, value in parts.items():
        object.__setattr__(found, name, value)
    return found


def test_what_neurons_turn_between_two_falls_is_that_of_the_leading_flow():
    generator = np.random.default_rng(4)
    x = generator.uniform(-1, 1.5, (20, 2))
    found = smooth(x, np.sin(3 * x[:, 0]) + 0.3, "x*tanh(x)")
    a, w = 0.01 * generator.standard_normal(5), 0.01 * generator.standard_normal((5, 3))
    time, apart, rate, stride = 0.2 / (found.clock_rate * 0.03), 1e-5 / found.clock_rate, 2.0, 1e-3
    crossing = 3 / 16 * stride**2 / rate
    at = neurons_at(found.force, a, w, time)
    evidence = evidence_of(prediction=found, followed=(at,), rate=rate, stride=stride)
    limits = {"limit": time, "coarser_limit": time + apart - crossing}
    for name, value in limits.items():
        object.__setattr__(evidence, name, lambda value=value: SimpleNamespace(times=np.array([value])))
    later = neurons_at(found.force, a, w, time + apart)
    np.testing.assert_allclose(evidence.passing[0], angle(at.u, later.u), rtol=1e-3)


def test_counts_are_expected_with_all_orders_too():
    flow = np.array([[[2.0, 3.0, 4.0]]])
    expected = SimpleNamespace(u=np.array([[[1.0, 0.0]]]), amplitudes=lambda order: np.array([[7.0]]))
    parts = {"expected": expected, "driving_order": 2}
    assert len(evidence_of(displaced=None, **parts).expectations(0)) == 1
    first, second = evidence_of(displaced=Displaced(flow, 0 * flow), **parts).expectations(0)
    assert (first[0].tolist(), first[1].tolist()) == ([[1.0, 0.0]], [7.0])
    np.testing.assert_allclose(second[0], [[0.6, 0.8]])
    np.testing.assert_allclose(second[1], [2.0 * 5.0**2])
