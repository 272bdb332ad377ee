"""What a measurement of an order of accuracy returns, and when it confirms or refutes the derived one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verify.order.slope import Slope
from verify.report.verdict import Verdict

TOLERANCE = 0.05
POINTS_PER_DECADE = 4
DECADES = 4.5


@dataclass(frozen=True)
class GroupOrder:
    """One group of parameters: the order of its gradient and that of its displacement's relative error.

    `gradient_order` and `accuracy` are the derived ones, `moved` and `slope` the measured exponents of the size of the
    displacement (predicted: `lag`) and of its relative error `errors` (E,).
    """

    name: str
    gradient_order: int
    lag: int
    accuracy: int
    moved: Slope
    slope: Slope
    errors: np.ndarray
    verdict: Verdict
    why: str

    def to_json(self) -> dict[str, Any]:
        """The group's part of the `order` document."""
        return {
            "predicted_gradient_order": self.gradient_order,
            "measured_gradient_order": self.gradient_order - self.lag + self.moved.value,
            "predicted_order": self.accuracy,
            "measured_order": self.slope.value,
            "interval": [self.slope.low, self.slope.high],
            "errors": self.errors,
            "verdict": self.verdict.value,
            "why": self.why,
        }


@dataclass(frozen=True)
class OrderResult:
    """Errors (E,) of the leading order at ε (E,), their fitted exponent beside the predicted one, and the verdict.

    `groups` are those of the parameters, where theory predicts them one by one; `notes` say how it was measured.
    """

    predicted: int
    slope: Slope
    epsilons: np.ndarray
    errors: np.ndarray
    floor: np.ndarray
    tau: float
    verdict: Verdict
    why: str
    groups: Mapping[str, GroupOrder] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The measured part of the `order` document."""
        return {
            "predicted_order": self.predicted,
            "measured_order": self.slope.value,
            "interval": [self.slope.low, self.slope.high],
            "window": list(self.slope.window),
            "epsilons": self.epsilons,
            "errors": self.errors,
            "floor": self.floor,
            "groups": {name: group.to_json() for name, group in self.groups.items()},
            "verdict": self.verdict.value,
            "why": self.why,
            "notes": list(self.notes),
        }


def judge(predicted: int, slope: Slope, errors: np.ndarray) -> tuple[Verdict, str]:
    """Whether errors (E,), largest ε first, fall with the predicted exponent, and over which window."""
    smallest = errors[-2 * POINTS_PER_DECADE :]
    if not np.any(smallest < 0.5):
        return (
            Verdict.REFUTED,
            "over the two smallest decades of ε the flows stay as far apart as they are long",
        )
    return judge_slope(predicted, slope)


def judge_slope(predicted: int, slope: Slope) -> tuple[Verdict, str]:
    """Whether a fitted exponent is the predicted one."""
    if not slope.resolved:
        return Verdict.INCONCLUSIVE, slope.reason
    half = 0.5 * (slope.high - slope.low)
    why = (
        f"slope over {slope.points} scales from ε = {slope.window[0]:.1e} to {slope.window[1]:.1e}, "
        f"99 % interval [{slope.low:.3f}, {slope.high:.3f}]"
    )
    if abs(slope.value - predicted) <= TOLERANCE and half <= TOLERANCE:
        return Verdict.CONFIRMED, why
    if abs(slope.value - predicted) > TOLERANCE + half:
        return Verdict.REFUTED, why
    return Verdict.INCONCLUSIVE, why + ": the interval neither excludes the prediction nor pins it down"


def combined(verdicts: list[Verdict]) -> Verdict:
    """REFUTED where any part is, CONFIRMED where all are."""
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.CONFIRMED if set(verdicts) == {Verdict.CONFIRMED} else Verdict.INCONCLUSIVE
