"""Destinations of one-sided neurons: small steps of the flow itself, smooth limits, the circle's arcs, mutants."""

from functools import lru_cache

import numpy as np
import pytest

from tests.theory.mutants.mutated import mutated
from tests.theory.witnesses.one_sided import big_g
from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows import one_sided as flow_module
from theory.flows.one_sided import OneSidedFate, one_sided_destinations
from theory.flows.smooth import Fate, destinations
from theory.forms.moment_tensor import MomentTensor
from theory.forms.one_sided import one_sided_form
from theory.orientations.one_sided import find_extremal_orientations
from theory.orientations.one_sided import planar as arcs_module
from theory.orientations.one_sided.planar import circle_basins


def problem(seed, n, dimension, count=60):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dimension))
    x[:, -1] = 1.0
    return x, rng.normal(size=n), rng.normal(size=count), rng.normal(size=(count, dimension))


def euler(x, s, act, a, w, step=1e-2, steps=25_000):
    """Small steps of a' = G(w), w' = a ∂G(w) for p = 1, which is homogeneous: each neuron is rescaled as it goes."""
    _, plus, minus = act
    step = step / np.mean(np.abs(s) * np.linalg.norm(x, axis=1))
    for _ in range(steps):
        dots = w @ x.T
        slope = np.where(dots > 0, plus, np.where(dots < 0, -minus, (plus - minus) / 2))
        a, w = a + step * (slope * dots) @ s / len(s), w + step * a[:, None] * ((slope * s) @ x) / len(s)
        size = np.sqrt(a**2 + (w**2).sum(axis=1))
        a, w = a / size, w / size[:, None]
    return a, w


@lru_cache
def small_steps(seed, n, dimension, act):
    x, s, a, w = problem(seed, n, dimension)
    return euler(x, s, act, a, w)


def check(module, seed, n, dimension, act):
    x, s, a, w = problem(seed, n, dimension)
    found = module.one_sided_destinations(one_sided_form(x, s, act)[0], a, w, max_events=120)
    a_end, w_end = small_steps(seed, n, dimension, act)
    u = w_end / np.linalg.norm(w_end, axis=1, keepdims=True)
    grows = found.fates == module.OneSidedFate.GROWS
    value = big_g(x, s, act, u) * np.sign(a_end)
    assert grows.sum() > 30
    gap = np.linalg.norm(u - found.u, axis=1)
    assert np.all(gap[grows] < 0.03)
    assert np.all(np.sign(a_end[grows]) == found.signs[grows])
    rests = found.fates == module.OneSidedFate.RESTS
    assert np.all(np.abs(value[rests]) < 2e-3 * np.abs(value[grows]).max())
    listed = find_extremal_orientations(x, s, act)
    for fate, kind in ((module.OneSidedFate.GROWS, "attractor"), (module.OneSidedFate.DIES, "dying")):
        ends = [o for o in listed.orientations if o.kind.value == kind]
        for v, sign in zip(found.u[found.fates == fate], found.signs[found.fates == fate], strict=True):
            o = min(ends, key=lambda o: np.linalg.norm(v - np.array(o.u)))
            assert np.linalg.norm(v - np.array(o.u)) < 1e-13
            assert o.neuron_sign == sign
    return found


@pytest.mark.parametrize(
    ("seed", "n", "dimension", "act"), [(0, 8, 2, (1, 1, 0)), (1, 10, 3, (1, 1, 0.2)), (2, 7, 4, (1, 1, 0))]
)
def test_against_small_steps(seed, n, dimension, act):
    check(flow_module, seed, n, dimension, act)


def test_smooth_limit_is_the_closed_form():
    x, s, a, w = problem(3, 12, 3)
    found = one_sided_destinations(one_sided_form(x, s, (1, 2, -2))[0], a, w)
    g = x.T @ s
    direction = g / np.linalg.norm(g)
    assert np.all(found.fates == OneSidedFate.GROWS)
    assert np.allclose(found.u, np.sign(a + w @ direction)[:, None] * direction, rtol=0, atol=1e-14)


def test_dying_neurons_end_at_a_dying_ray():
    # One dying ray of a < 0 at (1, 0): |u_2| against 2 u_1.  K < 0, so a never vanishes and w does.
    x, s = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.array([6.0, 9.0, 9.0])
    form = one_sided_form(x, s, "relu")[0]
    found = one_sided_destinations(form, np.array([-5.0, -5.0]), np.array([[1.0, 0.3], [1.0, -0.2]]))
    assert list(found.fates) == [OneSidedFate.DIES] * 2
    assert np.allclose(found.u, [1.0, 0.0], atol=1e-12)
    (dying,) = find_extremal_orientations(x, s, "relu").dying
    assert (dying.u, dying.neuron_sign) == ((1.0, 0.0), -1)
    # K > 0: a vanishes while the neuron slides on what is then a ridge.
    turned = one_sided_destinations(form, np.array([-0.1]), np.array([[1.0, 0.001]]))
    assert turned.fates[0] is OneSidedFate.UNDECIDED


