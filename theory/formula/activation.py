"""An activation function and what condensation needs to know of it: σ = σ(0) + c z^p + c' z^q + ... at z = 0.

p is the multiplicity, c the leading coefficient, q the next order.  Where σ is not smooth at 0 each side has
its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy
from flint import arb, ctx, fmpq

from theory.errors import TheoryError
from theory.formula import catalogue
from theory.formula.deadline import DeadlineExceeded, time_limit
from theory.formula.evaluation import ball, rounded
from theory.formula.expansion import SideTerms, Source, expansion, series
from theory.formula.expression import ParsedFormula, parse, parse_in
from theory.formula.fields import Exact
from theory.formula.syntax import Node

MAX_MULTIPLICITY = 1000
MAX_TAYLOR = 1000


@dataclass(frozen=True)
class Side:
    """One side of 0: σ = σ(0) + coefficient |z|^order + next_coefficient |z|^next_order + ...; None and 0: no
    term.
    """

    order: int | None
    coefficient: sympy.Expr
    next_order: int | None
    next_coefficient: sympy.Expr


@dataclass(frozen=True)
class Activation:
    """A parsed activation with its expansion at 0; build it with `activation(text)`.

    `plus` and `minus` expand σ in |z| for z > 0 and z < 0.  `is_smooth`: the minus side continues the plus
    side analytically.  `source` is EXACT, or ARB where coefficients are 50-digit numbers and zeros are
    presumed.
    """

    text: str
    formula: ParsedFormula
    value_at_zero: sympy.Expr
    plus: Side
    minus: Side
    is_smooth: bool
    source: Source

    @property
    def tree(self) -> Node:
        """The syntax tree, for an independent compilation."""
        return self.formula.tree

    @property
    def symbol(self) -> sympy.Symbol:
        """The variable, real."""
        return self.formula.symbol

    @property
    def expression(self) -> sympy.Expr:
        """σ in SymPy, catalogue names written out."""
        return self.formula.expression

    @property
    def multiplicity(self) -> int:
        """p, the smaller of the two sides' orders."""
        return min(side.order for side in (self.plus, self.minus) if side.order is not None)

    @property
    def one_sided(self) -> tuple[sympy.Expr, sympy.Expr]:
        """(c₊, c₋) in σ = σ(0) + c₊ z^p for z > 0 and σ(0) + c₋ (-z)^p for z < 0."""
        p, zero = self.multiplicity, sympy.Integer(0)
        plus, minus = ((side.coefficient if side.order == p else zero) for side in (self.plus, self.minus))
        return plus, minus

    @property
    def leading_coefficient(self) -> sympy.Expr:
        """c, of z^p; for a one-sided σ that of the positive side, if that side has order p."""
        plus, minus = self.one_sided
        return plus if plus != 0 else (-1) ** self.multiplicity * minus

    @property
    def next_order(self) -> int | None:
        """q, the next order that either side reaches; None for a monomial."""
        reached = [order for order, _ in self._beyond() if order is not None]
        return min(reached, default=None)

    @property
    def next_coefficient(self) -> sympy.Expr:
        """c', of z^q, on the positive side if it reaches q, else on the negative one; 0 for a monomial."""
        q = self.next_order
        (plus_order, plus), (_, minus) = self._beyond()
        if q is None:
            return sympy.Integer(0)
        return plus if plus_order == q else (-1) ** q * minus

    @property
    def predicted_order(self) -> int | None:
        """k in the relative error O(ε^k) of the leading-order gradient flow for a loss with ∂²ℓ/∂f² ≠ 0.

        σ(0) = 0: min(q - p, p + 1) at t = τ ε^{1-p}.  σ(0) ≠ 0: q at t = ε τ for the full offset system, None
        if there is no q (that system then is the network).  Source: condense, checked by `condense order`.
        """
        p, q = self.multiplicity, self.next_order
        if self.value_at_zero != 0:
            return q
        return p + 1 if q is None else min(q - p, p + 1)

    def _beyond(self) -> tuple[tuple[int | None, sympy.Expr], ...]:
        """For each side its first term of order above p."""
        p = self.multiplicity
        return tuple(
            (side.next_order, side.next_coefficient) if side.order == p else (side.order, side.coefficient)
            for side in (self.plus, self.minus)
        )

    def taylor(self, order: int, side: int = 1) -> tuple[sympy.Expr, ...]:
        """The coefficients of |z|^0 .. |z|^order for z > 0 (`side` 1) or z < 0 (-1); order at most 1,000."""
        if not 0 <= order <= MAX_TAYLOR or side not in (1, -1):
            raise TheoryError(
                f"taylor takes an order in 0..{MAX_TAYLOR} and a side 1 or -1, not {order} and {side}"
            )
        return _taylor(self.formula, order, side, self.source)

    def ball(self, z: float | int | fmpq | arb, precision: int = 128) -> arb:
        """σ at a point or over a ball, as a ball that contains it; non-finite where it is not proved real."""
        return ball(self.tree, {self.formula.variable: arb(z)}, precision)

    def evaluate(self, z: np.ndarray) -> np.ndarray:
        """σ at float64 points of any shape, correctly rounded; tens of µs a point.

        Raises TheoryError at a point where σ has no finite real value.
        """
        return rounded(self.tree, self.formula.variable, np.asarray(z, dtype=np.float64), self._float_at_zero)

    @cached_property
    def _float_at_zero(self) -> float:
        return float(sympy.N(self.value_at_zero, 30))

    def to_json(self) -> dict[str, Any]:
        """The `multiplicity` document of the interface."""
        return {
            "activation": self.text,
            "formula": str(self.expression),
            "value_at_zero": str(self.value_at_zero),
            "multiplicity": self.multiplicity,
            "leading_coefficient": str(self.leading_coefficient),
            "next_order": self.next_order,
            "next_coefficient": str(self.next_coefficient),
            "predicted_order": self.predicted_order,
            "one_sided": [str(value) for value in self.one_sided],
            "smooth": self.is_smooth,
            "sides": {
                name: {
                    "order": side.order,
                    "coefficient": str(side.coefficient),
                    "next_order": side.next_order,
                    "next_coefficient": str(side.next_coefficient),
                }
                for name, side in (("plus", self.plus), ("minus", self.minus))
            },
            "source": self.source.value,
        }

    def latex(self) -> str:
        """σ and its first terms, one line for a smooth σ, two cases otherwise."""
        z = self.symbol
        head = rf"\sigma({sympy.latex(z)}) = {sympy.latex(self.expression)}"
        if self.is_smooth:
            return f"{head} = {self._terms(self.plus, sympy.latex(z))}"
        left = f"(-{sympy.latex(z)})"
        return (
            rf"{head} = \begin{{cases}} {self._terms(self.plus, sympy.latex(z))} & {sympy.latex(z)} > 0 \\ "
            rf"{self._terms(self.minus, left)} & {sympy.latex(z)} < 0 \end{{cases}}"
        )

    def _terms(self, side: Side, base: str) -> str:
        """LaTeX of the constant, the first two terms and what is left out."""
        pairs = (
            (0, self.value_at_zero),
            (side.order, side.coefficient),
            (side.next_order, side.next_coefficient),
        )
        text = ""
        for order, value in pairs:
            if order is None or value == 0:
                continue
            negative = value.could_extract_minus_sign()
            size = -value if negative else value
            factor = (
                sympy.latex(size) if not size.is_Add or order == 0 else rf"\left({sympy.latex(size)}\right)"
            )
            power = "" if order == 0 else base if order == 1 else f"{base}^{{{order}}}"
            body = power if size == 1 and power else factor + (rf" {power}" if power else "")
            text += (" - " if negative else " + ") + body
        text = text.removeprefix(" + ") if text.startswith(" + ") else text.strip().replace("- ", "-", 1)
        return (text or "0") + (r" + \cdots" if side.next_order is not None else "")

    def __repr__(self) -> str:
        sided = "smooth" if self.is_smooth else f"c₊, c₋ = {', '.join(map(str, self.one_sided))}"
        return (
            f"Activation({self.text!r}: σ(0) = {self.value_at_zero}, multiplicity {self.multiplicity}, leading coefficient "
            f"{self.leading_coefficient}, next order {self.next_order}, {sided})"
        )

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@lru_cache(maxsize=512)
def activation(text: str) -> Activation:
    """The activation of a catalogue name (any case) or of a formula in one variable.

    `text` is a name such as "tanh" or a formula such as "x*tanh(x)"; what is returned has σ's expansion at 0, exact
    where it can be.  Raises TheoryError, in one line, for text outside the grammar, an unknown name, a constant, a
    function undefined or discontinuous at 0, and a non-integer leading power.  Cost: milliseconds for the catalogue; at
    most about 20 s.  Source: the multiplicity is that of Zhou et al., NeurIPS 2022.

    >>> sigma = activation("x*tanh(x)")  # x² - x⁴/3 + ...
    >>> sigma.multiplicity, sigma.leading_coefficient, sigma.next_order, sigma.next_coefficient
    (2, 1, 4, -1/3)
    """
    named = catalogue.find(text) if isinstance(text, str) else None
    if named is not None:
        formula, text = parse_in(named.formula, ("z",)), named.name
    elif isinstance(text, str) and text.strip().isidentifier() and len(text.strip()) > 1:
        raise TheoryError(f"unknown activation {text.strip()[:40]!r}; {catalogue.suggest(text)}")
    else:
        formula = parse(text)
        text = formula.text
    found = expansion(formula)
    plus, minus = _side(found.plus), _side(found.minus)
    result = Activation(text, formula, _number(found.plus.constant), plus, minus, found.smooth, found.source)
    if result.multiplicity > MAX_MULTIPLICITY:
        raise TheoryError(
            f"activation {text[:60]!r} has multiplicity {result.multiplicity}; "
            f"accepted: up to {MAX_MULTIPLICITY}"
        )
    return result


@lru_cache(maxsize=512)
def _taylor(formula: ParsedFormula, order: int, side: int, source: Source) -> tuple[sympy.Expr, ...]:
    return tuple(_number(value) for value in series(formula, order, side, source))


def _side(terms: SideTerms) -> Side:
    return Side(terms.order, _number(terms.coefficient), terms.next_order, _number(terms.next_coefficient))


def _number(value: Exact | arb) -> sympy.Expr:
    """A coefficient for people: exact in its shortest form, a ball as 50 digits."""
    if isinstance(value, arb):
        with ctx.workprec(256):
            return sympy.Integer(0) if value.contains(0) else sympy.Float(value.str(50, radius=False), 50)
    return _shortest(value.to_sympy())


@lru_cache(maxsize=4096)
def _shortest(value: sympy.Expr) -> sympy.Expr:
    """The shortest of the exact forms that a second of simplification finds."""
    candidates: list[Any] = [value]
    if value.count_ops() > 6:
        try:
            with time_limit(1.0):
                candidates.extend(rewrite(value) for rewrite in (sympy.factor_terms, sympy.factor))
        except DeadlineExceeded:
            pass
    return min(candidates, key=lambda candidate: (candidate.count_ops(), len(str(candidate))))
