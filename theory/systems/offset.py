"""Theorem: the offset system, for a two-layer network with σ(0) = s0 ≠ 0 (sigmoid, softplus, Gaussian).

Setting.     f(x) = Σ_j a_j σ(w_j·x), R = mean ℓ(f(x_i), y_i), gradient flow θ' = -∇R, every parameter of size ε.
Hypotheses.  σ(z) = s0 + σ_p(z) + c' z^q + ..., s0 ≠ 0, σ_p = c z^p (or one-sided: c₊ z^p and c₋ (-z)^p), q > p; the
             signal is Lipschitz at zero output; the width is fixed as ε → 0.
Statement.   At t = τ ε the flow is, up to a relative error O(ε^q), that of
                 a' = s0 mean(s) + mean(s σ_p(z)),   w' = a mean(s σ_p'(z) x),
             s the signal at f = s0 Σ_j a_j + Σ_j a_j σ_p(z_j): the output couples the neurons.  With r = ‖w‖,
             (r² - p a²)' = -2 p s0 a mean(s), and nothing is conserved while the mean is being fitted.
Weaker.      Leaving out the feedback of Σ a σ_p(z) on the signal costs O(ε^{p+1}); leaving out mean(s σ_p(z)) in a' as
             well O(ε^p); freezing the signal at f = 0 O(ε).  The system of σ(0) = 0 has a' wrong at leading order.
Limits.      Where mean(s) = 0 at f = 0 the mean is fitted already and nothing moves by its own size at this time scale.
             For a σ that is s0 + σ_p exactly (1 + z²) the full system is the network itself: no error to speak of.
Source.      condense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from theory.errors import TheoryError
from theory.fields.offset import OffsetVariant
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
    lowest,
    note,
    orders_of_error,
    rate,
)

if TYPE_CHECKING:
    from theory.formula.activation import Activation

_t = sympy.Symbol("t", real=True)
_a, _kappa, _f = sympy.symbols("a κ f", real=True)
_S, _A, _B, _C, _next = sympy.symbols("S A B C c'", real=True)
_w = sympy.Symbol("w")
_s = sympy.Function("s", real=True)(_f)

TIME_EXPONENT = 1  # a' is of order 1, so a parameter of size ε has moved by its own size at t = τ ε


def offset_system(activation: Activation, *, variant: OffsetVariant = OffsetVariant.FULL) -> LeadingSystem:
    """Derive the offset system of a two-layer network with σ(0) ≠ 0, or a weaker variant with its lower order.

    Raises TheoryError for σ(0) = 0, for a variant that keeps everything (no order of error), and for NAIVE, which is
    wrong at leading order and has no order of accuracy.
    """
    if activation.value_at_zero == 0:
        raise TheoryError(
            f"activation {activation.text!r} has σ(0) = 0: the offset system is for σ(0) ≠ 0, as sigmoid has; "
            "accepted here: sigmoid, softplus, gaussian, 1 + z**2, ..."
        )
    s0, p, q = activation.value_at_zero, activation.multiplicity, activation.next_order

    # Step 1. Every parameter is ε times itself.  By homogeneity σ_p(εz) = ε^p σ_p(z), whatever its two sides.  The
    #         output is f = ε (s0 A + ε^p B + ε^q c' C) with A = Σ a, B = Σ a σ_p(z), C = Σ a z^q.
    bent, slope = BENT(Z), SLOPE(Z)
    next_value = 0 if q is None else _next * EPS**q * Z**q
    next_slope = 0 if q is None else _next * EPS ** (q - 1) * q * Z ** (q - 1)
    output = EPS * (s0 * _A + EPS**p * _B + (0 if q is None else EPS**q * _next * _C))

    # Step 2. The signal is that at the kept output, S, plus -κ times what was left out; the parts of a' and w' that
    #         were left out stand beside the kept ones.
    kept_output = {
        OffsetVariant.FULL: EPS * (s0 * _A + EPS**p * _B),
        OffsetVariant.NO_FEEDBACK: EPS * s0 * _A,
        OffsetVariant.MEAN_ONLY: EPS * s0 * _A,
        OffsetVariant.FROZEN: sympy.Integer(0),
        OffsetVariant.NAIVE: sympy.Integer(0),
    }[variant]
    signal = _S - _kappa * sympy.expand(output - kept_output)
    true_a = sympy.expand(signal * (s0 + EPS**p * bent + next_value))
    true_w = sympy.expand(signal * EPS * _a * (EPS ** (p - 1) * slope + next_slope))
    constant = 0 if variant is OffsetVariant.NAIVE else s0
    kept_a = _S * (constant + (0 if variant is OffsetVariant.MEAN_ONLY else EPS**p * bent))
    kept_w = _S * EPS**p * _a * slope

    # Step 3. The leading power of each group, and at t = τ ε the relative error of every term left out.
    order_a, order_w = lowest(true_a), lowest(true_w)
    if lowest(kept_a) != order_a:
        raise TheoryError(
            f"activation {activation.text!r} has σ(0) = {s0} ≠ 0: {variant.value} is wrong at leading order, so it has "
            "no order of accuracy; accepted: any other variant"
        )
    terms: dict[str, int] = {}
    for kept, true in ((kept_a, true_a), (kept_w, true_w)):
        for source, error in orders_of_error(true, kept, TIME_EXPONENT, _origin).items():
            note(terms, source, error)
    if not terms:
        raise TheoryError(
            f"σ = {activation.text} is its constant and one power near 0: the full offset system is the network "
            "itself, there is no order of error; accepted: a σ with a further term, or a weaker variant"
        )

    # Step 4. In words and averages; amplitude and orientation by the chain rule, and the balance with Euler's identity
    #         w·σ_p'(z) x = z σ_p'(z) = p σ_p(z): (r² - p a²)' = 2 p a (mean(s σ_p) - a'), which leaves the constant.
    bent_z, slope_z = form_and_slope(activation)
    explicit = {bent: bent_z, slope: slope_z}
    a_dot = average((kept_a / _S).subs(EPS, 1).subs(explicit) * _s, _f, Z, X)
    w_dot = average((kept_w / _S).subs(EPS, 1).subs(explicit) * _s * X, _f, Z, X)
    value = average(bent_z.subs(Z, ZETA) * _s, _f, ZETA, X)
    push = average(slope_z.subs(Z, ZETA) * _s * X, _f, ZETA, X)
    r_dot = p * _a * R ** (p - 1) * value
    u_dot = _a * R ** (p - 2) * (push - p * value * U)
    balance = average(2 * p * _a * _s * (bent - (kept_a / _S).subs(EPS, 1)), _f, Z, X)

    return LeadingSystem(
        title=f"Offset system of a two-layer network with σ = {activation.text}: {variant.value}",
        hypotheses=_hypotheses(activation),
        equations=(rate(_a, _t, a_dot), rate(_w, _t, w_dot)),
        polar=(rate(R, _t, r_dot), rate(U, _t, u_dot), rate(R**2 - p * _a**2, _t, balance)),
        orientation=(),
        invariants=(),
        potential=None,
        definitions=(
            *definitions(activation),
            equation(_f, _output(kept_output, s0)),
        ),
        gradient_orders={"a": order_a, "w": order_w},
        time_exponent=TIME_EXPONENT,
        order=min(terms.values()),
        order_terms=terms,
        source="condense",
    )


def _origin(term: sympy.Expr) -> str:
    """What a term that was left out comes from."""
    if term.has(_next):
        return "next Taylor term of the activation"
    return "feedback of the output on the signal" if term.has(_kappa) else "σ_p left out of a'"


def _output(kept: sympy.Expr, s0: sympy.Expr) -> sympy.Expr:
    """The output at which the signal is taken, with its sums over the neurons."""
    j, m = sympy.symbols("j m", integer=True, positive=True)
    a: Any = sympy.IndexedBase("a")
    z: Any = sympy.IndexedBase("z")
    kept = sympy.expand(kept).subs(EPS, 1)
    total: Any = sympy.Integer(0)
    if kept.has(_A):
        total += s0 * sympy.Sum(a[j], (j, 1, m))
    if kept.has(_B):
        total += sympy.Sum(a[j] * BENT(z[j]), (j, 1, m))
    return total


def _hypotheses(activation: Activation) -> tuple[str, ...]:
    s0, p, q = activation.value_at_zero, activation.multiplicity, activation.next_order
    return (
        "two-layer network, every parameter of size ε, width fixed as ε → 0",
        f"σ(0) = {s0} ≠ 0, multiplicity p = {p}; {describe(activation)}; "
        + (f"next order q = {q}" if q is not None else "no further order"),
        "the signal s(f) is Lipschitz at f = 0",
        "time t = τ ε with τ fixed: the output is still of size ε",
    )
