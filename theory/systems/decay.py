"""Theorem: weight decay rescales the leading-order flow, in size and in time.

Setting.     Gradient flow with weight decay, θ' = -∇R - λθ, of a two-layer network with σ(0) = 0.
Hypotheses.  Those of the system without decay (theory.systems.smooth, .one_sided or .outputs), whose right-hand side F
             is homogeneous of degree p; λ = λ̂ ε^{p-1}, so that decay and growth compete at t = τ ε^{1-p}.
Statement.   θ(t) = e^{-λt} θ̃(t̃), with θ̃' = F(θ̃) the flow without decay from the same start and
                 t̃ = (1 - e^{-(p-1)λt})/((p-1)λ)   (t̃ = t for p = 1).
             Every orientation is that without decay at the time t̃.  p = 1: amplitudes are multiplied by e^{-λt}, nothing
             else changes.  p >= 2: t̃ never exceeds 1/((p-1)λ), so a neuron that would blow up at t* does so if and only
             if (p-1)λt* < 1, at t = -ln(1 - (p-1)λt*)/((p-1)λ); otherwise it dies along its orientation.
             (r² - p a²) e^{2λt} is constant, and the order of accuracy is that without decay.
Limits.      At a fixed λ and p >= 2 decay (ε) beats growth (ε^p) as ε → 0, and every neuron dies.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.systems import LeadingSystem
from theory.systems.one_sided import one_sided_system
from theory.systems.powers import EPS, R, equation, lowest, relative_error
from theory.systems.smooth import smooth_system

if TYPE_CHECKING:
    from theory.formula.activation import Activation

_t, _K, _star = sympy.symbols("t K t_blow", real=True)
_decay, _time = sympy.Symbol("λ", positive=True), sympy.Symbol("t", positive=True)
_a, _z, _hat = sympy.symbols("a z λ̂", real=True)


def decay_system(activation: Activation, base: LeadingSystem | None = None) -> LeadingSystem:
    """Derive the leading-order system with weight decay λ from the one without.

    `base` defaults to the smooth or one-sided system of the activation.  Raises TheoryError where that one does, and
    for a base at another time scale than t = τ ε^{1-p} (σ(0) ≠ 0), to which the theorem does not apply.
    """
    if base is None:
        base = smooth_system(activation) if activation.is_smooth else one_sided_system(activation)
    order = base.gradient_orders["a"]
    if set(base.gradient_orders.values()) != {order} or base.time_exponent != 1 - order:
        raise TheoryError(
            f"{base.title}: its groups of parameters do not share one degree, so decay is no change of time; accepted: "
            "a system with σ(0) = 0"
        )
    # Step 1. Decay counts as ε^p, as the growth does: without it the relative error would be O(1).
    if relative_error(lowest(_hat * EPS ** (order - 1) * EPS * _a), base.time_exponent) != 0:
        raise AssertionError("decay must be a leading term at this time scale")

    # Step 2. With θ = e^{-λt} θ̃ a product of `order` parameters gains e^{-order λ t}; the decay itself cancels, so
    #         θ̃' = e^{λt} e^{-order λt} F(θ̃): a clock t̃ that slows down, and stops at 1/((p-1)λ).
    shrink = sympy.exp(-_decay * _time)
    product = _a * _z ** (order - 1)
    scaled = product.subs({_a: shrink * _a, _z: shrink * _z}, simultaneous=True)
    clock = sympy.powsimp(sympy.simplify(scaled / product / shrink))
    inner = sympy.simplify(sympy.integrate(clock, (_time, 0, _time)))

    # Step 3. What is conserved without decay shrinks as the square of a parameter.
    conserved = base.invariants[0].rhs
    invariants = (equation(_K, conserved * sympy.exp(2 * _decay * _t)),)
    blow_up = () if order == 1 else (equation(sympy.Symbol("t_decayed"), blow_up_time(order)),)
    return replace(
        base,
        title=base.title.replace("Leading-order flow", "Leading-order flow with weight decay λ"),
        hypotheses=(*base.hypotheses, f"weight decay λ = λ̂ ε^{order - 1}"),
        equations=tuple(_decayed(eq) for eq in base.equations),
        # Decay is radial: it shortens w and leaves u alone.
        polar=tuple(_decayed(eq) if eq.lhs.args[0] == R else eq for eq in base.polar),
        orientation=(),
        invariants=invariants,
        potential=None,
        definitions=(*base.definitions, equation(sympy.Symbol("t̃"), inner.subs(_time, _t)), *blow_up),
        source=base.source + "; decay: condense",
    )


def blow_up_time(order: int) -> sympy.Expr:
    """The time t at which t̃(t) = t*, in the symbols t_blow = t* and λ: solved, not typed in."""
    grown = sympy.Symbol("E", positive=True)  # e^{-(p-1)λt}
    rate = (order - 1) * _decay
    (found,) = sympy.solve(sympy.Eq((1 - grown) / rate, _star), grown)
    return -sympy.log(found) / rate


def _decayed(eq: sympy.Eq) -> sympy.Eq:
    lhs: Any = eq.lhs
    return equation(lhs, eq.rhs - _decay * lhs.args[0])


def undecayed_time(order: int, decay: float, time: np.ndarray | float) -> np.ndarray | float:
    """t̃, the time at which the flow without decay has the same orientations; any shape."""
    rate = (order - 1) * decay
    return time if rate == 0 else -np.expm1(-rate * np.asarray(time, dtype=float)) / rate


def decayed_blow_up(order: int, decay: float, blow_up: np.ndarray | float) -> np.ndarray:
    """The blow-up times with weight decay from those without, of any shape; inf where decay wins.

    λ may be negative (weight growth).  Source: t̃(t) = t*, inverted.
    """
    blow_up, rate = np.asarray(blow_up, dtype=float), (order - 1) * decay
    if rate == 0:
        return blow_up
    reached = np.isfinite(blow_up) & (rate * blow_up < 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        later = -np.log1p(-rate * np.where(reached, blow_up, 0.0)) / rate
    return np.where(reached, later, np.inf)


@dataclass(frozen=True)
class DecayField:
    """The field `base` (a, w) -> (a', w') with weight decay `decay` in 1/time: base - λ(a, w).

    `base` is SmoothField, OneSidedField or OutputsField, homogeneous of degree `order`.
    """

    base: Any
    decay: float
    order: int

    @classmethod
    def of(cls, base: Any, decay: float) -> DecayField:
        """The base field with decay; its degree is that of its form or tensor."""
        order = (
            base.form.order
            if hasattr(base, "form")
            else base.order
            if hasattr(base, "order")
            else base.tensor.order
        )
        return cls(base, float(decay), int(order))

    def __call__(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a_dot, w_dot = self.base(a, w)
        return a_dot - self.decay * a, w_dot - self.decay * w

    def potential(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """H - λ(‖a‖² + ‖w‖²)/2 of each neuron, shape (N,): its gradient is the field."""
        size = np.sum((a * a).reshape(len(w), -1), axis=1) + np.sum(w * w, axis=1)
        return self.base.potential(a, w) - 0.5 * self.decay * size

    def invariant(self, a: np.ndarray, w: np.ndarray, time: float) -> np.ndarray:
        """(‖w‖² - p ‖a‖²) e^{2λt} of each neuron at gradient-flow time t, shape (N,): constant."""
        return self.base.invariant(a, w) * np.exp(2 * self.decay * time)

    def undecayed(self, a: np.ndarray, w: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray, float]:
        """θ̃ = e^{λt} θ and t̃: where the flow without decay is, and when."""
        grown = np.exp(self.decay * time)
        return grown * a, grown * w, float(undecayed_time(self.order, self.decay, time))
