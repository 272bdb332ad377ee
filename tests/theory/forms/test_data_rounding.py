"""Moments within the rounding of the data: an enclosure against exact perturbations, exact data untouched, the cases."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.mutants.mutated import mutated
from theory import predict
from theory.beyond.leading_order import drive
from theory.errors import TheoryError
from theory.forms import data_rounding
from theory.forms.data_rounding import is_rounded
from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind
from theory.formula.activation import activation
from theory.orientations import find_orientations, sign_descent_orientations
from theory.orientations.undetermined import undetermined

CASES = Path(__file__).parents[2] / "cases"
HALF_ULP = Fraction(1, 2**53)


def rings():
    table = np.loadtxt(CASES / "rings-80-float.csv", delimiter=",", skiprows=1)
    return table[:, :2], table[:, 2]


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0.0, False),
        (3.0, False),
        (-(2.0**-40), False),
        (0.375, False),
        (2.0**53 - 1, False),
        (123456789 / 2**40, False),
        (0.1, True),
        (-1 / 3, True),
        (6.123e-17, True),
        (1 + 2.0**-52, True),
        (2.0**80 / 3, True),
    ],
)
def test_which_numbers_are_rounded(value, rounded):
    assert is_rounded(np.array([value]))[0] == rounded
    assert is_rounded(np.array([[-value]]))[0, 0] == rounded


def exact_coefficients(x, s, p):
    """P's coefficients for Fractions, by multiplying out."""
    total = {}
    for row, signal in zip(x, s, strict=True):
        terms = {(0,) * len(row): signal / len(x)}
        for _ in range(p):
            following = {}
            for key, c in terms.items():
                for k, v in enumerate(row):
                    new = (*key[:k], key[k] + 1, *key[k + 1 :])
                    following[new] = following.get(new, 0) + c * v
            terms = following
        for key, c in terms.items():
            total[key] = total.get(key, 0) + c
    return total


def moved(values, turn):
    """Rounded numbers times 1 + turn() 2^-53, exactly."""
    return [
        Fraction(v) * (1 + turn() * HALF_ULP) if is_rounded(np.array([v]))[0] else Fraction(v) for v in values
    ]


def shares(module, seed):
    """Exact changes of the coefficients under half units in the last place, as shares of their bounds.

    First of positive data all pushed upwards, the worst there is; then of data of both signs pushed at random.
    """
    rng = np.random.default_rng(seed)
    p, dimension, n = int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    x, s = rng.normal(size=(n, dimension)), rng.normal(size=n)
    x[:, -1] = 1.0
    if rng.integers(2):
        s = np.sign(s)
    keys = [tuple(row) for row in MomentTensor.from_data(x, s, p).exponents.tolist()]
    multiples = exact_coefficients([[Fraction(1)] * dimension], [Fraction(1)], p)
    bounds = module.coefficient_bounds(x, s, p, [int(multiples[key]) for key in keys]).tolist()
    out = []
    for a, b, turn in [(np.abs(x), np.abs(s), lambda: 1)] + 4 * [(x, s, lambda: int(rng.choice([-1, 1])))]:
        before = exact_coefficients(
            [moved(row, lambda: 0) for row in a.tolist()], moved(b.tolist(), lambda: 0), p
        )
        after = exact_coefficients([moved(row, turn) for row in a.tolist()], moved(b.tolist(), turn), p)
        gaps = [float(abs(after[key] - before[key])) for key in keys]
        out.append(
            [gap / bound if bound else float(gap > 0) for gap, bound in zip(gaps, bounds, strict=True)]
        )
    return np.array(out)


@given(st.integers(0, 2**32))
def test_property_the_bound_is_one_and_is_reached(seed):
    found = shares(data_rounding, seed)
    assert found.max() <= 1
    assert np.all((found[0] > 0.999) | (found[0] == 0))


