r"""L.order: the order of accuracy of the leading flow is k = min(q - p, p + 1).

Setting.     σ(z) = c z^p + c' z^q + ..., gradient flow from scale ε, at a fixed rescaled time.
Hypotheses.  T_p ≠ 0, T_q ≠ 0 along the path, ∂²ℓ/∂f² ≠ 0, width fixed.
Statement.   The relative distance of the full flow to the leading flow is A₁ ε^{q-p} + A₂ ε^{p+1} to first order.
Steps.       1. The next Taylor term is smaller than the leading one by z^{q-p} = O(ε^{q-p}).
             2. The output f = O(ε^{p+1}) changes the signal by as much: the feedback.
             3. Measure: distances over decades of ε, window and interval as in verify.order.slope.
Limits.      A monomial has no next term: k = p + 1.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.data.datasets import load
from theory import predict
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.slopes import exponent_check
from verify.claims.witness import sigma_of
from verify.order.result import OrderResult
from verify.order.smooth import measure_order

Exponent = Callable[[int, float], float]  # of p and q
# Both terms decide somewhere: silu q - p = 1, tanh both 2, x + x⁵ the feedback although q - p = 4.
ACTIVATIONS = ("tanh", "silu", "x*tanh(x)", "x + x**5", "z**2", "x**2*tanh(x)", "x - 3*x**4", "sin(x)**2")


def order_of_accuracy(p: int, q: float) -> float:
    """The law."""
    return min(q - p, p + 1)


@cache
def _measured(name: str, seed: int) -> tuple[int, float, OrderResult]:
    """p, q and the distances of the two flows on `line`."""
    data, real = load("line"), sigma_of(name)
    prediction = predict(data.x, data.y, name, max_paths=1)
    sigma = prediction.activation
    found = measure_order(prediction, real.value, real.derivative, seed=seed)
    return sigma.multiplicity, np.inf if sigma.next_order is None else sigma.next_order, found


def _orders(law: Exponent, run: Run) -> Outcome:
    checks = []
    for name in ACTIVATIONS[: run.pick(5, None)]:
        p, q, found = _measured(name, run.seed)
        checks.append(
            exponent_check(
                f"order of accuracy: {name}, p = {p}, q = {q:g}",
                law(p, q),
                found.epsilons,
                found.errors,
                found.floor,
                why="full gradient flow against leading flow on line",
            )
        )
    shown = ", ".join(f"{c.observed:.3f}" for c in checks if c.observed is not None)
    return Outcome(f"measured orders {shown}", tuple(checks))


CLAIM = Claim(
    id="L.order",
    title="order of accuracy min(q - p, p + 1)",
    statement=r"\|\theta - \theta_{\text{lead}}\|/\|\theta\| = \Theta(\varepsilon^{\min(q-p,\,p+1)})",
    hypotheses=("σ smooth, σ(0) = 0", "T_p, T_q ≠ 0, ∂²ℓ/∂f² ≠ 0", "rescaled time fixed, before blow-up"),
    source="condense",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=order_of_accuracy,
    validate=_orders,
    mutants={
        "the Taylor term alone": lambda p, q: q - p,
        "the feedback alone": lambda p, q: p + 1,
        "feedback ε^p": lambda p, q: min(q - p, p),
        "the larger of the two": lambda p, q: max(q - p, p + 1),
        "q in place of q - p": lambda p, q: min(q, p + 1),
    },
)
