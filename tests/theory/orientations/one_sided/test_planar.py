"""One-sided orientations on the circle: dense sampling, smooth equivalents, invariances, known cases, mutants."""

import math

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.mutants.mutated import mutated
from tests.theory.witnesses.one_sided import big_g, circle_extrema
from theory.errors import TheoryError
from theory.forms import one_sided as form_module
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import Kind, find_orientations
from theory.orientations.one_sided import find_extremal_orientations, planar

ACTS = {
    "relu": (1, 1, 0),
    "leaky_relu": (1, 1, -0.01),
    "abs": (1, 1, 1),
    "relu2": (2, 1, 0),
    "max(0,z)**2 - 0.5*min(0,z)**2": (2, 1, -0.5),
    "max(0,z)**3": (3, 1, 0),
    "z**2*abs(z)": (3, 1, 1),
}


def data(seed, n=9):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(size=n), np.ones(n)]), rng.normal(size=n)


def check(x, s, act, fixed):
    """Every listed strict extremum is on the grid and the other way round; each has the kind that G says."""
    listed = {}
    for f in fixed:
        o = f.orientation
        assert abs(np.hypot(*o.u) - 1) < 1e-15
        assert abs(o.value - big_g(x, s, act, np.array(o.u))) < 1e-13 * np.mean(np.abs(s))
        if f.before != f.after:
            listed[math.atan2(*o.u[::-1]) % (2 * math.pi)] = (f.before > 0, o)
    seen, spacing = circle_extrema(x, s, act)
    angles = np.array(sorted(listed))
    matched = set()
    for theta, top, g in seen:
        k = int(np.argmin(np.abs(angles - theta)))
        assert abs(angles[k] - theta) < 2 * spacing
        is_top, o = listed[angles[k]]
        assert is_top == top
        growing = top == (g > 0)
        assert o.kind is (Kind.ATTRACTOR if growing else Kind.DYING)
        assert o.neuron_sign == (1 if top else -1)
        matched.add(k)
    assert len(matched) == len(listed)


def solve(module, x, s, act):
    p, plus, minus = act
    exact = [fmpq(*float(c).as_integer_ratio()) for c in (plus, minus)]
    return module.plane(form_module.OneSidedForm.from_data(x, s, p, *exact))[0]


@pytest.mark.parametrize("text", ACTS)
def test_against_a_dense_grid(text):
    for seed in range(2):
        x, s = data(seed)
        result = find_extremal_orientations(x, s, text)
        fixed = solve(planar, x, s, ACTS[text])
        if text != "leaky_relu":  # 1/100 is not the binary64 number
            assert sorted(o.u for o in result.orientations) == sorted(f.orientation.u for f in fixed)
        check(x, s, ACTS[text], fixed)
        assert result.complete
        assert all(o.certified and o.radius < 2e-16 for o in result.orientations)


def test_one_sample_of_relu():
    for sign in (1, -1):
        result = find_extremal_orientations(np.array([[3.0, 4.0]]), np.array([sign * 2.0]), "relu")
        (o,) = result.orientations
        assert o.u == pytest.approx((0.6, 0.8), abs=1e-16)
        assert (o.kind, o.neuron_sign, o.value) == (Kind.ATTRACTOR, sign, 10.0 * sign)
        assert "dead" in result.notes[0]
        assert result.complete


def test_maxima_of_relu_lie_on_kinks_of_negative_signal_only():
    # Maennel, Bousquet and Gelly 2018: the kink of s_i ReLU is convex for s_i > 0, so nothing maximal sits on it.
    seen = 0
    for seed in range(30):
        x, s = data(seed)
        for f in solve(planar, x, s, ACTS["relu"]):
            if f.kink:
                i = int(np.argmin(np.abs(x @ np.array(f.orientation.u))))
                assert (s[i] < 0) == (f.before > 0)
                seen += 1
    assert seen > 20


def same_set(one, other, scale=1.0, flip=1, turn=None):
    assert len(one.orientations) == len(other.orientations)
    for o in one.orientations:
        u = np.array(o.u) if turn is None else turn @ np.array(o.u)
        match = min(other.orientations, key=lambda q: np.linalg.norm(u - np.array(q.u)))
        assert np.linalg.norm(u - np.array(match.u)) < 1e-14
        assert match.kind is o.kind
        assert match.neuron_sign == (None if o.neuron_sign is None else flip * o.neuron_sign)
        assert match.value == pytest.approx(flip * scale * o.value, rel=1e-12, abs=1e-25)


@pytest.mark.parametrize(("act", "p"), [((2, 3, 3), 2), ((3, -2, 2), 3), ((1, 0.5, -0.5), 1), ((4, 1, 1), 4)])
def test_smooth_equivalents_agree_exactly(act, p):
    x, s = data(5)
    mine = find_extremal_orientations(x, s, act)
    theirs = find_orientations(MomentTensor.from_data(x, s, p).scaled(act[1]))
    assert mine.orientations == theirs.orientations
    assert mine.complete == theirs.complete


@st.composite
def problems(draw):
    n = draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    act = draw(st.sampled_from([(1, 1, 0), (1, 1, 1), (2, 1, 0), (3, 2, 1)]))
    return rng.integers(-4, 5, (n, 2)), rng.integers(-4, 5, n), act


