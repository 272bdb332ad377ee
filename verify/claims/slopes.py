"""A predicted exponent against a measured one, as a check."""

from __future__ import annotations

import numpy as np

from verify.order.slope import TOLERANCE, judge_slope, power_law
from verify.report.verdict import Check


def exponent_check(
    name: str,
    predicted: float,
    scales: np.ndarray,
    sizes: np.ndarray,
    floor: np.ndarray | float,
    why: str = "",
) -> Check:
    """The exponent of sizes (E,) against scales (E,), both positive, beside the predicted one; `floor` as in power_law.

    The verdict is that of `verify.order.slope.judge_slope`; INCONCLUSIVE also where the window does not reach over two
    decades.
    """
    slope = power_law(np.asarray(scales), np.asarray(sizes), floor)
    verdict, how = judge_slope(predicted, slope)
    return Check(
        name=name,
        predicted=predicted,
        observed=slope.value if slope.resolved else None,
        tolerance=TOLERANCE,
        verdict=verdict,
        why=(f"{why}; " if why else "") + how,
        details={
            "scales": np.asarray(scales),
            "sizes": np.asarray(sizes),
            "interval": [slope.low, slope.high],
        },
    )