def test_differentiable_powers():
    x, s, a, w = problem(5, 8, 2, 40)
    mine = one_sided_destinations(one_sided_form(x, s, (2, 1, 1))[0], a, w)
    theirs = destinations(SmoothField(MomentTensor.from_data(x, s, 2), 1.0), a, w)
    assert [f.name for f in mine.fates] == [f.name for f in theirs.fates]
    assert np.allclose(mine.u, theirs.u, atol=1e-12)
    assert Fate.UNDECIDED not in theirs.fates
    found = one_sided_destinations(one_sided_form(x, s, "relu2")[0], a, w, max_steps=1500)
    listed = find_extremal_orientations(x, s, "relu2").attractors
    grown = found.fates == OneSidedFate.GROWS
    assert grown.sum() > 10
    for v, sign in zip(found.u[grown], found.signs[grown], strict=True):
        o = min(listed, key=lambda o: np.linalg.norm(v - np.array(o.u)))
        assert np.linalg.norm(v - np.array(o.u)) < 1e-6
        assert o.neuron_sign == sign


def check_arcs(module, act, seed, n=9):
    x, s, _, _ = problem(seed, n, 2)
    arcs = module.circle_basins(x, s, act)
    assert sum(arc.share for arc in arcs) == pytest.approx(1, abs=1e-12)
    rng = np.random.default_rng(seed)
    theta = rng.uniform(0, 2 * np.pi, 60)
    w = np.column_stack([np.cos(theta), np.sin(theta)])
    for sign in (1.0, -1.0):
        # |a| > ‖w‖: the sign of a stays.
        found = one_sided_destinations(one_sided_form(x, s, act)[0], np.full(60, 3 * sign), w)
        for angle, u, fate in zip(theta, found.u, found.fates, strict=True):
            (arc,) = [arc for arc in arcs if arc.contains(angle)]
            end = arc.up if sign > 0 else arc.down
            if end is None:
                assert fate is OneSidedFate.RESTS
            else:
                assert np.linalg.norm(u - np.array(end.u)) < 1e-7
                assert fate.name == {"attractor": "GROWS", "dying": "DIES"}[end.kind.value]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("act", [(1, 1, 0), (1, 1, 1), (1, 1, -0.5)])
def test_arcs_of_the_circle(act, seed):
    check_arcs(arcs_module, act, seed)


def test_arcs_refuse():
    with pytest.raises(TheoryError, match="D = 2"):
        circle_basins(np.eye(3), np.ones(3), "relu")
    with pytest.raises(TheoryError, match="constant"):
        circle_basins(np.ones((2, 2)), np.array([1.0, -1.0]), "relu")
    with pytest.raises(TheoryError, match="zero input"):
        one_sided_destinations(one_sided_form(np.eye(2), np.ones(2), "relu")[0], np.ones(1), np.zeros((1, 2)))


FLOW_MUTANTS = {
    "crossing": ("leg.sign * self.weights[which] > 0", "leg.sign * self.weights[which] < 0"),
    "sliding": ("leg.sign * self.weights[on] < 0", "leg.sign * self.weights[on] > 0"),
    "shortest": ("g = g + columns @ t", "g = g - columns @ t"),
    "sign change": ("-leg.sign, leg.signs, leg.h)\n", "leg.sign, leg.signs, leg.h)\n"),
    "balance": ("float(w @ w - a * a)", "float(w @ w + a * a)"),
    "rate": ("rate = leg.sign * leg.signs", "rate = -leg.sign * leg.signs"),
}


@pytest.mark.parametrize("name", FLOW_MUTANTS)
def test_mutants_of_the_flow_are_caught(name):
    mutant = mutated(flow_module, *FLOW_MUTANTS[name])
    with pytest.raises((AssertionError, ValueError, RuntimeWarning)):
        check(mutant, 1, 10, 3, (1, 1, 0.2))


def test_mutant_of_the_arcs_is_caught():
    mutant = mutated(arcs_module, "(second, first) if slope > 0", "(second, first) if slope < 0")
    with pytest.raises(AssertionError):
        check_arcs(mutant, (1, 1, 0), 0)
