"""What a measurement of an order of accuracy returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verify.order.slope import Slope
from verify.report.verdict import Verdict


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


def combined(verdicts: list[Verdict]) -> Verdict:
    """REFUTED where any part is, CONFIRMED where all are."""
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.CONFIRMED if set(verdicts) == {Verdict.CONFIRMED} else Verdict.INCONCLUSIVE
