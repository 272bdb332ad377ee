"""Sign descent and Adam: do real networks condense on the cube's orientation, and not on that of gradient flow?

Theory follows the same discrete optimiser on the leading order, so nothing is extrapolated.  What it leaves out is the
change of the gradient by the end: coordinate k by the factor 1 - ρ_k, which turns an aligned neuron by at most the
`tilt` of `verify.regimes.coordinatewise.evidence`.
"""

from __future__ import annotations

import numpy as np

from numerics.measure.orientation import weighted_median
from theory.flows.coordinatewise import LeadingTraining
from theory.forms.vectors import angle, unit
from verify.regimes.common.amplitude import chance_angle
from verify.regimes.common.confusion import Reason
from verify.regimes.common.evidence import Trained
from verify.regimes.coordinatewise.evidence import CubeEvidence
from verify.report.verdict import Check, Verdict, at_most, within

CHANCE = 1.0  # the error, relative to its turn, of a prediction that knows nothing of a neuron
MEASURED = (
    "measured, not asserted: for p ≥ 2 the gradients change by orders of magnitude within Adam's memory, and nothing is "
    "derived of where it goes"
)


def sign_side(evidence: CubeEvidence) -> list[Check]:
    """p = 1: does every single neuron go to the predicted one of the two orientations?"""
    if evidence.order != 1:
        return []
    found = evidence.destinations
    # Whether a neuron gets trapped is decided by the last bits of a step: those do not count.
    trapped = ~evidence.growing.ravel()
    share = float(np.mean((found.predicted == found.observed)[~trapped]))
    excused = np.isin(found.reasons, (Reason.LEARNING_RATE, Reason.BOUNDARY)) & ~trapped
    undecided = float(np.sum(excused) / np.sum(~trapped))
    return [
        Check(
            name="destination of every trained neuron (share with the predicted sign)",
            predicted=1.0,
            observed=share,
            tolerance=undecided,
            verdict=within(1.0, share, undecided + 1e-12),
            why=f"{np.sum(~trapped)} neurons; the tolerance is the share that half the learning rate sets right, or "
            "that is nearer to the boundary than the tilt of the gradient",
            details={
                "neurons": len(found.predicted),
                "trapped": int(np.sum(trapped)),
                "confusion": found.to_json(),
            },
        )
    ]


def cube_angle(evidence: CubeEvidence) -> list[Check]:
    """p ≥ 2: the amplitude-weighted angle of the trained neurons to the orientations of the cube."""
    if evidence.order == 1 or evidence.dimension == 1 or not len(evidence.targets):
        return []
    observed, predicted = (
        _to_nearest(run.a, run.w, evidence.targets, evidence.order)
        for run in (evidence.trained, evidence.leading)
    )
    tolerance = float(np.max(evidence.tilt)) + predicted * float(np.max(evidence.clock))
    adam = evidence.experiment.optimizer == "adam"
    chance = chance_angle(evidence)
    return [
        Check(
            name="angle of trained neurons to the cube's orientations (rad, amplitude-weighted median)",
            predicted=predicted,
            observed=observed,
            tolerance=tolerance,
            verdict=Verdict.INCONCLUSIVE
            if adam or chance < predicted
            else _measured(abs(observed - predicted), tolerance),
            why=MEASURED
            if adam
            else f"what the change of the gradient by the end can turn; random vectors come to {chance:.3g}",
            details={"chance": chance},
        )
    ]


