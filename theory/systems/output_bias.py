"""Theorem: the leading system of a two-layer network with an output bias, σ smooth with σ(0) = 0.

Setting.     f(x) = b + Σ_j a_j σ(w_j·x), R = mean ℓ(f(x_i), y_i), gradient flow θ' = -∇R, every parameter of size ε.
Hypotheses.  σ(z) = c z^p + c' z^q + ..., p ≥ 1, c ≠ 0, q > p; the signal s is Lipschitz; the width is fixed as ε → 0.
Statement.   At a fixed time t the flow is that of

                 b' = mean(s),   a' = c mean(s z^p),   w' = p c a mean(s z^{p-1} x),   s at f = b + c Σ_j a_j z_j^p:

             b moves by its full size, O(1), the neurons by ε^{p-1} of theirs, and this displacement is known up to a
             relative O(ε^{q-p}); relative to the size of the weights the error is O(ε^{q-1}).
             K = ‖w‖² - p a² of each neuron is conserved, whatever b does to the signal.
Mean first.  While the neurons are small, b' = mean(s(b)) alone: b goes to the constant f* that fits the targets best, at
             the rate κ = mean ∂²ℓ/∂f².  From then on mean(s) = 0 and the neurons follow the moments of s at f*: for
             p = 1 the orientation is ± mean((y - ȳ) x) under the squared loss, and not ± mean(y x).  For p ≥ 2 this takes
             a time of order ε^{1-p}, beside which the fit of the mean is an instant.
Limits.      Data of mean signal 0 have b at rest and are those of a network without an output bias.
Source.      condense; the output bias is that of every `nn.Linear` head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy

from theory.errors import TheoryError
from theory.systems import GroupLaw, LeadingSystem
from theory.systems.powers import (
    BENT,
    EPS,
    SLOPE,
    X,
    Z,
    average,
    equation,
    homogeneous,
    lowest,
    monomial,
    note,
    orders_of_error,
    rate,
    require_zero_at_zero,
)

if TYPE_CHECKING:
    from theory.formula.activation import Activation

_t = sympy.Symbol("t", real=True)
_a, _b, _kappa, _f = sympy.symbols("a b κ f", real=True)
_S, _B, _C, _next = sympy.symbols("S B C c'", real=True)
_w = sympy.Symbol("w")
_s = sympy.Function("s", real=True)(_f)

TIME_EXPONENT = 0  # b' is of order 1: the mean is fitted in a time that does not depend on ε


def output_bias_system(activation: Activation) -> LeadingSystem:
    """Derive the leading system of a two-layer network with an output bias.

    Raises TheoryError for σ(0) ≠ 0, a kink at 0, and a σ that is one power, for which nothing is left out.
    """
    require_zero_at_zero(activation)
    pieces = monomial(activation)
    if pieces is None or not activation.is_smooth:
        raise TheoryError(
            f"activation {activation.text!r} is not smooth at 0: with an output bias this theorem needs a smooth one, as "
            "tanh or gelu are"
        )
    p, q = activation.multiplicity, activation.next_order
    if q is None:
        raise homogeneous(activation)

    # Step 1. Every weight is ε times itself; b is O(1).  The output is b + ε (ε^p B + ε^q c' C) with B = c Σ a z^p and
    #         C = Σ a z^q, and the signal that at the kept output, S, less κ times what is left out.
    signal = _S - _kappa * EPS ** (q + 1) * _next * _C
    value = EPS**p * BENT(Z) + EPS**q * _next * Z**q
    slope = EPS ** (p - 1) * SLOPE(Z) + EPS ** (q - 1) * q * _next * Z ** (q - 1)
    true = {"b": signal, "a": sympy.expand(signal * value), "w1": sympy.expand(signal * EPS * _a * slope)}
    kept = {"b": _S, "a": _S * EPS**p * BENT(Z), "w1": _S * EPS**p * _a * SLOPE(Z)}

    # Step 2. The leading power of each group, and what leaving out the others costs relative to its size.
    terms: dict[str, int] = {}
    groups = {}
    for name in ("a", "w1"):
        errors = orders_of_error(true[name], kept[name], TIME_EXPONENT, _origin)
        for source, exponent in errors.items():
            note(terms, source, exponent)
        degree = lowest(true[name])
        if lowest(kept[name]) != degree:
            raise AssertionError("what is kept must be the leading power of each group")
        lag = degree + TIME_EXPONENT - 1
        accuracy = min(errors.values()) - lag
        groups[name] = GroupLaw(degree, accuracy, lag, accuracy, (p,))

    # Step 3. K' = 2 w·w' - 2 p a a' = 2 a mean(s (z σ_p' - p σ_p)) = 0 by Euler's identity.
    form, bend = pieces
    if sympy.expand(Z * bend - p * form) != 0:
        raise AssertionError("the balance ‖w‖² - p a² must be conserved by the leading flow")

    j, m = sympy.symbols("j m", integer=True, positive=True)
    a, z = sympy.IndexedBase("a"), sympy.IndexedBase("z")
    output = _b + sympy.Sum(a[j] * form.subs(Z, z[j]), (j, 1, m))  # type: ignore[index]
    return LeadingSystem(
        title=f"Leading system of a two-layer network with an output bias and σ = {activation.text}",
        hypotheses=(
            "two-layer network with an output bias b, every parameter of size ε at the start, width fixed as ε → 0",
            f"σ smooth, σ(0) = 0, multiplicity p = {p}; leading coefficient c = {activation.leading_coefficient}, "
            f"next order q = {q}",
            "the signal s(f) is Lipschitz; it does not vanish on the way of b",
            "time t fixed as ε → 0; for p ≥ 2 the neurons then move by ε^(p-1) of their size",
        ),
        equations=(
            rate(_b, _t, average(_s, _f)),
            rate(_a, _t, average(form * _s, _f, Z, X)),
            rate(_w, _t, average(_a * bend * _s * X, _f, Z, X)),
        ),
        polar=(),
        orientation=(),
        invariants=(equation(sympy.Symbol("K"), _w**2 - p * _a**2),),
        potential=None,
        definitions=(equation(Z, _w * X), equation(_f, output)),
        gradient_orders={
            "b": lowest(true["b"]),
            "a": groups["a"].gradient_order,
            "w": groups["w1"].gradient_order,
        },
        time_exponent=TIME_EXPONENT,
        order=min(terms.values()),
        order_terms=terms,
        source="condense",
        groups=groups,
    )


def _origin(term: sympy.Expr) -> str:
    """What a term that was left out comes from."""
    return "what it adds to the output" if term.has(_kappa) else "next Taylor term of the activation"
