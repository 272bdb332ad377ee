"""p = 1 in any D, face by face: against the circle's method, subgradient ascent, known arrangements, mutants."""

import itertools

import numpy as np
import pytest
from flint import fmpq

from tests.theory.mutants.mutated import mutated
from tests.theory.witnesses.one_sided import big_g, subgradient_climb
from theory.forms.moment_tensor import MomentTensor
from theory.forms.one_sided import one_sided_form
from theory.orientations import Kind, find_orientations
from theory.orientations.one_sided import faces as faces_module
from theory.orientations.one_sided import find_extremal_orientations, linear
from theory.orientations.one_sided.faces import face_count, faces
from theory.orientations.one_sided.planar import plane

ACTS = [(1, 1, 0), (1, 1, 1), (1, 2, -1)]
BRAID = np.array([[1, -1, 0, 0], [1, 0, -1, 0], [1, 0, 0, -1], [0, 1, -1, 0], [0, 1, 0, -1], [0, 0, 1, -1]])


def data(seed, n=9, dimension=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dimension))
    x[:, -1] = 1.0
    return x, rng.normal(size=n)


def test_faces_of_known_arrangements():
    assert len(faces([tuple(row) for row in np.eye(4, dtype=int).tolist()])) == 3**4
    assert len(faces([tuple(row) for row in BRAID.tolist()])) == 75  # ordered set partitions of 4 (Fubini)
    for n, dimension in ((7, 3), (6, 4), (3, 3), (2, 3)):
        rng = np.random.default_rng(n)
        lines = [tuple(row) for row in rng.integers(-99, 100, (n, dimension)).tolist()]
        assert len(faces(lines)) == face_count(n, min(n, dimension)) + 1


def test_faces_are_those_that_random_points_and_their_limits_meet():
    rng = np.random.default_rng(1)
    lines = rng.integers(-3, 4, (8, 3))
    lines = lines[np.any(lines != 0, axis=1)]
    found = {tuple(row) for row in faces([tuple(row) for row in lines.tolist()]).tolist()}
    assert {tuple(np.sign(v)) for v in (lines @ rng.integers(-9, 10, (3, 20_000))).T} <= found
    assert {tuple(np.sign(v)) for v in (lines @ rng.standard_normal((3, 60_000))).T} == {
        f for f in found if all(f)
    }


@pytest.mark.parametrize("act", ACTS)
def test_circle_two_methods(act):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 9))
        whole = seed % 2
        x = rng.integers(-3, 4, (n, 2)) if whole else rng.normal(size=(n, 2))
        s = rng.integers(-3, 4, n) if whole else rng.normal(size=n)
        form = one_sided_form(x, s, act)[0]
        if not form.lines:
            continue
        one = {f.orientation.u: f.orientation for f in plane(form)[0]}
        other = {o.u: o for o in linear.linear_faces(form)[0]}
        assert one.keys() == other.keys()
        for u, o in one.items():
            # One side flat to first order: an inflection on the circle, a saddle among the faces.
            kind = Kind.SADDLE if o.kind is Kind.DEGENERATE else o.kind
            assert (kind, o.neuron_sign, o.value) == (other[u].kind, other[u].neuron_sign, other[u].value)


def check(module, x, s, act, starts=150):
    """Every kind against G around it, and every end of a subgradient ascent is in the list."""
    found, _, complete, _ = module.linear_faces(one_sided_form(x, s, act)[0])
    assert complete
    rng = np.random.default_rng(0)
    ends = {1: [], -1: []}
    for o in found:
        u = np.array(o.u)
        assert abs(o.value - big_g(x, s, act, u)) < 1e-14 * np.mean(np.abs(s) * np.linalg.norm(x, axis=1))
        step = 1e-4 * rng.standard_normal((3000, x.shape[1]))
        on = x[np.abs(x @ u) < 1e-12 * np.linalg.norm(x, axis=1)]
        step[::2] -= step[::2] @ np.linalg.pinv(on) @ on  # half of the steps stay on the kinks
        around = u + step
        around /= np.linalg.norm(around, axis=1, keepdims=True)
        around = around[np.linalg.norm(around - u, axis=1) > 1e-5]
        side = big_g(x, s, act, around) - o.value
        if o.kind in (Kind.ATTRACTOR, Kind.DYING):
            assert np.all(o.neuron_sign * side < 0)
            assert (o.kind is Kind.ATTRACTOR) == (o.neuron_sign * o.value > 0)
            ends[o.neuron_sign].append(u)
        else:
            assert side.min() < 0 < side.max()
    scale = np.mean(np.abs(s) * np.linalg.norm(x, axis=1))
    for sign in (1, -1):
        u = rng.standard_normal((starts, x.shape[1]))
        u = subgradient_climb(x, s, act, u / np.linalg.norm(u, axis=1, keepdims=True), sign)
        live = np.abs(big_g(x, s, act, u)) > 1e-4 * scale
        points = np.array(ends[sign]).reshape(-1, x.shape[1])
        gap = np.linalg.norm(u[live][:, None] - points[None], axis=2).min(axis=1, initial=3.0)
        assert gap.max(initial=0.0) < 1e-3


