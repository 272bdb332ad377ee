"""Is the leading-order system as accurate as theory says?"""

from __future__ import annotations

from collections.abc import Mapping

from verify.order import TOLERANCE, OrderResult
from verify.verdict import Check


def order_check(result: OrderResult, terms: Mapping[str, int] | None = None) -> Check:
    """The measured exponent of the distance between full and leading-order flow against the derived one.

    `terms` are the neglected terms with their exponents, where the system lists them.
    """
    listed = ", ".join(f"ε^{k} {name}" for name, k in (terms or {}).items())
    return Check(
        name="order of accuracy of the leading-order flow",
        predicted=result.predicted,
        observed=result.slope.value,
        tolerance=TOLERANCE,
        verdict=result.verdict,
        why=result.why + (f"; competing terms: {listed}" if listed else ""),
        details={
            "interval": [result.slope.low, result.slope.high],
            "epsilons": result.epsilons,
            "errors": result.errors,
            "floor": result.floor,
            "notes": list(result.notes),
        },
    )
