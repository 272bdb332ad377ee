"""σ(0) ≠ 0, before the signs split: is the mean fitted first, and do the neurons follow the corrected orientation?

All are put at half of the time at which the first neuron is to turn (`OffsetEvidence.look`).  The reference is the offset
system, followed; what it leaves out over the way adds up to the share `left_out` of the motion.
"""

from __future__ import annotations

import numpy as np

from theory.forms.vectors import angle, unit
from theory.predictions.offset_expected import FLOW_ERROR
from theory.predictions.prediction import NEGLECTED
from theory.streams import Stream, generator
from verify.regimes.common.order import order_check
from verify.regimes.common.regime import Scope
from verify.regimes.offset.evidence import OffsetEvidence
from verify.verdict import Check, at_most, within

ROUNDING = (
    1e-9  # of sums over neurons and data; chosen because it is far above 1e-16 of each, times 1e4 of them
)
_CHANCE_DRAWS = 4000  # random vectors; chosen because their median is then known to 2 %
# Of the angle by which neurons may be off, that two orientations must be apart; chosen because both tolerances then fit.
_APART = 2.0


def not_described(left_out: float) -> str | None:
    """Why the offset system is no description where it leaves this share of the motion out, with the remedy."""
    if left_out <= NEGLECTED:
        return None
    return (
        f"the system leaves {left_out:.2g} of the motion out by then, above {NEGLECTED:g}, as where the common mode fits "
        "the data before the signs split: a smaller --init-std or a larger --width would be conclusive"
    )


BEFORE_SPLIT: Scope[OffsetEvidence] = Scope(
    "the offset system describes the network until half of the time of the first turn",
    lambda evidence: not_described(float(evidence.left_out[evidence.look])),
)


def order_of_accuracy(evidence: OffsetEvidence) -> list[Check]:
    """The measured exponent of the distance between full flow and offset system against the derived one."""
    return [order_check(evidence.accuracy)]


def fitted_mean(evidence: OffsetEvidence) -> list[Check]:
    """Before any neuron turns the networks put out the constant that fits the data best."""
    outputs, flow = evidence.outputs, evidence.expected_outputs
    target, left_out = evidence.prediction.fitted, float(evidence.left_out[evidence.look])
    # The outputs beyond the constant are c Σ a w·x, whose growth the next Taylor term changes by its own share.
    allowed = left_out * (np.abs(flow - target) + abs(target)) + ROUNDING
    worst = int(np.argmax(np.abs(outputs - flow) / allowed))
    return [
        Check(
            name=f"mean output once the mean is fitted (best constant {target:.4g}; worst network)",
            predicted=float(flow[worst]),
            observed=float(outputs[worst]),
            tolerance=float(allowed[worst]),
            verdict=within(float(flow[worst]), float(outputs[worst]), float(allowed[worst])),
            why=f"the offset system leaves {left_out:.2g} of the motion out by then; before training the output is 0",
            details={"outputs": outputs, "offset_system": flow, "time": evidence.grid[evidence.look]},
        )
    ]


def corrected_orientation(evidence: OffsetEvidence) -> list[Check]:
    """The cosine to the mean-corrected orientation after the mean is fitted and before the signs split."""
    if evidence.dimension == 1:
        return []
    look = evidence.look
    observed = float(np.median(evidence.cosines(evidence.seen_w[look])))
    predicted = float(np.median(evidence.cosines(evidence.expected.flow_w[look])))
    rest, left_out = float(np.arccos(np.clip(predicted, -1, 1))), float(evidence.left_out[look])
    tolerance = left_out * (np.sin(rest) + left_out / 2) + ROUNDING
    chance = _chance_cosine(evidence)
    return [
        Check(
            name="median cosine to the mean-corrected orientation, mean fitted and before the split",
            predicted=predicted,
            observed=observed,
            tolerance=tolerance,
            verdict=within(predicted, observed, tolerance),
            why=f"what the offset system leaves out may turn a neuron by {left_out:.2g} rad; random vectors come to "
            f"{chance:.3g}",
            details={"chance": chance, "time": evidence.grid[look]},
        ).undecided(_met_by_chance(chance >= predicted - tolerance, f"random vectors come to {chance:.3g}"))
    ]


