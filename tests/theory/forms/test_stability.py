"""The kind of a fixed orientation: the rule, known forms, and the spectrum from the data."""

import numpy as np
import pytest
from flint import arb, ctx

from tests.theory.witnesses.orientations import expected_kind, gaussian_data
from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Extremum, Kind, classify, kind_of, sign_of
from theory.orientations import find_orientations

TABLE = [
    (1, Extremum.MAXIMUM, Kind.ATTRACTOR, 1),
    (-1, Extremum.MINIMUM, Kind.ATTRACTOR, -1),
    (1, Extremum.MINIMUM, Kind.DYING, -1),
    (-1, Extremum.MAXIMUM, Kind.DYING, 1),
    (1, Extremum.NEITHER, Kind.SADDLE, None),
    (None, Extremum.NEITHER, Kind.SADDLE, None),
    (0, Extremum.MAXIMUM, Kind.REPELLER, None),
    (None, Extremum.MAXIMUM, Kind.DEGENERATE, None),
    (1, Extremum.UNDECIDED, Kind.DEGENERATE, None),
    (-1, Extremum.BOTH, Kind.ATTRACTOR, -1),
]


@pytest.mark.parametrize(("sign", "extremum", "kind", "neuron_sign"), TABLE)
def test_rule(sign, extremum, kind, neuron_sign):
    assert kind_of(sign, extremum) == (kind, neuron_sign)


def test_balls_compare_one_sidedly():
    assert [sign_of(arb(2, 1)), sign_of(arb(-2, 1)), sign_of(arb(0)), sign_of(arb(0, 1))] == [1, -1, 0, None]


def test_sum_of_cubes():
    terms = 3 * np.eye(3, dtype=int)
    tensor = MomentTensor.from_coefficients(terms, [1, 1, 1], 3, 3)
    result = find_orientations(tensor)
    assert {tuple(np.round(o.u)) for o in result.attractors} == {
        tuple(sign * row) for row in np.eye(3) for sign in (1, -1)
    }
    assert np.allclose(np.abs([o.u for o in result.dying]), 1 / np.sqrt(3), atol=1e-15, rtol=0)
    assert [o.neuron_sign for o in result.dying] == [-int(np.sign(o.value)) for o in result.dying]


def test_a_wide_ball_proves_nothing():
    tensor = MomentTensor.from_coefficients(3 * np.eye(3, dtype=int), [1, 1, 1], 3, 3)
    with ctx.workprec(64):
        kind, sign, value = classify(tensor, [arb(1, 0.9), arb(0, 0.9), arb(0, 0.9)], 64)
    assert (kind, sign) == (Kind.DEGENERATE, None)
    assert value.contains(1)


def agree(classifier):
    """Kinds of certified lines of three problems against the data's own spectrum."""
    for p, dimension in ((3, 3), (4, 3), (5, 3)):
        for seed in range(3):
            x, s = gaussian_data(p, dimension, seed)
            tensor = MomentTensor.from_data(x, s, p)
            for o in find_orientations(tensor).orientations:
                with ctx.workprec(128):
                    ball = [arb(c, 1e-14) for c in o.u]
                    kind, sign, value = classifier(tensor, ball, 128)
                assert (str(kind), sign) == expected_kind(x, s, p, np.array(o.u))
                assert value.contains(o.value)


def test_certified_kinds_agree_with_the_data():
    agree(classify)
