"""Polynomials on dyadic pieces: the formula lies within their proved error, on every piece and at every point tried."""

import math

import mpmath
import numpy as np
import pytest
from flint import acb, arb, ctx
from hypothesis import assume, given
from hypothesis import strategies as st

from theory import activation
from theory.formula.evaluation import BoxAlgebra, SeriesAlgebra, series_at
from theory.formula.pieces import SIDES, piece, pieces
from theory.formula.syntax import ELEMENTARY, fold
from verify import strategies

CANCELLING = (
    "log(cosh(x))", "exp(x)-1-x", "sin(x)/x-1", "atan(x)-tanh(x)", "sin(x)-x+x**3/6", "erf(x)-2*x/sqrt(pi)",
    "1-exp(-x**4)", "acosh(2+x)-acosh(2)", "(1+x)**(1/3)-1", "silu(x)-x/2", "asinh(x)-x", "log1p(x)-x", "erfc(x)-1",
)  # fmt: skip


def exactly(found, u):
    """Σ c_k u^k of the coefficients as they are, with 300 bits."""
    with ctx.workprec(300):
        total = arb(0)
        for c in reversed(found.coefficients):
            total = total * arb(u) + arb(c)
        return total


def distance(sigma, found, octave, number, side, u):
    """How far the polynomial is from σ's ball at a point of the piece."""
    radius = math.ldexp(1.0, octave - 3)
    with ctx.workprec(300):
        z = side * (math.ldexp(1.0, octave) + (2 * number + 1 + arb(u)) * radius)
        return float(abs(exactly(found, u) - sigma.ball(z, 600)).upper())


@pytest.mark.parametrize("text", CANCELLING)
def test_the_formula_lies_within_the_error(text):
    sigma, proved = activation(text), 0
    for octave in (-55, -30, -11, -3, 0):
        for side in SIDES:
            for number in (0, 3):
                found = piece(sigma, octave, number, side)
                if found is None:
                    continue
                proved += 1
                for u in (-1.0, -0.71, 0.0, 0.33, 1.0):
                    assert distance(sigma, found, octave, number, side, u) <= found.error
                # and the error is a few roundings of the largest coefficient, not a wide one
                assert found.error <= 100 * 2.0**-53 * max(map(abs, found.coefficients))
    assert proved >= 16


@given(
    strategies.activations(), st.integers(-40, 1), st.integers(0, 3), st.sampled_from(SIDES), st.floats(-1, 1)
)
def test_property_the_formula_lies_within_the_error(known, octave, number, side, u):
    sigma = activation(known.text)
    found = piece(sigma, octave, number, side)
    assume(found is not None)
    assert distance(sigma, found, octave, number, side, u) <= found.error


def test_a_remainder_that_is_left_out_would_be_seen():
    # The check of this file can fail: without its last coefficients the polynomial leaves the error.
    sigma = activation("log(cosh(x))")
    found = piece(sigma, 0, 3, 1)
    short = type(found)(found.coefficients[:-6], found.error)
    assert distance(sigma, short, 0, 3, 1, 1.0) > found.error


@pytest.mark.parametrize(
    "name", [name for name in ELEMENTARY if name not in ("sign", "heaviside", "max", "min")]
)
def test_series_are_those_of_an_independent_library(name):
    point = 1.25 if name == "acosh" else 0.375
    ours = series_at(activation_tree(f"{name}(x)"), "x", arb(point), 1, 6, 200)
    with mpmath.workdps(40):
        function = {"abs": mpmath.fabs, "log1p": lambda x: mpmath.log(1 + x)}.get(name) or getattr(
            mpmath, name
        )
        theirs = mpmath.taylor(function, mpmath.mpf(point), 5)
    for one, other in zip(ours, theirs, strict=True):
        assert float(one.mid()) == pytest.approx(float(other), rel=1e-13, abs=1e-25)


def activation_tree(text):
    from theory.formula.expression import parse

    return parse(text).tree


