"""A predicted exponent against a measured one, as a check."""

from __future__ import annotations

import numpy as np

from verify.order.slope import Slope, power_law
from verify.report.verdict import Check, Verdict

TOLERANCE = (
    0.05  # of an exponent: exponents are integers, and 0.05 is what the next order leaves over two decades
)


def exponent_check(
    name: str,
    predicted: float,
    scales: np.ndarray,
    sizes: np.ndarray,
    floor: np.ndarray | float,
    why: str = "",
) -> Check:
    """The exponent of sizes (E,) against scales (E,), both positive, beside the predicted one; `floor` as in power_law.

    CONFIRMED within 0.05 with an interval as narrow; REFUTED outside both; INCONCLUSIVE otherwise or where the window
    does not reach over two decades.
    """
    slope = power_law(np.asarray(scales), np.asarray(sizes), floor)
    return Check(
        name=name,
        predicted=predicted,
        observed=slope.value if slope.resolved else None,
        tolerance=TOLERANCE,
        verdict=_judge(predicted, slope),
        why=(f"{why}; " if why else "") + _window(slope),
        details={
            "scales": np.asarray(scales),
            "sizes": np.asarray(sizes),
            "interval": [slope.low, slope.high],
        },
    )


def _judge(predicted: float, slope: Slope) -> Verdict:
    if not slope.resolved:
        return Verdict.INCONCLUSIVE
    half = 0.5 * (slope.high - slope.low)
    away = abs(slope.value - predicted)
    if away <= TOLERANCE and half <= TOLERANCE:
        return Verdict.CONFIRMED
    return Verdict.REFUTED if away > TOLERANCE + half else Verdict.INCONCLUSIVE


def _window(slope: Slope) -> str:
    if not slope.resolved:
        return slope.reason
    low, high = slope.window
    return f"99 % interval [{slope.low:.3f}, {slope.high:.3f}] over {slope.points} scales from {low:.1e} to {high:.1e}"
