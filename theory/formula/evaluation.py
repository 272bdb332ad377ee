"""A formula in Arb balls, its correctly rounded value in floating point, and its Taylor series away from 0 in balls.

An evaluation of the formula text itself, independent of its series at 0 and of any floating-point implementation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
from flint import acb, arb, arb_series, ctx, fmpq

from theory.errors import TheoryError
from theory.formula.syntax import Node, arithmetic, fold

MAX_PRECISION = 4096


class BallAlgebra:
    """Formulas in real balls at the working precision; not real or not finite is a non-finite ball."""

    def number(self, value: Fraction) -> arb:
        return arb(fmpq(value.numerator, value.denominator))

    def constant(self, name: str) -> arb:
        return arb.pi() if name == "pi" else arb.const_e()

    def negate(self, operand: arb) -> arb:
        return -operand

    def operate(self, operator: str, left: arb, right: arb) -> arb:
        return power(left, right) if operator == "**" else arithmetic(operator, left, right)

    def call(self, name: str, args: tuple[arb, ...]) -> arb:
        first = args[0]
        match name:
            case "abs":
                return abs(first)
            case "sign":
                return first.sgn()
            case "heaviside":
                return (first.sgn() + 1) / 2
            case "max" | "min":
                for other in args[1:]:
                    first = first.max(other) if name == "max" else first.min(other)
                return first
        return getattr(first, name)()


def power(base: arb, exponent: arb) -> arb:
    """base ** exponent for real balls; an exact integer exponent takes any base, any other a positive one."""
    if exponent.is_integer() and exponent.is_exact():
        return integer_power(base, int(exponent.unique_fmpz() or 0))
    return base**exponent


def integer_power(base: arb, n: int) -> arb:
    """base ** n, finite also for a ball around 0 and n >= 0, where python-flint 0.9's own power is not."""
    if n < 0:
        return 1 / integer_power(base, -n)
    if not base.contains(0):
        return base**n
    result = arb(1)
    while n:
        result, base, n = (result * base if n & 1 else result), base * base, n >> 1
    return result


class SeriesAlgebra:
    """Formulas in truncated series over balls; what is not analytic or not real is a non-finite series."""

    def number(self, value: Fraction) -> arb_series:
        return arb_series([arb(fmpq(value.numerator, value.denominator))])

    def constant(self, name: str) -> arb_series:
        return arb_series([arb.pi() if name == "pi" else arb.const_e()])

    def negate(self, operand: arb_series) -> arb_series:
        return -operand

    def operate(self, operator: str, left: arb_series, right: arb_series) -> arb_series:
        if operator != "**":
            return arithmetic(operator, left, right)
        exponent = right[0]
        if right.length() <= 1 and exponent.is_integer() and exponent.is_exact():
            return _whole_power(left, int(exponent.unique_fmpz() or 0), arb_series([1]))
        return (right * left.log()).exp()

    def call(self, name: str, args: tuple[arb_series, ...]) -> arb_series:
        u = args[0]
        match name:
            case "abs":
                return u * _sign(u)
            case "sign":
                return arb_series([_sign(u)])
            case "heaviside":
                return arb_series([(_sign(u) + 1) / 2])
            case "max" | "min":
                for other in args[1:]:
                    above, below = _sign(u - other) > 0, _sign(u - other) < 0
                    if not (above or below):
                        return arb_series([arb.nan()])
                    u = u if above == (name == "max") else other
                return u
            case "log1p":
                return (1 + u).log()
            case "sinh" | "cosh":
                e = u.exp()
                return (e - 1 / e if name == "sinh" else e + 1 / e) / 2
            case "tanh":
                return _tanh(u, u[0])
            case "asinh":
                return (u + (u * u + 1).sqrt()).log()
            case "acosh":
                return (u + (u * u - 1).sqrt()).log()
            case "atanh":
                return ((1 + u).log() - (1 - u).log()) / 2
        return getattr(u, name)()


