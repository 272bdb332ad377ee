"""Order 1: does the angle to the destination fall with the initialisation scale as theory says?

Until the tilt of the signal holds it up, the angle at a fixed fall of the loss is ∝ std.  The exponent over two decades of
scales is compared with the exponent of the expected angles, tilt included.
"""

from __future__ import annotations

import numpy as np

from theory.forms.vectors import angle
from theory.predictions.expected import Expected
from verify.bridge.training import MOMENTUM
from verify.regimes.common.evidence import SmoothEvidence, Trained, has_initial_stage
from verify.regimes.common.median import median_bounds
from verify.report.verdict import Check, Verdict, within


def scaling(evidence: SmoothEvidence) -> list[Check]:
    """The log-log slope of the amplitude-weighted median angle against std, over two decades."""
    if not evidence.scales or evidence.dimension == 1:
        return []
    prediction, fraction = evidence.prediction, evidence.fraction
    runs = (*evidence.scales, evidence.trained)
    wanted = [prediction.expect(run.a0, run.w0, fraction=fraction) for run in runs]
    # From the largest weights the loss may have fallen before the growing mode rules: there is no initial stage then.
    usable = [
        bool(run.reached.all()) and has_initial_stage(prediction, each)
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
                why=f"{sum(usable)} of {len(runs)} scales have an initial stage of 1/γ at least in which the leading order "
                f"leads: a smaller --init-std would give more",
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
    step = evidence.experiment.step * (1 + MOMENTUM if evidence.experiment.optimizer == "momentum" else 1)
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
