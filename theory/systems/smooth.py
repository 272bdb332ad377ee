"""Theorem: the leading-order flow of a smooth two-layer network with σ(0) = 0.

Setting.     f(x) = Σ_j a_j σ(w_j·x), R = mean ℓ(f(x_i), y_i), gradient flow θ' = -∇R, every parameter of size ε.
Hypotheses.  σ(z) = c z^p + c' z^q + ..., p ≥ 1, c ≠ 0, q > p; the moment tensor T = mean(s x^{⊗p}) does not vanish,
             s_i = -∂ℓ/∂f at f = 0; the width is fixed; time before blow-up.
Statement.   At time t = τ ε^{1-p} the flow is, up to a relative error O(ε^k) with k = min(q - p, p + 1), that of
             a' = c T w^p,  w' = p c a T w^{p-1}: gradient ascent of H = c a T w^p, neuron by neuron.  With w = r u the
             orientation u follows u' = p c a r^{p-2} (T u^{p-1} - P(u) u), P(u) = T u^p, and K = r² - p a² is constant.
Extension.   If the moments of order p vanish, the first order m with c_m T_m ≠ 0 takes the place of p as long as the
             feedback, of relative size ε^{2p+1-m}, stays smaller: m ≤ 2p.  At m = 2p + 1 and above the output couples
             the neurons at leading order (tanh on XOR data with bias: p = 1, m = 3) and the theorem does not apply.
Limits.      T_q = 0 along the path or ∂²ℓ/∂f² = 0 can raise k.
Source.      Zhou et al., NeurIPS 2022 (arXiv 2105.11686) for w at constant a; the equation of a, the invariant and the
             order of the error are condense's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy

from theory.errors import TheoryError
from theory.systems import LeadingSystem, Mean
from theory.systems.powers import average, equation, rate

if TYPE_CHECKING:
    from theory.formula.activation import Activation

_eps = sympy.Symbol("ε", positive=True)
_t, _lam = sympy.symbols("t λ", real=True)
_a, _z, _s, _zeta, _K, _kappa = sympy.symbols("a z s ζ K κ", real=True)
_r = sympy.Symbol("r", positive=True)
# Vectors enter linearly and once in each product, so commutative symbols represent them faithfully.
_w, _x, _u, _sign = sympy.symbols("w x u ς")


def smooth_system(
    activation: Activation, *, order: int | None = None, curvature_vanishes: bool = False
) -> LeadingSystem:
    """Derive the leading-order system of a two-layer network with a smooth activation.

    `order` is the first order m ≥ p whose moments do not vanish (default p).  `curvature_vanishes` says that
    ∂²ℓ/∂f² = 0, in which case the output has no feedback on the signal.  Raises TheoryError for σ(0) ≠ 0, for
    activations that are not smooth at 0, and where the output couples the neurons at leading order.
    """
    _require_smooth(activation)
    p = activation.multiplicity
    m = p if order is None else order
    c, q, c_next = _leading_terms(activation, m)

    # Step 1. Per sample and neuron, -∂R/∂a = mean(s(f) σ(z)) and -∂R/∂w = mean(s(f) a σ'(z) x) with z = w·x.
    # Step 2. Put every parameter to ε times itself.  Orders below m have no moment; in the output they are alive, so
    #         s(f) = s - κ f with f = ε a σ_p(εz), and the lowest order p of σ carries the feedback.
    z = _eps * _z
    moments = c * z**m + c_next * z**q
    slopes = m * c * z ** (m - 1) + q * c_next * z ** (q - 1)
    lowest = sympy.sympify(activation.leading_coefficient) * z**p
    feedback = sympy.Integer(0) if curvature_vanishes else _kappa * _eps * _a * lowest
    growth_a = sympy.Poly(sympy.expand(_s * moments - feedback * lowest), _eps)
    growth_w = sympy.Poly(sympy.expand(_eps * _a * (_s * slopes - feedback * lowest * p / z)), _eps)

    # Step 3. The lowest power of ε is the leading gradient, the distance to the others its relative errors.
    order_a, order_w = _lowest_with(growth_a, _s), _lowest_with(growth_w, _s)
    lead_a, lead_w = growth_a.coeff_monomial(_eps**order_a), growth_w.coeff_monomial(_eps**order_w)
    terms: dict[str, int] = {}
    if c_next != 0:
        terms["next Taylor term of the activation"] = _lowest_with(growth_a, c_next) - order_a
    if not curvature_vanishes:
        terms["feedback of the output on the signal"] = _lowest_with(growth_a, _kappa) - order_a
    if not terms:
        raise TheoryError(
            f"σ = {activation.text} with a loss linear in f: the leading-order flow is exact, there is no order of error"
        )
    if min(terms.values()) <= 0:
        raise TheoryError(
            f"σ = {activation.text} has multiplicity {p} but the first non-zero moments are of order {m} > 2p: the "
            "output couples the neurons at leading order; use an activation or data with non-zero moments of order <= 2p"
        )

    # Step 4. Average over the data; z = r ζ with ζ = u·x gives amplitude and orientation by the chain rule,
    #         r' = u·w' and u' = (w' - (u·w') u)/r.
    value, slope_x = Mean(_s * _zeta**m), Mean(_s * _zeta ** (m - 1) * _x)
    push = sympy.cancel(lead_w.subs(_z, _r * _zeta) / (_s * _zeta ** (m - 1)))
    r_dot = push * value
    u_dot = push / _r * (slope_x - value * _u)

    # Step 5. dλ = |a| r^{p-2} dt makes the orientation autonomous, whatever amplitude and time do; ς = sign(a).
    clock = _a * _r ** (m - 2) / _sign
    u_lam = sympy.cancel(push / _r / clock) * (slope_x - value * _u)
    log_r_lam = sympy.cancel(push / _r / clock) * value

    # Step 6. K = r² - p a² has K' = 2 r r' - 2 p a a' = 0; checked, not assumed.
    a_dot_polar = sympy.cancel(lead_a.subs(_z, _r * _zeta) / (_s * _zeta**m)) * value
    if sympy.expand(2 * _r * r_dot - 2 * m * _a * a_dot_polar) != 0:
        raise AssertionError("the balance r² - p a² must be conserved by the leading-order flow")

    return LeadingSystem(
        title=f"Leading-order flow of a two-layer network with σ = {activation.text}",
        hypotheses=_hypotheses(activation, m, c, q if c_next != 0 else None, curvature_vanishes),
        equations=(
            rate(_a, _t, average(lead_a, _s, _x, _z, _zeta)),
            rate(_w, _t, average(lead_w * _x, _s, _x, _z, _zeta)),
        ),
        polar=(rate(_r, _t, r_dot), rate(_u, _t, u_dot)),
        orientation=(rate(_u, _lam, u_lam), rate(sympy.log(_r), _lam, log_r_lam)),
        invariants=(equation(_K, _r**2 - m * _a**2),),
        potential=equation(sympy.Symbol("H"), _a * average(lead_a, _s, _x, _z, _zeta)),
        definitions=(
            equation(_z, _w * _x),
            equation(_zeta, _u * _x),
            equation(_w, _r * _u),
        ),
        gradient_orders={"a": order_a, "w": order_w},
        time_exponent=1 - m,
        order=min(terms.values()),
        order_terms=terms,
        source="Zhou et al., NeurIPS 2022 (arXiv 2105.11686); amplitude, invariant and order: condense",
    )


def _require_smooth(activation: Activation) -> None:
    if activation.value_at_zero != 0:
        raise TheoryError(
            f"activation {activation.text!r} has σ(0) = {activation.value_at_zero}: this theorem needs σ(0) = 0, "
            "as tanh or x*tanh(x) have"
        )
    if not activation.is_smooth:
        raise TheoryError(
            f"activation {activation.text!r} is not smooth at 0: this theorem needs both sides to have the same "
            "Taylor series, as tanh or gelu have"
        )


def _leading_terms(activation: Activation, m: int) -> tuple[sympy.Expr, int, sympy.Expr]:
    """The coefficient of order m, the next order with a non-zero one, and a symbol for that one (0 if none)."""
    if m == activation.multiplicity:
        c, q = sympy.sympify(activation.leading_coefficient), activation.next_order
    else:
        # Orders of analytic activations have gaps of one or two; 8 covers the compositions that users write.
        taylor = activation.taylor(m + 8)
        c = sympy.sympify(taylor[m])
        q = next((k for k in range(m + 1, m + 9) if taylor[k] != 0), None)
    if c == 0:
        raise TheoryError(f"activation {activation.text!r} has no term of order {m}")
    return c, q if q is not None else m + 1, sympy.Symbol("c'") if q is not None else sympy.Integer(0)


def _hypotheses(
    activation: Activation, m: int, c: sympy.Expr, q: int | None, curvature_vanishes: bool
) -> tuple[str, ...]:
    p = activation.multiplicity
    nonzero = f"T = mean(s x^{{⊗{m}}}) ≠ 0"
    if m != p:
        nonzero += f", and the moments of the lower orders {p}..{m - 1} of σ vanish"
    if q is not None:
        nonzero += f"; T_{q} ≠ 0 along the path (else the next order)"
    if not curvature_vanishes:
        nonzero += "; ∂²ℓ/∂f² ≠ 0 (else only the Taylor term counts)"
    return (
        "two-layer network, every parameter of size ε, width fixed as ε → 0",
        f"σ smooth, σ(0) = 0, multiplicity p = {p}; leading coefficient c = {c} at order {m}, "
        + (f"next order q = {q}" if q is not None else "no further order"),
        nonzero,
        "rescaled time τ before the first blow-up" if m > 1 else "rescaled time τ fixed as ε → 0",
    )


def _lowest_with(poly: sympy.Poly, symbol: sympy.Expr) -> int:
    """The lowest power of ε whose coefficient contains the symbol."""
    return min(int(exponent) for (exponent,), coefficient in poly.terms() if coefficient.has(symbol))
