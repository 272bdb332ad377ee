"""The two fields that coefficients of a series can live in: exact numbers, and Arb balls.

Exact: a number is proved non-zero by a ball, and proved zero by exact arithmetic and simplification; what
neither decides is an `Undecided`, never a guess.  Balls: the fallback, where a ball that contains zero at
full working precision is *presumed* zero.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import sympy
from flint import arb, ctx, fmpq

from theory.formula.deadline import DeadlineExceeded, time_limit
from theory.formula.evaluation import integer_power
from theory.formula.exact import Exact

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
