"""Does each neuron of a real network follow its own leading-order flow?

Every trained neuron is compared with the leading-order flow from its own start at the time where training stopped.  The
error is measured in units of how far the flow has turned the neuron: 1 is the chance level, that of a prediction which
knows nothing of the motion.  Training is extrapolated to zero step size from steps h and h/2.
"""

from __future__ import annotations

import numpy as np

from theory import neurons_at
from theory.forms.vectors import angle, unit
from verify.regimes.common.evidence import SmoothEvidence
from verify.report.verdict import Check, at_most


def shadow(evidence: SmoothEvidence) -> list[Check]:
    """The median error of the orientation of single neurons relative to their motion."""
    if evidence.dimension == 1:
        return []  # on two points there is nothing to turn; the destination check says what there is to say
    prediction, expected = evidence.prediction, evidence.expected
    trained, coarse = evidence.limit(), evidence.trained
    errors, motions, spreads = [], [], []
    for b in range(len(trained.times)):
        start = unit(trained.w0[b])
        if prediction.driving_order == 1:
            leading, follows = expected.u[b], np.ones(len(start), dtype=bool)
        else:
            at = neurons_at(prediction.field, trained.a0[b], trained.w0[b], float(trained.times[b]))
            # Neurons that the leading order has blown up, or is about to, are the business of the amplitude check.
            leading, follows = at.u, ~at.blown_up & (expected.blow_up_times[b] > 1.1 * trained.times[b])
        errors.append(angle(trained.u[b], leading)[follows])
        motions.append(angle(start, leading)[follows])
        spreads.append(expected.spread[b][follows])
    error, motion = np.concatenate(errors), np.concatenate(motions)
    ratio = error / motion
    observed = float(np.median(ratio))
    turn = float(np.median(motion))
    step = float(np.median(angle(trained.u, evidence.refined.u))) / turn
    if prediction.driving_order == 1:
        # The first order of the change of the signal is in the prediction (tilt); its second order is left.
        beyond = float(np.max(expected.perturbation)) ** 2 + evidence.fraction
        beyond += float(np.max(expected.left_out)) / turn
    else:
        # Neuron by neuron: no error is larger than its bound, so that no median is larger than that of the bounds.
        beyond = float(np.median(np.concatenate(spreads) / motion))
    tolerance = beyond + step**2 + step * evidence.experiment.step
    return [
        Check(
            name="each neuron against its own leading flow (median error of its turn, relative)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=at_most(observed, tolerance),
            why="forces beyond leading order over the time that they last, plus the step size after extrapolation; "
            "1 would be a neuron that the prediction knows nothing of",
            details={
                "neurons": len(ratio),
                "median_turn_rad": turn,
                "median_error_rad": float(np.median(error)),
                "ninetieth_percentile": float(np.quantile(ratio, 0.9)),
                "step_error": step,
                "coarse_steps": coarse.steps,
            },
        )
    ]
