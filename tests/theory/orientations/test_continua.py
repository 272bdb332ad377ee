"""Sets of fixed orientations that are not isolated, and singular lines: named with what they do, in every method."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import predict
from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind
from theory.orientations import Continuum, find_orientations

CASES = Path(__file__).parents[2] / "cases"


def case(name):
    table = np.loadtxt(CASES / name, delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1]


def form(terms, dimension):
    """P as a tensor, from {exponents: coefficient}."""
    order = sum(next(iter(terms)))
    return MomentTensor.from_coefficients(list(terms), list(terms.values()), order, dimension)


def members(continuum, count=20, seed=0):
    """Random unit vectors of the span."""
    span = np.array(continuum.span)
    w = np.random.default_rng(seed).normal(size=(count, len(span))) @ span
    return w / np.linalg.norm(w, axis=1, keepdims=True)


def check_members(tensor, continuum):
    u = members(continuum)
    assert np.linalg.matrix_rank(np.array(continuum.span)) == continuum.dimension + 1
    gradient, value = tensor.gradient(u), tensor.value(u)
    assert np.abs(gradient - value[:, None] * u).max() < 1e-12
    assert np.abs(value - continuum.value).max() < 1e-12


def test_staircase():
    found = predict(*case("staircase3.csv"), "z**4").orientations
    size = np.array([0.5601, 0.5130, 0.4000, 0.5130])
    assert len(found.attractors) == 4
    for o in found.attractors:
        assert np.allclose(np.abs(o.u), size, atol=1e-4)
        assert abs(o.value) == pytest.approx(5.65868, abs=5e-6)
        assert o.certified
    assert {np.sign(o.value) for o in found.attractors} == {1, -1}
    assert not found.attracting_continuum  # P = 0 on it


def test_the_eigenvalue_of_multiplicity_2_of_the_cycle():
    x, y = case("cycle5.csv")
    found = predict(x, y, "z**2", bias=False).orientations
    assert {(c.kind, c.dimension, c.proved) for c in found.continua} == {
        (Kind.ATTRACTOR, 1, True),
        (Kind.SADDLE, 1, True),
    }
    for c in found.continua:
        check_members(MomentTensor.from_data(x, y, 2), c)
    assert found.attracting_continuum
    assert found.to_json()["attracting_continuum"] is True
    assert found.to_json()["continua"][0]["span"]


def test_the_circle_of_the_rings():
    x, y = case("rings-8.csv")
    found = predict(x, y, "xtanh").orientations
    (circle,) = found.continua
    assert (circle.kind, circle.dimension, circle.value) == (Kind.ATTRACTOR, 1, 0.75)
    assert not found.attractors
    assert np.allclose(members(circle)[:, 2], 0)


def test_a_maximum_by_the_fourth_order_is_listed_and_named():
    found = predict(*case("degenerate-maximum.csv"), "z**4").orientations
    top = max(found.orientations, key=lambda o: abs(o.value))
    assert top.value == pytest.approx(2.4, abs=1e-8)
    assert np.allclose(np.abs(top.u), [0.5**0.5, 0, 0.5**0.5], atol=1e-3)
    assert (top.kind, top.certified) == (Kind.DEGENERATE, False)
    assert any("P = 2.4" in n and "a maximum of |P| all the same" in n for n in found.notes)
    # The others are inflections along a circle, neither.
    assert sum("P = 0.6" in n and "neither" in n for n in found.notes) == 2
    assert found.continua == ()


@pytest.mark.parametrize("sign", [1, -1])
def test_kinds_of_degenerate_lines(sign):
    """At e1, M vanishes along e2; on that circle P = ±(1 + (quartic - 1) u2⁴)."""
    for quartic, text in ((0, "maximum"), (2, "minimum")):
        tensor = form(
            {
                (4, 0, 0): sign,
                (2, 2, 0): 2 * sign,
                (0, 4, 0): quartic * sign,
                (2, 0, 2): sign * (4 if quartic == 2 else -1),
            },
            3,
        )
        found = find_orientations(tensor)
        at = [o for o in found.orientations if abs(abs(o.u[0]) - 1) < 1e-6]
        assert [o.kind for o in at] == [Kind.DEGENERATE] * 2
        assert any(f"P = {sign} at" in n and f"a {text} of |P|" in n for n in found.notes)


def test_whole_spheres_and_unseen_directions():
    for p, dimension in ((1, 3), (2, 3), (3, 3), (4, 2), (5, 2)):
        zero = find_orientations(MomentTensor.from_coefficients([], [], p, dimension))
        (sphere,) = zero.continua
        assert (sphere.dimension, sphere.value, zero.attracting_continuum) == (dimension - 1, 0.0, False)
    # One sample in four dimensions: P = 0 on the sphere orthogonal to it.
    x = np.array([[1.0, 2.0, 0.0, 1.0]])
    found = find_orientations(MomentTensor.from_data(x, np.ones(1), 3))
    (rest,) = found.continua
    assert rest.dimension == 2
    assert np.abs(members(rest) @ x[0]).max() < 1e-14
    round_form = find_orientations(form({(4, 0): 1, (2, 2): 2, (0, 4): 1}, 2))
    assert round_form.attracting_continuum
    assert round_form.continua[0].value == 1


@given(st.integers(0, 2**32), st.integers(3, 5), st.integers(2, 3))
def test_property_repeated_eigenvalues(seed, dimension, times):
    """T = Q diag(λ, ..., λ, others) Qᵀ with rational Q: the span is that of the first columns, the kind that of λ."""
    rng = np.random.default_rng(seed)
    times = min(times, dimension - 1)
    v = rng.integers(-2, 3, size=dimension)
    v[0] += 5
    square = int(v @ v)
    turn = square * np.eye(dimension, dtype=int) - 2 * np.outer(v, v)  # Householder, times ‖v‖²
    values = rng.permutation(np.arange(-4, 5)[np.arange(-4, 5) != 0])[: dimension - times + 1]
    spectrum = np.concatenate([np.repeat(values[0], times), values[1:]])
    matrix = turn @ np.diag(spectrum) @ turn.T
    exponents, entries = [], []
    for j in range(dimension):
        for k in range(j, dimension):
            exponents.append(np.eye(dimension, dtype=int)[j] + np.eye(dimension, dtype=int)[k])
            entries.append(int(matrix[j, k]) * (1 if j == k else 2))
    found = find_orientations(MomentTensor.from_coefficients(exponents, entries, 2, dimension))
    (repeated,) = found.continua
    value, others = int(values[0]), values[1:]
    if np.all(others < value) or np.all(others > value):
        top = np.all(others < value) == (value > 0)
        assert repeated.kind is (Kind.ATTRACTOR if top else Kind.DYING)
    else:
        assert repeated.kind is Kind.SADDLE
    assert repeated.value == pytest.approx(value * square**2, rel=1e-14)
    span, plane = np.array(repeated.span), turn[:, :times] / square
    assert np.linalg.norm(span @ plane @ plane.T - span) < 1e-12
    assert isinstance(repeated, Continuum)
