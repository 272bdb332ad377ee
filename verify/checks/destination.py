"""Does every single neuron go where theory sends it?

Order 1: the sign of a0 + w0·ĝ decides; the trained neuron must lie on that side of the hyperplane ĝ⊥.
Higher order: theory follows the autonomous orientation flow, numerics the Cartesian one; fate and orientation must agree.
The tolerance is the share of neurons so near a basin boundary that the perturbation of the flow may carry them across.
"""

from __future__ import annotations

import numpy as np

from numerics.flow import LeadingStatus, leading_flow, moments
from theory import Fate, destinations
from verify.evidence import SmoothEvidence, angle
from verify.verdict import Check, within

SAME = 1e-5  # rad; both integrations end within 1e-8 of alignment, distinct attractors are certified apart


def destination(evidence: SmoothEvidence) -> list[Check]:
    """Predicted against observed destination of every neuron of every network."""
    return [(_trained if evidence.prediction.order == 1 else _flow)(evidence)]


def _trained(evidence: SmoothEvidence) -> Check:
    flow = evidence.prediction.linear
    trained = evidence.trained
    expected = evidence.expected
    side = np.sign(trained.w @ flow.direction)
    agrees = side == flow.signs(trained.a0, trained.w0)
    # A neuron less than the tilt away from the hyperplane at the horizon may be carried across by the change of signal.
    along = np.abs(expected.w @ flow.direction)
    across = np.linalg.norm(expected.w, axis=-1) * expected.perturbation[:, None]
    undecided = float(np.mean(along < across))
    share = float(agrees.mean())
    return Check(
        name="destination of every trained neuron (share with the predicted sign)",
        predicted=1.0,
        observed=share,
        tolerance=undecided,
        verdict=within(1.0, share, undecided),
        why=f"{agrees.size} neurons; the tolerance is the share within the tilt of the signal from the basin boundary",
        details={"neurons": int(agrees.size), "disagree": int(np.sum(~agrees))},
    )


def _flow(evidence: SmoothEvidence) -> Check:
    prediction, trained = evidence.prediction, evidence.trained
    dimension = trained.w0.shape[-1]
    a0, w0 = trained.a0.reshape(-1), trained.w0.reshape(-1, dimension)
    ours = destinations(prediction.field, a0, w0)
    force = moments(prediction.x, prediction.signal, prediction.order, prediction.coefficient)
    theirs = leading_flow(force, a0, w0)
    fates = {LeadingStatus.GROWING: Fate.GROWS, LeadingStatus.DYING: Fate.DIES}
    fate = np.array(
        [fates.get(LeadingStatus(status), Fate.UNDECIDED) for status in theirs.status], dtype=object
    )
    decided = (fate != Fate.UNDECIDED) & (ours.fates != Fate.UNDECIDED)
    same = decided & (fate == ours.fates) & (angle(ours.u, theirs.orientation) < SAME)
    share, undecided = float(same.mean()), float(np.mean(~decided))
    listed = np.array([o.u for o in prediction.orientations.orientations])
    nearest = (
        np.min(angle(ours.u[:, None], listed[None]), axis=1) if len(listed) else np.full(len(a0), np.inf)
    )
    return Check(
        name="destination of every neuron in the leading flow (share that agrees)",
        predicted=1.0,
        observed=share,
        tolerance=undecided,
        verdict=within(1.0, share, undecided),
        why=f"{len(a0)} neurons, autonomous against Cartesian flow; the tolerance is the share left undecided by either",
        details={
            "growing": int(np.sum(ours.fates == Fate.GROWS)),
            "dying": int(np.sum(ours.fates == Fate.DIES)),
            "undecided": int(np.sum(~decided)),
            "farthest_from_a_listed_orientation": float(nearest[decided].max(initial=0.0)),
        },
    )
