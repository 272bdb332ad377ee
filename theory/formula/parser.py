"""The whitelist parser: text to a syntax tree.

User text is never evaluated: Python's own grammar turns it into a syntax tree, and each node of a known kind
is copied into `theory.formula.syntax`; anything else is refused by name and position.  Sizes are bounded before any
arithmetic, so that no short text (9**9**9, exp(exp(exp(99)))) costs more than a refusal.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

from flint import arb, ctx

from theory.errors import TheoryError
from theory.formula import catalogue
from theory.formula.evaluation import BallAlgebra
from theory.formula.syntax import (
    CONSTANTS,
    ELEMENTARY,
    Call,
    Constant,
    Negation,
    Node,
    Number,
    Operation,
    Variable,
    fold,
)

MAX_LENGTH = 2000
MAX_DEPTH = 100  # nested operations; a sum of n terms written without parentheses counts n
MAX_OPERATIONS = 4000  # after the catalogue's names are replaced by their definitions
MAX_POWER = 1000  # of numerator and denominator of a constant exponent
MAX_BITS = 4096  # of a rational constant, and of the exponent range of any other

ACCEPTED = (
    "accepted: numbers, pi, E, one variable, + - * / **, and functions such as exp(x), max(0, x) or a "
    "catalogue name such as sigmoid(x)"
)
_SYNONYMS = {
    "ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "maximum": "max", "minimum": "min", "Max": "max", "Min": "min", "Abs": "abs",
    "sgn": "sign", "Heaviside": "heaviside", "step": "heaviside",
}  # fmt: skip
_DECIMAL = re.compile(r"(\d[\d_]*)?\.?(\d[\d_]*)?([eE][+-]?\d{1,4})?")
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}


@cache
def definition(name: str) -> Node:
    """The tree in z of a catalogue name."""
    return read(catalogue.entry(name).formula, ("z",))[0]


@dataclass
class _Part:
    """A converted piece: its tree, and its value where it is a constant, rational if known to be."""

    node: Node
    ball: arb | None = None
    rational: Fraction | None = None


@dataclass
class _Reader:
    """One pass over Python's syntax tree."""

    text: str
    allowed: tuple[str, ...] | None
    names: list[str] = field(default_factory=list)

    def position(self, node: ast.expr) -> int:
        return len(self.text.encode()[: node.col_offset].decode()) + 1

    def refuse(self, node: ast.expr, reason: str) -> TheoryError:
        return TheoryError(f"formula {shorten(self.text)}, position {self.position(node)}: {reason}")

    def read(self, node: ast.expr, depth: int = 0) -> _Part:
        if depth > MAX_DEPTH:
            raise TheoryError(
                f"formula {shorten(self.text)}: nested deeper than {MAX_DEPTH}; accepted: long sums in groups"
            )
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.read(node.operand, depth + 1)
            case ast.UnaryOp(op=ast.USub()):
                part = self.read(node.operand, depth + 1)
                rational = None if part.rational is None else -part.rational
                return self.constant(node, _Part(Negation(part.node), part.ball and -part.ball, rational))
            case ast.BinOp(op=op) if type(op) in _OPERATORS:
                left, right = self.read(node.left, depth + 1), self.read(node.right, depth + 1)
                return self.operation(node, _OPERATORS[type(op)], left, right)
            case ast.BinOp(op=ast.BitXor()):
                raise self.refuse(node, "'^' is not a power; write **")
            case ast.Call():
                return self.call(node, depth)
        raise self.refuse(node, f"{_kind(node)} is not accepted; {ACCEPTED}")

    def number(self, node: ast.Constant) -> _Part:
        source = ast.get_source_segment(self.text, node) or ""
        if not isinstance(node.value, int | float) or isinstance(node.value, bool):
            raise self.refuse(node, f"{_kind(node)} is not accepted; {ACCEPTED}")
        if not _DECIMAL.fullmatch(source):
            raise self.refuse(
                node, f"the number {shorten(source)} is not accepted; accepted: 12, 0.5 or 1e-3"
            )
        if abs(int(re.split("[eE]", source)[1]) if re.search("[eE]", source) else 0) > MAX_POWER:
            raise self.refuse(node, f"the number {shorten(source)} has a decimal exponent beyond {MAX_POWER}")
        value = Fraction(source.replace("_", ""))
        return self.constant(node, _Part(Number(value), BallAlgebra().number(value), value))

    def name(self, node: ast.Name) -> _Part:
        if node.id in CONSTANTS:
            return _Part(Constant(node.id), BallAlgebra().constant(node.id))
        if self.allowed is None and _is_function(node.id):
            raise self.refuse(node, f"{node.id} is a function; write {node.id}(x)")
        if self.allowed is not None and node.id not in self.allowed:
            raise self.refuse(
                node, f"unknown variable {shorten(node.id)}; accepted: {' and '.join(self.allowed)}"
            )
        if node.id not in self.names:
            self.names.append(node.id)
        return _Part(Variable(node.id))

    def operation(self, node: ast.BinOp, operator: str, left: _Part, right: _Part) -> _Part:
        if operator == "**":
            self.check_power(node, left, right)
        part = _Part(Operation(operator, left.node, right.node))
        if left.ball is not None and right.ball is not None:
            part.ball = BallAlgebra().operate(operator, left.ball, right.ball)
            if left.rational is not None and right.rational is not None:
                part.rational = _exact(operator, left.rational, right.rational)
        return self.constant(node, part)

    def check_power(self, node: ast.BinOp, base: _Part, exponent: _Part) -> None:
        if exponent.ball is None:
            return
        limit = f"accepted: exponents up to {MAX_POWER}, constants up to {MAX_BITS} bits"
        size = exponent.rational
        if size is not None and max(abs(size.numerator), size.denominator) > MAX_POWER:
            raise self.refuse(node.right, f"the exponent is too large; {limit}")
        if base.rational is not None and size is not None and _bits(base.rational) * abs(size) > MAX_BITS:
            raise self.refuse(node, f"the power is too large; {limit}")

    def call(self, node: ast.Call, depth: int) -> _Part:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.refuse(node, f"only plain calls such as exp(x) are accepted; {ACCEPTED}")
        name = _SYNONYMS.get(node.func.id, node.func.id)
        found = None if name in ELEMENTARY else catalogue.find(name)
        if found is not None:
            name = _SYNONYMS.get(found.name, found.name)
        elif name not in ELEMENTARY:
            known = catalogue.suggest(node.func.id, tuple(ELEMENTARY))
            raise self.refuse(node, f"unknown function {shorten(node.func.id)}; {known}")
        count, given = ELEMENTARY.get(name, 1), len(node.args)
        if given < 2 if count is None else given != count:
            wanted = "two or more arguments" if count is None else "one argument"
            raise self.refuse(node, f"{node.func.id} takes {wanted}, not {given}")
        parts = [self.read(arg, depth + 1) for arg in node.args]
        args = tuple(part.node for part in parts)
        balls = tuple(part.ball for part in parts if part.ball is not None)
        meaning = None if name in ELEMENTARY else definition(name)
        value = None
        if len(balls) == len(args):
            algebra = BallAlgebra()
            value = algebra.call(name, balls) if meaning is None else fold(meaning, algebra, {"z": balls[0]})
        return self.constant(node, _Part(Call(name, args, meaning), value))

    def constant(self, node: ast.expr, part: _Part) -> _Part:
        """A rational constant as one number; refused when not real, or too large or small to work with."""
        if part.ball is None:
            return part
        if not part.ball.is_finite():
            raise self.refuse(node, f"the constant {shorten(self.source(node))} is not a finite real number")
        if (part.rational is not None and _bits(part.rational) > MAX_BITS) or not _moderate(part.ball):
            raise self.refuse(
                node, f"the constant {shorten(self.source(node))} is out of range; accepted: 2**±{MAX_BITS}"
            )
        return part if part.rational is None else _Part(Number(part.rational), part.ball, part.rational)

    def source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node) or ""


