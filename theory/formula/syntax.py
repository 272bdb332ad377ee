"""The syntax tree of a formula, and the one way to interpret it.

A tree is plain data: exact numbers, no SymPy, nothing to execute.  Every reading of a formula (SymPy
expression, Arb ball, truncated series, and verify's torch callable) is an `Algebra` handed to `fold`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from operator import add, mul, sub, truediv
from typing import Any, Protocol, TypeVar

# The functions every algebra must know, with their number of arguments (None: two or more).
ELEMENTARY: Mapping[str, int | None] = {
    "exp": 1, "log": 1, "sqrt": 1, "log1p": 1,
    "sin": 1, "cos": 1, "tan": 1, "asin": 1, "acos": 1, "atan": 1,
    "sinh": 1, "cosh": 1, "tanh": 1, "asinh": 1, "acosh": 1, "atanh": 1,
    "erf": 1, "erfc": 1, "abs": 1, "sign": 1, "heaviside": 1, "max": None, "min": None,
}  # fmt: skip

CONSTANTS = ("pi", "E")


@dataclass(frozen=True)
class Number:
    """An exact rational number; a decimal literal such as 0.1 is 1/10."""

    value: Fraction


@dataclass(frozen=True)
class Constant:
    """pi or E."""

    name: str


@dataclass(frozen=True)
class Variable:
    """A variable by its name."""

    name: str


@dataclass(frozen=True)
class Negation:
    """-operand."""

    operand: Node


@dataclass(frozen=True)
class Operation:
    """left operator right, the operator one of + - * / **."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Call:
    """name(args): an elementary function, or a catalogue name with its definition, a tree in z."""

    name: str
    args: tuple[Node, ...]
    definition: Node | None = field(default=None, compare=False, repr=False)


Node = Number | Constant | Variable | Negation | Operation | Call
T = TypeVar("T")


class Algebra(Protocol[T]):
    """What a formula's parts mean; `call` is only asked for the names in ELEMENTARY."""

    def number(self, value: Fraction) -> T: ...
    def constant(self, name: str) -> T: ...
    def negate(self, operand: T) -> T: ...
    def operate(self, operator: str, left: T, right: T) -> T: ...
    def call(self, name: str, args: tuple[T, ...]) -> T: ...


_ARITHMETIC = {"+": add, "-": sub, "*": mul, "/": truediv, "**": pow}


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """left operator right by the numbers' own operators."""
    return _ARITHMETIC[operator](left, right)


def fold(node: Node, algebra: Algebra[T], environment: Mapping[str, T]) -> T:
    """The meaning of a tree, given the meaning of its variables; an argument of a catalogue name is folded
    once.
    """
    match node:
        case Number(value):
            return algebra.number(value)
        case Constant(name):
            return algebra.constant(name)
        case Variable(name):
            return environment[name]
        case Negation(operand):
            return algebra.negate(fold(operand, algebra, environment))
        case Operation(operator, left, right):
            return algebra.operate(
                operator, fold(left, algebra, environment), fold(right, algebra, environment)
            )
        case Call(name, args, None):
            return algebra.call(name, tuple(fold(arg, algebra, environment) for arg in args))
        case Call(_, (arg,), definition) if definition is not None:
            return fold(definition, algebra, {"z": fold(arg, algebra, environment)})
    raise TypeError(f"not a formula: {node!r}")