class BoxAlgebra:
    """Formulas over complex boxes: finite only where every step is analytic on the box, branch cuts included."""

    def number(self, value: Fraction) -> acb:
        return acb(arb(fmpq(value.numerator, value.denominator)))

    def constant(self, name: str) -> acb:
        return acb(arb.pi() if name == "pi" else arb.const_e())

    def negate(self, operand: acb) -> acb:
        return -operand

    def operate(self, operator: str, left: acb, right: acb) -> acb:
        if operator != "**":
            return arithmetic(operator, left, right)
        if right.is_exact() and right.imag.is_zero() and right.real.is_integer():
            return _whole_power(left, int(right.real.unique_fmpz() or 0), acb(1))
        return (right * left.log(analytic=True)).exp()

    def call(self, name: str, args: tuple[acb, ...]) -> acb:
        u, i = args[0], acb(0, 1)
        match name:
            case "abs":
                return u.real_abs(analytic=True)
            case "sign":
                return u.real_sgn(analytic=True)
            case "heaviside":
                return u.real_heaviside(analytic=True)
            case "max" | "min":
                for other in args[1:]:
                    u = (
                        u.real_max(other, analytic=True)
                        if name == "max"
                        else u.real_min(other, analytic=True)
                    )
                return u
            case "log" | "sqrt":
                return getattr(u, name)(analytic=True)
            case "log1p":
                return (1 + u).log(analytic=True)
            case "tanh":
                return _tanh(u, u.real)
            case "atan":
                return i * ((1 - i * u).log(analytic=True) - (1 + i * u).log(analytic=True)) / 2
            case "asin":
                return -i * (i * u + (1 - u * u).sqrt(analytic=True)).log(analytic=True)
            case "acos":
                return acb.pi() / 2 - self.call("asin", args)
            case "asinh":
                return (u + (u * u + 1).sqrt(analytic=True)).log(analytic=True)
            case "acosh":
                root = (u - 1).sqrt(analytic=True) * (u + 1).sqrt(analytic=True)
                return (u + root).log(analytic=True)
            case "atanh":
                return ((1 + u).log(analytic=True) - (1 - u).log(analytic=True)) / 2
        return getattr(u, name)()


def _sign(u: arb_series) -> arb:
    """The sign of the value, not a number where it is not decided."""
    first = u[0]
    return arb(1) if first > 0 else arb(-1) if first < 0 else arb.nan()


def _tanh(u, where: arb):
    """By the exponential that stays small."""
    return 2 / ((-2 * u).exp() + 1) - 1 if where.mid() > 0 else 1 - 2 / ((2 * u).exp() + 1)


def _whole_power(base, n: int, one):
    if n < 0:
        return one / _whole_power(base, -n, one)
    result = one
    while n:
        result, base, n = (result * base if n & 1 else result), base * base, n >> 1
    return result


@contextmanager
def _series_of(terms: int, precision: int) -> Iterator[None]:
    """Series of so many terms at that precision: both are settings of the library."""
    before = ctx.cap
    ctx.cap = terms
    try:
        with ctx.workprec(precision):
            yield
    finally:
        ctx.cap = before


def series_at(
    tree: Node, variable: str, centre: arb | float, slope: int, terms: int, precision: int
) -> list[arb]:
    """The Taylor coefficients in u of a formula at centre + slope u, as balls: (terms,)."""
    with _series_of(terms, precision):
        found = fold(tree, SeriesAlgebra(), {variable: arb_series([arb(centre), slope])})
        return [found[k] for k in range(terms)]


def ball(tree: Node, environment: Mapping[str, arb], precision: int) -> arb:
    """The formula at real balls: a ball that contains its value, non-finite where it is not proved real."""
    with ctx.workprec(precision):
        return fold(tree, BallAlgebra(), environment)


def rounded(tree: Node, variable: str, points: np.ndarray, at_zero: float) -> np.ndarray:
    """The formula at float64 points, any shape, each value correctly rounded.

    `at_zero` is the value at z = 0, which the formula may only have as a limit.  The precision grows until
    both ends of the ball round to one number; a value that is still undecided at 4096 bits lies within
    2^-4000 of a rounding boundary and takes the midpoint.  Raises TheoryError where the formula has no finite
    real value.  Tens of µs a point.
    """
    points = np.asarray(points, dtype=np.float64)
    values = [at_zero if z == 0 else _rounded_at(tree, variable, z) for z in points.ravel().tolist()]
    return np.array(values, dtype=np.float64).reshape(points.shape)


def _rounded_at(tree: Node, variable: str, z: float) -> float:
    if not np.isfinite(z):
        raise TheoryError(f"a formula is evaluated at finite points, not at {variable} = {z}")
    precision = 96
    while True:
        with ctx.workprec(precision):  # the ends of a ball are rounded to the working precision too
            value = fold(tree, BallAlgebra(), {variable: arb(z)})
            low, high = (
                (to_float(value.lower()), to_float(value.upper())) if value.is_finite() else (0.0, 0.0)
            )
        if value.is_finite():
            if low == high:
                return low
            if precision >= MAX_PRECISION:
                return to_float(value.mid())
        elif precision >= MAX_PRECISION:
            raise TheoryError(f"the formula has no finite real value at {variable} = {z!r}")
        precision *= 2 if value.is_finite() else 8


def to_float(exact: arb) -> float:
    """An exact ball as the nearest float64, subnormals and overflow included."""
    mantissa, exponent = (int(part) for part in exact.man_exp())
    if mantissa == 0:
        return 0.0
    size, sign = exponent + mantissa.bit_length(), 1.0 if mantissa > 0 else -1.0
    if size > 1025:
        return sign * np.inf
    if size < -1100:
        return sign * 0.0
    ratio = Fraction(mantissa * 2**exponent) if exponent >= 0 else Fraction(mantissa, 2**-exponent)
    try:
        return ratio.numerator / ratio.denominator  # integer true division is correctly rounded
    except OverflowError:
        return sign * np.inf
