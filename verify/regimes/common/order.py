"""Is the leading-order system as accurate as theory says?

The distance is the sum of the neglected terms, A_i ε^{k_i}.  Its smallest exponent rules as ε → 0; at the scales that are
measured a term with a small A_i, whose moment nearly vanishes on the data, may still lie below one of higher order.
"""

from __future__ import annotations

from collections.abc import Mapping

from theory import SmoothPrediction
from theory.beyond.order import competing, steepest
from verify.order import TOLERANCE, OrderResult
from verify.order.smooth import drawn
from verify.verdict import Check, Verdict


def order_check(
    result: OrderResult, terms: Mapping[str, int] | None = None, sizes: Mapping[int, float] | None = None
) -> Check:
    """The measured exponent of the distance between full and leading-order flow against the derived one.

    `terms` are the neglected terms with their exponents, where the system lists them; `sizes` how large the terms of each
    exponent are at ε = 1, relative to that of the predicted one (`competing_sizes`).
    """
    listed = ", ".join(f"ε^{k} {name}" for name, k in (terms or {}).items())
    why, verdict = result.why, result.verdict
    expected = steepest(result.predicted, sizes or {}, result.slope.window[1])
    mixed = result.predicted - TOLERANCE <= result.slope.value <= expected + TOLERANCE
    if verdict is Verdict.REFUTED and expected > result.predicted + TOLERANCE and mixed:
        verdict = Verdict.INCONCLUSIVE
        why += (
            f"; on these data the term of order {result.predicted} is so small that terms of higher order may make the "
            f"slope up to {expected:.2f} at these scales: data whose moments are further from 0 would decide"
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
            "steepest_expected": expected,
            "notes": list(result.notes),
        },
    )


def competing_sizes(prediction: SmoothPrediction, tau: float, seed: int) -> dict[int, float]:
    """`theory.beyond.order.competing` on the neurons on which the order of accuracy is measured."""
    a, w = drawn(prediction.x.shape[1], seed)
    return competing(prediction.leading, prediction.order, a, w, tau)
