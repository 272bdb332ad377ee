"""A test that stops as soon as the observations decide: Wald's likelihood ratio with Ville's exact bounds.

Setting.    As in `declared`: successes with probability θ, the claim θ >= θ0, false by the effect at θ1 = θ0 - effect.
Statement.  L_n = Π f_{θ1}(X_i)/f_{θ0}(X_i).  REFUTED at the first n with L_n >= 1/alpha, CONFIRMED at the first with
            L_n <= miss, INCONCLUSIVE where neither happens up to n = `most`.  A true claim is ever refuted with
            probability <= alpha, one false by the effect or more ever confirmed with probability <= miss.
Steps.      1. For θ >= θ0, E_θ[f_{θ1}(X)/f_{θ0}(X)] <= 1, for the ratio falls in X: L is a supermartingale.
            2. Ville: P(sup L_n >= 1/alpha) <= alpha.  The same for 1/L and θ <= θ1.
Source.     Wald 1945; Ville 1939.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from verify.errors import UsageError
from verify.report.verdict import Verdict


@dataclass(frozen=True)
class SequentialTest:
    """The claim that a share is at least `threshold`, decided as early as possible, and after `most` outcomes at last."""

    name: str
    threshold: float
    effect: float
    most: int
    alpha: float = 1e-3
    miss: float = 0.05

    def __post_init__(self) -> None:
        if not (0 < self.effect < self.threshold < 1):
            raise UsageError(
                f"{self.name}: threshold {self.threshold}, effect {self.effect}; accepted: 0 < effect < threshold < 1"
            )
        if not (0 < self.alpha < 1 and 0 < self.miss < 1):
            raise UsageError(f"{self.name}: alpha {self.alpha}, miss {self.miss}; accepted: between 0 and 1")
        if self.most < 1:
            raise UsageError(f"{self.name}: most is {self.most}; accepted: a whole number of at least 1")

    def run(self, outcomes: Iterable[bool]) -> tuple[Verdict, int]:
        """The verdict and the number of outcomes that it took; no more of them are asked for."""
        null, other = self.threshold, self.threshold - self.effect
        hit, miss = math.log(other / null), math.log((1 - other) / (1 - null))
        upper, lower = -math.log(self.alpha), math.log(self.miss)
        ratio, n = 0.0, 0
        for outcome in outcomes:
            n += 1
            ratio += hit if outcome else miss
            if ratio >= upper:
                return Verdict.REFUTED, n
            if ratio <= lower:
                return Verdict.CONFIRMED, n
            if n == self.most:
                break
        return Verdict.INCONCLUSIVE, n
