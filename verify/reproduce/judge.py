"""How a count over seeds becomes a verdict, declared before anything is run.

A number of lines that the paper reports is CONFIRMED when the 99 % Wilson interval of the share of seeds that show it
lies above one half, REFUTED when it lies below, INCONCLUSIVE in between.  A theory's orientations are CONFIRMED when in
that sense most networks have most of their neurons (or of their amplitude) within the paper's threshold of one of them,
and REFUTED when in that sense most networks have not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest

from verify.report.verdict import Verdict

LEVEL = 0.99


def interval(hits: np.ndarray) -> tuple[float, float]:
    """The Wilson interval of the share of True in `hits` (S,)."""
    found: Any = binomtest(int(np.sum(hits)), len(hits)).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def majority(hits: np.ndarray) -> Verdict:
    """CONFIRMED, REFUTED or INCONCLUSIVE: is the share of True above one half?"""
    low, high = interval(hits)
    if low > 0.5:
        return Verdict.CONFIRMED
    return Verdict.REFUTED if high < 0.5 else Verdict.INCONCLUSIVE


def share(hits: np.ndarray) -> str:
    """`16/16 seeds (99 % interval 0.71-1)`."""
    low, high = interval(hits)
    return f"{int(np.sum(hits))}/{len(hits)} seeds (99 % interval {low:.2f}-{high:.2g})"
