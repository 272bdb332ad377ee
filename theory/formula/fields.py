"""The two fields that coefficients of a series can live in: exact numbers, and Arb balls.

Exact: a number is proved non-zero by a ball, and proved zero by exact arithmetic and simplification; what
neither decides is an `Undecided`, never a guess.  Balls: the fallback, where a ball that contains zero at
full working precision is *presumed* zero.

Exact real numbers: rationals, and rational functions of named constants such as E, sqrt(pi) or log(2).

A number that is not rational is a fraction of polynomials over the rationals in *generators*, one for each
constant that is not a rational function of the others as written; the root relations r^n = b among them are
divided out. A zero numerator is a proof of zero.  The converse is not one (constants may be related in other
ways): see `theory.formula.fields`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import sympy
from flint import arb, ctx, fmpq
from sympy.polys.domains import QQ
from sympy.polys.fields import FracElement, FracField
from sympy.polys.orderings import lex

from theory.formula.deadline import DeadlineExceeded, time_limit
from theory.formula.evaluation import integer_power

ZERO_PRECISIONS = (64, 256, 1024)
SIMPLIFY_SECONDS = 1.0


class Undecided(Exception):
    """A constant that is neither proved zero nor proved non-zero; the message names it."""


class NotReal(Exception):
    """A function of a constant outside its real domain; the message says which."""


class Field(Protocol):
    """What series arithmetic asks of its coefficients, besides + - * / of the elements themselves."""

    exact: bool

    def rational(self, value: fmpq) -> Any: ...
    def constant(self, name: str) -> Any: ...
    def is_zero(self, value: Any) -> bool: ...
    def is_trivial(self, value: Any) -> bool: ...
    def sign(self, value: Any) -> int: ...
    def as_rational(self, value: Any) -> fmpq | None: ...
    def power(self, base: Any, exponent: fmpq) -> Any: ...
    def call(self, name: str, value: Any) -> Any: ...


class ExactField:
    """Exact real numbers."""

    exact = True

    def rational(self, value: fmpq) -> Exact:
        return Exact(value)

    def constant(self, name: str) -> Exact:
        return Exact.from_sympy(sympy.pi if name == "pi" else sympy.E)

    def is_zero(self, value: Exact) -> bool:
        """True: proved zero by exact arithmetic.  False: proved non-zero by a ball.  Otherwise Undecided."""
        return self.sign(value) == 0

    def is_trivial(self, value: Exact) -> bool:
        """Zero as it stands: the cheap test that lets sums skip terms."""
        return value.value == 0

    def sign(self, value: Exact) -> int:
        if type(value.value) is fmpq:
            return (value.value > 0) - (value.value < 0)
        if value.value == 0:
            return 0
        for precision in ZERO_PRECISIONS:
            number = value.ball(precision)
            if not number.contains(0):
                return 1 if number > 0 else -1
        if _simplifies_to_zero(value.to_sympy()):
            return 0
        raise Undecided(f"the constant {value.to_sympy()}, smaller than 1e-300,")

    def as_rational(self, value: Exact) -> fmpq | None:
        return value.value if type(value.value) is fmpq else None

    def power(self, base: Exact, exponent: fmpq) -> Exact:
        if exponent.q == 1:
            return base ** int(exponent.p)
        return Exact.from_sympy(base.to_sympy() ** sympy.Rational(int(exponent.p), int(exponent.q)))

    def call(self, name: str, value: Exact) -> Exact:
        result = Exact.from_sympy(_CALLS[name](value.to_sympy()))
        if not result.ball(ZERO_PRECISIONS[-1]).is_finite():
            raise NotReal(f"{name}({value.to_sympy()}), which is not a finite real number")
        return result


class BallField:
    """Real balls at the working precision; a ball around zero narrower than half of it is presumed zero."""

    exact = False

    def rational(self, value: fmpq) -> arb:
        return arb(value)

    def constant(self, name: str) -> arb:
        return arb.pi() if name == "pi" else arb.const_e()

    def is_zero(self, value: arb) -> bool:
        if not value.contains(0):
            return False
        if value.rad() < arb(2) ** (-ctx.prec // 2):
            return True
        raise Undecided(f"the coefficient {value.str(10)} of its numeric series")

    def is_trivial(self, value: arb) -> bool:
        return value.is_zero()

    def sign(self, value: arb) -> int:
        return 0 if self.is_zero(value) else 1 if value > 0 else -1

    def as_rational(self, value: arb) -> fmpq | None:
        return value.fmpq() if value.is_exact() else None

    def power(self, base: arb, exponent: fmpq) -> arb:
        return integer_power(base, int(exponent.p)) if exponent.q == 1 else base ** arb(exponent)

    def call(self, name: str, value: arb) -> arb:
        result = getattr(value, name)()
        if not result.is_finite():
            raise NotReal(f"{name}({value.str(10)}), which is not a finite real number")
        return result


_CALLS = {
    "exp": sympy.exp, "log": sympy.log, "sin": sympy.sin, "cos": sympy.cos, "asin": sympy.asin,
    "atan": sympy.atan, "asinh": sympy.asinh, "acosh": sympy.acosh, "atanh": sympy.atanh, "erf": sympy.erf,
}  # fmt: skip


@lru_cache(maxsize=20_000)
def _simplifies_to_zero(value: sympy.Expr) -> bool:
    try:
        with time_limit(SIMPLIFY_SECONDS):
            return any(simplify(value) == 0 for simplify in (sympy.trigsimp, sympy.simplify))
    except DeadlineExceeded:
        return False


class Exact:
    """An exact real number: `value` is an fmpq, or an element of a fraction field over generators."""

    __slots__ = ("value",)

    def __init__(self, value: fmpq | FracElement) -> None:
        self.value: Any = value

    @classmethod
    def from_sympy(cls, value: Any) -> Exact:
        """A SymPy number; functions of constants become generators."""
        if value.is_Rational:
            return cls(fmpq(int(value.p), int(value.q)))
        if value.is_Add or value.is_Mul:
            total = cls.from_sympy(value.args[0])
            for arg in value.args[1:]:
                other = cls.from_sympy(arg)
                total = total + other if value.is_Add else total * other
            return total
        base, exponent = value.as_base_exp()
        if exponent.is_Rational and exponent != 1:
            whole = (
                cls.from_sympy(base) if exponent.q == 1 else _generator(base ** sympy.Rational(1, exponent.q))
            )
            return whole ** int(exponent.p)
        if base is sympy.E and exponent != 1:
            return _exponential(exponent)
        return _generator(value)

    def to_sympy(self) -> sympy.Expr:
        """The number in SymPy, in lowest terms."""
        value = self.value
        return sympy.Rational(int(value.p), int(value.q)) if type(value) is fmpq else value.as_expr()

    def ball(self, precision: int) -> arb:
        """A ball that contains the number; non-finite where a denominator is not proved non-zero."""
        with ctx.workprec(precision):
            if type(self.value) is fmpq:
                return arb(self.value)
            generators = [sympy_ball(g, precision) for g in self.value.field.symbols]
            return _polynomial(self.value.numer, generators) / _polynomial(self.value.denom, generators)

    def __add__(self, other: Exact) -> Exact:
        a, b = _together(self.value, other.value)
        return Exact(a + b) if type(a) is fmpq else _reduced(a + b)

    def __sub__(self, other: Exact) -> Exact:
        a, b = _together(self.value, other.value)
        return Exact(a - b) if type(a) is fmpq else _reduced(a - b)

    def __mul__(self, other: Exact) -> Exact:
        a, b = _together(self.value, other.value)
        return Exact(a * b) if type(a) is fmpq else _reduced(a * b)

    def __truediv__(self, other: Exact) -> Exact:
        a, b = _together(self.value, other.value)
        return Exact(a / b) if type(a) is fmpq else _reduced(a / b)

    def __pow__(self, exponent: int) -> Exact:
        return Exact(self.value**exponent) if type(self.value) is fmpq else _reduced(self.value**exponent)

    def __neg__(self) -> Exact:
        return Exact(-self.value)

    def __repr__(self) -> str:
        return f"Exact({self.to_sympy()})"


def _exponential(exponent: Any) -> Exact:
    """exp of a sum as a product, exp(p/q X) as the p-th power of the generator exp(X/q)."""
    product = Exact(fmpq(1))
    for term in sympy.Add.make_args(sympy.expand(exponent)):
        split: Any = term.as_coeff_Mul()
        factor, rest = split
        base = sympy.exp(rest / factor.q) if factor.is_Rational else None
        power = _generator(sympy.exp(term)) if base is None else _generator(base) ** int(factor.p)
        product *= power
    return product


def _generator(value: Any) -> Exact:
    if value.is_Rational:
        return Exact.from_sympy(value)
    return Exact(_field((value,)).gens[0])


@lru_cache(maxsize=4096)
def _field(generators: tuple[sympy.Expr, ...]) -> Any:
    return FracField(generators, QQ, lex)


def _together(a: Any, b: Any) -> tuple[Any, Any]:
    """Two numbers in one field: the rationals, or the fractions over the generators of both."""
    if isinstance(a, fmpq) and isinstance(b, fmpq):
        return a, b
    if isinstance(a, fmpq):
        return b.field(QQ(int(a.p), int(a.q))), b
    if isinstance(b, fmpq):
        return a, a.field(QQ(int(b.p), int(b.q)))
    if a.field == b.field:
        return a, b
    # Roots first, so that dividing out r^n = b lowers the degree in the lexicographic order.
    symbols = sorted(
        {*a.field.symbols, *b.field.symbols}, key=lambda g: (_root(g) is None, sympy.default_sort_key(g))
    )
    field = _field(tuple(symbols))
    return a.set_field(field), b.set_field(field)


def _root(generator: Any) -> tuple[sympy.Expr, int] | None:
    """(b, n) of a generator b^(1/n)."""
    base, exponent = generator.as_base_exp()
    if exponent.is_Rational and exponent.p == 1 and exponent.q > 1 and base is not sympy.E:
        return base, int(exponent.q)
    return None


@lru_cache(maxsize=4096)
def _relations(field: Any) -> tuple[Any, ...]:
    """The polynomials r^n - b for the roots among the generators whose b is rational or a generator."""
    found = []
    for symbol, gen in zip(field.symbols, field.ring.gens, strict=True):
        root: Any = _root(symbol)
        if root is None:
            continue
        base, n = root
        if base.is_Rational:
            found.append(gen**n - QQ(int(base.p), int(base.q)))
        elif base in field.symbols:
            found.append(gen**n - field.ring.gens[field.symbols.index(base)])
    return tuple(found)


def _reduced(value: Any) -> Exact:
    """Root relations divided out, and a rational result back to an fmpq."""
    relations = list(_relations(value.field))
    if relations:
        numer, denom = value.numer.rem(relations), value.denom.rem(relations)
        if denom == 0:
            raise ZeroDivisionError("an exact number divided by zero")
        value = value.field.new(numer, denom) if (numer, denom) != (value.numer, value.denom) else value
    if value.numer.is_ground and value.denom.is_ground:
        ratio = value.numer.LC / value.denom.LC
        return Exact(fmpq(int(ratio.numerator), int(ratio.denominator)))
    return Exact(value)


def _polynomial(polynomial: Any, generators: list[arb]) -> arb:
    total = arb(0)
    for exponents, coefficient in polynomial.terms():
        term = arb(fmpq(int(coefficient.numerator), int(coefficient.denominator)))
        for generator, exponent in zip(generators, exponents, strict=True):
            if exponent:
                term *= integer_power(generator, exponent)
        total += term
    return total


@lru_cache(maxsize=20_000)
def sympy_ball(value: Any, precision: int) -> arb:
    """A ball that contains a SymPy number; non-finite where it is not proved real and finite."""
    with ctx.workprec(precision):
        if value.is_Rational:
            return arb(fmpq(int(value.p), int(value.q)))
        if value is sympy.pi or value is sympy.E:
            return arb.pi() if value is sympy.pi else arb.const_e()
        args = [sympy_ball(arg, precision) for arg in value.args]
        if value.is_Add or value.is_Mul:
            total = args[0]
            for arg in args[1:]:
                total = total + arg if value.is_Add else total * arg
            return total
        if value.is_Pow and not isinstance(value, sympy.exp):
            n = value.args[1]
            return integer_power(args[0], int(n)) if n.is_Integer else args[0] ** args[1]
        method = getattr(arb, type(value).__name__, None)
        return method(args[0]) if method is not None and len(args) == 1 else arb.nan()
