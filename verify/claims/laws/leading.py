r"""L.leading: small weights follow the leading-order flow, neuron by neuron, amplitude, sign and time included.

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

from numerics.data.datasets import load
from theory import SmoothPrediction, predict
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import sigma_of
from verify.order import TOLERANCE, measure_order
from verify.report.verdict import Check

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
        prediction = law(predict(loaded.x, loaded.y, name, loss_function=loss, max_paths=1))
        found = measure_order(prediction, sigma.value, sigma.derivative, seed=run.seed)
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
