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

TOLERANCE = 0.1  # declared beforehand: a tenth of the exponent, 8 networks and two decades resolve 0.01


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
    measured = float(np.polyfit(np.log(stds), np.log(observed), 1)[0])
    expected = float(np.polyfit(np.log(stds), np.log(predicted), 1)[0])
    return [
        Check(
            name=f"exponent of the angle against std, {stds.max():g} to {stds.min():g}",
            predicted=expected,
            observed=measured,
            tolerance=TOLERANCE,
            verdict=within(expected, measured, TOLERANCE),
            why="a tenth of the exponent, declared beforehand",
            details={"stds": stds, "angles": observed, "expected_angles": predicted},
        )
    ]


def median_angle(run: Trained | Expected, destinations: np.ndarray, order: int) -> float:
    """The amplitude-weighted median angle of all neurons to their destinations."""
    weights = run.amplitudes(order)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weighted_median(angle(run.u, destinations).ravel(), weights.ravel())
