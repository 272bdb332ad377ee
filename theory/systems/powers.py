"""Counting powers of ε: what every derivation of an order of accuracy shares.

A group of parameters of size ε that moves at the rate ε^d for a rescaled time, t = τ ε^κ, goes ε^{d+κ} far: relative
to its size ε^{d+κ-1}.  That is the order of the error which leaving out a term of degree d makes.
"""

from __future__ import annotations

import sympy

from theory.systems.system import Mean

EPS = sympy.Symbol("ε", positive=True)


def lowest(expression: sympy.Expr) -> int:
    """The lowest power of ε in a polynomial of ε."""
    return min(int(power) for (power,) in sympy.Poly(sympy.expand(expression), EPS).monoms())


def relative_error(degree: int, time_exponent: int) -> int:
    """The exponent of the relative error that a term of degree `degree` makes by t = τ ε^κ."""
    return degree + time_exponent - 1


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
