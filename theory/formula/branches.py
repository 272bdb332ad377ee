"""Which analytic function a formula is on each side of 0, and its series there.

|u|, sign, max and min follow the sign of the leading coefficient of a series, so on z = t > 0 and on z = -t <
0 every formula becomes an analytic one.  The formula actually followed is recorded as a *form*; equal forms
on the two sides prove that the function is analytic at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import fmpq

from theory.formula.fields import Field, NotReal
from theory.formula.jets import Jet, NeedTerms, Series, Undefined
from theory.formula.syntax import Node, fold

_ODD = frozenset({"sin", "tan", "tanh", "sinh", "asin", "asinh", "atan", "atanh", "erf"})
_EVEN = frozenset({"cos", "cosh"})

Form = tuple[int, int]  # a sign, and the number of an interned formula


class Forms:
    """Formulas numbered so that equal numbers mean the same function of z; signs are kept outside."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def intern(self, *key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def number(self, value: Fraction) -> Form:
        return (-1 if value < 0 else 1), self.intern("number", abs(value))

    def add(self, a: Form, b: Form) -> Form:
        (s, first), (r, second) = sorted((a, b), key=lambda form: form[1])
        return s, self.intern("+", first, s * r, second)

    def multiply(self, a: Form, b: Form) -> Form:
        return a[0] * b[0], self.intern("*", *sorted((a[1], b[1])))

    def divide(self, a: Form, b: Form) -> Form:
        return a[0] * b[0], self.intern("/", a[1], b[1])

    def power(self, a: Form, n: int) -> Form:
        return a[0] ** (n % 2), self.intern("**", a[1], n)

    def function(self, name: str, a: Form) -> Form:
        if name in _ODD:
            return a[0], self.intern(name, a[1])
        return 1, self.intern(name, a[1]) if name in _EVEN else self.intern(name, a)


@dataclass(frozen=True)
class Branch:
    """A formula on one side of 0: its series in t = |z|, its form, and its value if written as a rational
    number.
    """

    jet: Jet
    form: Form
    rational: Fraction | None = None


class BranchAlgebra:
    """Formulas as branches on the side `direction` = 1 or -1 of 0."""

    def __init__(self, field: Field, order: int, direction: int, forms: Forms) -> None:
        self.series, self.direction, self.forms = Series(field, order), direction, forms

    def variable(self) -> Branch:
        """z itself: t or -t."""
        element = self.series.field.rational(fmpq(self.direction))
        return Branch(self.series.make(1, (element,), True), (1, self.forms.intern("z")))

    def number(self, value: Fraction) -> Branch:
        jet = self.series.rational(fmpq(value.numerator, value.denominator))
        return Branch(jet, self.forms.number(value), value)

    def constant(self, name: str) -> Branch:
        return Branch(self.series.element(self.series.field.constant(name)), (1, self.forms.intern(name)))

    def negate(self, operand: Branch) -> Branch:
        rational = None if operand.rational is None else -operand.rational
        return Branch(self.series.negate(operand.jet), (-operand.form[0], operand.form[1]), rational)

    def operate(self, operator: str, left: Branch, right: Branch) -> Branch:
        s, forms = self.series, self.forms
        match operator:
            case "+":
                return Branch(s.add(left.jet, right.jet), forms.add(left.form, right.form))
            case "-":
                return self.operate("+", left, self.negate(right))
            case "*":
                return Branch(s.multiply(left.jet, right.jet), forms.multiply(left.form, right.form))
            case "/":
                return Branch(s.divide(left.jet, right.jet), forms.divide(left.form, right.form))
        if right.rational is None:
            jet = s.general_power(left.jet, right.jet)
            return Branch(jet, (1, forms.intern("**", left.form, right.form)))
        return self.power(left, right.rational)

    def power(self, base: Branch, exponent: Fraction) -> Branch:
        jet = self.series.power(base.jet, fmpq(exponent.numerator, exponent.denominator))
        if exponent.denominator == 1:
            return Branch(jet, self.forms.power(base.form, exponent.numerator))
        # At a zero of the base the root changes branch: (z²)^(1/2) is z on one side and -z on the other.
        side = self.direction if base.jet.vanishes or base.jet.start != 0 else 0
        return Branch(jet, (1, self.forms.intern("root", base.form, exponent, side)))

    def call(self, name: str, args: tuple[Branch, ...]) -> Branch:
        first = args[0]
        match name:
            case "abs":
                return first if self.series.sign(first.jet) >= 0 else self.negate(first)
            case "sign":
                return self.number(Fraction(self.series.sign(first.jet)))
            case "heaviside":
                return self.number(Fraction(1 + self.series.sign(first.jet), 2))
            case "max" | "min":
                for other in args[1:]:
                    ahead = self.series.sign(self.series.subtract(first.jet, other.jet))
                    first = first if ahead * (1 if name == "max" else -1) >= 0 else other
                return first
            case "sqrt":
                return self.power(first, Fraction(1, 2))
        form = self.forms.function(name, first.form)
        if name in ("asin", "acos", "acosh") and self._at_branch_point(first.jet):
            form = (1, self.forms.intern(name, first.form, self.direction))
        return Branch(self.analytic(name, first.jet), form)

    def _at_branch_point(self, u: Jet) -> bool:
        s = self.series
        gap = s.subtract(s.one, s.multiply(u, u))
        return gap.vanishes or gap.start != 0

    def analytic(self, name: str, u: Jet) -> Jet:
        """The series of an analytic function of a series."""
        s, half = self.series, self.series.rational(fmpq(1, 2))
        match name:
            case "exp" | "log" | "erf" | "tanh":
                return getattr(s, name)(u)
            case "log1p":
                return s.log(s.add(s.one, u))
            case "erfc":
                return s.subtract(s.one, s.erf(u))
            case "sin":
                return s.sin_cos(u)[0]
            case "cos":
                return s.sin_cos(u)[1]
            case "tan":
                return s.divide(*s.sin_cos(u))
            case "sinh":
                return s.multiply(half, s.subtract(*s.exponential_pair(u)))
            case "cosh":
                return s.multiply(half, s.add(*s.exponential_pair(u)))
            case "acos":
                right_angle = s.multiply(half, s.element(s.field.constant("pi")))
                return s.subtract(right_angle, s.inverse("asin", u))
        return s.inverse(name, u)


def expand(tree: Node, variable: str, field: Field, order: int) -> tuple[Branch, Branch]:
    """The branches of a formula for z > 0 and z < 0, `order` terms deep.

    Raises NeedTerms when a sign or a pole is undecided at this depth, Undefined with the reason when there is
    no series.
    """
    forms = Forms()
    sides = []
    for direction, side in ((1, "z > 0"), (-1, "z < 0")):
        algebra = BranchAlgebra(field, order, direction, forms)
        try:
            sides.append(fold(tree, algebra, {variable: algebra.variable()}))
        except (Undefined, NotReal) as reason:
            raise Undefined(f"near 0 with {side} it has {reason}") from None
    return sides[0], sides[1]


__all__ = ["Branch", "BranchAlgebra", "Forms", "NeedTerms", "Undefined", "expand"]
