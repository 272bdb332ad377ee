"""One-sided neurons with p = 1: against tiny steps, exact destinations in the plane, and mutants of the rule."""

from functools import cache

import numpy as np
import pytest

from numerics.flow import LeadingStatus, leading_flow, one_sided_moments
from numerics.flow.sliding import Sliding
from theory.orientations.one_sided import find_extremal_orientations

SLOPES = {"relu": (1.0, 0.0), "leaky": (1.0, -0.125), "abs": (1.0, 1.0)}  # c₊, c₋
LAST = 2.0


def problem(dimension, name, count=60):
    rng = np.random.default_rng(dimension)
    x, s = rng.standard_normal((20, dimension)), rng.standard_normal(20)
    a, w = rng.standard_normal(count), rng.standard_normal((count, dimension))
    return x, s, one_sided_moments(x, s, 1, *SLOPES[name]), a, w


def tiny_steps(x, s, slopes, a, w, last, h):
    """Euler's method with torch's convention σ'(0) = 0: on a kink it chatters within O(h) of the sliding."""
    plus, minus = slopes
    for _ in range(round(last / h)):
        z = w @ x.T
        value = np.where(z > 0, plus * z, -minus * z)
        slope = np.where(z > 0, plus, np.where(z < 0, -minus, 0.0))
        a, w = a + h * value @ s / len(x), w + h * a[:, None] * ((slope * s) @ x) / len(x)
    return a, w


def distances(flow, a, w):
    return np.hypot(flow.a - a, np.linalg.norm(flow.w - w, axis=1)) / np.hypot(a, np.linalg.norm(w, axis=1))


@cache
def euler(dimension, name, h):
    x, s, _, a, w = problem(dimension, name)
    return tiny_steps(x, s, SLOPES[name], a, w, LAST, h)


@pytest.mark.parametrize("dimension", [2, 3, 4])
@pytest.mark.parametrize("name", SLOPES)
def test_tiny_steps_converge_to_it_with_their_first_order(dimension, name):
    _, _, force, a, w = problem(dimension, name)
    flow = leading_flow(force, a, w, times=LAST)
    # On a kink the flow is not unique once a changes its sign, nor after w = 0.
    unique = (np.sign(flow.a) == np.sign(a)) & (np.linalg.norm(flow.w, axis=1) > 0)
    assert unique.mean() > 0.6
    coarse, fine = (distances(flow, *euler(dimension, name, h))[unique] for h in (4e-3, 1e-3))
    assert np.median(coarse / fine) == pytest.approx(4.0, rel=0.1)
    # A chattering neuron is caught at some phase of its chatter: the largest distances fall less regularly.
    assert fine.max() < 0.5 * coarse.max()
    assert fine.max() < 2e-3


def test_some_neurons_slide_and_a_rule_without_sliding_is_seen(monkeypatch):
    _, _, force, a, w = problem(3, "relu")
    flow = leading_flow(force, a, w, times=LAST)
    z = np.abs(flow.w @ force.samples.T) / np.linalg.norm(flow.w, axis=1)[:, None]
    sliding = (z <= 1e-14).any(axis=1)
    assert sliding.sum() >= 5

    def nobody_slides(self, side, on, way):
        return self._constant_force(np.where(on, 1.0, side), None), side, on & False

    monkeypatch.setattr(Sliding, "_forces", nobody_slides)
    wrong = leading_flow(force, a, w, times=LAST, max_steps=200)
    assert (distances(wrong, flow.a, flow.w)[sliding] > 1e-2).any()


