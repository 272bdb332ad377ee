"""Does each neuron do what theory says of it?  Destinations, the leading flow neuron by neuron, the invariant, the order.

Destinations.  Order 1: the sign of a0 + w0·ĝ decides; the trained neuron must lie on that side of the hyperplane ĝ⊥ once
that mode rules.  Higher order: theory follows the autonomous orientation flow, numerics the Cartesian one; fate and
orientation must agree.  The tolerance is the share of neurons so near a basin boundary that the perturbation of the flow
may carry them across.
Leading flow.  Every trained neuron is compared with the leading-order flow from its own start at the time where training
stopped.  The error is measured in units of how far the flow has turned the neuron: 1 is the chance level, that of a
prediction which knows nothing of the motion.  Training is extrapolated to zero step size from steps h and h/2.
Invariant.  Theory derives K = ‖w‖² - p a² symbolically; numerics integrates the Cartesian flow, which knows nothing of it.
Each accepted step has a local error of at most `LOCAL_ERROR` relative to ρ, so K/ρ² drifts by at most (2 + 2p) of it
a step.
"""

from __future__ import annotations

import numpy as np

from theory import Fate
from theory.beyond.displacement import Displaced
from theory.forms.vectors import angle, nearest, unit
from verify.regimes.common.confusion import Reason, confusion, labelled
from verify.regimes.common.order import order_check
from verify.regimes.smooth.destinations import SAME
from verify.regimes.smooth.evidence import SmoothEvidence
from verify.verdict import Check, at_most, within


def order_of_accuracy(evidence: SmoothEvidence) -> list[Check]:
    """The measured exponent of the distance between full and leading-order flow against the derived one."""
    return [order_check(evidence.accuracy, evidence.prediction.system.order_terms, evidence.competing)]


def destination(evidence: SmoothEvidence) -> list[Check]:
    """Predicted against observed destination of every neuron of every network."""
    return [_trained(evidence)] if evidence.flows is None else [_flow(evidence), _trained(evidence)]


def _trained(evidence: SmoothEvidence) -> Check:
    found = evidence.destinations
    # What is allowed is what was known before: order 1, all neurons near the boundary, whether they crossed it or not.
    undecided = found.share_of(Reason.LEARNING_RATE, Reason.BOUNDARY)
    how = (
        "share with the predicted sign"
        if evidence.driving_order == 1
        else "share that the flow still takes there"
    )
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
    prediction, flows = evidence.prediction, evidence.flows
    assert flows is not None
    ours, decided = flows.ours, flows.decided
    same = decided & (flows.fates == ours.fates) & (angle(ours.u, flows.theirs) < SAME)
    share, undecided = float(same.mean()), float(np.mean(~decided))
    listed = np.array([o.u for o in prediction.orientations.orientations])
    classes = [np.where(decided, nearest(u, listed, SAME), len(listed)) for u in (ours.u, flows.theirs)]
    table = confusion(labelled(listed), classes[0], classes[1], classes[1], ~decided)
    apart = (
        np.min(angle(ours.u[:, None], listed[None]), axis=1) if len(listed) else np.full(len(decided), np.inf)
    )
    return Check(
        name="destination of every neuron in the leading flow (share that agrees)",
        predicted=1.0,
        observed=share,
        tolerance=undecided,
        verdict=within(1.0, share, undecided + 1e-12),
        why=f"{len(decided)} neurons, autonomous against Cartesian flow; the tolerance is the share left undecided by "
        "either or by the errors of their steps",
        details={
            "growing": int(np.sum(ours.fates == Fate.GROWS)),
            "dying": int(np.sum(ours.fates == Fate.DIES)),
            "undecided": int(np.sum(~decided)),
            "confusion": table.to_json(),
            "farthest_from_a_listed_orientation": float(apart[decided].max(initial=0.0)),
        },
    )


def own_flow(evidence: SmoothEvidence) -> list[Check]:
    """The median error of the orientation of single neurons relative to their motion."""
    if evidence.dimension == 1:
        return []  # on two points there is nothing to turn; the destination check says what there is to say
    prediction, expected = evidence.prediction, evidence.expected
    trained, coarse = evidence.limit(), evidence.trained
    leading = (
        expected.u if prediction.driving_order == 1 else np.array([each.u for each in evidence.followed])
    )
    # Neurons that the leading order has blown up, or is about to, are the business of the amplitude check.
    follows = evidence.following
    error, motion = angle(trained.u, leading)[follows], angle(unit(trained.w0), leading)[follows]
    ratio = error / motion
    observed = float(np.median(ratio))
    turn = float(np.median(motion))
    # What the step size leaves of each neuron, see `SmoothEvidence.coarser_limit`.
    step = angle(trained.u, evidence.coarser_limit().u)[follows]
    beyond_leading = evidence.displaced
    unknown = beyond_leading if isinstance(beyond_leading, str) else None
    if prediction.driving_order == 1:
        # The first order of the change of the signal is in the prediction (tilt); its second order is left.
        beyond = float(np.max(expected.perturbation)) ** 2 + evidence.fraction
        beyond += float(np.max(expected.left_out)) / turn
        tolerance = float(np.median(beyond + step / motion))
    else:
        # Neuron by neuron: no error is larger than its bound, so that no median is larger than that of the bounds.
        displaced = beyond_leading.turned[follows] if isinstance(beyond_leading, Displaced) else 0.0
        step = step + evidence.passing[follows]
        tolerance = float(np.median((displaced + step) / motion))
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
                "step_error": float(np.median(step / motion)),
                "coarse_steps": coarse.steps,
            },
        ).undecided(unknown)
    ]


def invariant(evidence: SmoothEvidence) -> list[Check]:
    """The largest drift of K over all neurons of all networks, along the first three quarters of the horizon."""
    found = evidence.conserved
    bound = (2 + 2 * evidence.driving_order) * found.local_error * found.attempts
    return [
        Check(
            name="invariant ‖w‖² - p a² along the leading flow (largest relative drift)",
            predicted=0.0,
            observed=found.drift,
            tolerance=bound,
            verdict=at_most(found.drift, bound),
            why=f"local errors of {found.local_error:.0e} a step add up over {found.steps} steps",
        )
    ]
