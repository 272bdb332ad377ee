"""Order 1: does the angle to the destination fall with the initialisation scale as theory says?

Until the tilt of the signal holds it up, the angle at a fixed fall of the loss is ∝ std.  The exponent between the scales
100 std and std is compared with the exponent of the expected angles, tilt included.
"""

from __future__ import annotations

import numpy as np

from numerics.orientation import weighted_median
from verify.evidence import Expected, SmoothEvidence, Trained, angle
from verify.expect import expect
from verify.verdict import Check, within


def scaling(evidence: SmoothEvidence) -> list[Check]:
    """The log-log slope of the amplitude-weighted median angle against std, over two decades."""
    if not evidence.scales or evidence.dimension == 1:
        return []
    prediction, fraction = evidence.prediction, evidence.fraction
    runs = (*evidence.scales, evidence.trained)
    stds = np.array([run.std for run in runs])
    observed = np.array([median_angle(run, evidence.expected.destinations, prediction.order) for run in runs])
    wanted = [expect(prediction, run.a0, run.w0, fraction=fraction) for run in runs]
    predicted = np.array(
        [median_angle(each, evidence.expected.destinations, prediction.order) for each in wanted]
    )
    weights = np.log(stds) - np.log(stds).mean()
    weights /= weights @ weights  # of the least-squares slope
    measured, expected = float(weights @ np.log(observed)), float(weights @ np.log(predicted))
    # Each angle is known up to the second order of the forces beyond leading order (see the amplitude check); the output of
    # the part that is not aligned yet moves the horizon by δ times the angle; and from the largest scale neurons grow so
    # little that their decaying mode is still there, e^{-2γt} of the growing one, which steps of size h change by hγt.
    sizes = np.array([float(np.max(each.perturbation)) for each in wanted])
    grown = prediction.linear.rate * np.array([float(np.min(each.times)) for each in wanted])
    step = evidence.experiment.step
    known = sizes * np.maximum(1.0, sizes**2 / predicted) + step * (sizes + grown * np.exp(-2 * grown))
    known = known + fraction * predicted
    tolerance = float(np.abs(weights) @ known)
    return [
        Check(
            name=f"exponent of the angle against std, {stds.max():g} to {stds.min():g}",
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
    weights = run.amplitudes(order)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weighted_median(angle(run.u, destinations).ravel(), weights.ravel())
