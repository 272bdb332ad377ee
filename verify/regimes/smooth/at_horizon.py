"""Checks of networks at the end of the initial stage, where the leading order must still lead.

Angle.     Weighted by amplitude |a| ‖w‖^p, the angle of trained neurons to their destinations is compared with the
           angle that theory expects at the horizon: the remaining misalignment and the first-order tilt by the forces
           beyond leading order.  What theory leaves out is the second order of those forces.
Horizon.   Does the initial stage end when theory says?
Exponent.  Order 1: until the tilt of the signal holds it up, the angle at a fixed fall of the loss is ∝ std.  The exponent
           over two decades of scales is compared with the exponent of the expected angles, tilt included.
"""

from __future__ import annotations

import numpy as np

from numerics.measure import weighted_median
from numerics.training.runs import Trained
from theory import Expected
from theory.forms.vectors import angle
from verify.regimes.common.angles import chance_angle, median_bounds, near_chance
from verify.regimes.common.regime import Scope
from verify.regimes.smooth.evidence import SmoothEvidence
from verify.verdict import Check, Verdict, at_most, within

# Times the expected angle that random vectors must come to; chosen because the tolerance is then below what chance gives.
TOLD_APART = 3.0


def _left(evidence: SmoothEvidence) -> str | None:
    return evidence.prediction.outside(evidence.expected, evidence.fraction) or evidence.steps_hide


AT_HORIZON: Scope[SmoothEvidence] = Scope("the leading order leads until the horizon", _left)


def amplitude(evidence: SmoothEvidence) -> list[Check]:
    """The amplitude-weighted median angle between trained neurons and their predicted destinations."""
    if evidence.dimension == 1:
        return []  # two points have no angle between them but 0 and π
    order, trained, expected = evidence.driving_order, evidence.limit(), evidence.expected
    growing = evidence.growing
    weights = trained.amplitudes(order)
    weights = weights / weights.sum(axis=1, keepdims=True)
    observed = weighted_median(angle(trained.u, expected.destinations)[growing], weights[growing])
    coarser = evidence.coarser_limit()
    stepping = abs(
        observed - weighted_median(angle(coarser.u, expected.destinations)[growing], weights[growing])
    )
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
    stepping += evidence.crossing * predicted
    tolerance += max(high - predicted, predicted - low) + stepping
    chance = chance_angle(evidence)
    return [
        Check(
            name="angle of trained neurons to their destinations (rad, amplitude-weighted median)",
            predicted=predicted,
            observed=observed,
            tolerance=tolerance,
            verdict=within(predicted, observed, tolerance),
            why="the tolerance is the second order of the forces beyond leading order, "
            f"{perturbation:.2g} of the leading one, and what the step size leaves, {stepping:.1g} rad; random "
            f"vectors come to {chance:.3g} rad",
            details={
                "chance": chance,
                "growing_amplitude_share": float(weights[growing].sum() / len(weights)),
            },
        ).undecided(near_chance(chance, TOLD_APART * predicted))
    ]


def horizon(evidence: SmoothEvidence) -> list[Check]:
    """The time at which the loss has fallen by the fraction δ, network by network.

    Order 1 compares 2γt (the time over which the loss of an aligned network grows by e), higher orders t itself.  The
    tolerance adds the uncertainty that theory states to what extrapolating the step size to zero leaves.
    """
    prediction, expected = evidence.prediction, evidence.expected
    coarse, fine = evidence.trained, evidence.refined
    if not (coarse.reached.all() and fine.reached.all()):
        missing = int(np.sum(~(coarse.reached & fine.reached)))
        return [
            Check(
                name="horizon",
                predicted=list(expected.times),
                observed=None,
                tolerance=None,
                verdict=Verdict.INCONCLUSIVE,
                why="",
            ).undecided(f"{missing} networks did not reach the fall of the loss in their budget")
        ]
    # Gradient descent is a first-order method: halving the step halves its error, so the limit is 2 t_{h/2} - t_h.
    limit = 2 * fine.times - coarse.times
    # The fall grows by (p + 1) s in a step: a crossing is known to (p + 1) of its error for a neuron, over the rate.
    discretisation = np.abs(limit - evidence.coarser_limit().times)
    discretisation = discretisation + (evidence.driving_order + 1) * evidence.crossing / evidence.rate
    unit = 1 / (2 * prediction.linear.rate) if prediction.driving_order == 1 else expected.times
    error = np.abs(limit - expected.times) / unit
    tolerance = (expected.uncertainty + discretisation) / unit
    worst = int(np.argmax(error / tolerance))
    name = "error of 2γt" if prediction.driving_order == 1 else "relative error of t"
    return [
        Check(
            name=f"horizon: time of a {100 * evidence.fraction:g} % fall of the loss ({name}, worst network)",
            predicted=0.0,
            observed=float(error[worst]),
            tolerance=float(tolerance[worst]),
            verdict=at_most(float(error[worst]), float(tolerance[worst])),
            why="uncertainty of the formula (order of the neglected terms) plus the step-size error left by extrapolation",
            details={
                "predicted_times": expected.times,
                "observed_times": limit,
                "tolerances": tolerance * unit,
            },
        )
    ]