def read(text: str, allowed: tuple[str, ...] | None) -> tuple[Node, tuple[str, ...]]:
    if not isinstance(text, str):
        raise TheoryError(f"a formula is text such as 'x*tanh(x)', not {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise TheoryError(f"the formula has {len(text)} characters; accepted: at most {MAX_LENGTH}")
    text = text.strip()
    if not text:
        raise TheoryError("the formula is empty; accepted: a catalogue name or a formula such as x*tanh(x)")
    strange = re.search(r"[^\w\s+\-*/^().,|=<>!%&~@\[\]{}:;'\"?]", text)
    if strange:
        raise TheoryError(
            f"formula {shorten(text)}, position {strange.start() + 1}: the character {strange.group()!r} "
            f"is not accepted; {ACCEPTED}"
        )
    text = " ".join(text.splitlines())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Python's advice on odd literals such as 1if: refused below anyway
            root = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        where = f", position {error.offset}" if error.offset else ""
        raise TheoryError(
            f"formula {shorten(text)}{where}: not a formula; accepted: products with *, powers with **, "
            "every bracket closed"
        ) from None
    except (ValueError, MemoryError, RecursionError):
        raise TheoryError(f"formula {shorten(text)}: nested too deeply, or not text; {ACCEPTED}") from None
    reader = _Reader(text, allowed)
    with ctx.workprec(128):
        tree = reader.read(root).node
    size = fold(tree, _SizeAlgebra(), dict.fromkeys(reader.names, 1))
    if size > MAX_OPERATIONS:
        raise TheoryError(
            f"formula {shorten(text)}: {size} operations once the catalogue's names are written out; "
            f"accepted: at most {MAX_OPERATIONS}"
        )
    return tree, tuple(reader.names)


class _SizeAlgebra:
    """The number of operations of the formula with every definition written out."""

    def number(self, value: Fraction) -> int:
        return 1

    def constant(self, name: str) -> int:
        return 1

    def negate(self, operand: int) -> int:
        return operand + 1

    def operate(self, operator: str, left: int, right: int) -> int:
        return left + right + 1

    def call(self, name: str, args: tuple[int, ...]) -> int:
        return sum(args) + 1


def _is_function(name: str) -> bool:
    return name in ELEMENTARY or name in _SYNONYMS or catalogue.find(name) is not None


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _exact(operator: str, left: Fraction, right: Fraction) -> Fraction | None:
    """The rational value of an operation, None where it is not rational or divides by zero."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right if right else None
    return left**right.numerator if right.denominator == 1 and (left or right >= 0) else None


def _moderate(value: arb) -> bool:
    """Whether a constant lies within 2^±4096 in absolute value, or may be zero at 128 bits."""
    size = arb(2) ** MAX_BITS
    if not abs(value) < size:
        return False
    return value.is_zero() or not abs(value) < 1 / size


def _kind(node: ast.expr) -> str:
    names = {
        "Constant": "text or an imaginary number", "BoolOp": "a logical operation", "Compare": "a comparison",
        "IfExp": "a condition", "Attribute": "a dot", "Subscript": "an index", "Lambda": "a lambda",
        "List": "a list", "Tuple": "a comma", "BinOp": "this operator", "UnaryOp": "this operator",
    }  # fmt: skip
    return names.get(type(node).__name__, f"Python's {type(node).__name__}")


def shorten(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
