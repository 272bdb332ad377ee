"""One-sided activations and several outputs: does every neuron go where the leading flow takes it?

Where it takes a neuron into a saddle, what lies beyond the leading order tips it over: that destination is not told.
"""

from __future__ import annotations

from verify.regimes.common.confusion import Reason
from verify.regimes.common.count import bound_2p
from verify.regimes.common.order import order_check
from verify.regimes.stepwise.gather import StepwiseEvidence
from verify.verdict import Check, Verdict, within

# Of shares of neurons; chosen because it is far above the rounding of a mean, far below what one of a few thousand counts.
ROUNDING = 1e-12


def order_of_accuracy(evidence: StepwiseEvidence) -> list[Check]:
    """The measured exponent of the distance between full and leading-order flow against the derived one."""
    return [order_check(evidence.accuracy)]


def destination(evidence: StepwiseEvidence) -> list[Check]:
    """Where the leading flow takes each neuron from its start, and from where training has left it."""
    found = evidence.destinations
    undecided = found.share_of(Reason.LEARNING_RATE, Reason.BOUNDARY)
    check = Check(
        name="destination of every trained neuron (share that keeps to the predicted one)",
        predicted=1.0,
        observed=found.agreeing,
        tolerance=undecided,
        verdict=within(1.0, found.agreeing, undecided + ROUNDING),
        why=f"{len(found.predicted)} neurons; the tolerance is the share that half the learning rate sets right, or "
        "that started nearer to a basin boundary than what theory leaves out, or come to w = 0, where the flow ends",
        details={"confusion": found.to_json()},
    )
    # The others must keep to theirs all the same.
    return [check.undecided(None if check.verdict is Verdict.REFUTED else evidence.saddles)]


def bound(evidence: StepwiseEvidence) -> list[Check]:
    """The source paper's bound, which is for a multiplicity in its sense: a kink has none."""
    return bound_2p(evidence) if evidence.activation.is_smooth else []
