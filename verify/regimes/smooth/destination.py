"""Does every single neuron go where theory sends it?

Order 1: the sign of a0 + w0·ĝ decides; the trained neuron must lie on that side of the hyperplane ĝ⊥ once that mode rules.
Higher order: theory follows the autonomous orientation flow, numerics the Cartesian one; fate and orientation must agree.
The tolerance is the share of neurons so near a basin boundary that the perturbation of the flow may carry them across.
"""

from __future__ import annotations

import numpy as np

from numerics.flow import LeadingStatus, leading_flow, moments
from theory import Fate, SmoothPrediction, destinations
from theory.forms.vectors import angle
from verify.regimes.common.boundary import near_boundary
from verify.regimes.common.confusion import Reason, confusion, labelled, nearest
from verify.regimes.common.evidence import SmoothEvidence
from verify.report.verdict import Check, within

LOCAL_ERROR = 1e-10  # of a step, relative, of either flow
SAME = 1e-5  # rad; both integrations end within 1e-8 of alignment, distinct attractors are certified apart


def destination(evidence: SmoothEvidence) -> list[Check]:
    """Predicted against observed destination of every neuron of every network."""
    return [_trained(evidence)] if evidence.order == 1 else [_flow(evidence), _trained(evidence)]


def _trained(evidence: SmoothEvidence) -> Check:
    found = evidence.destinations
    # What is allowed is what was known before: order 1, all neurons near the boundary, whether they crossed it or not.
    undecided = found.share_of(Reason.LEARNING_RATE, Reason.BOUNDARY)
    how = "share with the predicted sign" if evidence.order == 1 else "share that the flow still takes there"
    return Check(
        name=f"destination of every trained neuron ({how})",
        predicted=1.0,
        observed=found.agreeing,
        tolerance=undecided,
        verdict=within(1.0, found.agreeing, undecided + 1e-12),
        why=f"{len(found.predicted)} neurons; the tolerance is the share that half the learning rate sets right, or "
        "that is nearer to a basin boundary than what theory leaves out",
        details={
            "neurons": len(found.predicted),
            "disagree": int(np.sum(found.predicted != found.observed)),
            "confusion": found.to_json(),
        },
    )


def _flow(evidence: SmoothEvidence) -> Check:
    prediction, trained = evidence.prediction, evidence.trained
    dimension = trained.w0.shape[-1]
    a0, w0 = trained.a0.reshape(-1), trained.w0.reshape(-1, dimension)
    ours = destinations(prediction.field, a0, w0)
    force = moments(prediction.x, prediction.signal, prediction.driving_order, prediction.coefficient)
    theirs = leading_flow(force, a0, w0)
    fates = {LeadingStatus.GROWING: Fate.GROWS, LeadingStatus.DYING: Fate.DIES}
    fate = np.array(
        [fates.get(LeadingStatus(status), Fate.UNDECIDED) for status in theirs.status], dtype=object
    )
    decided = (fate != Fate.UNDECIDED) & (ours.fates != Fate.UNDECIDED)
    same = decided & (fate == ours.fates) & (angle(ours.u, theirs.orientation) < SAME)
    # Where the two differ the errors of their steps may have decided: such a neuron is on no side.
    doubtful = np.flatnonzero(decided & ~same)
    times = np.minimum(ours.blow_up_times, theirs.blowup_time)[doubtful]
    natural = np.linalg.norm(w0[doubtful], axis=1) / np.linalg.norm(
        prediction.field(a0[doubtful], w0[doubtful])[1], axis=1
    )
    decided[doubtful] = ~near_boundary(
        prediction.field,
        lambda a, w: _classes(prediction, a, w),
        a0[doubtful],
        w0[doubtful],
        LOCAL_ERROR * np.maximum(theirs.steps[doubtful], 100),
        np.where(np.isfinite(times), times, 10 * natural),
        np.random.default_rng(np.random.SeedSequence([evidence.experiment.seed, 7])),
    )
    share, undecided = float(same.mean()), float(np.mean(~decided))
    listed = np.array([o.u for o in prediction.orientations.orientations])
    classes = [np.where(decided, nearest(u, listed, SAME), len(listed)) for u in (ours.u, theirs.orientation)]
    table = confusion(labelled(listed), classes[0], classes[1], classes[1], ~decided)
    apart = np.min(angle(ours.u[:, None], listed[None]), axis=1) if len(listed) else np.full(len(a0), np.inf)
    return Check(
        name="destination of every neuron in the leading flow (share that agrees)",
        predicted=1.0,
        observed=share,
        tolerance=undecided,
        verdict=within(1.0, share, undecided + 1e-12),
        why=f"{len(a0)} neurons, autonomous against Cartesian flow; the tolerance is the share left undecided by either or "
        "by the errors of their steps",
        details={
            "growing": int(np.sum(ours.fates == Fate.GROWS)),
            "dying": int(np.sum(ours.fates == Fate.DIES)),
            "undecided": int(np.sum(~decided)),
            "confusion": table.to_json(),
            "farthest_from_a_listed_orientation": float(apart[decided].max(initial=0.0)),
        },
    )


def _classes(prediction: SmoothPrediction, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The orientation to which the flow takes each neuron, growing or dying, as a number; -1 for undecided."""
    ends = destinations(prediction.field, a, w)
    listed = np.array([o.u for o in prediction.orientations.orientations]).reshape(-1, w.shape[1])
    found = nearest(ends.u, listed, SAME)
    return np.where(ends.fates == Fate.UNDECIDED, -1, 2 * found + (ends.fates == Fate.GROWS))
