"""Weighted medians of angles between the bounds that known weights leave them.

With few neurons that carry the output the median jumps from one neuron to the next where their shares pass one half:
shares known up to ε make it any quantile between one half less ε and one half more.
"""

from __future__ import annotations

import numpy as np

from numerics.measure import weighted_median


def median_bounds(values: np.ndarray, weights: np.ndarray, slack: float) -> tuple[float, float, float]:
    """The weighted median of values (N,) with weights (N,), and the quantiles at 1/2 - slack and 1/2 + slack."""
    order = np.argsort(values)
    sorted_values, below = values[order], np.cumsum(weights[order]) / np.sum(weights)
    low, high = (
        float(sorted_values[min(int(np.searchsorted(below, share)), len(values) - 1)])
        for share in (max(0.5 - slack, 0.0), min(0.5 + slack, 1.0))
    )
    middle = weighted_median(values, weights)
    return middle, min(low, middle), max(high, middle)
