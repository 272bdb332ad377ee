"""Invariances of the answer, exactly where arithmetic allows it; degenerate problems; special cases."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import Kind, find_orientations

SHAPES = [(1, 3), (2, 3), (3, 2), (6, 2), (3, 3), (4, 3)]


@st.composite
def problems(draw):
    p, dimension = draw(st.sampled_from(SHAPES))
    n = draw(st.integers(dimension + 3, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return p, rng.integers(-9, 10, (n, dimension)), rng.integers(-9, 10, n)


def solve(x, s, p):
    return find_orientations(MomentTensor.from_data(x, s, p))


def same(one, other, turn=None, scale=1.0, sign=1):
    """The answers agree, within their radii, up to a rotation of u, a factor of P, a sign of neurons."""
    assert (one.lines_found, one.complete) == (other.lines_found, other.complete)
    assert len(one.orientations) == len(other.orientations)
    for o in one.orientations:
        u = np.array(o.u) if turn is None else turn @ np.array(o.u)
        match = min(other.orientations, key=lambda q: np.linalg.norm(u - np.array(q.u)))
        # D products of the rotation, each rounded once or twice.
        assert np.linalg.norm(u - np.array(match.u)) <= o.radius + match.radius + 8 * 2**-52
        assert match.kind is o.kind
        assert match.neuron_sign == (None if o.neuron_sign is None else sign * o.neuron_sign)
        assert match.value == pytest.approx(scale * sign * o.value, rel=1e-14, abs=1e-25)


@given(problems(), st.randoms(use_true_random=False))
def test_property_permutation_of_samples(problem, random):
    p, x, s = problem
    order = list(range(len(s)))
    random.shuffle(order)
    assert (
        MomentTensor.from_data(x, s, p).coefficients
        == MomentTensor.from_data(x[order], s[order], p).coefficients
    )


@given(problems(), st.sampled_from([(3, 4, 5), (5, 12, 13), (0, 1, 1)]))
def test_property_rotation_of_inputs(problem, triple):
    p, x, s = problem
    a, b, c = triple
    dimension = x.shape[1]
    turn = np.eye(dimension, dtype=object) * fmpq(1)
    turn[:2, :2] = [[fmpq(a, c), fmpq(-b, c)], [fmpq(b, c), fmpq(a, c)]]
    exact = np.array([[fmpq(int(v)) for v in row] for row in x], dtype=object)
    turned = exact @ turn.T
    same(solve(x, s, p), solve(turned, s, p), turn=np.array([[float(v) for v in row] for row in turn]))


@given(
    problems(),
    st.sampled_from([fmpq(3), fmpq(1, 7), fmpq(10**30), fmpq(1, 10**30)]),
    st.sampled_from([1, -1]),
)
def test_property_scaling_and_sign_of_the_target(problem, factor, sign):
    p, x, s = problem
    signal = np.array([sign * factor * int(v) for v in s], dtype=object)
    same(solve(x, s, p), solve(x, signal, p), scale=float(factor), sign=sign)


@given(problems())
def test_property_antipodes(problem):
    p, x, s = problem
    result = solve(x, s, p)
    listed = {o.u: o for o in result.orientations}
    for o in result.orientations:
        twin = listed[tuple(0.0 - v for v in o.u)]
        flip = (-1) ** p
        assert (twin.kind, twin.value) == (o.kind, flip * o.value)
        assert twin.neuron_sign == (None if o.neuron_sign is None else flip * o.neuron_sign)


@given(problems())
def test_property_complex_count_and_parity(problem):
    p, x, s = problem
    result = solve(x, s, p)
    if result.complete and result.lines_found == result.lines_expected:
        assert (len(result.orientations) // 2 - result.lines_expected) % 2 == 0


def form(terms, order, dimension):
    return MomentTensor.from_coefficients(list(terms), list(terms.values()), order, dimension)


@pytest.mark.parametrize(("p", "dimension"), [(1, 3), (2, 3), (3, 2), (3, 3)])
def test_zero_tensor_is_a_named_continuum(p, dimension):
    result = find_orientations(MomentTensor.from_data(np.ones((2, dimension)), np.array([1.0, -1.0]), p))
    assert not result.complete
    assert not result.orientations
    assert "T = 0" in result.notes[0]
    assert "continuum" in result.notes[0]


def test_constant_on_the_circle():
    result = find_orientations(form({(4, 0): 1, (2, 2): 2, (0, 4): 1}, 4, 2))
    assert not result.complete
    assert "constant on the circle" in result.notes[0]


def test_equal_eigenvalues_are_a_continuum_and_the_rest_is_certified():
    result = find_orientations(form({(2, 0, 0): 3, (0, 2, 0): 1, (0, 0, 2): 1}, 2, 3))
    assert not result.complete
    assert result.lines_found == 1
    assert [o.kind for o in result.orientations] == [Kind.ATTRACTOR] * 2
    assert "multiplicity 2" in result.notes[0]
    assert "dying as a whole" in result.notes[0]


def test_nearly_equal_eigenvalues_are_told_apart():
    close = 1 + fmpq(1, 2**70)
    result = find_orientations(form({(2, 0, 0): close, (0, 2, 0): 1, (0, 0, 2): 3, (1, 0, 1): 1}, 2, 3))
    assert (result.lines_found, result.complete) == (3, True)
    assert max(o.radius for o in result.orientations) < 1e-15


def test_singular_semidefinite_matrix_has_a_repeller():
    result = find_orientations(form({(2, 0, 0): 1, (0, 2, 0): 2}, 2, 3))
    kinds = {o.value: o.kind for o in result.orientations}
    assert kinds == {0.0: Kind.REPELLER, 1.0: Kind.SADDLE, 2.0: Kind.ATTRACTOR}
    assert result.complete


def test_multiple_planar_lines():
    # P = u1^4: dP/dθ has a triple zero at (0, 1), where P = 0 is a strict minimum.
    result = find_orientations(form({(4, 0): 1}, 4, 2))
    assert {(o.u, o.kind) for o in result.orientations if o.u[0] >= 0 and o.u[1] >= 0} == {
        ((1.0, 0.0), Kind.ATTRACTOR),
        ((0.0, 1.0), Kind.REPELLER),
    }
    assert (result.lines_found, result.lines_expected, result.complete) == (2, 4, True)
    assert "multiplicity 3" in result.notes[0]
    # P = u1 u2^3 has an inflection at (1, 0), a double zero of dP/dθ.
    inflection = [o for o in find_orientations(form({(1, 3): 1}, 4, 2)).orientations if o.u[1] == 0.0]
    assert [o.kind for o in inflection] == [Kind.DEGENERATE] * 2


def test_planar_multiple_line_with_a_value():
    # P = (u1² + u2²)² - u1^4 = 2 u1² u2² + u2^4: at (0, 1) a strict maximum of fourth order, P = 1.
    result = find_orientations(form({(2, 2): 2, (0, 4): 1}, 4, 2))
    up = next(o for o in result.orientations if o.u == (0.0, 1.0))
    assert (up.kind, up.neuron_sign, up.value) == (Kind.ATTRACTOR, 1, 1.0)
    assert result.complete


def test_rational_repeller_of_the_homotopy():
    result = find_orientations(form({(4, 0, 0): 1, (0, 4, 0): 1, (2, 0, 2): 1, (0, 2, 2): 2}, 4, 3))
    repellers = {o.u for o in result.orientations if o.kind is Kind.REPELLER}
    assert repellers == {(0.0, 0.0, 1.0), (0.0, 0.0, -1.0)}


def test_positive_dimensional_solutions_are_found_and_not_called_complete():
    result = find_orientations(form({(2, 0, 1): 1, (0, 2, 1): 1}, 3, 3))
    assert not result.complete
    assert result.lines_found < result.lines_expected
    assert any("continuum of real fixed orientations, of dimension 1" in note for note in result.notes)


def test_isolated_double_line_is_listed_but_not_certified():
    result = find_orientations(form({(4, 0, 0): 1, (0, 4, 0): 1, (2, 0, 2): 1, (0, 2, 2): 2}, 4, 3))
    loose = [o for o in result.orientations if not o.certified]
    assert len(loose) == 2
    assert all((o.kind, o.radius) == (Kind.DEGENERATE, 2.0) for o in loose)
    assert not result.complete


@pytest.mark.parametrize(("p", "sign"), [(1, 1), (3, -1), (4, -1)])
def test_one_dimension(p, sign):
    result = find_orientations(MomentTensor.from_data(np.array([[2.0]]), np.array([sign * 3.0]), p))
    assert [o.kind for o in result.orientations] == [Kind.ATTRACTOR] * 2
    assert {o.neuron_sign for o in result.orientations} == ({1, -1} if p % 2 else {sign})
    assert result.complete


def test_values_beyond_binary64_are_refused():
    with pytest.raises(TheoryError, match="rescale"):
        find_orientations(MomentTensor.from_data(np.full((1, 2), 1e200), np.array([1.0]), 3))
