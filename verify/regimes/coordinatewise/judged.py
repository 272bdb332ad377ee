"""When an error confirms, refutes, or decides nothing.

For p = 1 the tolerances are bounds.  For p ≥ 2 they are estimates: to meet them confirms, to miss them refutes where the
error is that of a prediction that knows nothing, and what lies between decides nothing.  A tolerance so wide that a
prediction which knows nothing would meet it confirms nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theory.predictions.expected import NEGLECTED
from verify.regimes.common.count import COSINE
from verify.regimes.coordinatewise.evidence import CoordinatewiseEvidence
from verify.report.verdict import Check, Verdict, at_most

# Of the error of a prediction that knows nothing: what an agreement must stay below to confirm anything; chosen because
# half of what there is to know is then known.
WORTH = 0.5
# Of a share or cosine; chosen because it is far above binary64's and far below what is measured.
ROUNDING = 1e-12
CLUSTER = float(
    np.arccos(COSINE)
)  # rad; derived from how orientations are counted: one that is off by more is another
REMEDY = "a smaller --fraction, with a smaller --init-std, or other data would be conclusive"


def judged(check: Check, evidence: CoordinatewiseEvidence, error: float, knows_nothing: float) -> Check:
    """The check with the verdict of its error, and with the tolerance that the error must meet to confirm: its own, or
    `WORTH` of the error `knows_nothing` of a prediction that knows nothing."""
    own = float(check.tolerance)
    allowed = min(own, WORTH * knows_nothing)
    found = replace(check, tolerance=allowed, verdict=at_most(error, allowed + ROUNDING))
    if found.verdict is not Verdict.REFUTED:
        return found
    return found.undecided(
        _wide(own, knows_nothing) if error <= own else _estimate(evidence, error, knows_nothing)
    )


def counted(check: Check, tilt: float) -> Check:
    """A count whose range comes from neurons that may be turned by `tilt` (rad): where that exceeds the size of a cluster
    every count is in the range, and only the very count that is expected of every network says something."""
    details = check.details or {}
    if tilt < CLUSTER or list(details["expected_counts"]) == list(details["observed_counts"]):
        return check
    return check.undecided(
        f"what the change of the gradient by the end may turn, {tilt:.2g} rad, is more than the size of a cluster, "
        f"{CLUSTER:.2g} rad: any count would be within its range; {REMEDY}"
    )


def _wide(tolerance: float, knows_nothing: float) -> str:
    return (
        f"the change of the gradient by the end may make an error of {tolerance:.2g}, where a prediction that knows "
        f"nothing is off by {knows_nothing:.2g}: {REMEDY}"
    )


def _estimate(evidence: CoordinatewiseEvidence, error: float, knows_nothing: float) -> str | None:
    """p ≥ 2: why an error above the tolerance decides nothing; None where it is as large as that of a prediction that knows
    nothing although the leading order leads."""
    changed = float(np.max(evidence.expected.perturbation))
    if evidence.order == 1 or (error >= knows_nothing and changed <= NEGLECTED):
        return None
    return (
        f"for p ≥ 2 the tolerance is an estimate, by the change of one neuron's gradient by the end ({changed:.2g}), "
        f"and no bound: only an error of {knows_nothing:.2g}, that of a prediction that knows nothing, would refute, and "
        f"only while that change is below {NEGLECTED:g}; {REMEDY}"
    )
