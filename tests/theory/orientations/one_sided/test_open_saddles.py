"""Saddles into which an open set of neurons flows: against small steps of the flow, and against exact ties."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.theory.flows.test_one_sided import euler
from theory import Kind, predict
from theory.forms.one_sided import one_sided_form
from theory.forms.vectors import nearest
from theory.orientations.one_sided import find_extremal_orientations
from theory.orientations.one_sided.open_saddles import ends_at_saddles
from theory.predictions.stepwise import StepwiseExpected

DATA = np.loadtxt(Path(__file__).parents[3] / "cases" / "rings-8.csv", delimiter=",", skiprows=1)
RINGS, LABELS = np.column_stack([DATA[:, :2], np.ones(8)]), DATA[:, 2]
ACTS = [(1, 1, 0), (1, 1, 1), (1, 2, -1), (1, 2, 1)]


def test_rings_have_four_and_they_collect_what_small_steps_say():
    found = find_extremal_orientations(RINGS, LABELS, "relu")
    saddles = np.array([o.u for o in found.open_saddles])
    assert sorted(map(tuple, saddles.tolist())) == sorted(
        [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)]
    )
    assert {o.kind for o in found.open_saddles} == {Kind.SADDLE}
    assert found.complete
    (note,) = [note for note in found.notes if "into 4 saddles" in note]
    share = float(note.split("saddles, ")[1].split("%")[0]) / 100
    rng = np.random.default_rng(3)
    a, w = rng.standard_normal(600), rng.standard_normal((600, 3))
    a, w = euler(RINGS, LABELS, (1, 1, 0), a, w, steps=6000)
    u = w / np.linalg.norm(w, axis=1, keepdims=True)
    grown = u[a * np.mean(LABELS * np.maximum(u @ RINGS.T, 0), axis=1) > 0.05]
    seen = np.mean(nearest(grown, saddles, 0.03) < 4)
    assert abs(seen - share) < 4 * np.sqrt(share * (1 - share) * (1 / len(grown) + 1 / 700))


def tied(form, u):
    """Whether u, fixed, has ties on all its convex kinks; None where its kinks are dependent or one is loose."""
    units, weights = form.floats
    on = np.abs(units @ u) < 1e-12
    lines, sides = units[on], np.where(on, 0, np.sign(units @ u))
    if np.linalg.matrix_rank(lines) < len(lines):
        return None
    g = form.smooth.gradient(np.zeros(len(u))) + (weights * sides) @ units
    sign = np.sign(g @ u)
    gamma = np.linalg.lstsq(lines.T, g - (g @ u) * u, rcond=None)[0] if len(lines) else np.zeros(0)
    convex = sign * weights[on] > 0
    return bool(np.all(np.abs(np.abs(gamma) - np.abs(weights[on]))[convex] < 1e-9))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_they_are_the_saddles_with_ties_on_all_convex_kinks(data):
    """Small whole numbers, mirrored or not: ties are frequent there."""
    dimension, n = data.draw(st.integers(2, 3)), data.draw(st.integers(3, 5))
    x = data.draw(arrays(float, (n, dimension), elements=st.integers(-2, 2).map(float)))
    x[:, -1] = 1.0
    s = data.draw(arrays(float, n, elements=st.integers(-2, 2).map(float)))
    if data.draw(st.booleans()):
        x, s = np.vstack([x, x * np.where(np.arange(dimension) == 0, -1.0, 1.0)]), np.tile(s, 2)
    act = data.draw(st.sampled_from(ACTS))
    form = one_sided_form(x, s, act)[0]
    assume(form.lines)
    found = find_extremal_orientations(x, s, act)
    for o in found.orientations:
        if o.kind in (Kind.ATTRACTOR, Kind.DYING) or abs(o.value) < 1e-12:
            assert o not in found.open_saddles
            continue
        expected = tied(form, np.array(o.u))
        if expected is not None:
            assert (o in found.open_saddles) == expected
    attractors = np.array([o.u for o in found.attractors]).reshape(-1, dimension)
    saddles = np.array([o.u for o in found.open_saddles]).reshape(-1, dimension)
    assert not ends_at_saddles(form, attractors).any()
    assert ends_at_saddles(form, saddles).all()


@pytest.mark.parametrize("seed", range(8))
def test_data_without_ties_have_none(seed):
    rng = np.random.default_rng(seed)
    x, s = rng.standard_normal((8, 3)), rng.standard_normal(8)
    found = find_extremal_orientations(x, s, "relu")
    assert found.open_saddles == ()
    assert not any("saddles" in note for note in found.notes)


def started(prediction):
    rng = np.random.default_rng(0)
    a0, w0 = 1e-5 * rng.standard_normal((2, 50)), 1e-5 * rng.standard_normal((2, 50, 3))
    expected = prediction.expect(a0, w0, lr=0.01 / prediction.rate)
    assert isinstance(expected, StepwiseExpected)
    return expected


@pytest.mark.parametrize("size", [1e-12, 1e-5, 3e-3])
def test_a_tie_that_the_data_hardly_break_is_not_told_either(size):
    """No saddle is tied exactly; what the output changes of the signal tips neurons over the kink all the same."""
    labels = LABELS * (1 + size * np.random.default_rng(5).standard_normal(8))
    prediction = predict(DATA[:, :2], labels, "relu")
    expected = started(prediction)
    assert prediction.orientations.open_saddles == ()
    assert not expected.to_saddles.any()
    assert 0.02 < expected.untold.mean() < 0.4


def test_neurons_away_from_kinks_are_told():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20, 2))
    expected = started(predict(x, x @ [1.0, -0.5] + 0.3 * rng.standard_normal(20), "relu"))
    assert expected.untold.mean() < 0.02


def test_an_exact_tie_is_among_them():
    expected = started(predict(DATA[:, :2], LABELS, "relu"))
    assert expected.to_saddles.mean() > 0.1
    assert np.all(expected.untold[expected.to_saddles])
