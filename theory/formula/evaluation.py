"""A formula in Arb balls, and its correctly rounded value in floating point.

An evaluation of the formula text itself, independent of its series and of any floating-point implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from flint import arb, ctx, fmpq

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
