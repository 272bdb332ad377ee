"""The series engine against FLINT's power series, mpmath's derivatives and SymPy; and its mutants."""

import mpmath
import pytest
import sympy
from flint import arb, arb_series, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.errors import TheoryError
from theory.formula.activation import activation
from theory.formula.branches import expand
from theory.formula.expansion import Source, expansion
from theory.formula.expression import parse
from theory.formula.fields import BallField, Exact, ExactField
from theory.formula.jets import Jet, NeedTerms, Series, Undefined
from theory.formula.syntax import fold

ORDER = 6


class FlintSeries:
    """FLINT's own power series as an algebra: other code, other algorithms."""

    def number(self, value):
        return arb_series([arb(fmpq(value.numerator, value.denominator))])

    def constant(self, name):
        return arb_series([arb.pi() if name == "pi" else arb.const_e()])

    def negate(self, operand):
        return -operand

    def operate(self, operator, left, right):
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
        return left**right

    def call(self, name, args):
        (u,) = args
        match name:
            case "tanh":
                return 1 - 2 / ((2 * u).exp() + 1)
            case "cosh":
                return (u.exp() + (-u).exp()) / 2
            case "sinh":
                return (u.exp() - (-u).exp()) / 2
            case "asinh":
                return (u + (u * u + 1).sqrt()).log()
        return getattr(u, name)()


def _analytic():
    leaf = st.sampled_from(["x", "x", "x", "1", "2", "(1/3)", "0.5"])
    unary = st.sampled_from(["sin", "cos", "exp", "tanh", "atan", "erf", "sigmoid", "cosh", "sinh", "asinh"])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(
                lambda t: f"({t[0]} {t[1]} {t[2]})"
            ),
            st.tuples(unary, inner).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(inner, st.integers(1, 3)).map(lambda t: f"({t[0]})**{t[1]}"),
            st.tuples(inner, inner).map(lambda t: f"({t[0]})/(2 + ({t[1]})**2)"),
            inner.map(lambda t: f"sqrt(1 + ({t})**2)"),
            inner.map(lambda t: f"log(3 + sin({t}))"),
        ),
        max_leaves=4,
    )


@given(text=_analytic())
@settings(deadline=None, max_examples=120)
def test_property_coefficients_agree_with_flint_series(text):
    try:
        formula = parse(f"x*0 + {text}")
    except TheoryError as refusal:
        assert "out of range" in str(refusal)  # noqa: PT017
        return
    with ctx.workprec(400):
        old, ctx.cap = ctx.cap, ORDER + 1
        try:
            witness = fold(formula.tree, FlintSeries(), {"x": arb_series([0, 1])})
            known = [witness[k] for k in range(ORDER + 1)]
        finally:
            ctx.cap = old
        right, left = expand(formula.tree, "x", BallField(), ORDER + 4)
        for branch, sign in ((right, 1), (left, -1)):
            series = Series(BallField(), ORDER + 4)
            for k in range(ORDER + 1):
                mine = series.coefficient(branch.jet, k)
                assert (mine - sign**k * known[k]).contains(0)
                assert mine.rad() < arb(2) ** -100  # sharp enough to mean something
        assert right.form == left.form  # no kink: proved analytic


@pytest.mark.parametrize(
    "text",
    ["tanh(x + 1)", "mish(x)", "sigmoid(x)*gelu(x + 0.5)", "acos(x/2)*asin(x)", "atanh(x)*acosh(2 + x)",
     "(1 + x)**pi", "(2 + x)**x", "log1p(x)*erfc(x)", "tan(x)/(1 + x)**(1/3)", "exp(sin(x) - cos(x))"],
)  # fmt: skip
def test_exact_coefficients_agree_with_mpmath_derivatives(text):
    formula = parse(text)
    act = activation(text)
    assert act.source is Source.EXACT
    with mpmath.workdps(40):
        f = sympy.lambdify(formula.symbol, formula.expression, "mpmath")
        known = mpmath.taylor(f, 0, ORDER)
        for mine, theirs in zip(act.taylor(ORDER), known, strict=True):
            # mpmath differentiates numerically at twice the working precision: 25 of the 40 digits are safe.
            assert abs(mpmath.mpf(str(sympy.N(mine, 40))) - theirs) < mpmath.mpf(10) ** -25


@pytest.mark.parametrize(
    "text", ["sin(x)/x", "(1 - cos(x))/x**2", "x/tanh(x)", "x/(exp(x) - 1)", "tan(x + pi/2)*x"]
)
def test_removable_singularities_agree_with_sympy_series(text):
    act = activation(text)
    formula = parse(text)
    known = sympy.series(formula.expression.rewrite(sympy.exp), formula.symbol, 0, 5).removeO()
    for k, mine in enumerate(act.taylor(4)):
        assert sympy.simplify(mine - known.coeff(formula.symbol, k)) == 0


def test_negative_powers_cancel_exactly_and_poles_are_undefined():
    series = Series(ExactField(), 8)
    t = Jet(1, (Exact(fmpq(1)),), True)
    inverse = series.power(t, fmpq(-1))
    assert (inverse.start, inverse.exact) == (-1, True)
    assert series.multiply(inverse, t) == series.one or series.multiply(inverse, t).terms[0].value == 1
    with pytest.raises(Undefined, match="infinite at 0"):
        series.exp(inverse)
    with pytest.raises(Undefined, match="division by zero"):
        series.divide(series.one, series.zero)
    with pytest.raises(Undefined, match="non-integer leading power 1/2"):
        series.power(t, fmpq(1, 2))
    with pytest.raises(Undefined, match="negative"):
        series.power(series.rational(fmpq(-4)), fmpq(1, 2))


