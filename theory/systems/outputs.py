"""Theorem: the leading-order flow of a two-layer network with K outputs.

Setting.     f_k(x) = Σ_j a_jk σ(w_j·x), R = mean ℓ(f(x_i), y_i), gradient flow, every parameter of size ε; s_ik =
             -∂ℓ/∂f_k at f = 0 (softmax cross-entropy: onehot - 1/K).
Hypotheses.  σ(0) = 0 and σ = σ_p(z) + c' z^q + ...; not all moments T_k = mean(s_k x^{⊗p}) vanish; K and the width fixed;
             time before blow-up.
Statement.   At t = τ ε^{1-p} the flow is, up to a relative error O(ε^k) with k = min(q - p, p + 1), that of
                 a_k' = mean(s_k σ_p(z)),   w' = Σ_k a_k mean(s_k σ_p'(z) x),
             for a smooth σ a_k' = c T_k w^p, w' = p c Σ_k a_k T_k w^{p-1}: gradient ascent of H = Σ_k a_k mean(s_k σ_p(z)),
             neuron by neuron.  ‖w‖² - p ‖a‖² is constant.  p = 1: w_i·w_j - a_i·a_j is constant for every two neurons.
Source.      condense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from theory.systems import LeadingSystem
from theory.systems.powers import (
    BENT,
    EPS,
    SLOPE,
    ZETA,
    R,
    U,
    W,
    X,
    Z,
    average,
    definitions,
    describe,
    equation,
    form_and_slope,
    homogeneous,
    note,
    orders_of_error,
    rate,
    require_zero_at_zero,
)

if TYPE_CHECKING:
    from theory.formula.activation import Activation

_t = sympy.Symbol("t", real=True)
_kappa, _next, _fed = sympy.symbols("κ c' B", real=True)
_k, _count = sympy.symbols("k K", integer=True, positive=True)
_a: Any = sympy.IndexedBase("a")
_s: Any = sympy.IndexedBase("s")


def outputs_system(activation: Activation, *, curvature_vanishes: bool = False) -> LeadingSystem:
    """Derive the leading-order system of a two-layer network with K outputs; σ smooth or one-sided at 0.

    `curvature_vanishes` says that the Hessian of ℓ in f is 0.  Raises TheoryError for σ(0) ≠ 0, and where nothing is
    left out.
    """
    require_zero_at_zero(activation)
    p, q = activation.multiplicity, activation.next_order
    time_exponent = 1 - p

    # Step 1. Every parameter is ε times itself.  -∂R/∂a_k = mean(s_k(f) σ(z)) and -∂R/∂w = mean(Σ_k a_k s_k(f) σ'(z) x)
    #         with s_k(f) = s_k - Σ_l κ_kl f_l and f_l = ε^{p+1} B_l, B_l = Σ_j a_jl σ_p(z_j).  One k stands for all: the
    #         sum over k is linear and has the power of its terms.
    bent, slope = BENT(Z), SLOPE(Z)
    further, bending = (
        (0, 0) if q is None else (_next * EPS**q * Z**q, _next * q * EPS ** (q - 1) * Z ** (q - 1))
    )
    signal = _s[_k] - (0 if curvature_vanishes else _kappa * EPS ** (p + 1) * _fed)
    true_a = sympy.expand(signal * (EPS**p * bent + further))
    true_w = sympy.expand(EPS * _a[_k] * signal * (EPS ** (p - 1) * slope + bending))
    kept_a, kept_w = _s[_k] * EPS**p * bent, _a[_k] * _s[_k] * EPS**p * slope

    # Step 2. The relative error of everything that is left out.
    terms: dict[str, int] = {}
    for kept, true in ((kept_a, true_a), (kept_w, true_w)):
        for source, error in orders_of_error(true, kept, time_exponent, _origin).items():
            note(terms, source, error)
    if not terms:
        raise homogeneous(activation)

    # Step 3. Averages and the sum over the outputs; amplitude and orientation by the chain rule and Euler's identity.
    form, derivative = form_and_slope(activation)
    a_dot = average(_s[_k] * form, _s, Z, X)
    pull = average(_s[_k] * derivative * X, _s, Z, X)
    value = average(_s[_k] * form.subs(Z, ZETA), _s, ZETA, X)
    push = average(_s[_k] * derivative.subs(Z, ZETA) * X, _s, ZETA, X)
    r_dot = p * R ** (p - 1) * _total(_a[_k] * value)
    u_dot = R ** (p - 2) * (_total(_a[_k] * push) - p * U * _total(_a[_k] * value))
    invariants = [equation(sympy.Symbol("K_j"), R**2 - p * _total(_a[_k] ** 2))]
    if p == 1 and form != bent:
        i, j = sympy.symbols("i j", integer=True, positive=True)
        w: Any = sympy.IndexedBase("w")
        pair = w[i] * w[j] - _total(_a[i, _k] * _a[j, _k])
        invariants.append(equation(sympy.Symbol("K_ij"), pair))

    return LeadingSystem(
        title=f"Leading-order flow of a two-layer network with K outputs and σ = {activation.text}",
        hypotheses=_hypotheses(activation, curvature_vanishes),
        equations=(rate(_a[_k], _t, a_dot), rate(W, _t, _total(_a[_k] * pull))),
        polar=(rate(R, _t, r_dot), rate(U, _t, u_dot)),
        orientation=(),
        invariants=tuple(invariants),
        potential=equation(sympy.Symbol("H"), _total(_a[_k] * a_dot)),
        definitions=definitions(activation),
        gradient_orders={"a": p, "w": p},
        time_exponent=time_exponent,
        order=min(terms.values()),
        order_terms=terms,
        source="condense",
    )


def _origin(term: sympy.Expr) -> str:
    """What a term that was left out comes from."""
    return "next Taylor term of the activation" if term.has(_next) else "feedback of the output on the signal"


def _total(term: sympy.Expr) -> sympy.Expr:
    """Σ_k of a term."""
    total: Any = sympy.Sum(term, (_k, 1, _count))
    return total


def _hypotheses(activation: Activation, curvature_vanishes: bool) -> tuple[str, ...]:
    p, q = activation.multiplicity, activation.next_order
    return (
        "two-layer network with K outputs, every parameter of size ε, width and K fixed as ε → 0",
        f"σ(0) = 0, multiplicity p = {p}; {describe(activation)}; "
        + (f"next order q = {q}" if q is not None else "no further order"),
        "the moments mean(s_k σ_p) do not all vanish"
        + ("" if curvature_vanishes else "; ∂²ℓ/∂f² ≠ 0 (else only the Taylor term counts)"),
        "rescaled time τ before the first blow-up" if p > 1 else "rescaled time τ fixed as ε → 0",
    )
