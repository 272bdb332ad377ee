"""One-sided activations and several outputs: does every neuron do what leading-order training of the same steps does?

The forces beyond leading order are not in the prediction; their relative size at the end, evaluated on the expected
weights, bounds the relative change of a neuron's motion, since they were smaller before.
"""

from __future__ import annotations

import numpy as np

from theory.forms.vectors import angle, unit
from theory.predictions.expected import sizes
from verify.regimes.common.amplitude import NEAR_CHANCE, chance_angle
from verify.regimes.common.confusion import Reason
from verify.regimes.common.median import median_bounds
from verify.regimes.one_sided.evidence import FieldEvidence
from verify.report.verdict import Check, Verdict, at_most, within


def field_destinations(evidence: FieldEvidence) -> list[Check]:
    """Where the leading flow takes each neuron from its start, and from where training has left it."""
    found = evidence.destinations
    undecided = found.share_of(Reason.LEARNING_RATE, Reason.BOUNDARY)
    return [
        Check(
            name="destination of every trained neuron (share that keeps to the predicted one)",
            predicted=1.0,
            observed=found.agreeing,
            tolerance=undecided,
            verdict=within(1.0, found.agreeing, undecided + 1e-12),
            why=f"{len(found.predicted)} neurons; the tolerance is the share that half the learning rate sets right, or "
            "that started nearer to a basin boundary than what theory leaves out, or come to w = 0, where the flow ends",
            details={"confusion": found.to_json()},
        )
    ]


def field_angle(evidence: FieldEvidence) -> list[Check]:
    """The amplitude-weighted median angle of trained neurons to the orientations that grow, at lr and lr/2."""
    if evidence.dimension == 1 or not len(evidence.targets):
        return []
    chance, found = chance_angle(evidence), []
    pairs = ((evidence.trained, evidence.leading), (evidence.refined, evidence.leading_half))
    for name, (trained, leading) in zip(("", ", half the learning rate"), pairs, strict=True):
        observed, _, _ = _to_nearest(evidence, trained.a, trained.w)
        predicted, low, high = _to_nearest(evidence, leading.a, leading.w)
        tolerance = evidence.left_out + max(high - predicted, predicted - low)
        found.append(
            Check(
                name=f"angle of trained neurons to the growing orientations (rad, amplitude-weighted median){name}",
                predicted=predicted,
                observed=observed,
                tolerance=tolerance,
                verdict=within(predicted, observed, tolerance)
                if chance > predicted + 2 * tolerance
                else Verdict.INCONCLUSIVE,
                why=f"the forces beyond leading order by the end; random vectors come to {chance:.3g} rad"
                + ("" if chance > predicted + 2 * tolerance else NEAR_CHANCE),
                details={"chance": chance},
            )
        )
    return found


def field_training(evidence: FieldEvidence) -> list[Check]:
    """Every neuron against its own leading-order training, relative to its turn."""
    if evidence.dimension == 1:
        return []
    error = angle(evidence.trained.u, evidence.expected.u)
    turn = angle(unit(evidence.trained.w0), evidence.expected.u)
    # A neuron in a dead cone, or at rest, has no turn to be compared with.
    moved = turn > 1e-6
    ratio = error[moved] / turn[moved]
    observed = float(np.median(ratio))
    return [
        Check(
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
    ]


def field_horizon(evidence: FieldEvidence) -> list[Check]:
    """The time of the fall of the loss, in units of 1/2γ, network by network."""
    trained, expected = evidence.trained, evidence.expected
    error = 2 * evidence.rate * np.abs(trained.times - expected.times)
    # A relative change π e^{kγ(t - t_δ)} of the rate changes the fall by 2π/k, which is counted up to φ; the second order
    # is π of that.  The fall grows at the rate of those that carry it, which need not be the fastest.
    size = expected.perturbation
    # A sum over steps of h exceeds the integral by 2γh at most, and the fall, an exponential, is interpolated linearly
    # within a step on either side: wrong by (2γh)²/8 at most.
    stride = 2 * evidence.rate * trained.times / trained.steps
    share = (2 * size / evidence.exponent + evidence.fall_error) * (1 + size + stride) + stride**2 / 4
    tolerance = share * 2 * evidence.rate / evidence.growth
    worst = int(np.argmax(error / tolerance))
    reached = trained.reached.all() and evidence.leading.reached.all()
    return [
        Check(
            name=f"horizon: time of a {100 * evidence.fraction:g} % fall of the loss (error of 2γt, worst network)",
            predicted=0.0,
            observed=float(error[worst]),
            tolerance=float(tolerance[worst]),
            verdict=at_most(float(error[worst]), float(tolerance[worst]))
            if reached
            else Verdict.INCONCLUSIVE,
            why="the forces beyond leading order by the end: on the rate, and on the output"
            if reached
            else "some networks did not reach the fall of the loss in their budget",
            details={"predicted_times": expected.times, "observed_times": trained.times},
        )
    ]


def _to_nearest(evidence: FieldEvidence, a: np.ndarray, w: np.ndarray) -> tuple[float, float, float]:
    weights = sizes(a) * np.linalg.norm(w, axis=-1) ** evidence.order
    weights = (weights / weights.sum(axis=1, keepdims=True)).ravel()
    apart = np.min(angle(unit(w)[..., None, :], evidence.targets[None, None]), axis=-1)
    return median_bounds(apart.ravel(), weights, evidence.left_out)
