"""Evidence of the smooth regime: what has not arrived decides nothing."""

from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from theory import Kind
from verify.regimes.smooth.destinations import SAME

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