def scaling(evidence: SmoothEvidence) -> list[Check]:
    """The log-log slope of the amplitude-weighted median angle against std, over two decades."""
    if not evidence.scales or evidence.dimension == 1:
        return []
    prediction, fraction = evidence.prediction, evidence.fraction
    runs, wanted = zip(*evidence.scales, (evidence.trained, evidence.expected), strict=True)
    # From the largest weights the loss may have fallen before the growing mode rules: there is no initial stage then.
    usable = [
        bool(run.reached.all()) and prediction.outside(each, fraction) is None
        for run, each in zip(runs, wanted, strict=True)
    ]
    largest, smallest = max(run.std for run in runs), min(run.std for run in runs)
    name = f"exponent of the angle against std, {largest:g} to {smallest:g}"
    if sum(usable) < 2:
        return [
            Check(
                name=name,
                predicted=None,
                observed=None,
                tolerance=None,
                verdict=Verdict.INCONCLUSIVE,
                why="",
            ).undecided(
                f"{sum(usable)} of {len(runs)} scales have an initial stage of 1/γ at least in which the leading order "
                "leads: a smaller --init-std would give more"
            )
        ]
    runs = [run for run, use in zip(runs, usable, strict=True) if use]
    wanted = [each for each, use in zip(wanted, usable, strict=True) if use]
    stds = np.array([run.std for run in runs])
    observed = np.array(
        [median_angle(run, evidence.expected.destinations, prediction.driving_order) for run in runs]
    )
    medians = [
        _median(each, evidence.expected.destinations, prediction.driving_order, each.neglected)
        for each in wanted
    ]
    predicted = np.array([middle for middle, _, _ in medians])
    jumps = np.array([max(high - middle, middle - low) for middle, low, high in medians])
    weights = np.log(stds) - np.log(stds).mean()
    weights /= weights @ weights  # of the least-squares slope
    measured, expected = float(weights @ np.log(observed)), float(weights @ np.log(predicted))
    # Each angle is known up to the second order of the forces beyond leading order (see the amplitude check); the output of
    # the part that is not aligned yet moves the horizon by δ times the angle; and from the largest scale neurons grow so
    # little that their decaying mode is still there, e^{-2γt} of the growing one, which steps of size h change by hγt; the
    # tilt, which is no more than the angle, they change by h of itself.
    sizes = np.array([float(np.max(each.perturbation)) for each in wanted])
    grown = prediction.linear.rate * np.array([float(np.min(each.times)) for each in wanted])
    step = evidence.stride
    known = sizes * np.maximum(1.0, sizes**2 / predicted) + step * (
        np.minimum(sizes / predicted, 1.0) + grown * np.exp(-2 * grown)
    )
    known = (
        known + fraction * predicted + np.array([float(np.max(each.left_out)) for each in wanted]) / predicted
    )
    known = known + jumps / predicted
    tolerance = float(np.abs(weights) @ known)
    return [
        Check(
            name=name,
            predicted=expected,
            observed=measured,
            tolerance=tolerance,
            verdict=within(expected, measured, tolerance),
            why="what theory leaves out of each angle, relative to it, through the weights of the least-squares slope",
            details={"stds": stds, "angles": observed, "expected_angles": predicted},
        )
    ]


def median_angle(run: Trained | Expected, destinations: np.ndarray, order: int) -> float:
    """The amplitude-weighted median angle of all neurons to their destinations."""
    return _median(run, destinations, order, 0.0)[0]


def _median(
    run: Trained | Expected, destinations: np.ndarray, order: int, slack: float
) -> tuple[float, float, float]:
    """That median, and its bounds where the weights are known up to `slack`."""
    weights = run.amplitudes(order)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return median_bounds(angle(run.u, destinations).ravel(), weights.ravel(), slack)