def sign_orientation(evidence: CubeEvidence) -> list[Check]:
    """p = 1: the angle of the trained neurons to ± sign(g), at the learning rate and at half of it."""
    if evidence.order != 1 or evidence.dimension == 1:
        return []
    chance = chance_angle(evidence)
    found = []
    pairs = ((evidence.trained, evidence.leading), (evidence.refined, evidence.leading_half))
    for name, (trained, leading) in zip(("", ", half the learning rate"), pairs, strict=True):
        goals = evidence.expected.destinations
        observed = float(np.median(np.sum(trained.u * goals, axis=-1)))
        predicted = float(np.median(np.sum(unit(leading.w) * goals, axis=-1)))
        tilt, rest = float(np.max(evidence.tilt)), float(np.arccos(np.clip(predicted, -1, 1)))
        # The angle left falls as 1/t.  What may change an angle α by τ changes its cosine by at most τ (sin α + τ/2).
        turn = tilt + rest * float(np.max(evidence.clock))
        tolerance = turn * (np.sin(rest) + turn / 2) + 1e-12
        found.append(
            Check(
                name=f"median cosine of trained neurons to ± sign(g)/√D{name}",
                predicted=predicted,
                observed=observed,
                tolerance=tolerance,
                verdict=within(predicted, observed, tolerance)
                if np.cos(chance) < predicted
                else Verdict.INCONCLUSIVE,
                why="the tolerance is what the change of the gradient by the end can turn an aligned neuron, "
                f"{tilt:.2g} rad; random vectors come to {np.cos(chance):.3g}",
                details={"chance": float(np.cos(chance)), "learning_rate": trained.step},
            )
        )
    return found


def own_training(evidence: CubeEvidence) -> list[Check]:
    """Every neuron against its own leading-order training by the same optimiser, relative to its turn."""
    if evidence.dimension == 1:
        return []
    trained, expected = evidence.trained, evidence.expected
    error = angle(trained.u, expected.u)
    turn = angle(unit(trained.w0), expected.u)
    ratio = error / turn
    observed, median_turn = float(np.median(ratio)), float(np.median(turn))
    rest = (
        float(np.median(angle(expected.u, expected.destinations)[evidence.growing]))
        if evidence.order == 1
        else 1.0
    )
    tolerance = (float(np.max(evidence.tilt)) + rest * float(np.max(evidence.clock))) / median_turn + 1e-9
    derived = evidence.order == 1
    return [
        Check(
            name="each neuron against leading-order training by its optimiser (median error of its turn, relative)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=at_most(observed, tolerance) if derived else _measured(observed, min(tolerance, CHANCE)),
            why="what the change of the gradient by the end can turn; 1 would be a neuron that the prediction knows "
            "nothing of",
            details={
                "median_turn_rad": median_turn,
                "ninetieth_percentile": float(np.quantile(ratio, 0.9)),
                "neurons": int(ratio.size),
            },
        )
    ]


def horizon_steps(evidence: CubeEvidence) -> list[Check]:
    """The time lr × steps at which the loss has fallen by the fraction δ, network by network."""
    trained, expected = evidence.trained, evidence.expected
    name = f"horizon: lr × steps of a {100 * evidence.fraction:g} % fall of the loss (relative error, worst network)"
    if not (trained.reached.all() and evidence.leading.reached.all()):
        return [
            Check(
                name=name,
                predicted=list(expected.times),
                observed=None,
                tolerance=None,
                verdict=Verdict.INCONCLUSIVE,
                why="some networks did not reach the fall of the loss in their budget; a larger learning rate would",
            )
        ]
    error = np.abs(trained.times / expected.times - 1)
    tolerance = evidence.clock
    worst = int(np.argmax(error / tolerance))
    observed, allowed = float(error[worst]), float(tolerance[worst])
    return [
        Check(
            name=name,
            predicted=0.0,
            observed=observed,
            tolerance=allowed,
            verdict=at_most(observed, allowed) if evidence.order == 1 else _measured(observed, allowed),
            why="second order of the change of the gradient along the orientation by the end, and one step",
            details={"predicted_times": expected.times, "observed_times": trained.times},
        )
    ]


