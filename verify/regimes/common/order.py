"""Is the leading-order system as accurate as theory says?

The distance is the sum of the neglected terms, A_i ε^{k_i}.  Its smallest exponent rules as ε → 0; at the scales that are
measured a term with a small A_i, whose moment nearly vanishes on the data, may still lie below one of higher order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from theory import SmoothPrediction, neurons_at
from theory.beyond.terms import neglected
from verify.order import TOLERANCE, OrderResult
from verify.report.verdict import Check, Verdict

NEURONS = 8  # as many as `verify.order.smooth.measure_order` follows


def order_check(
    result: OrderResult, terms: Mapping[str, int] | None = None, sizes: Mapping[int, float] | None = None
) -> Check:
    """The measured exponent of the distance between full and leading-order flow against the derived one.

    `terms` are the neglected terms with their exponents, where the system lists them; `sizes` how large the terms of each
    exponent are at ε = 1, relative to that of the predicted one (`competing_sizes`).
    """
    listed = ", ".join(f"ε^{k} {name}" for name, k in (terms or {}).items())
    why, verdict = result.why, result.verdict
    steepest = steepest_slope(result, sizes or {})
    mixed = result.predicted - TOLERANCE <= result.slope.value <= steepest + TOLERANCE
    if verdict is Verdict.REFUTED and steepest > result.predicted + TOLERANCE and mixed:
        verdict = Verdict.INCONCLUSIVE
        why += (
            f"; on these data the term of order {result.predicted} is so small that terms of higher order may make the "
            f"slope up to {steepest:.2f} at these scales: data whose moments are further from 0 would decide"
        )
    return Check(
        name="order of accuracy of the leading-order flow",
        predicted=result.predicted,
        observed=result.slope.value,
        tolerance=TOLERANCE,
        verdict=verdict,
        why=why + (f"; competing terms: {listed}" if listed else ""),
        details={
            "interval": [result.slope.low, result.slope.high],
            "epsilons": result.epsilons,
            "errors": result.errors,
            "floor": result.floor,
            "steepest_expected": steepest,
            "notes": list(result.notes),
        },
    )


def steepest_slope(result: OrderResult, sizes: Mapping[int, float]) -> float:
    """The largest local slope that the sum of the terms can have at the top of the window: k + Σ (k_i - k) share_i."""
    exponents = np.array([k for k in sizes if k > result.predicted], dtype=float)
    top = result.slope.window[1]
    if not len(exponents) or not np.isfinite(top):
        return float(result.predicted)
    excess = exponents - result.predicted
    weights = np.array([sizes[int(k)] for k in exponents]) * top**excess
    return float(result.predicted + np.sum(excess * weights) / (1 + np.sum(weights)))


def competing_sizes(prediction: SmoothPrediction, tau: float, seed: int) -> dict[int, float]:
    """How large the terms of each exponent are at ε = 1 relative to that of the predicted one, on neurons drawn as those of
    the measurement: at the start or at τ, whichever is larger."""
    a, w = _drawn(prediction, seed)
    if prediction.driving_order == 1:
        later = prediction.linear.at(tau, a, w)
    else:
        at = neurons_at(prediction.field, a, w, tau)
        later = at.a, at.w
    largest: dict[int, float] = {}
    for state in ((a, w), later):
        found: dict[int, float] = {}
        for term in neglected(prediction.leading, *state):
            found[term.exponent] = found.get(term.exponent, 0.0) + term.size
        own = found.get(prediction.system.order, 0.0)
        for exponent, size in found.items():
            if own > 0:
                largest[exponent] = max(largest.get(exponent, 0.0), size / own)
    return largest


def _drawn(prediction: SmoothPrediction, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The neurons of `verify.order.smooth.measure_order`."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, 20210524]))
    a = generator.standard_normal(NEURONS)
    return a, generator.standard_normal((NEURONS, prediction.x.shape[1]))
