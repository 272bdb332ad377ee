"""Does the initial stage end when theory says?"""

from __future__ import annotations

import numpy as np

from verify.bridge.training import MOMENTUM
from verify.regimes.common.evidence import SmoothEvidence
from verify.report.verdict import Check, Verdict, at_most


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
                why=f"{missing} networks did not reach the fall of the loss in their budget",
            )
        ]
    # Gradient descent is a first-order method: halving the step halves its error, so the limit is 2 t_{h/2} - t_h.
    limit = 2 * fine.times - coarse.times
    # What the extrapolation leaves is of second order: the step times what halving it changed.
    # The error of momentum is (1 + μ)/(1 - μ) times that of gradient descent, with steps that are (1 - μ) times as long.
    stride = evidence.experiment.step * (1 + MOMENTUM if evidence.experiment.optimizer == "momentum" else 1)
    discretisation = stride * np.abs(fine.times - coarse.times)
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
