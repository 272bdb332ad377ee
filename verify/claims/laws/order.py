r"""L.order: the order of accuracy of the leading flow is k = min(q - p, p + 1).

Setting.     σ(z) = c z^p + c' z^q + ..., gradient flow from scale ε, at a fixed rescaled time.
Hypotheses.  T_p ≠ 0, T_q ≠ 0 along the path, ∂²ℓ/∂f² ≠ 0, width fixed.
Statement.   The relative distance of the full flow to the leading flow is A₁ ε^{q-p} + A₂ ε^{p+1} to first order.
Steps.       1. The next Taylor term is smaller than the leading one by z^{q-p} = O(ε^{q-p}).
             2. The output f = O(ε^{p+1}) changes the signal by as much: the feedback.
             3. Measure: distances over decades of ε, window and interval as in verify.order.result.
Limits.      A monomial has no next term: k = p + 1.
Source.      condense.

L.leading: small weights follow the leading-order flow, neuron by neuron, amplitude, sign and time included.

Setting.     f(x) = Σ_j a_j σ(w_j·x), σ(z) = c z^p + c' z^q + ..., gradient flow from scale ε, s the signal at f = 0.
Hypotheses.  σ smooth, σ(0) = 0, T = mean(s x^{⊗p}) ≠ 0, rescaled time before the first blow-up.
Statement.   At t = τ ε^{1-p} every parameter is that of a' = c T w^p, w' = p c a T w^{p-1} from the same start, up to a
             relative error that falls as a positive power of ε: min(q - p, p + 1).
Steps.       1. Integrate the full gradient flow at scales over decades; it knows σ, x and y, and no p, c, T or signal.
             2. Integrate the leading flow with the law's p, c and s.
             3. Their distance must fall with the derived exponent: a law with a wrong part stays a fixed distance away.
Limits.      What the exponent depends on is the matter of L.order.
Source.      Zhou et al. 2022 for w at constant a; the system with a: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.data import load
from theory import SmoothPrediction, predict
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check, sigma_of
from verify.order import TOLERANCE, measure_order
from verify.order.result import OrderResult
from verify.verdict import Check

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
    assert isinstance(prediction, SmoothPrediction)  # the activations are
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


Law = Callable[[SmoothPrediction], SmoothPrediction]
CASES = (
    ("line", "tanh", "half-mse"),
    ("line", "x*tanh(x)", "mse"),
    ("line", "x**2*tanh(x)", "half-mse"),
    ("sine5", "silu", "half-mse"),
)


def derived(prediction: SmoothPrediction) -> SmoothPrediction:
    """The law: p, c, T and the signal as theory derives them."""
    return prediction


def _follows(law: Law, run: Run) -> Outcome:
    checks = []
    for data, name, loss in CASES[: run.pick(3, 4)]:
        loaded, sigma = load(data), sigma_of(name)
        prediction = predict(loaded.x, loaded.y, name, loss_function=loss, max_paths=1)
        assert isinstance(prediction, SmoothPrediction)  # the cases are
        found = measure_order(law(prediction), sigma.value, sigma.derivative, seed=run.seed)
        checks.append(
            Check(
                name=f"exponent of the distance between full and leading flow: {name} on {data}, {loss}",
                predicted=found.predicted,
                observed=found.slope.value if found.slope.resolved else None,
                tolerance=TOLERANCE,
                verdict=found.verdict,
                why=found.why,
                details={"epsilons": found.epsilons, "errors": found.errors},
            )
        )
    last = checks[0].details["errors"][-1]
    return Outcome(f"relative distance down to {last:.1e}, falling as derived", tuple(checks))


def _lower_order(prediction: SmoothPrediction) -> SmoothPrediction:
    # The other way would ask the full flow for times at which it has long blown up.
    return prediction.changed(order=max(prediction.driving_order - 1, 1))


LEADING = Claim(
    id="L.leading",
    title="small weights follow the leading-order flow",
    statement=r"t = \tau\varepsilon^{1-p}:\ \|\theta - \theta_{\text{lead}}\| / \|\theta\| = O(\varepsilon^{k}),\ k > 0,"
    r"\quad \dot a = c\,T w^p,\ \dot w = p c\,a\,T w^{p-1}",
    hypotheses=("σ smooth, σ(0) = 0, one output", "T_p ≠ 0", "rescaled time fixed, before blow-up"),
    source="Zhou et al. 2022 (w at constant a); condense",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=derived,
    validate=_follows,
    mutants={
        "coefficient one per cent larger": lambda f: f.changed(coefficient=1.01 * f.coefficient),
        "σ^(p)(0) without 1/p! times two": lambda f: f.changed(coefficient=2 * f.coefficient),
        "sign": lambda f: f.changed(coefficient=-f.coefficient),
        "order p - 1": _lower_order,
        "signal of the other squared loss": lambda f: f.changed(signal=2 * f.signal),
        "signal less its mean": lambda f: f.changed(signal=f.signal - f.signal.mean()),
    },
)
