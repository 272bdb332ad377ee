"""A formula: its text, its syntax tree, and the same as a SymPy expression."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy

from theory.errors import TheoryError
from theory.formula.deadline import DeadlineExceeded, time_limit
from theory.formula.parser import read, shorten
from theory.formula.syntax import Node, arithmetic, fold

SYMPY_SECONDS = 5.0


@dataclass(frozen=True)
class ParsedFormula:
    """A formula that passed the whitelist: its text, its tree, and the names of its variables in order."""

    text: str
    tree: Node
    variables: tuple[str, ...]

    @property
    def variable(self) -> str:
        """The name of the only variable."""
        return self.variables[0]

    @property
    def symbol(self) -> sympy.Symbol:
        """The only variable as a real SymPy symbol."""
        return sympy.Symbol(self.variable, real=True)

    @cached_property
    def expression(self) -> sympy.Expr:
        """The formula in SymPy, its variables real.  Raises TheoryError when SymPy takes longer than 5 s."""
        symbols = {name: sympy.Symbol(name, real=True) for name in self.variables}
        try:
            with time_limit(SYMPY_SECONDS):
                return fold(self.tree, SympyAlgebra(), symbols)
        except (DeadlineExceeded, RecursionError):
            raise TheoryError(
                f"SymPy cannot build {shorten(self.text)} in {SYMPY_SECONDS:g} s; accepted: a simpler formula"
            ) from None


def parse(text: str, *, variable: str | None = None) -> ParsedFormula:
    """A formula in one variable: any name, or only `variable` when given.

    Accepts at most 2,000 characters of numbers (decimals are exact: 0.1 = 1/10), pi, E, + - * / **,
    elementary functions, erf, and the catalogue's names as functions.  Raises TheoryError with one line
    otherwise.
    """
    tree, names = read(text, None if variable is None else (variable,))
    if len(names) > 1:
        hint = "; Euler's number is E" if "e" in names else ""
        raise TheoryError(
            f"the formula {shorten(text)} has more than one variable: {', '.join(names[:6])}; "
            f"accepted: one{hint}"
        )
    if not names:
        raise TheoryError(
            f"the formula {shorten(text)} has no variable: a constant has no multiplicity; "
            "accepted: a function of one variable such as x*tanh(x)"
        )
    return ParsedFormula(text.strip(), tree, names)


def parse_in(text: str, variables: tuple[str, ...]) -> ParsedFormula:
    """A formula in the given variables, each of which may be absent; otherwise as `parse`."""
    tree, _ = read(text, variables)
    return ParsedFormula(text.strip(), tree, variables)


class SympyAlgebra:
    """Formulas as SymPy expressions."""

    def number(self, value: Fraction) -> sympy.Expr:
        return sympy.Rational(value.numerator, value.denominator)

    def constant(self, name: str) -> sympy.Expr:
        return sympy.pi if name == "pi" else sympy.E

    def negate(self, operand: Any) -> Any:
        return -operand

    def operate(self, operator: str, left: sympy.Expr, right: Any) -> Any:
        return arithmetic(operator, left, right)

    def call(self, name: str, args: tuple[sympy.Expr, ...]) -> sympy.Expr:
        match name:
            case "max" | "min" | "abs" | "sign":
                return getattr(sympy, name.capitalize() if name != "sign" else name)(*args)
            case "heaviside":
                return (1 + sympy.sign(args[0])) / 2
            case "log1p":
                return sympy.log(1 + args[0])
        return getattr(sympy, name)(*args)