MUTANTS = {
    "half": ("* (_UNIT *", "* (0.5 * _UNIT *"),
    "signal": ("np.column_stack([rough_s, rough_x])", "np.column_stack([0 * rough_s, rough_x])"),
    "powers": ("np.vstack([np.ones(len(total)), form.exponents.T])", "np.ones((dimension + 1, len(total)))"),
    "size": ("np.abs(s) *", "1.0 *"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_of_the_bound_are_caught(name):
    mutant = mutated(data_rounding, *MUTANTS[name])
    found = np.concatenate([shares(mutant, seed)[:1].ravel() for seed in range(20)])
    assert found.max() > 1.0 or np.any((found > 0) & (found < 0.999))


def test_moments_at_the_rounding_of_the_file_count_as_0():
    x, y = rings()
    for text in ("tanh", "arctan", "sin"):
        with pytest.raises(
            TheoryError, match=r"orders 1\.\.2 .* within the rounding of the data: at most 8.9e-18"
        ):
            _ = predict(x, y, text).orientations
    # The next order drives, as where the moments are exactly 0.
    driven = drive(
        activation("exp(x)-1"), np.column_stack([x, np.ones(80)]), np.array([Fraction(v) for v in y])
    )
    assert driven.order == 2
    assert "mean(s x^1) is within the rounding" in driven.notes[0]
    assert "order 2 drives" in driven.notes[1]


def test_lines_that_only_rounding_decides_are_degenerate():
    x, y = rings()
    found = predict(x, y, "xtanh").orientations
    assert not found.attractors
    assert not found.complete
    (circle,) = found.continua
    assert (circle.dimension, circle.kind, circle.proved) == (1, Kind.ATTRACTOR, False)
    assert circle.value == pytest.approx(0.1875, rel=1e-14)
    # The exact answer, from the symmetry of the rings: the circle of inputs.
    span = np.array(circle.span)
    assert np.allclose(span.T @ span, np.diag([1, 1, 0]), atol=1e-13)
    assert found.attracting_continuum
    quartic = predict(x, y, "z**4").orientations
    assert not quartic.attractors
    # P = (3/8)(15/16)/2 |w|^4 + 3 · 3/16 · 2 |w|² b² on the sphere: 45/256 at b = 0, 1/3 at its top.
    assert {(c.kind, round(c.value, 9)) for c in quartic.continua} == {
        (Kind.DYING, 45 / 256),
        (Kind.ATTRACTOR, round(1 / 3, 9)),
    }


def test_slopes_of_sign_descent_within_rounding():
    x, y = rings()
    assert not sign_descent_orientations(MomentTensor.from_data(x, y, 1)).attractors
    found = predict(x, y, "xtanh", optimizer="sign").orientations
    assert not found.attractors
    assert found.attracting_continuum


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_property_exact_data_of_any_size_are_not_touched(seed, p):
    """Integers, and integers over powers of two, however small their moments."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-3, 4, size=(6, 2)).astype(float), rng.integers(-3, 4, size=6).astype(float)
    y = y * 2.0 ** -int(rng.integers(0, 200))
    tensor = MomentTensor.from_data(x, y, p)
    assert tensor.rounding is None
    assert not tensor.within_rounding
    found = find_orientations(tensor)
    assert undetermined(tensor, found) is found


def test_a_tiny_exact_moment_beside_large_terms_counts():
    # 2^20 - 2^20 + 2^-40: far below the rounding of the terms, were they rounded.
    x = np.array([[2.0**20, 1.0], [2.0**20, 1.0], [2.0**-20, 0.0]])
    y = np.array([1.0, -1.0, 2.0**-20])
    assert [o.neuron_sign for o in predict(x, y, "tanh", bias=False).orientations.attractors] == [1, -1]
    third = x / 3
    with pytest.raises(TheoryError, match="rounding"):
        _ = predict(third, y / 3, "tanh", bias=False).orientations


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_property_generic_data_are_determined(seed, p):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    tensor = MomentTensor.from_data(x, y, p)
    found = find_orientations(tensor)
    assert found.continua == ()
    assert not any("rounding" in note for note in found.notes)


@given(st.integers(0, 2**32))
def test_property_determined_lines_keep_their_kind_when_the_data_are_rounded_again(seed):
    """Nearly symmetric data: what is not called degenerate is there for every rounding of the same numbers."""
    rng = np.random.default_rng(seed)
    turn = rng.normal(size=(3, 3))
    x = np.concatenate([np.eye(3), -np.eye(3)]) @ np.linalg.qr(turn)[0] * rng.choice([1.0, 0.1])
    y = np.array([1, 1, 1, 1, 1, 1.0]) + rng.choice([0.0, 1e-16, 1e-13, 1e-3]) * rng.normal(size=6)
    one = find_orientations(MomentTensor.from_data(x, y, 2))
    other = find_orientations(
        MomentTensor.from_data(x * (1 + 2.0**-53 * rng.choice([-1, 0, 1], size=x.shape)), y, 2)
    )
    points = np.array([o.u for o in other.orientations]).reshape(-1, 3)
    for o in one.orientations:
        if o.kind is Kind.DEGENERATE:
            continue
        gap = np.linalg.norm(points - np.array(o.u), axis=1)
        near = other.orientations[int(gap.argmin())]
        # First order: a line just above the level may be just below it for the other rounding, and turn by a radian.
        assert near.kind in (o.kind, Kind.DEGENERATE)
