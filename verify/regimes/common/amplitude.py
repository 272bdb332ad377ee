"""The chance level of an angle, and what to say where a prediction is hardly to be told from it."""

from __future__ import annotations

import numpy as np

from theory.forms.vectors import angle, unit
from theory.streams import Stream, generator
from verify.regimes.common.evidence import Evidence

NEAR_CHANCE = (
    ", from which the expected angle is hardly to be told: neurons have not turned yet, a smaller --init-std gives them "
    "the time"
)


def near_chance(chance: float, largest: float) -> str | None:
    """The reason why an angle is not judged: random vectors come to `chance`, which must be above `largest`."""
    return None if chance > largest else f"random vectors come to {chance:.3g} rad{NEAR_CHANCE}"


def chance_angle(evidence: Evidence, draws: int = 4000) -> float:
    """The median angle between random unit vectors and the nearest growing orientation."""
    drawn = generator(evidence.experiment.seed, Stream.CHANCE_ANGLE)
    targets = evidence.targets
    u = unit(drawn.standard_normal((draws, targets.shape[1])))
    return float(np.median(np.min(angle(u[:, None], targets[None]), axis=1)))
