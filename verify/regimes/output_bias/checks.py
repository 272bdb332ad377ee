"""An output bias: does it fit the mean first, and do the neurons follow what is left?

All are put at the end of the initial stage, when the loss has fallen below that of the best constant.  The reference is the
leading system, followed from the same start; beside it theory follows all terms of its own series (`whole`).  What these
make of a number is its tolerance, with `STEPS` for what is beyond the first order of that, and what the step size leaves.
"""

from __future__ import annotations

import numpy as np

from theory.beyond.output_bias import STEP_ERROR
from theory.forms.vectors import angle, unit
from verify.regimes.common.angles import chance_angle, near_chance
from verify.regimes.common.confusion import Reason
from verify.regimes.common.order import order_check
from verify.regimes.common.regime import Scope
from verify.regimes.output_bias.evidence import OutputBiasEvidence
from verify.regimes.smooth.at_horizon import TOLD_APART
from verify.verdict import Check, Verdict, at_most, within

# Of what all forces make of a number: chosen because what Taylor terms above p + 8 add is below a half where they matter.
ALLOWED = 1.5
# Of angles and of K, relative: derived from some hundred steps of `STEP_ERROR`.
ROUNDING = 100 * STEP_ERROR
# Of the angle by which neurons may be off, that two orientations must be apart; chosen because both tolerances then fit.
_APART = 2.0


def _left(evidence: OutputBiasEvidence) -> str | None:
    if not (evidence.trained.reached.all() and evidence.refined.reached.all()):
        missing = int(np.sum(~(evidence.trained.reached & evidence.refined.reached)))
        return f"{missing} networks did not reach the fall of the loss in their budget: a larger --init-std would be faster"
    return evidence.prediction.outside(evidence.predicted, evidence.fraction) or evidence.steps_hide


AT_THE_END: Scope[OutputBiasEvidence] = Scope(
    "the leading system describes the network until the end of the stage", _left
)


def order_of_accuracy(evidence: OutputBiasEvidence) -> list[Check]:
    """The measured exponent of the distance between full flow and leading system against the derived one."""
    return [order_check(evidence.accuracy, evidence.prediction.system.order_terms)]


def fitted_mean(evidence: OutputBiasEvidence) -> list[Check]:
    """The output bias of every network: on its way to the best constant, as far as the leading system has it."""
    limit, path = evidence.limit(), evidence.expected.path
    stepping = np.abs(limit.b - evidence.coarser_limit().b) + np.abs(path.b - evidence.earlier.b)
    size = np.abs(path.b) + abs(evidence.prediction.fitted)
    allowed = ALLOWED * np.abs(path.whole_b - path.b) + stepping + ROUNDING * size
    worst = int(np.argmax(np.abs(limit.b - path.b) / allowed))
    return [
        Check(
            name=f"output bias at the end of the stage (best constant {evidence.prediction.fitted:.4g}; worst network)",
            predicted=float(path.b[worst]),
            observed=float(limit.b[worst]),
            tolerance=float(allowed[worst]),
            verdict=within(float(path.b[worst]), float(limit.b[worst]), float(allowed[worst])),
            why="what the further Taylor terms make of it, and what the step size leaves, "
            f"{float(stepping[worst]):.2g}; it starts at 0",
            details={"observed": limit.b, "predicted": path.b, "times": limit.times},
        )
    ]


def corrected_orientation(evidence: OutputBiasEvidence) -> list[Check]:
    """The amplitude-weighted median angle to the orientations of the signal at the best constant."""
    if evidence.dimension == 1:
        return []
    predicted, observed, left_out, stepping = evidence.left(
        lambda b, a, w: evidence.angles(a, w, evidence.corrected)
    )
    tolerance = ALLOWED * left_out + stepping + ROUNDING
    chance = chance_angle(evidence)
    return [
        Check(
            name="angle of neurons to the mean-corrected orientations (rad, amplitude-weighted median)",
            predicted=predicted,
            observed=observed,
            tolerance=tolerance,
            verdict=within(predicted, observed, tolerance),
            why=f"what the further Taylor terms turn it by, {left_out:.2g}, and what the step size leaves, {stepping:.2g}; "
            f"random vectors come to {chance:.3g}",
            details={"chance": chance},
        ).undecided(near_chance(chance, TOLD_APART * predicted))
    ]


def naive_orientation(evidence: OutputBiasEvidence) -> list[Check]:
    """The orientations of the signal at zero output, as the source paper's theorem gives them for any network."""
    if evidence.dimension == 1:
        return []
    predicted, observed, left_out, stepping = evidence.left(
        lambda b, a, w: evidence.angles(a, w, evidence.naive)
    )
    rest = evidence.angles(evidence.expected.a, evidence.expected.w, evidence.corrected)
    tolerance = rest + ALLOWED * left_out + stepping + ROUNDING
    apart = float(np.min(angle(evidence.corrected[:, None], evidence.naive[None])))
    why = (
        "the output bias fits the mean while the neurons are small, so that the signal which turns them has none: the "
        f"orientations of the two signals are {apart:.3g} rad apart, and the leading system is {predicted:.3g} from these"
    )
    return [
        Check(
            name="angle of neurons to the orientations of the signal at zero output (rad, the same median)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=at_most(observed, tolerance),
            why=why,
            source="Zhou et al. 2022, applied to a network with an output bias",
            details={"apart": apart},
        ).undecided(None if apart > _APART * tolerance else f"{why}: too near to tell them apart")
    ]