def test_an_unknown_sign_asks_for_more_terms():
    series = Series(ExactField(), 4)
    unknown = Jet(4, (), False)
    for question in (series.sign, lambda u: series.power(u, fmpq(-1)), lambda u: series.coefficient(u, 4)):
        with pytest.raises(NeedTerms):
            question(unknown)
    assert series.sign(series.zero) == 0


@pytest.mark.parametrize(
    ("number", "zero"),
    [
        (sympy.sqrt(2) * sympy.sqrt(3) - sympy.sqrt(6), True),
        (sympy.exp(2) - sympy.E**2, True),
        (sympy.exp(sympy.Rational(1, 3)) ** 3 - sympy.E, True),
        (sympy.sqrt(sympy.pi) ** 2 - sympy.pi, True),
        (sympy.sin(1) ** 2 + sympy.cos(1) ** 2 - 1, True),
        (sympy.sqrt(2) + sympy.sqrt(3) - sympy.sqrt(5 + 2 * sympy.sqrt(6)), True),
        (sympy.exp(sympy.pi * sympy.sqrt(163)) - 262537412640768744, False),
        (sympy.pi - sympy.Rational(355, 113), False),
        (sympy.E**20 - 485165195, False),
    ],
)
def test_zero_constants_are_proved(number, zero):
    assert ExactField().is_zero(Exact.from_sympy(number)) is zero


@given(st.lists(st.fractions(-3, 3, max_denominator=9), min_size=4, max_size=4), st.integers(0, 4))
@settings(deadline=None, max_examples=25)
def test_property_exact_numbers_form_a_field(parts, pick):
    atoms = [sympy.E, sympy.sqrt(2), sympy.sqrt(sympy.pi), sympy.log(3), sympy.exp(sympy.sqrt(2))]
    a, b, c, d = (sympy.Rational(q.numerator, q.denominator) for q in parts)
    u, v = a + b * atoms[pick], c + d * atoms[(pick + 1) % 5] + atoms[pick]
    p, q = Exact.from_sympy(u), Exact.from_sympy(v)
    for result, meaning in ((p + q, u + v), (p - q, u - v), (p * q, u * v), (p / q, u / v)):
        with ctx.workprec(128):
            exact = result.ball(128)
            assert abs(exact - arb(str(sympy.N(meaning, 30)))) < arb("1e-20") * (1 + abs(exact)) ** 2
    assert ExactField().is_zero(p * q / q - p)
    assert ExactField().is_zero((p + q) * (p - q) - p * p + q * q)


# Mutants: a wrong factor, sign or exponent anywhere in the engine must be caught by the check of every
# expansion, which evaluates the formula itself.


def _wrong_miller(original):
    return lambda self, b, r, length: original(self, b, r - 1 if r < 0 else r, length)


def _wrong_exp(original):
    def exp(self, u):
        jet = original(self, u)
        terms = [x * self.field.rational(fmpq(2 if k == 2 else 1)) for k, x in enumerate(jet.terms)]
        return Jet(jet.start, tuple(terms), jet.exact)

    return exp


def _wrong_sin(original):
    return lambda self, u: tuple(self.negate(jet) for jet in original(self, u))


def _wrong_add(original):
    return lambda self, a, b: original(self, a, self.negate(b)) if b.start == 1 else original(self, a, b)


def _wrong_erf(original):
    return lambda self, u: self.multiply(self.rational(fmpq(2, 3)), original(self, u))


def _wrong_multiply(original):
    def multiply(self, a, b):
        jet = original(self, a, b)
        return Jet(jet.start + 1, jet.terms, jet.exact) if a.start == 1 and b.start == 1 else jet

    return multiply


def _wrong_integral(original):
    def integral(self, name, u, derivative):
        jet = original(self, name, u, derivative)
        return Jet(jet.start, tuple(-x if k == 2 else x for k, x in enumerate(jet.terms)), jet.exact)

    return integral


def _wrong_sign(original):
    return lambda self, a: -original(self, a)


MUTANTS = [
    ("_miller", _wrong_miller, "1/(1 + x)"),
    ("exp", _wrong_exp, "exp(x) - 1"),
    ("sin_cos", _wrong_sin, "sin(x)"),
    ("add", _wrong_add, "x**2 + x + x**3"),
    ("erf", _wrong_erf, "erf(x)"),
    ("multiply", _wrong_multiply, "x*sin(x)"),
    ("_integral", _wrong_integral, "atan(x)"),
    ("sign", _wrong_sign, "max(0, x)"),
]


@pytest.mark.parametrize(("method", "mutation", "text"), MUTANTS, ids=[m[0] for m in MUTANTS])
def test_a_wrong_engine_fails_the_numeric_check(monkeypatch, method, mutation, text):
    formula = parse(text)
    expansion(formula)
    monkeypatch.setattr(Series, method, mutation(getattr(Series, method)))
    with pytest.raises(TheoryError, match="numeric check"):
        expansion(formula)
