"""Theorem: the leading-order flow where σ has a power of its own on each side of 0 (ReLU, leaky ReLU, |z|, ReLU², ELU).

Setting.     f(x) = Σ_j a_j σ(w_j·x), R = mean ℓ(f(x_i), y_i), gradient flow θ' = -∇R, every parameter of size ε.
Hypotheses.  σ(0) = 0; σ = c₊ z^p + O(z^{q₊}) for z > 0 and c₋ (-z)^p + O((-z)^{q₋}) for z < 0, not both 0, p an integer
             >= 1.  A side whose first order is higher has c = 0 there and that order for its q.  G does not vanish at
             the neurons, G(w) = mean(s σ_p(w·x)); width fixed; time before blow-up.  p = 1: no neuron slides along a
             kink, that is, w·x_i passes through 0 and does not stay there.
Statement.   At time t = τ ε^{1-p} the flow is, up to a relative error O(ε^k), k = min(q - p, p + 1) with q the smaller
             of those of the sides that data reach, that of
             a' = G(w),  w' = a ∇G(w),  ∇G(w) = mean(s σ_p'(w·x) x): gradient ascent of H = a G(w), neuron by neuron.
             With w = r u: r' = p a r^{p-1} G(u), u' = a r^{p-2} (∇G(u) - p G(u) u); K = r² - p a² is constant.
Steps.       As for the smooth theorem; σ_p(εz) = ε^p σ_p(z) for ε > 0 is all that it uses of z^p.  Where w·x_i passes
             through 0 the field jumps (p = 1) or bends (p >= 2); flows that are δ apart cross at times O(δ) apart, so a
             crossing multiplies δ by a constant and k stays.
Limits.      In an open cone where only sides with c = 0 see data the neuron sleeps at this order (dead for ReLU; for a
             side of higher order it moves later).  Across a kink the speed of w·x_i jumps by a s_i (c₊ + c₋) ‖x_i‖²/n
             (p = 1): a neuron can slide only where that is negative.
Source.      Maennel, Bousquet, Gelly 2018 for ReLU at constant a; the equation of a, the invariant and the order of the
             error are condense's own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import sympy

from theory.systems import LeadingSystem
from theory.systems.powers import (
    BENT,
    EPS,
    SLOPE,
    ZETA,
    R,
    U,
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
    sides,
)

if TYPE_CHECKING:
    from theory.formula.activation import Activation

_t, _lam = sympy.symbols("t λ", real=True)
_a, _s, _K, _kappa, _next, _fed = sympy.symbols("a s K κ c' B", real=True)
_sign = sympy.Symbol("ς")


def one_sided_system(activation: Activation, *, curvature_vanishes: bool = False) -> LeadingSystem:
    """Derive the leading-order system of a two-layer network whose activation has its own power on each side of 0.

    A smooth activation is the special case c₋ = (-1)^p c₊.  `curvature_vanishes` says that ∂²ℓ/∂f² = 0.  Raises
    TheoryError for σ(0) ≠ 0, and where nothing is left out.
    """
    require_zero_at_zero(activation)
    p = activation.multiplicity
    time_exponent = 1 - p

    # Step 1. Every parameter is ε times itself; on each side -∂R/∂a = mean(s(f) σ(z)), -∂R/∂w = mean(s(f) a σ'(z) x),
    #         s(f) = s - κ f with f = ε^{p+1} B, B = Σ a σ_p(z), whose sum reaches both sides.
    signal = _s - (0 if curvature_vanishes else _kappa * EPS ** (p + 1) * _fed)
    bent, slope = BENT(Z), SLOPE(Z)
    terms: dict[str, int] = {}
    for name, _, q in sides(activation):
        further, bending = (
            (0, 0) if q is None else (_next * EPS**q * Z**q, _next * q * EPS ** (q - 1) * Z ** (q - 1))
        )
        true_a = sympy.expand(signal * (EPS**p * bent + further))
        true_w = sympy.expand(signal * EPS * _a * (EPS ** (p - 1) * slope + bending))

        # Step 2. What is left out beside the leading ε^p, relative to θ at t = τ ε^{1-p}; the least over both sides.
        origin = partial(_origin, name)
        for kept, true in ((_s * EPS**p * bent, true_a), (_s * EPS**p * _a * slope, true_w)):
            for source, error in orders_of_error(true, kept, time_exponent, origin).items():
                note(terms, source, error)
    if not terms:
        raise homogeneous(activation)

    # Step 3. Averages, amplitude and orientation by the chain rule; x·u σ_p'(ζ) = ζ σ_p'(ζ) = p σ_p(ζ) (Euler).
    form, derivative = form_and_slope(activation)
    value = average(_s * form.subs(Z, ZETA), _s, ZETA, X)
    push = average(_s * derivative.subs(Z, ZETA) * X, _s, ZETA, X)
    a_dot, w_dot = average(_s * form, _s, Z, X), average(_a * _s * derivative * X, _s, Z, X)
    r_dot = p * _a * R ** (p - 1) * value
    u_dot = _a * R ** (p - 2) * (push - p * value * U)

    # Step 4. dλ = |a| r^{p-2} dt makes the orientation autonomous.  K' = 2 w·w' - 2 p a a' = 2 a mean(s (z σ_p' - p σ_p)),
    #         0 on each side by Euler's identity, which `branches` checks.
    clock = _a * R ** (p - 2) / _sign
    return LeadingSystem(
        title=f"Leading-order flow of a two-layer network with σ = {activation.text}",
        hypotheses=_hypotheses(activation, curvature_vanishes),
        equations=(rate(_a, _t, a_dot), rate(sympy.Symbol("w"), _t, w_dot)),
        polar=(rate(R, _t, r_dot), rate(U, _t, u_dot)),
        orientation=(
            rate(U, _lam, sympy.cancel(_a * R ** (p - 2) / clock) * (push - p * value * U)),
            rate(sympy.log(R), _lam, sympy.cancel(p * _a * R ** (p - 2) / clock) * value),
        ),
        invariants=(equation(_K, R**2 - p * _a**2),),
        potential=equation(sympy.Symbol("H"), _a * a_dot),
        definitions=definitions(activation),
        gradient_orders={"a": p, "w": p},
        time_exponent=time_exponent,
        order=min(terms.values()),
        order_terms=terms,
        source="Maennel, Bousquet, Gelly 2018 for ReLU at constant a; amplitude, invariant and order: condense",
    )


def _origin(side: str, term: sympy.Expr) -> str:
    """What a term that was left out comes from."""
    if term.has(_next):
        return f"next Taylor term of the activation for {side}"
    return "feedback of the output on the signal"


def _hypotheses(activation: Activation, curvature_vanishes: bool) -> tuple[str, ...]:
    p = activation.multiplicity
    further = [f"{q} for {name}" for name, _, q in sides(activation) if q is not None]
    return (
        "two-layer network, every parameter of size ε, width fixed as ε → 0",
        f"σ(0) = 0, multiplicity p = {p}; {describe(activation)}",
        f"next order q = {', '.join(further)}, of the sides that data reach"
        if further
        else "no further order",
        "G = mean(s σ_p) ≠ 0 at the neurons" + ("" if curvature_vanishes else "; ∂²ℓ/∂f² ≠ 0"),
        "rescaled time τ before the first blow-up" if p > 1 else "rescaled time τ fixed as ε → 0",
    )