@pytest.mark.parametrize("mutant", ["jump", "sign of a", "signal"])
def test_mutants_of_the_force_are_seen(mutant):
    x, s, force, a, w = problem(3, "relu")
    right = leading_flow(force, a, w, times=LAST)
    if mutant == "jump":
        force = one_sided_moments(x, s, 1, 1.01, 0.0)
    if mutant == "signal":
        force = one_sided_moments(x, -s, 1, 1.0, 0.0)
    wrong = leading_flow(force, -a if mutant == "sign of a" else a, w, times=LAST)
    exact = euler(3, "relu", 1e-3)
    assert np.median(distances(right, *exact)) < 1e-3
    assert np.median(distances(wrong, *exact)) > 1e-3


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("name", ["relu", "abs"])
def test_every_neuron_ends_at_an_exact_orientation_of_its_sign(dimension, name):
    x, s, force, a, w = problem(dimension, name, count=400)
    flow = leading_flow(force, a, w)
    grows, dies = flow.status == LeadingStatus.GROWING, flow.status == LeadingStatus.DYING
    stuck = flow.status == LeadingStatus.STUCK
    assert (grows | dies | stuck).all()
    assert grows.mean() > 0.5
    listed = find_extremal_orientations(x, s, (1, *(int(c) for c in SLOPES[name])), bias=False)
    ends = [(o.u, o.neuron_sign) for o in listed.orientations if str(o.kind) == "attractor"]
    cosines = flow.orientation[grows] @ np.array([u for u, _ in ends]).T
    assert cosines.max(axis=1).min() >= 1 - 1e-14
    signs = np.array([sign for _, sign in ends])[cosines.argmax(axis=1)]
    assert np.array_equal(signs, np.sign(flow.a[grows]))
    assert np.array_equal(np.linalg.norm(flow.w[dies], axis=1), np.zeros(dies.sum()))
    # Dying leaves a² = -K: it takes K < 0.
    invariant = np.einsum("ij,ij->i", w, w) - a**2
    assert (invariant[dies] < 0).all()
    assert np.allclose(flow.a[dies] ** 2, -invariant[dies], rtol=1e-12)
    assert flow.invariant_drift.max() <= 8 * np.finfo(float).eps * flow.steps.max()


def test_dead_neurons_stay_and_times_and_ends_agree():
    force = one_sided_moments(np.eye(2), [1.0, 1.0], 1, 1.0, 0.0)
    a, w = np.array([1.0, -1.0, 0.0, 0.0]), np.array([[-1.0, -2.0], [1.0, 0.5], [0.0, 0.0], [2.0, 1.0]])
    flow = leading_flow(force, a, w)
    names = [LeadingStatus(code).name for code in flow.status]
    assert names == ["STUCK", "GROWING", "ZERO", "GROWING"]  # the second has K > 0: a changes its sign
    assert np.array_equal(flow.w[0], w[0])
    assert np.isinf(flow.blowup_time).all()
    # Along (2, 1) in the cell of both samples the force is (1, 1)/2: the closed form of p = 1.
    at = leading_flow(force, a[3:], w[3:], times=[0.0, 1.5])
    gamma, along = np.sqrt(0.5), 3 / np.sqrt(2)
    assert at.a[1, 0] == pytest.approx(along * np.sinh(1.5 * gamma), rel=1e-14)
    assert at.w[1, 0] == pytest.approx(w[3] + along * (np.cosh(1.5 * gamma) - 1) / np.sqrt(2), rel=1e-14)
    assert np.array_equal(at.w[0, 0], w[3])
    assert at.reached.all()
    assert at.status[0] == LeadingStatus.REACHED


def test_a_dying_neuron_reaches_zero_at_the_time_of_the_closed_form():
    # One direction, D = 1: w' = -a, a' = -w for a, w > 0: w = 0 when tanh t = w0/a0, then at rest.
    force = one_sided_moments(np.array([[1.0]]), [-1.0], 1, 1.0, 0.0)
    flow = leading_flow(force, [2.0], [[0.5]])
    assert flow.status[0] == LeadingStatus.DYING
    assert flow.t[0] == pytest.approx(np.arctanh(0.25), rel=1e-14)
    assert flow.a[0] == pytest.approx(np.sqrt(4 - 0.25), rel=1e-14)
    later = leading_flow(force, [2.0], [[0.5]], times=[0.1, 1.0])
    assert later.w[1, 0, 0] == 0.0
    assert later.w[0, 0, 0] == pytest.approx(0.5 * np.cosh(0.1) - 2 * np.sinh(0.1), rel=1e-13)
    assert later.a[1, 0] == pytest.approx(flow.a[0], rel=1e-14)
