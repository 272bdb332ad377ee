"""The two fields that coefficients of a series can live in: exact numbers, and Arb balls.

Exact: rationals (flint), and SymPy numbers where transcendental or algebraic constants appear.  A number is proved
non-zero by a ball, and proved zero by exact simplification; what neither decides is an `Undecided`, never a guess.
Balls: the fallback, where a ball that contains zero at full working precision is *presumed* zero.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol

import sympy
from flint import arb, ctx, fmpq

from theory.deadline import DeadlineExceeded, time_limit

ZERO_PRECISIONS = (64, 256, 1024)
SIMPLIFY_SECONDS = 1.0
_LARGE = 60  # operations in a SymPy number beyond which it is brought to lowest terms


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


class Exact:
    """An exact real number: `value` is an fmpq, or a SymPy number that is not known to be rational."""

    __slots__ = ("value",)

    def __init__(self, value: fmpq | sympy.Expr) -> None:
        self.value = value

    def __add__(self, other: Exact) -> Exact:
        a, b = self.value, other.value
        return Exact(a + b) if type(a) is fmpq and type(b) is fmpq else _tidy(to_sympy(a) + to_sympy(b))

    def __sub__(self, other: Exact) -> Exact:
        a, b = self.value, other.value
        return Exact(a - b) if type(a) is fmpq and type(b) is fmpq else _tidy(to_sympy(a) - to_sympy(b))

    def __mul__(self, other: Exact) -> Exact:
        a, b = self.value, other.value
        if type(a) is fmpq and type(b) is fmpq:
            return Exact(a * b)
        return _tidy(sympy.expand_mul(to_sympy(a) * to_sympy(b)))

    def __truediv__(self, other: Exact) -> Exact:
        a, b = self.value, other.value
        return Exact(a / b) if type(a) is fmpq and type(b) is fmpq else _tidy(to_sympy(a) / to_sympy(b))

    def __neg__(self) -> Exact:
        return Exact(-self.value)

    def __repr__(self) -> str:
        return f"Exact({self.value})"


class ExactField:
    """Exact real numbers."""

    exact = True

    def rational(self, value: fmpq) -> Exact:
        return Exact(value)

    def constant(self, name: str) -> Exact:
        return Exact(sympy.pi if name == "pi" else sympy.E)

    def is_zero(self, value: Exact) -> bool:
        return value.value == 0 if type(value.value) is fmpq else _proved_zero(value.value)

    def is_trivial(self, value: Exact) -> bool:
        """Zero as written: the cheap test that lets sums skip terms."""
        return value.value == 0

    def sign(self, value: Exact) -> int:
        if self.is_zero(value):
            return 0
        for precision in ZERO_PRECISIONS:
            number = to_ball(value.value, precision)
            if not number.contains(0):
                return 1 if number > 0 else -1
        raise Undecided(str(value.value))

    def as_rational(self, value: Exact) -> fmpq | None:
        return value.value if type(value.value) is fmpq else None

    def power(self, base: Exact, exponent: fmpq) -> Exact:
        if type(base.value) is fmpq and exponent.q == 1:
            return Exact(base.value ** int(exponent.p))
        return _tidy(to_sympy(base.value) ** to_sympy(exponent))

    def call(self, name: str, value: Exact) -> Exact:
        result = _tidy(_CALLS[name](to_sympy(value.value)))
        if type(result.value) is not fmpq and not to_ball(result.value, 64).is_finite():
            raise NotReal(f"{name}({value.value}) is not a finite real number")
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
        raise Undecided(f"a coefficient {value} of the numeric expansion")

    def is_trivial(self, value: arb) -> bool:
        return value.is_zero()

    def sign(self, value: arb) -> int:
        return 0 if self.is_zero(value) else 1 if value > 0 else -1

    def as_rational(self, value: arb) -> fmpq | None:
        return value.fmpq() if value.is_exact() else None

    def power(self, base: arb, exponent: fmpq) -> arb:
        return base ** int(exponent.p) if exponent.q == 1 else base ** arb(exponent)

    def call(self, name: str, value: arb) -> arb:
        result = getattr(value, name)()
        if not result.is_finite():
            raise NotReal(f"{name}({value}) is not a finite real number")
        return result


_CALLS = {
    "exp": sympy.exp, "log": sympy.log, "sin": sympy.sin, "cos": sympy.cos, "asin": sympy.asin, "atan": sympy.atan,
    "asinh": sympy.asinh, "acosh": sympy.acosh, "atanh": sympy.atanh, "erf": sympy.erf,
}  # fmt: skip


def to_sympy(value: fmpq | sympy.Expr) -> sympy.Expr:
    """An exact value as a SymPy number."""
    return sympy.Rational(int(value.p), int(value.q)) if type(value) is fmpq else value


def to_ball(value: fmpq | sympy.Expr | Fraction, precision: int) -> arb:
    """A ball that contains an exact real number; non-finite where it is not proved real and finite."""
    with ctx.workprec(precision):
        if isinstance(value, Fraction):
            return arb(fmpq(value.numerator, value.denominator))
        return arb(value) if type(value) is fmpq else _sympy_ball(value, precision)


@lru_cache(maxsize=20_000)
def _sympy_ball(value: sympy.Expr, precision: int) -> arb:
    if value.is_Rational:
        return arb(fmpq(int(value.p), int(value.q)))  # type: ignore[attr-defined]
    if value is sympy.pi or value is sympy.E:
        return arb.pi() if value is sympy.pi else arb.const_e()
    args = [_sympy_ball(arg, precision) for arg in value.args]
    if value.is_Add or value.is_Mul:
        total = args[0]
        for arg in args[1:]:
            total = total + arg if value.is_Add else total * arg
        return total
    if value.is_Pow:
        base, exponent = args
        n = value.args[1]
        return base ** int(n) if n.is_Integer else base**exponent  # type: ignore[arg-type]
    if isinstance(value, sympy.Abs):
        return abs(args[0])
    method = getattr(arb, type(value).__name__, None)
    return method(args[0]) if method is not None and len(args) == 1 else arb.nan()


def _tidy(value: sympy.Expr) -> Exact:
    """Rationals back to the fast path; large numbers to lowest terms."""
    if not value.is_Rational and value.args and value.count_ops() > _LARGE:
        value = sympy.cancel(value)
    return Exact(fmpq(int(value.p), int(value.q)) if value.is_Rational else value)  # type: ignore[attr-defined]


@lru_cache(maxsize=20_000)
def _proved_zero(value: sympy.Expr) -> bool:
    """True: proved zero by exact simplification.  False: proved non-zero by a ball.  Otherwise Undecided."""
    for precision in ZERO_PRECISIONS:
        if not to_ball(value, precision).contains(0):
            return False
    try:
        with time_limit(SIMPLIFY_SECONDS):
            for simplification in (_lowest_terms, sympy.trigsimp, sympy.simplify):
                if simplification(value) == 0:
                    return True
    except DeadlineExceeded:
        pass
    raise Undecided(f"the constant {value}, smaller than 1e-300")


def _lowest_terms(value: sympy.Expr) -> sympy.Expr:
    return sympy.cancel(sympy.together(sympy.expand(value)))
