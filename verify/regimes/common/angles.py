"""Angles of many neurons as one number: weighted medians between the bounds that known weights leave, and chance levels.

With few neurons that carry the output the median jumps from one neuron to the next where their shares pass one half:
shares known up to ε make it any quantile between one half less ε and one half more.
"""

from __future__ import annotations

import numpy as np

from numerics.measure import weighted_median
from theory.forms.vectors import angle, unit
from theory.streams import Stream, generator
from verify.regimes.common.evidence import Evidence

NEAR_CHANCE = (
    ", from which the expected angle is hardly to be told: neurons have not turned yet, a smaller --init-std gives them "
    "the time"
)


def near_chance(chance: float, largest: float) -> str | None:
    """The reason why an angle is not judged: random vectors come to `chance`, which must be above `largest`."""
    if np.isnan(chance):
        return "no isolated orientation grows: the attracting set is a continuum, to which no chance level is measured"
    return None if chance > largest else f"random vectors come to {chance:.3g} rad{NEAR_CHANCE}"


def chance_angle(evidence: Evidence, draws: int = 4000) -> float:
    """The median angle between random unit vectors and the nearest growing orientation; nan where none is isolated."""
    if not len(evidence.targets):
        return float("nan")
    drawn = generator(evidence.experiment.seed, Stream.CHANCE_ANGLE)
    targets = evidence.targets
    u = unit(drawn.standard_normal((draws, targets.shape[1])))
    return float(np.median(np.min(angle(u[:, None], targets[None]), axis=1)))


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
