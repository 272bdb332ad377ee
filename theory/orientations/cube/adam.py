"""When Adam follows sign descent, and when not: the numbers, before any training.

Setting.  Small weights ε N(0, 1); Adam's step for a steady gradient g is lr g/(|g| + eps) entry by entry.
Statement.  Per neuron g_k = p c a (T w^{p-1})_k ~ ε^p.  With κ_k = |g_k|/eps the step is lr sgn(g_k) κ_k/(κ_k + 1), of
cosine Σ q/(√D ‖q‖), q = κ/(κ + 1), to sign descent: 1 for κ ≫ 1, that of the gradient for κ ≪ 1.  Further lr ≪ ε,
or the first steps overwrite the initial direction; and for p >= 2 the gradient must change little within Adam's memory
1/(1 - β₂): by the factor 1 + p lr/((1 - β₂) ε), for w moves by lr a step (p = 1: sgn(g) does not change at all).
Limits.  The start only: along the path gradients grow.  Thresholds: cosine 0.99 (8 degrees), lr/ε 0.1, memory 1.
Source.  condense; theory notes, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from theory.errors import TheoryError

LEAST_COSINE = 0.99
LARGEST_STEP = 0.1
LARGEST_MEMORY = 1.0
NEURONS = 4000


class AdamReason(Enum):
    """Why Adam follows sign descent, does not, or why nothing is asserted."""

    FOLLOWS = "every gradient entry is far above eps and the learning rate far below the initial size"
    EPSILON = "gradient entries are not far above eps: small entries move slower than lr a step"
    STEP = "the learning rate is not far below the initial size: one step changes the direction of a neuron"
    MEMORY = "the gradient changes by its own size within Adam's memory: measure, nothing is asserted"


@dataclass(frozen=True)
class AdamRegime:
    """`follows`: True, False, or None where nothing is asserted.

    `cosine`: the 5 % quantile over Gaussian neurons of the cosine of Adam's steady step to sign descent's; `gradient`:
    the median size of a gradient entry; `step`: lr/ε; `memory`: relative change of the gradient in 1/(1 - β₂) steps.
    """

    follows: bool | None
    reason: AdamReason
    cosine: float
    gradient: float
    step: float
    memory: float


def adam_follows(
    prediction: Any, init_std: float, lr: float, *, eps: float = 1e-8, beta2: float = 0.999, seed: int = 0
) -> AdamRegime:
    """Say whether Adam's first steps are those of sign descent, for a Prediction or a SmoothField.

    Raises TheoryError for numbers that are not positive or β₂ outside [0, 1).
    """
    field = getattr(prediction, "field", None)
    field = prediction if field is None or callable(field) else field
    for name, value in (("init_std", init_std), ("lr", lr), ("eps", eps)):
        if not value > 0:
            raise TheoryError(f"adam_follows: {name} = {value!r}; a positive number is accepted")
    if not 0 <= beta2 < 1:
        raise TheoryError(f"adam_follows: beta2 = {beta2!r}; a number in [0, 1) is accepted")
    tensor, p = field.tensor, field.tensor.order
    generator = np.random.default_rng(seed)
    a = generator.standard_normal(NEURONS)
    w = generator.standard_normal((NEURONS, tensor.dimension))
    entries = np.abs(p * field.coefficient * a[:, None] * tensor.gradient(w)) * init_std**p
    used = np.any(entries > 0, axis=0)
    if not used.any():
        raise TheoryError("adam_follows: T = 0, the gradient vanishes at this order; other data are accepted")
    step = entries[:, used] / (entries[:, used] + eps)
    norm = np.sqrt(step.shape[1]) * np.linalg.norm(step, axis=1)
    cosine = float(np.quantile(step.sum(axis=1) / np.maximum(norm, 1e-300), 0.05))
    share, memory = lr / init_std, p * lr / ((1 - beta2) * init_std) if p > 1 else 0.0
    if cosine < LEAST_COSINE:
        follows, reason = False, AdamReason.EPSILON
    elif share > LARGEST_STEP:
        follows, reason = False, AdamReason.STEP
    elif memory > LARGEST_MEMORY:
        follows, reason = None, AdamReason.MEMORY
    else:
        follows, reason = True, AdamReason.FOLLOWS
    return AdamRegime(follows, reason, cosine, float(np.median(entries[:, used])), share, memory)
