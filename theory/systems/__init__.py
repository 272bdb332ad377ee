"""What every leading-order theorem returns: the equations, what they assume, and how far they can be trusted."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sympy


class Mean(sympy.Function):
    """The average over the data, (1/n) Σ_i, of an expression in the per-sample symbols x, s, z, ζ."""

    nargs = 1

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        body = rf"\left\langle {printer.doprint(self.args[0])} \right\rangle"
        return body if exp is None else rf"{body}^{{{exp}}}"

    def _sympystr(self, printer: Any) -> str:
        return f"mean({printer.doprint(self.args[0])})"


@dataclass(frozen=True)
class GroupLaw:
    """What theory says of one group of parameters, as powers of ε.

    Its gradient is O(ε^`gradient_order`), up to a relative O(ε^`gradient_accuracy`), and contains the moment tensors T_d
    with d in `moments`.  At a fixed rescaled time the group has moved by ε^`lag` of its size, and that displacement is
    known up to a relative O(ε^`accuracy`).
    """

    gradient_order: int
    gradient_accuracy: int
    lag: int
    accuracy: int
    moments: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """The group's part of the `derive` document."""
        return {
            "gradient_order": self.gradient_order,
            "gradient_accuracy": self.gradient_accuracy,
            "lag": self.lag,
            "order": self.accuracy,
            "moments": list(self.moments),
        }


@dataclass(frozen=True)
class LeadingSystem:
    """A leading-order system, derived.

    `equations`, `polar` and `orientation` are SymPy equations whose data averages are `Mean` terms; a group of
    parameters of scale ε moves at the rate ε^g with g in `gradient_orders`.  Time is gradient-flow time
    (learning rate × steps), rescaled as t = τ ε^`time_exponent`.  `order` is k in
    |full flow - leading flow| / |leading flow| = O(ε^k) at fixed τ; `order_terms` lists the competing exponents with
    their origin, the smallest of which is k.  `groups` are the laws of the groups one by one, where they move at different
    orders or are known to different ones; empty where they all share those of the system.
    """

    title: str
    hypotheses: tuple[str, ...]
    equations: tuple[sympy.Eq, ...]
    polar: tuple[sympy.Eq, ...]
    orientation: tuple[sympy.Eq, ...]
    invariants: tuple[sympy.Eq, ...]
    potential: sympy.Eq | None
    definitions: tuple[sympy.Eq, ...]
    gradient_orders: Mapping[str, int]
    time_exponent: int
    order: int
    order_terms: Mapping[str, int]
    source: str
    groups: Mapping[str, GroupLaw] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gradient_orders", MappingProxyType(dict(self.gradient_orders)))
        object.__setattr__(self, "order_terms", MappingProxyType(dict(self.order_terms)))
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))
        if self.order != min(self.order_terms.values()):
            raise ValueError("the order of accuracy is the smallest of the competing exponents")

    @property
    def autonomous(self) -> bool:
        """Whether the rescaled system is free of ε: all groups share one gradient order."""
        return len(set(self.gradient_orders.values())) == 1

    def sections(self) -> tuple[tuple[str, tuple[sympy.Eq, ...]], ...]:
        """The named groups of equations that are not empty, in reading order."""
        groups = (
            ("Definitions", self.definitions),
            ("Leading-order dynamics", self.equations),
            ("Amplitude and orientation", self.polar),
            ("Autonomous orientation flow", self.orientation),
            ("Invariants", self.invariants),
            ("Potential", (self.potential,) if self.potential is not None else ()),
        )
        return tuple((name, group) for name, group in groups if group)

    def latex(self) -> str:
        """The whole system as one `align*` block for each group of equations."""
        blocks = []
        for name, group in self.sections():
            rows = r" \\ ".join(_latex(eq.lhs) + " &= " + _latex(eq.rhs) for eq in group)
            blocks.append(f"% {name}\n\\begin{{align*}}\n{rows}\n\\end{{align*}}")
        return "\n".join(blocks)

    def text(self) -> str:
        """The system as plain text, one equation a line."""
        lines = [self.title, ""]
        for name, group in self.sections():
            lines.append(f"{name}:")
            lines += [f"    {_plain(eq.lhs)} = {_plain(eq.rhs)}" for eq in group]
        lines += [
            "",
            f"Time scale: t = τ ε^{self.time_exponent}",
            f"Order of accuracy: O(ε^{self.order}), the least of",
        ]
        lines += [f"    ε^{exponent}  {origin}" for origin, exponent in self.order_terms.items()]
        lines += ["Hypotheses:"] + [f"    {h}" for h in self.hypotheses] + [f"Source: {self.source}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        lines = [self.title, *(f"    {_plain(eq.lhs)} = {_plain(eq.rhs)}" for eq in self.equations)]
        lines.append(
            f"    t = τ ε^{self.time_exponent}, relative error O(ε^{self.order}); all of it: .text(), .latex()"
        )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready document: every equation as text and as LaTeX."""
        groups = {name: law.to_json() for name, law in self.groups.items()}
        return {
            "title": self.title,
            "hypotheses": list(self.hypotheses),
            "equations": {
                name: [
                    {
                        "text": f"{_plain(eq.lhs)} = {_plain(eq.rhs)}",
                        "latex": f"{_latex(eq.lhs)} = {_latex(eq.rhs)}",
                    }
                    for eq in group
                ]
                for name, group in self.sections()
            },
            "gradient_orders": dict(self.gradient_orders),
            "time_exponent": self.time_exponent,
            "order": self.order,
            "order_terms": dict(self.order_terms),
            "source": self.source,
            **({"groups": groups} if groups else {}),
        }

    def _repr_latex_(self) -> str:
        """One display for a notebook: MathJax reads no comments between displays."""
        rows = [_latex(eq.lhs) + " &= " + _latex(eq.rhs) for _, group in self.sections() for eq in group]
        return "\\begin{align*}\n" + r" \\ ".join(rows) + "\n\\end{align*}"


# Letters that a plain LaTeX engine does not know; SymPy writes symbols of one Greek letter as they are.
_GREEK = (
    {
        letter: f"\\{unicodedata.name(letter).split()[-1].lower()} "
        for letter in "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
    }
    | {"λ": "\\lambda ", "Λ": "\\Lambda ", "ς": "\\varsigma ", "ε": "\\varepsilon "}
    | {letter: f"\\{unicodedata.name(letter).split()[-1].capitalize()} " for letter in "ΓΔΘΞΠΣΦΨΩ"}
)


def _latex(expression: Any) -> str:
    text = str(sympy.latex(expression, order="none"))
    return "".join(_GREEK.get(letter, letter) for letter in text)


def _plain(expression: Any) -> str:
    if not isinstance(expression, sympy.Derivative):
        return str(expression)
    quantity = expression.args[0]
    name = f"({quantity})" if isinstance(quantity, sympy.Add) else str(quantity)
    return f"d{name}/d{expression.variables[0]}"
