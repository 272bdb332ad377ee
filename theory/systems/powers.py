"""Counting powers of ε: what every derivation of an order of accuracy shares.

A group of parameters of size ε that moves at the rate ε^d for a rescaled time, t = τ ε^κ, goes ε^{d+κ} far: relative
to its size ε^{d+κ-1}.  That is the order of the error which leaving out a term of degree d makes.

The leading form σ_p of an activation in symbols: one monomial for a smooth σ, a power on each side of 0 otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy

from theory.errors import TheoryError
from theory.systems import Mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from theory.formula.activation import Activation


EPS = sympy.Symbol("ε", positive=True)


def lowest(expression: sympy.Expr) -> int:
    """The lowest power of ε in a polynomial of ε."""
    return min(int(power) for (power,) in sympy.Poly(sympy.expand(expression), EPS).monoms())


def relative_error(degree: int, time_exponent: int) -> int:
    """The exponent of the relative error that a term of degree `degree` makes by t = τ ε^κ."""
    return degree + time_exponent - 1


def orders_of_error(
    true: sympy.Expr, kept: sympy.Expr, time_exponent: int, origin: Callable[[sympy.Expr], str]
) -> dict[str, int]:
    """The exponent of the relative error by t = τ ε^κ of every term of `true` that is not in `kept`: the least of each
    origin, which `origin` names from the term."""
    found: dict[str, int] = {}
    for term in sympy.Add.make_args(sympy.expand(true - kept)):
        if term != 0:
            note(found, origin(term), relative_error(lowest(term), time_exponent))
    return found


def note(terms: dict[str, int], origin: str, exponent: int) -> None:
    """Keep the least exponent of an origin."""
    terms[origin] = min(exponent, terms.get(origin, exponent))


def homogeneous(activation: Activation) -> TheoryError:
    """The refusal where nothing is left out."""
    return TheoryError(
        f"σ = {activation.text} is homogeneous, with a loss linear in f: the leading-order flow is exact, there is "
        "no order of error"
    )


def rate(quantity: sympy.Expr, time: sympy.Symbol, rhs: sympy.Expr) -> sympy.Eq:
    """d quantity/d time = rhs as it stands."""
    return equation(sympy.Derivative(quantity, time, evaluate=False), rhs)


def equation(left: sympy.Expr, right: sympy.Expr) -> sympy.Eq:
    """left = right as it stands: SymPy must not decide it."""
    result = sympy.Eq(left, right, evaluate=False)
    assert isinstance(result, sympy.Eq)
    return result


def average(integrand: sympy.Expr, *varying: sympy.Expr) -> sympy.Expr:
    """The data average, term by term, with every factor outside that contains none of `varying`."""
    total = sympy.Integer(0)
    for term in sympy.Add.make_args(sympy.expand(integrand)):
        constant, inside = term.as_independent(*varying, as_Add=False)
        total += constant * Mean(inside)
    return total


Z, ZETA = sympy.symbols("z ζ", real=True)
# Vectors enter linearly and once in each product, so commutative symbols represent them faithfully.
W, X, U = sympy.symbols("w x u")
R = sympy.Symbol("r", positive=True)
BENT, SLOPE = sympy.Function("σ_p", real=True), sympy.Function("σ'_p", real=True)


def branches(activation: Activation) -> tuple[sympy.Expr, sympy.Expr]:
    """c₊ z^p and c₋ (-z)^p, each checked to be homogeneous: z σ_p'(z) = p σ_p(z), Euler's identity."""
    plus, minus = activation.one_sided
    p = activation.multiplicity
    both = plus * Z**p, minus * (-Z) ** p
    for branch in both:
        if sympy.expand(Z * sympy.diff(branch, Z) - p * branch) != 0:
            raise AssertionError("the leading form of each side must be homogeneous of degree p")
    return both


def monomial(activation: Activation) -> tuple[sympy.Expr, sympy.Expr] | None:
    """σ_p(z) and σ_p'(z) where both sides of 0 are one monomial c z^p, else None."""
    right, left = branches(activation)
    return (right, sympy.diff(right, Z)) if sympy.expand(right - left) == 0 else None


def form_and_slope(activation: Activation) -> tuple[sympy.Expr, sympy.Expr]:
    """What stands for σ_p(z) and σ_p'(z) in equations: the monomials, or the names of the one-sided functions."""
    return monomial(activation) or (BENT(Z), SLOPE(Z))


def definitions(activation: Activation) -> tuple[sympy.Eq, ...]:
    """z, ζ, w = r u, and σ_p with its derivative."""
    right, left = branches(activation)
    form, slope = monomial(activation) or (
        sympy.Piecewise((right, Z > 0), (left, True)),
        sympy.Piecewise((sympy.diff(right, Z), Z > 0), (sympy.diff(left, Z), True)),
    )
    return (
        equation(Z, W * X),
        equation(ZETA, U * X),
        equation(W, R * U),
        equation(BENT(Z), form),
        equation(SLOPE(Z), slope),
    )


def sides(activation: Activation) -> tuple[tuple[str, sympy.Expr, int | None], ...]:
    """For z > 0 and z < 0: its name, its coefficient of |z|^p, and the order of its first further term (None: none)."""
    p = activation.multiplicity
    found = []
    for name, side in (("z > 0", activation.plus), ("z < 0", activation.minus)):
        leads = side.order == p
        found.append(
            (name, side.coefficient if leads else sympy.Integer(0), side.next_order if leads else side.order)
        )
    return tuple(found)


def describe(activation: Activation) -> str:
    """The leading form in words, with what each side needs of the data."""
    plus, minus = activation.one_sided
    p = activation.multiplicity
    if monomial(activation) is not None:
        return f"σ_p = {activation.leading_coefficient}*z**{p}"
    text = f"σ_p = {plus}*z**{p} for z > 0 and {minus}*(-z)**{p} for z < 0"
    if p == 1:
        text += "; no neuron slides along a kink w·x_i = 0"
    return text


def require_zero_at_zero(activation: Activation) -> None:
    """Raise TheoryError for σ(0) ≠ 0."""
    if activation.value_at_zero != 0:
        raise TheoryError(
            f"activation {activation.text!r} has σ(0) = {activation.value_at_zero}: this theorem needs σ(0) = 0, as "
            "relu or tanh have; the offset system treats it"
        )