@pytest.mark.parametrize(
    ("seed", "n", "dimension", "act"), [(0, 9, 3, 0), (1, 12, 3, 1), (2, 7, 4, 0), (3, 8, 3, 2)]
)
def test_against_subgradient_ascent(seed, n, dimension, act):
    check(linear, *data(seed, n, dimension), ACTS[act])


def test_dependent_kinks():
    x = np.column_stack([BRAID, [0] * 6])[:, :4] @ np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])
    seen = 0
    for signal in itertools.product((-2.0, 1.0, 3.0), repeat=2):
        s = np.array([signal[0], 1.0, -2.0, signal[1], -1.0, 0.5])
        result = find_extremal_orientations(x, s, "abs")
        for o in result.orientations:
            if o.kind in (Kind.ATTRACTOR, Kind.DYING):
                on = np.abs(x @ np.array(o.u)) < 1e-12
                seen += on.sum() > 2
        if result.complete:
            check(linear, x, s, (1, 1, 1), 60)
    assert seen > 3


def test_few_samples_leave_a_linear_space():
    x, s = data(4, 2, 4)
    check(linear, x, s, (1, 1, 0), 60)
    # |z| of one sample against a linear part: b is not in the span of the kinks.
    x = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    s = np.array([2.0, 1.0, -1.0])
    result = find_extremal_orientations(x, s, (1, 1, 0))
    attractors = {o.u: o.value for o in result.attractors}
    assert len(attractors) == 2
    for u, value in attractors.items():
        assert value == pytest.approx(big_g(x, s, (1, 1, 0), np.array(u)), abs=1e-15)


def test_no_kink_left_is_the_smooth_problem():
    x, s = data(3, 12, 3)
    mine = find_extremal_orientations(x, s, (1, 2, -2))
    theirs = find_orientations(MomentTensor.from_data(x, s, 1).scaled(2))
    assert mine.orientations == theirs.orientations
    assert (mine.complete, mine.lines_expected, mine.lines_found) == (True, None, 2)


def test_rotation_by_rationals_and_scale():
    x, s = data(6, 8, 3)
    turn = np.eye(3, dtype=object) * fmpq(1)
    turn[:2, :2] = [[fmpq(3, 5), fmpq(-4, 5)], [fmpq(4, 5), fmpq(3, 5)]]
    exact = np.array([[fmpq(*float(v).as_integer_ratio()) for v in row] for row in x], dtype=object)
    one = find_extremal_orientations(x, s, "relu")
    other = find_extremal_orientations((exact @ turn.T)[::-1], -4 * s[::-1], "relu")
    back = np.array([[float(v) for v in row] for row in turn])
    assert len(one.orientations) == len(other.orientations) > 3
    for o in one.orientations:
        match = min(other.orientations, key=lambda q: np.linalg.norm(back @ np.array(o.u) - np.array(q.u)))
        assert np.linalg.norm(back @ np.array(o.u) - np.array(match.u)) < 1e-14
        assert match.kind is o.kind
        assert match.neuron_sign == (None if o.neuron_sign is None else -o.neuron_sign)
        assert match.value == pytest.approx(-4 * o.value, rel=1e-13)


MUTANTS = {
    "rise": ("any(w > 0 for", "any(w < 0 for"),
    "fall": ("any(w < 0 for", "any(w > 0 for"),
    "fixed": ("all(c <= abs(w) for", "all(c >= abs(w) for"),
    "second order": ("up or (zero and level < 0)", "up or (zero and level > 0)"),
    "extremum": ("Extremum.MINIMUM if rises", "Extremum.MAXIMUM if rises"),
    "determinant": ("* (level * side) / flat.det", "* (level * side)"),
    "projection": ("identity * det - rows", "identity * det * 2 - rows"),
    "first test": ("(most < bound)", "(most > bound)"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(name):
    mutant = mutated(linear, *MUTANTS[name])

    def two_problems():
        for seed in (0, 4):
            x, s = data(seed, 7, 3)
            want = linear.linear_faces(one_sided_form(x, s, ACTS[0])[0])[0]
            assert len(mutant.linear_faces(one_sided_form(x, s, ACTS[0])[0])[0]) == len(want)
            check(mutant, x, s, ACTS[0], 40)

    with pytest.raises((AssertionError, StopIteration)):
        two_problems()


def test_mutant_of_the_faces_is_caught():
    mutant = mutated(faces_module, "for side in (signs, -signs):", "for side in (signs, signs):")
    assert len(mutant.faces([tuple(row) for row in BRAID.tolist()])) != 75
