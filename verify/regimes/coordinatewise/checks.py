"""Sign descent and Adam: do real networks condense on the cube's orientation, and not on that of gradient flow?

Theory follows the same discrete optimiser on the leading order, so nothing is extrapolated.  What it leaves out is the
change of the gradient by the end, which turns an aligned neuron by at most the `tilt` and shifts the horizon by the `clock`
of `theory.beyond.coordinatewise`.

When an error confirms, refutes, or decides nothing.

For p = 1 the tolerances are bounds.  For p ≥ 2 they are estimates: to meet them confirms, to miss them refutes where the
error is that of a prediction that knows nothing, and what lies between decides nothing.  A tolerance so wide that a
prediction which knows nothing would meet it confirms nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from numerics.measure import weighted_median
from numerics.training.runs import Trained
from theory import Optimizer
from theory.forms.vectors import angle, unit
from theory.predictions.prediction import NEGLECTED, Expected
from verify.regimes.common.angles import chance_angle, near_chance
from verify.regimes.common.confusion import Reason
from verify.regimes.common.count import COSINE, counts
from verify.regimes.coordinatewise.gather import CoordinatewiseEvidence
from verify.verdict import Check, Verdict, at_most, within

# The relative error of a prediction that knows nothing: of a neuron, that it stays; of a time, 0.  Derived.
CHANCE = 1.0
# The share of neurons on the wrong one of two sides under a prediction that knows nothing.  Derived.
SIDES = 0.5
LEAST = 1e-9  # the smallest relative error asked for; chosen because 1e5 steps round to that
_NAMES = {Optimizer.ADAM: "Adam", Optimizer.SIGN: "sign descent"}
# Times the tolerance that two orientations must lie apart; chosen because a neuron cannot be within it of both.
TOLD_APART = 2


def sign_side(evidence: CoordinatewiseEvidence) -> list[Check]:
    """p = 1: does every single neuron go to the predicted one of the two orientations?"""
    if evidence.driving_order != 1:
        return []
    found = evidence.destinations
    # Whether a neuron gets trapped is decided by the last bits of a step: those do not count.
    trapped = ~evidence.growing.ravel()
    share = float(np.mean((found.predicted == found.observed)[~trapped]))
    excused = np.isin(found.reasons, (Reason.LEARNING_RATE, Reason.BOUNDARY)) & ~trapped
    undecided = float(np.sum(excused) / np.sum(~trapped))
    check = Check(
        name="destination of every trained neuron (share with the predicted sign)",
        predicted=1.0,
        observed=share,
        tolerance=undecided,
        verdict=Verdict.INCONCLUSIVE,  # until it is judged
        why=f"{np.sum(~trapped)} neurons; the tolerance is the share that half the learning rate sets right, or "
        "that is nearer to the boundary than the tilt of the gradient",
        details={
            "neurons": len(found.predicted),
            "trapped": int(np.sum(trapped)),
            "confusion": found.to_json(),
        },
    )
    return [judged(check, evidence, 1.0 - share, SIDES)]


def cube_angle(evidence: CoordinatewiseEvidence) -> list[Check]:
    """p ≥ 2: the amplitude-weighted angle of the trained neurons to the orientations of the cube."""
    if evidence.driving_order == 1 or evidence.dimension == 1 or not len(evidence.targets):
        return []
    observed, predicted = (
        _to_nearest(run, evidence.targets, evidence.driving_order)
        for run in (evidence.trained, evidence.expected)
    )
    tolerance = evidence.tilt + predicted * evidence.clock
    chance = chance_angle(evidence)
    check = Check(
        name="angle of trained neurons to the cube's orientations (rad, amplitude-weighted median)",
        predicted=predicted,
        observed=observed,
        tolerance=tolerance,
        verdict=Verdict.INCONCLUSIVE,  # until it is judged
        why=f"what the change of the gradient by the end can turn; random vectors come to {chance:.3g}",
        details={"chance": chance},
    )
    found = judged(check, evidence, abs(observed - predicted), chance - predicted)
    return [found.undecided(near_chance(chance, predicted))]


def sign_orientation(evidence: CoordinatewiseEvidence) -> list[Check]:
    """p = 1: the angle of the trained neurons to ± sign(g), at the learning rate and at half of it."""
    if evidence.driving_order != 1 or evidence.dimension == 1:
        return []
    chance = chance_angle(evidence)
    found = []
    pairs = ((evidence.trained, evidence.expected), (evidence.refined, evidence.expected_half))
    for name, (trained, expected) in zip(("", ", half the learning rate"), pairs, strict=True):
        goals = evidence.expected.destinations
        observed = float(np.median(np.sum(trained.u * goals, axis=-1)))
        predicted = float(np.median(np.sum(expected.u * goals, axis=-1)))
        tilt, rest = evidence.tilt, float(np.arccos(np.clip(predicted, -1, 1)))
        # The angle left falls as 1/t.  What may change an angle α by τ changes its cosine by at most τ (sin α + τ/2).
        turn = tilt + rest * evidence.clock
        tolerance = turn * (np.sin(rest) + turn / 2) + ROUNDING
        level = float(np.cos(chance))
        check = Check(
            name=f"median cosine of trained neurons to ± sign(g)/√D{name}",
            predicted=predicted,
            observed=observed,
            tolerance=tolerance,
            verdict=Verdict.INCONCLUSIVE,  # until it is judged
            why="the tolerance is what the change of the gradient by the end can turn an aligned neuron, "
            f"{tilt:.2g} rad; random vectors come to {level:.3g}",
            details={"chance": level, "learning_rate": trained.step},
        )
        close = near_chance(chance, rest)
        found.append(judged(check, evidence, abs(observed - predicted), predicted - level).undecided(close))
    return found


def own_training(evidence: CoordinatewiseEvidence) -> list[Check]:
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
        if evidence.driving_order == 1
        else 1.0
    )
    tolerance = (evidence.tilt + rest * evidence.clock) / median_turn + LEAST
    check = Check(
        name="each neuron against leading-order training by its optimiser (median error of its turn, relative)",
        predicted=0.0,
        observed=observed,
        tolerance=tolerance,
        verdict=Verdict.INCONCLUSIVE,  # until it is judged
        why="what the change of the gradient by the end can turn; 1 would be a neuron that the prediction knows "
        "nothing of",
        details={
            "median_turn_rad": median_turn,
            "ninetieth_percentile": float(np.quantile(ratio, 0.9)),
            "neurons": int(ratio.size),
        },
    )
    return [judged(check, evidence, observed, CHANCE)]


def number_of_orientations(evidence: CoordinatewiseEvidence) -> list[Check]:
    """How many orientations each network has, by amplitude and by neuron count, expected and observed."""
    return [counted(each, evidence.tilt) for each in counts(evidence)]


def horizon_steps(evidence: CoordinatewiseEvidence) -> list[Check]:
    """The time lr × steps at which the loss has fallen by the fraction δ, network by network."""
    trained, expected = evidence.trained, evidence.expected
    name = f"horizon: lr × steps of a {100 * evidence.fraction:g} % fall of the loss (relative error, worst network)"
    if not (trained.reached.all() and expected.training.reached.all()):
        return [
            Check(
                name=name,
                predicted=list(expected.times),
                observed=None,
                tolerance=None,
                verdict=Verdict.INCONCLUSIVE,
                why="",
            ).undecided(
                "some networks did not reach the fall of the loss in their budget; a larger learning rate would"
            )
        ]
    error = np.abs(trained.times / expected.times - 1)
    worst = int(np.argmax(error / expected.clock))
    observed, allowed = float(error[worst]), float(expected.clock[worst])
    check = Check(
        name=name,
        predicted=0.0,
        observed=observed,
        tolerance=allowed,
        verdict=Verdict.INCONCLUSIVE,  # until it is judged
        why="second order of the change of the gradient along the orientation by the end, and one step",
        details={"predicted_times": expected.times, "observed_times": trained.times},
    )
    return [judged(check, evidence, observed, CHANCE)]


def scale_law(evidence: CoordinatewiseEvidence) -> list[Check]:
    """p = 1: does the angle fall with the initialisation scale as the leading-order training says?"""
    if not evidence.scales or evidence.dimension == 1:
        return []
    runs: list[tuple[Trained, Expected]] = [*evidence.scales, (evidence.trained, evidence.expected)]
    stds = np.array([run.std for run, _ in runs])
    goals = evidence.expected.destinations
    observed = np.array([_median_angle(run, goals) for run, _ in runs])
    predicted = np.array([_median_angle(expected, goals) for _, expected in runs])
    weights = np.log(stds) - np.log(stds).mean()
    weights /= weights @ weights  # of the least-squares slope
    uncertain = evidence.tilt / predicted + evidence.clock
    # The clock's step is std/20 at every scale, so that it matters most where std is largest.
    uncertain = uncertain + np.array([run.step for run, _ in runs]) / evidence.expected.times.min()
    tolerance = float(np.sum(np.abs(weights) * uncertain))
    measured, expected = float(weights @ np.log(observed)), float(weights @ np.log(predicted))
    check = Check(
        name=f"exponent of the angle against std, {stds.max():g} to {stds.min():g}",
        predicted=expected,
        observed=measured,
        tolerance=tolerance,
        verdict=Verdict.INCONCLUSIVE,  # until it is judged
        why="the tilt over the angle, and the clock, at each scale, through the weights of the least-squares slope",
        details={"stds": stds, "angles": observed, "expected_angles": predicted},
    )
    return [judged(check, evidence, abs(measured - expected), abs(expected))]


def gradient_flow_orientation(evidence: CoordinatewiseEvidence) -> list[Check]:
    """What the source paper's theory, that of gradient flow, says of neurons trained by this optimiser."""
    listed = np.array([o.u for o in evidence.flow_orientations.attractors])
    if evidence.dimension == 1 or not len(listed):
        return []
    on_cube = evidence.targets
    trained = evidence.trained
    weights = trained.amplitudes(evidence.driving_order)
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
    tolerance = own + evidence.tilt
    optimiser = _NAMES[evidence.prediction.problem.optimizer]
    return [
        Check(
            name=f"gradient flow's orientation under {optimiser} (rad, amplitude-weighted median angle)",
            predicted=0.0,
            observed=observed,
            tolerance=tolerance,
            verdict=within(0.0, observed, tolerance),
            why=f"{optimiser} moves each coordinate by the sign of its gradient, not in proportion to it: its neurons end "
            f"on the cube's orientation, {apart:.3g} rad away from gradient flow's; to the cube's own they come within "
            f"{own:.2g} rad",
            source=f"Zhou et al. 2022, theory of gradient flow applied to {optimiser}",
            details={"between_the_two": apart, "to_the_cube": own},
        ).undecided(_too_near(apart, tolerance))
    ]


