"""Do the neurons that carry the output point where theory says, as exactly as theory says?

Weighted by amplitude |a| ‖w‖^p, the angle of the trained neurons to their destinations is compared with the angle that
theory expects at the horizon: the remaining misalignment and the first-order tilt by the forces beyond leading order.
What theory leaves out is the second order of those forces; the chance level is the angle of random vectors.
"""

from __future__ import annotations

import numpy as np

from numerics.measure.orientation import weighted_median
from theory.forms.vectors import angle, unit
from verify.regimes.common.evidence import Evidence
from verify.regimes.common.median import median_bounds
from verify.report.verdict import Check, Verdict, within

NEAR_CHANCE = (
    ", from which the expected angle is hardly to be told: neurons have not turned yet, a smaller --init-std gives them "
    "the time"
)


def amplitude(evidence: Evidence) -> list[Check]:
    """The amplitude-weighted median angle between trained neurons and their predicted destinations."""
    if evidence.dimension == 1:
        return []  # two points have no angle between them but 0 and π
    order, trained, expected = evidence.order, evidence.limit(), evidence.expected
    growing = np.linalg.norm(expected.destinations, axis=-1) > 0
    weights = trained.amplitudes(order)
    weights = weights / weights.sum(axis=1, keepdims=True)
    observed = weighted_median(angle(trained.u, expected.destinations)[growing], weights[growing])
    share = expected.amplitudes(order)
    share = share / share.sum(axis=1, keepdims=True)
    # The shares are known to second order too; where the median lies between two neurons they decide between these.
    slack = (order + 1) / 2 * expected.neglected
    predicted, low, high = median_bounds(
        angle(expected.u, expected.destinations)[growing], share[growing], slack
    )
    # Second order: the forces beyond leading order acting on their own first-order effect, and on the misalignment;
    # and what the prediction does not have at first order.
    perturbation = float(np.max(expected.perturbation))
    tolerance = perturbation * max(predicted, perturbation**2) + float(np.max(expected.left_out))
    tolerance += max(high - predicted, predicted - low)
    chance = chance_angle(evidence)
    return [
        Check(
            name="angle of trained neurons to their destinations (rad, amplitude-weighted median)",
            predicted=predicted,
            observed=observed,
            tolerance=tolerance,
            verdict=within(predicted, observed, tolerance)
            if chance > 3 * predicted
            else Verdict.INCONCLUSIVE,
            why="the tolerance is the second order of the forces beyond leading order, "
            f"{perturbation:.2g} of the leading one; random vectors come to {chance:.3g} rad"
            + ("" if chance > 3 * predicted else NEAR_CHANCE),
            details={
                "chance": chance,
                "growing_amplitude_share": float(weights[growing].sum() / len(weights)),
            },
        )
    ]


def chance_angle(evidence: Evidence, draws: int = 4000) -> float:
    """The median angle between random unit vectors and the nearest growing orientation."""
    generator = np.random.default_rng(np.random.SeedSequence([evidence.experiment.seed, 1]))
    targets = evidence.targets
    u = unit(generator.standard_normal((draws, targets.shape[1])))
    return float(np.median(np.min(angle(u[:, None], targets[None]), axis=1)))
