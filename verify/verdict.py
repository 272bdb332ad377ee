"""Verdicts: what a comparison of a prediction with an observation can say."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class Verdict(Enum):
    """CONFIRMED and REFUTED are statements about the claim; INCONCLUSIVE is one about the evidence."""

    CONFIRMED = "CONFIRMED"
    REFUTED = "REFUTED"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """0, 1 and 3: what the command line returns."""
        return {Verdict.CONFIRMED: 0, Verdict.REFUTED: 1, Verdict.INCONCLUSIVE: 3}[self]


@dataclass(frozen=True)
class Check:
    """One comparison.

    `predicted`, `observed` and `tolerance` are numbers, texts or None; `why` says from what the tolerance is derived
    and, where the verdict needs one, its reason.  `source` is None for condense's own predictions, which decide the
    verdict of a run; a check with a source shows what somebody else claims, and decides nothing.
    """

    name: str
    predicted: Any
    observed: Any
    tolerance: Any
    verdict: Verdict
    why: str
    source: str | None = None
    experiment: str = ""
    seconds: float = 0.0
    details: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The check as the JSON object of the `verify` document."""
        return {
            "name": self.name,
            "experiment": self.experiment,
            "predicted": finite(self.predicted),
            "observed": finite(self.observed),
            "tolerance": finite(self.tolerance),
            "verdict": self.verdict.value,
            "source": self.source,
            "seconds": round(self.seconds, 3),
            "why": self.why,
            "details": finite(self.details or {}),
        }

    def undecided(self, *reasons: str | None) -> Check:
        """The same numbers without a verdict, for the first reason that is one; as it is where there is none."""
        reason = next((each for each in reasons if each is not None), None)
        return self if reason is None else replace(self, verdict=Verdict.INCONCLUSIVE, why=reason)

    def timed(self, seconds: float, experiment: str) -> Check:
        """The same check with the time that it took and the experiment that it belongs to."""
        return replace(self, seconds=seconds, experiment=experiment)


def within(predicted: float, observed: float, tolerance: float) -> Verdict:
    """CONFIRMED when observed lies within the tolerance of predicted, INCONCLUSIVE when either is not a number."""
    if not all(map(math.isfinite, (predicted, observed, tolerance))):
        return Verdict.INCONCLUSIVE
    return Verdict.CONFIRMED if abs(observed - predicted) <= tolerance else Verdict.REFUTED


def at_most(observed: float, bound: float) -> Verdict:
    """CONFIRMED when observed does not exceed the bound, INCONCLUSIVE when either is not a number."""
    if not (math.isfinite(observed) and math.isfinite(bound)):
        return Verdict.INCONCLUSIVE
    return Verdict.CONFIRMED if observed <= bound else Verdict.REFUTED


def combine(checks: Iterable[Check]) -> Verdict:
    """The verdict of a run: that of its own checks, REFUTED before INCONCLUSIVE before CONFIRMED."""
    own = [check.verdict for check in checks if check.source is None]
    if Verdict.REFUTED in own:
        return Verdict.REFUTED
    if not own or Verdict.INCONCLUSIVE in own:
        return Verdict.INCONCLUSIVE
    return Verdict.CONFIRMED


def finite(value: Any) -> Any:
    """The value with every non-finite number replaced by None, and NumPy scalars and arrays by plain ones."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