def naive_orientation(evidence: OffsetEvidence) -> list[Check]:
    """The orientation ± mean(s x) of the signal at zero output, as the source paper's Proposition gives it."""
    if evidence.dimension == 1:
        return []
    look, naive = evidence.look, evidence.naive
    apart = abs(float(naive @ evidence.direction))
    observed = float(np.median(np.abs(unit(evidence.seen_w[look]) @ naive)))
    rest = float(np.arccos(np.clip(np.median(evidence.cosines(evidence.expected.flow_w[look])), -1, 1)))
    left_out = float(evidence.left_out[look])
    tolerance = 1 - np.cos(rest + left_out)
    told_apart = np.arccos(min(apart, 1.0)) > _APART * (rest + left_out)
    why = (
        "with σ(0) ≠ 0 the constant is fitted while the input weights sleep, so that the signal which turns them has no "
        f"mean: the two orientations have the cosine {apart:.3g}"
    )
    return [
        Check(
            name="median cosine to ± Σ s x with the signal at zero output, at the same time",
            predicted=1.0,
            observed=observed,
            tolerance=float(tolerance),
            verdict=within(1.0, observed, float(tolerance)),
            why=why,
            source="Zhou et al. 2022, Proposition 1 for σ(0) ≠ 0",
            details={"between_the_two": apart},
        ).undecided(None if told_apart else f"{why}, too near to 1 to tell them apart")
    ]


def own_flow(evidence: OffsetEvidence) -> list[Check]:
    """Every neuron against the offset system from its own start, at the same time, relative to its turn."""
    if evidence.dimension == 1:
        return []
    look = evidence.look
    seen, flow = unit(evidence.seen_w[look]), unit(evidence.expected.flow_w[look])
    turn = angle(unit(evidence.trained.w0), flow)
    ratio = angle(seen, flow) / turn
    observed, median_turn = float(np.median(ratio)), float(np.median(turn))
    tolerance = float(evidence.left_out[look]) / median_turn + FLOW_ERROR
    return [
        Check(
            name="each neuron against the offset system (median error of its turn, relative)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=at_most(observed, tolerance),
            why="what the offset system leaves out over the way; 1 would be a neuron that the prediction knows nothing of",
            details={"median_turn_rad": median_turn, "ninetieth_percentile": float(np.quantile(ratio, 0.9))},
        ).undecided(_met_by_chance(tolerance >= 1, "neurons of which nothing is known come to 1"))
    ]


def shares_before(evidence: OffsetEvidence) -> list[Check]:
    """Before the split all neurons share one sign."""
    look = evidence.look
    predicted = float(1 - evidence.expected.turned[look].mean())
    observed = float(1 - evidence.turned[look].mean())
    # A neuron so near to the hyperplane that the next Taylor term may carry it across is undecided.
    near = evidence.cosines(evidence.expected.flow_w[look]) < evidence.left_out[look]
    return [
        Check(
            name="share of neurons on the common side before the split",
            predicted=predicted,
            observed=observed,
            tolerance=float(near.mean()),
            verdict=within(predicted, observed, float(near.mean()) + 1e-12),
            why=f"at time {evidence.grid[look]:.4g}, half of that at which the first neuron is to turn; the sides of the "
            "draw are half and half",
        ).undecided(_met_by_chance(predicted - float(near.mean()) <= 0.5, "random vectors come to a half"))
    ]


def _met_by_chance(met: bool, how: str) -> str | None:
    """The reason why a check decides nothing that random vectors would pass."""
    if not met:
        return None
    return f"{how}, within what is allowed: neurons have hardly turned yet; a smaller --init-std gives them more time"


def _chance_cosine(evidence: OffsetEvidence) -> float:
    drawn = generator(evidence.experiment.seed, Stream.CHANCE_ANGLE)
    u = unit(drawn.standard_normal((_CHANCE_DRAWS, evidence.dimension)))
    return float(np.median(np.abs(u @ evidence.direction)))
