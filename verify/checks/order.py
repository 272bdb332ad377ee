"""Is the leading-order flow as accurate as theory says?"""

from __future__ import annotations

from verify.evidence import SmoothEvidence
from verify.order import TOLERANCE, OrderResult
from verify.verdict import Check


def order(evidence: SmoothEvidence, result: OrderResult) -> list[Check]:
    """The measured exponent of the distance between full and leading-order flow against the derived one."""
    terms = ", ".join(f"ε^{k} {name}" for name, k in evidence.prediction.system.order_terms.items())
    return [
        Check(
            name="order of accuracy of the leading-order flow",
            predicted=result.predicted,
            observed=result.slope.value,
            tolerance=TOLERANCE,
            verdict=result.verdict,
            why=f"{result.why}; competing terms: {terms}",
            details={
                "interval": [result.slope.low, result.slope.high],
                "epsilons": result.epsilons,
                "errors": result.errors,
                "floor": result.floor,
            },
        )
    ]