def scale_law(evidence: CubeEvidence) -> list[Check]:
    """p = 1: does the angle fall with the initialisation scale as the leading-order training says?"""
    if not evidence.scales or evidence.dimension == 1:
        return []
    runs: list[tuple[Trained, LeadingTraining]] = [*evidence.scales, (evidence.trained, evidence.leading)]
    stds = np.array([run.std for run, _ in runs])
    goals = evidence.expected.destinations
    observed = np.array([_median_angle(run.a, run.w, goals) for run, _ in runs])
    predicted = np.array([_median_angle(leading.a, leading.w, goals) for _, leading in runs])
    weights = np.log(stds) - np.log(stds).mean()
    weights /= weights @ weights  # of the least-squares slope
    spread = float(np.max(evidence.tilt)) / predicted + float(np.max(evidence.clock))
    # The clock's step is std/20 at every scale, so that it matters most where std is largest.
    spread = spread + np.array([run.step for run, _ in runs]) / evidence.expected.times.min()
    tolerance = float(np.sum(np.abs(weights) * spread))
    measured, expected = float(weights @ np.log(observed)), float(weights @ np.log(predicted))
    return [
        Check(
            name=f"exponent of the angle against std, {stds.max():g} to {stds.min():g}",
            predicted=expected,
            observed=measured,
            tolerance=tolerance,
            verdict=within(expected, measured, tolerance),
            why="the tilt over the angle, and the clock, at each scale, through the weights of the least-squares slope",
            details={"stds": stds, "angles": observed, "expected_angles": predicted},
        )
    ]


def gradient_flow_orientation(evidence: CubeEvidence) -> list[Check]:
    """What the source paper's theory, that of gradient flow, says of neurons trained by this optimiser."""
    listed = np.array([o.u for o in evidence.prediction.orientations.attractors])
    if evidence.dimension == 1 or not len(listed):
        return []
    on_cube = evidence.targets
    trained = evidence.trained
    weights = trained.amplitudes(evidence.order)
    weights = (weights / weights.sum(axis=1, keepdims=True)).ravel()
    nearest = np.min(angle(trained.u[:, :, None], listed[None, None]), axis=-1).ravel()
    observed = weighted_median(nearest, weights)
    apart = (
        float(np.median(np.min(angle(on_cube[:, None], listed[None]), axis=1))) if len(on_cube) else np.nan
    )
    own = (
        weighted_median(np.min(angle(trained.u[:, :, None], on_cube[None, None]), axis=-1).ravel(), weights)
        if len(on_cube)
        else np.nan
    )
    # If gradient flow ruled, neurons would be as near to its orientations as they are to those of the cube.
    tolerance = own + float(np.max(evidence.tilt))
    told_apart = apart > 2 * tolerance
    optimiser = {"adam": "Adam", "sign": "sign descent"}[evidence.experiment.optimizer]
    return [
        Check(
            name=f"gradient flow's orientation under {optimiser} (rad, amplitude-weighted median angle)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=within(0.0, observed, tolerance) if told_apart else Verdict.INCONCLUSIVE,
            why=f"{optimiser} moves each coordinate by the sign of its gradient, not in proportion to it: its neurons end "
            f"on the cube's orientation, {apart:.3g} rad away from gradient flow's; to the cube's own they come within "
            f"{own:.2g} rad",
            source=f"Zhou et al. 2022, theory of gradient flow applied to {optimiser}",
            details={"between_the_two": apart, "to_the_cube": own},
        )
    ]


def _to_nearest(a: np.ndarray, w: np.ndarray, targets: np.ndarray, order: int = 1) -> float:
    weights = np.abs(a) * np.linalg.norm(w, axis=-1) ** order
    weights = weights / weights.sum(axis=1, keepdims=True)
    apart = np.min(angle(unit(w)[..., None, :], targets[None, None]), axis=-1)
    return weighted_median(apart.ravel(), weights.ravel())


def _median_angle(a: np.ndarray, w: np.ndarray, goals: np.ndarray) -> float:
    weights = np.abs(a) * np.linalg.norm(w, axis=-1)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weighted_median(angle(unit(w), goals).ravel(), weights.ravel())


def _measured(observed: float, tolerance: float) -> Verdict:
    """Where the tolerance is not an upper bound, meeting it confirms and missing it decides nothing."""
    return Verdict.CONFIRMED if at_most(observed, tolerance) is Verdict.CONFIRMED else Verdict.INCONCLUSIVE