def own_flow(evidence: OutputBiasEvidence) -> list[Check]:
    """Every neuron against the leading system from its own start, relative to its turn."""
    if evidence.dimension == 1:
        return []
    path, limit = evidence.expected.path, evidence.limit()
    flow = unit(path.w)
    turn = np.maximum(angle(unit(evidence.trained.w0), flow), ROUNDING)
    ratio = angle(limit.u, flow) / turn
    stepping = angle(limit.u, evidence.coarser_limit().u) + angle(flow, evidence.earlier.u)
    allowed = (ALLOWED * evidence.expected.spread + stepping + ROUNDING) / turn
    observed, tolerance = float(np.median(ratio)), float(np.median(allowed))
    reason = "neurons of which nothing is known come to 1, within what is allowed: they have hardly turned yet; a smaller "
    return [
        Check(
            name="each neuron against the leading system (median error of its turn, relative)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=at_most(observed, tolerance),
            why="what the further Taylor terms turn a neuron by, and what the step size leaves; 1 would be a neuron that "
            "the prediction knows nothing of",
            details={
                "median_turn_rad": float(np.median(turn)),
                "ninetieth_percentile": float(np.quantile(ratio, 0.9)),
            },
        ).undecided(f"{reason}--init-std gives them more time" if tolerance >= 1 else None)
    ]


def destination(evidence: OutputBiasEvidence) -> list[Check]:
    """Where the flow of what is left takes every neuron, from where the leading system has it and from where it is."""
    found = evidence.destinations
    undecided = found.share_of(Reason.BOUNDARY)
    return [
        Check(
            name="destination of every trained neuron (share that goes where the leading system's does)",
            predicted=1.0,
            observed=found.agreeing,
            tolerance=undecided,
            verdict=within(1.0, found.agreeing, undecided + 1e-12),
            why=f"{len(found.predicted)} neurons; the tolerance is the share that the further Taylor terms, or what is "
            "left of the step size, may have carried across a basin boundary",
            details={
                "neurons": len(found.predicted),
                "disagree": int(np.sum(found.predicted != found.observed)),
                "confusion": found.to_json(),
            },
        )
    ]


def invariant(evidence: OutputBiasEvidence) -> list[Check]:
    """K = ‖w‖² - p a² of every neuron, which an output bias leaves alone, in the trained networks."""
    field, limit, coarser = evidence.prediction.force, evidence.limit(), evidence.coarser_limit()
    path, trained = evidence.expected.path, evidence.trained
    start = field.invariant(trained.a0, trained.w0)

    def drift(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        return (field.invariant(a, w) - start) / (a**2 + np.sum(w**2, axis=-1))

    # With signs, and the largest: where it changes its sign the difference of one neuron says nothing.
    seen, rest = drift(limit.a, limit.w), np.abs(drift(path.whole_a, path.whole_w))
    stepping = float(np.max(np.abs(seen - drift(coarser.a, coarser.w))))
    seen = np.abs(seen)
    allowed = ALLOWED * rest + stepping + ROUNDING
    worst = np.unravel_index(int(np.argmax(seen / allowed)), seen.shape)
    # What a neuron of which nothing is known would show: K may be anything up to the size of the neuron.
    return [
        Check(
            name="drift of K = ‖w‖² - p a² relative to a² + ‖w‖² (worst neuron)",
            predicted=0.0,
            observed=float(seen[worst]),
            tolerance=float(allowed[worst]),
            verdict=at_most(float(seen[worst]), float(allowed[worst])),
            why="what the further Taylor terms change of K, and what the step size leaves; the bias changes none of it",
            details={"largest_drift": float(np.max(seen)), "largest_allowed": float(np.max(allowed))},
        )
    ]


def horizon(evidence: OutputBiasEvidence) -> list[Check]:
    """The time at which the loss has fallen by the fraction below that of the best constant, network by network."""
    limit, predicted = evidence.limit(), evidence.predicted
    name = f"horizon: time of a {100 * evidence.fraction:g} % fall below the best constant (relative error, worst network)"
    # Losses are interpolated within a step, in which neurons grow by the stride s: wrong by s²/8 of an e-fold at most.
    stepping = np.abs(limit.times - evidence.coarser_limit().times) + evidence.interpolated
    error = np.abs(limit.times - predicted.times) / predicted.times
    allowed = (predicted.uncertainty + stepping) / predicted.times + ROUNDING
    worst = int(np.argmax(error / allowed))
    return [
        Check(
            name=name,
            predicted=0.0,
            observed=float(error[worst]),
            tolerance=float(allowed[worst]),
            verdict=at_most(float(error[worst]), float(allowed[worst]))
            if np.isfinite(error[worst])
            else Verdict.INCONCLUSIVE,
            why="what the further Taylor terms make of the time, one and a half times, and what the step size leaves",
            details={"predicted_times": predicted.times, "observed_times": limit.times},
        )
    ]