@pytest.mark.parametrize("name", [name for name in ELEMENTARY if name not in ("max", "min")])
def test_boxes_contain_the_values(name):
    tree, rng = activation_tree(f"{name}(x)"), np.random.default_rng(1)
    centre = 1.75 if name == "acosh" else 0.5
    box = fold(tree, BoxAlgebra(), {"x": acb(arb(centre, 0.125), arb(0, 0.125))})
    assert box.is_finite()
    function = {
        "abs": lambda z: z, "sign": lambda _: 1, "heaviside": lambda _: 1, "log1p": lambda z: mpmath.log(1 + z),
    }.get(name) or getattr(mpmath, name)  # fmt: skip
    for _ in range(20):
        z = complex(centre + rng.uniform(-0.125, 0.125), rng.uniform(-0.125, 0.125))
        value = complex(function(z))
        assert box.overlaps(acb(arb(value.real, 1e-12), arb(value.imag, 1e-12)))


@pytest.mark.parametrize(
    ("text", "centre"),
    [("log(x)", -0.1), ("sqrt(x)", 0.0), ("1/x", 0.0), ("abs(x)", 0.0), ("max(x, 0.1)", 0.0), ("atan(10*x)", 0.0),
     ("asin(5*x)", 0.1), ("tan(8*x)", 0.1), ("acosh(1+x)", -0.05), ("asinh(9*x)", 0.0), ("atanh(9*x)", 0.0),
     ("x**0.5", 0.0)],
)  # fmt: skip
def test_boxes_that_meet_a_cut_or_a_pole_are_not_finite(text, centre):
    box = fold(activation_tree(text), BoxAlgebra(), {"x": acb(arb(centre, 0.25), arb(0, 0.25))})
    assert not box.is_finite()


def test_series_at_a_kink_are_not_finite():
    assert not fold(activation_tree("max(x, 0)"), SeriesAlgebra(), {"x": series(0)})[0].is_finite()
    assert series_at(activation_tree("max(x, 0)"), "x", arb(-1), 1, 2, 64)[0].is_zero()


def series(centre):
    from flint import arb_series

    return arb_series([arb(centre), 1])


@pytest.mark.parametrize(("text", "order", "leading"), [
    ("log(cosh(x))", (2, 2), (0.5, 0.5)), ("exp(x)-1-x", (2, 2), (0.5, 0.5)), ("sin(x)-x", (3, 3), (-1 / 6, 1 / 6)),
    ("max(x, 0)**2 + 1", (2, 1), (1.0, 0.0)), ("elu(x)", (1, 1), (1.0, -1.0)), ("sin(x)/x", (2, 2), (-1 / 6, -1 / 6)),
])  # fmt: skip
def test_below_the_lowest_octave_one_power_is_left(text, order, leading):
    found = pieces(activation(text), [(-3, 1), (-3, -1)])
    assert found.order == order
    assert found.leading == pytest.approx(leading, rel=1e-15)
    assert found.constant == float(activation(text).value_at_zero)
    with ctx.workprec(300):  # the power is the formula to the last bit at the edge, where it is worst
        t = arb(2) ** found.lowest
        for row, side in enumerate(SIDES):
            power = found.constant + arb(found.leading[row]) * t ** found.order[row]
            assert abs(activation(text).ball(side * t, 400) - power) <= 2.0**-52 * abs(power)


def test_only_what_was_wanted_is_computed():
    found = pieces(activation("log(cosh(x))"), [(-3, 1), (-2, 1), (-3, -1)])
    octaves = {(found.lowest + e, SIDES[row]) for row, e in zip(*np.nonzero(found.proved), strict=True)}
    assert octaves == {(-3, 1), (-2, 1), (-3, -1)}
    assert np.isnan(found.error[:, :4]).all()


def test_settings_of_the_library_are_left_as_they_were():
    before = ctx.cap, ctx.prec
    piece(activation("log(cosh(x))"), -3, 1, 1)
    assert (ctx.cap, ctx.prec) == before
