"""Checks of networks at the end of the initial stage, where the leading order must still lead.

Angle.     The amplitude-weighted median angle of trained neurons to the orientations that grow, at lr and lr/2.
Training.  Every neuron against its own leading-order training, relative to its turn.
Horizon.   The time of the fall of the loss, in units of 1/2γ, network by network.
The forces beyond leading order are not in the prediction; their relative size at the end, evaluated on the expected
weights, bounds the relative change of a neuron's motion, since they were smaller before.  Neurons on their way into a
saddle, or along a kink, may go on anywhere: what their share may have done to a median, a count or the fall is undecided.
"""

from __future__ import annotations

import numpy as np

from theory.forms.vectors import angle, unit
from theory.predictions.prediction import sizes
from verify.regimes.common.angles import chance_angle, median_bounds, near_chance
from verify.regimes.common.count import counts
from verify.regimes.common.regime import Scope
from verify.regimes.stepwise.gather import StepwiseEvidence
from verify.verdict import Check, Verdict, at_most, within

# rad: a neuron in a dead cone, or at rest, has no turn to be compared with.  Chosen because rounding turns it by far less,
# and a neuron that moves turns by far more.
AT_REST = 1e-6


def _left(evidence: StepwiseEvidence) -> str | None:
    return evidence.prediction.outside(evidence.expected)


AT_HORIZON: Scope[StepwiseEvidence] = Scope("the leading order leads until the horizon", _left)
TOLD: Scope[StepwiseEvidence] = Scope(
    "the leading order leads until the horizon, and no neuron is on its way into a saddle",
    lambda evidence: _left(evidence) or evidence.saddles,
)


def numbers(evidence: StepwiseEvidence) -> list[Check]:
    """How many orientations; neurons that go on on the other side of a kink may make another one, or be missing there."""
    return [
        check.undecided(evidence.doubt if check.verdict is Verdict.REFUTED else None)
        for check in counts(evidence)
    ]


def angle_to_growing(evidence: StepwiseEvidence) -> list[Check]:
    """The amplitude-weighted median angle of trained neurons to the orientations that grow, at lr and lr/2."""
    if evidence.dimension == 1 or not len(evidence.targets):
        return []
    chance, found = chance_angle(evidence), []
    expected = evidence.expected
    pairs = ((evidence.trained, expected.leading), (evidence.refined, expected.leading_half))
    for name, (trained, leading) in zip(("", ", half the learning rate"), pairs, strict=True):
        observed, _, _ = _to_nearest(evidence, trained.a, trained.w)
        predicted, low, high = _to_nearest(evidence, leading.a, leading.w)
        tolerance = evidence.left_out + max(high - predicted, predicted - low)
        verdict = within(predicted, observed, tolerance)
        _, low, high = _to_nearest(
            evidence, leading.a, leading.w, float(np.mean(evidence.expected.untold_share))
        )
        untold = low - evidence.left_out <= observed <= high + evidence.left_out
        found.append(
            Check(
                name=f"angle of trained neurons to the growing orientations (rad, amplitude-weighted median){name}",
                predicted=predicted,
                observed=observed,
                tolerance=tolerance,
                verdict=verdict,
                why=f"the forces beyond leading order by the end; random vectors come to {chance:.3g} rad",
                details={"chance": chance},
            ).undecided(
                near_chance(chance, predicted + 2 * tolerance),
                evidence.doubt if verdict is Verdict.REFUTED and untold else None,
            )
        )
    return found


def own_training(evidence: StepwiseEvidence) -> list[Check]:
    """Every neuron against its own leading-order training, relative to its turn."""
    if evidence.dimension == 1:
        return []
    error = angle(evidence.trained.u, evidence.expected.u)
    turn = angle(unit(evidence.trained.w0), evidence.expected.u)
    moved = turn > AT_REST
    ratio = error[moved] / turn[moved]
    observed = float(np.median(ratio))
    # The median of those whose way is told lies at least at this quantile of all.
    told = float(np.quantile(ratio, max(0.5 - float(np.mean(evidence.expected.untold[moved])), 0.0)))
    check = Check(
        name="each neuron against its own leading-order training (median error of its turn, relative)",
        predicted=0.0,
        observed=observed,
        tolerance=evidence.left_out,
        verdict=at_most(observed, evidence.left_out),
        why="the forces beyond leading order by the end; 1 would be a neuron that the prediction knows nothing of",
        details={
            "median_turn_rad": float(np.median(turn[moved])),
            "ninetieth_percentile": float(np.quantile(ratio, 0.9)),
            "at_rest": int(np.sum(~moved)),
        },
    )
    return [check.undecided(evidence.doubt if told <= evidence.left_out < observed else None)]


def horizon(evidence: StepwiseEvidence) -> list[Check]:
    """The time of the fall of the loss, in units of 1/2γ, network by network."""
    trained, expected = evidence.trained, evidence.expected
    error = 2 * expected.rate * np.abs(trained.times - expected.times)
    stride = 2 * expected.rate * trained.times / trained.steps
    tolerance = expected.lateness(stride)
    worst = int(np.argmax(error / tolerance))
    untold = np.any(error > tolerance) and np.all(error <= expected.lateness(stride, expected.untold_share))
    reached = trained.reached.all() and expected.leading.reached.all()
    return [
        Check(
            name=f"horizon: time of a {100 * evidence.fraction:g} % fall of the loss (error of 2γt, worst network)",
            predicted=0.0,
            observed=float(error[worst]),
            tolerance=float(tolerance[worst]),
            verdict=at_most(float(error[worst]), float(tolerance[worst])),
            why="the forces beyond leading order by the end: on the rate, and on the output",
            details={"predicted_times": expected.times, "observed_times": trained.times},
        ).undecided(
            None if reached else "some networks did not reach the fall of the loss in their budget",
            evidence.doubt if untold else None,
        )
    ]


def _to_nearest(
    evidence: StepwiseEvidence, a: np.ndarray, w: np.ndarray, untold: float = 0.0
) -> tuple[float, float, float]:
    weights = sizes(a) * np.linalg.norm(w, axis=-1) ** evidence.driving_order
    weights = weights / weights.sum(axis=1, keepdims=True)
    apart = np.min(angle(unit(w)[..., None, :], evidence.targets[None, None]), axis=-1)
    return median_bounds(apart.ravel(), weights.ravel(), evidence.left_out + untold)