@given(problems(), st.sampled_from([fmpq(3), fmpq(1, 7), fmpq(10**30)]), st.sampled_from([1, -1]))
def test_property_scaling_and_sign(problem, factor, sign):
    x, s, act = problem
    signal = np.array([sign * factor * int(v) for v in s], dtype=object)
    one, other = find_extremal_orientations(x, s, act), find_extremal_orientations(x, signal, act)
    assert one.complete == other.complete
    same_set(one, other, float(factor), sign)


@given(problems(), st.sampled_from([(3, 4, 5), (0, 1, 1), (-5, 12, 13)]), st.randoms(use_true_random=False))
def test_property_rotation_and_permutation(problem, triple, random):
    x, s, act = problem
    a, b, c = triple
    turn = np.array([[fmpq(a, c), fmpq(-b, c)], [fmpq(b, c), fmpq(a, c)]], dtype=object)
    turned = np.array([[fmpq(int(v)) for v in row] for row in x], dtype=object) @ turn.T
    order = list(range(len(s)))
    random.shuffle(order)
    one = find_extremal_orientations(x, s, act)
    other = find_extremal_orientations(turned[order], s[order], act)
    assert one.complete == other.complete
    same_set(one, other, turn=np.array([[float(v) for v in row] for row in turn]))


@given(problems(), st.integers(0, 2**32))
def test_property_kinds_hold_next_to_each_orientation(problem, seed):
    x, s, act = problem
    for o in find_extremal_orientations(x, s, act).orientations:
        theta = math.atan2(*o.u[::-1])
        around = np.array([[math.cos(theta + d), math.sin(theta + d)] for d in (-1e-4, 1e-4)])
        side = big_g(x, s, act, around) - big_g(x, s, act, np.array(o.u))
        if o.kind in (Kind.ATTRACTOR, Kind.DYING):
            assert np.all(-o.neuron_sign * side > 0)


def test_two_samples_on_one_line_merge_and_cancel():
    x = np.array([[1.0, 2.0], [-2.0, -4.0], [1.0, 0.0]])
    # |z|: the kinks of the first two cancel, 1·1 + 2·(-1/2) = 0, and |u_1| alone is left.
    result = find_extremal_orientations(x, np.array([1.0, -0.5, 3.0]), "abs")
    assert {(o.u, o.kind) for o in result.orientations} == {
        ((1.0, 0.0), Kind.ATTRACTOR),
        ((-1.0, 0.0), Kind.ATTRACTOR),
        ((0.0, 1.0), Kind.REPELLER),
        ((0.0, -1.0), Kind.REPELLER),
    }


def test_whole_circle_dead_and_constant():
    x = np.array([[1.0, 0.0], [1.0, 0.0]])
    dead = find_extremal_orientations(x, np.array([1.0, -1.0]), "relu")
    assert (dead.complete, dead.orientations) == (False, ())
    assert "whole circle is dead" in dead.notes[0]
    ring = np.array([[1.0, 0.0], [0.0, 1.0]])
    constant = find_extremal_orientations(ring, np.array([1.0, 1.0]), (2, 1, 1))
    assert "constant but not 0" in constant.notes[0]


def test_refusals_and_one_dimension():
    x, s = data(1)
    with pytest.raises(TheoryError, match=r"σ\(0\)"):
        find_extremal_orientations(x, s, "softplus")
    with pytest.raises(TheoryError, match="at least one"):
        find_extremal_orientations(x, s, (1, 0, 0))
    with pytest.raises(TheoryError, match="integer"):
        find_extremal_orientations(x, s, (1.5, 1, 0))
    result = find_extremal_orientations(np.array([[2.0], [-1.0]]), np.array([1.0, 3.0]), "relu")
    assert [(o.u[0], o.value, o.kind.value) for o in result.orientations] == [
        (-1.0, 1.5, "attractor"),
        (1.0, 1.0, "attractor"),
    ]
    assert result.lines_expected is None


MUTANTS = {
    "jump": (planar, "[2 * sign * v for", "[sign * v for"),
    "kink side": (planar, "((1, (b, -a)), (-1, (-b, a)))", "((-1, (b, -a)), (1, (-b, a)))"),
    "slope": (planar, "* value * p\n", "* value * (p + 1)\n"),
    "extremum": (planar, "MAXIMUM if before > 0", "MAXIMUM if before < 0"),
    "kind of kink": (
        planar,
        "Fixed(orientation, before, after, kink)",
        "Fixed(orientation, after, before, kink)",
    ),
    "norm": (planar, "* unit / norm**order\n", "* unit / norm\n"),
    "even part": (form_module, "(plus + sign * minus) / 2", "(plus - sign * minus) / 2"),
    "kink part": (form_module, "(plus - sign * minus) / 2", "(plus - sign * minus) / 3"),
    "mean": (form_module, "** order / len(x)", "** order"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(name):
    module, old, new = MUTANTS[name]
    mutant = mutated(module, old, new)
    plane = mutant if module is planar else planar
    form = mutant.OneSidedForm if module is form_module else form_module.OneSidedForm

    def check_all():
        for act in (ACTS["relu"], ACTS["max(0,z)**3"], (2, 1, -0.5)):
            x, s = data(2)
            exact = [fmpq(*float(c).as_integer_ratio()) for c in act[1:]]
            check(x, s, act, plane.plane(form.from_data(x, s, act[0], *exact))[0])

    with pytest.raises(AssertionError):
        check_all()