def _too_near(apart: float, tolerance: float) -> str | None:
    if apart > TOLD_APART * tolerance:
        return None
    return (
        f"gradient flow's orientations and the cube's are {apart:.3g} rad apart, where {tolerance:.3g} rad are resolved: "
        "other data would tell them apart"
    )


def _to_nearest(run: Trained | Expected, targets: np.ndarray, order: int) -> float:
    """The amplitude-weighted median angle of all neurons to the nearest of the targets (A, D)."""
    weights = run.amplitudes(order)
    weights = weights / weights.sum(axis=1, keepdims=True)
    apart = np.min(angle(run.u[..., None, :], targets[None, None]), axis=-1)
    return weighted_median(apart.ravel(), weights.ravel())


def _median_angle(run: Trained | Expected, goals: np.ndarray) -> float:
    """p = 1: the amplitude-weighted median angle of all neurons to their goals (B, m, D)."""
    weights = run.amplitudes(1)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weighted_median(angle(run.u, goals).ravel(), weights.ravel())


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
    if evidence.driving_order == 1 or (error >= knows_nothing and changed <= NEGLECTED):
        return None
    return (
        f"for p ≥ 2 the tolerance is an estimate, by the change of one neuron's gradient by the end ({changed:.2g}), "
        f"and no bound: only an error of {knows_nothing:.2g}, that of a prediction that knows nothing, would refute, and "
        f"only while that change is below {NEGLECTED:g}; {REMEDY}"
    )
