"""Sign descent and Adam on a smooth activation with σ(0) = 0: the optimiser decides the orientation.

Theory trains the leading order with the same optimiser, step for step, from the same weights (theory.flows.coordinatewise);
for p = 1 its orientation is ± sign(c g)/√D, for sign descent and for Adam alike.  For p ≥ 2 sign descent ends at maxima
on the cube; what Adam does there is measured, and no verdict is drawn from it.

Trapped neurons.  Under discrete sign descent a neuron whose a and c g·w come to 0 within the same step, a share of about
lr/std of them, jumps to and fro between the same two states for ever; theory's discrete training shows the same ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from numerics.training.stopping import LossFraction
from theory import OrientationSet, SmoothPrediction, predict
from theory.flows.coordinatewise import (
    AdamRule,
    LeadingTraining,
    PerturbedLinear,
    SignFlow,
    SignRule,
    leading_ascent,
    leading_training,
    power_output,
)
from theory.orientations.cube.find import sign_descent_orientations
from theory.predictions.expected import Expected
from verify.bridge.experiment import Experiment
from verify.bridge.formula import torch_activation
from verify.bridge.training import train_networks
from verify.progress import Progress
from verify.regimes.common.agreement import agreement
from verify.regimes.common.count import bound_2p, counts
from verify.regimes.common.evidence import Trained
from verify.regimes.common.examination import Examination, Resolved, put
from verify.regimes.coordinatewise.checks import (
    MEASURED,
    cube_angle,
    gradient_flow_orientation,
    horizon_steps,
    own_training,
    scale_law,
    sign_orientation,
    sign_side,
)
from verify.regimes.coordinatewise.evidence import CubeEvidence
from verify.regimes.coordinatewise.figures import cube_arrays, cube_drawings
from verify.report.verdict import Check, Verdict

STEPS_PER_STD = 20  # the learning rate is std/20: weights of size std take twenty steps to turn round


def examine_cube(experiment: Experiment, watch: Progress) -> Examination:
    """Predict, train, expect and check; raises TheoryError where the smooth theorem does not apply."""
    watch.stage(f"{experiment.name}: predict")
    data = experiment.dataset
    prediction = predict(
        data.x,
        data.y,
        experiment.activation,
        loss_function=experiment.loss,
        bias=experiment.bias,
        max_paths=experiment.max_paths,
        seed=experiment.seed,
    )
    on_cube = sign_descent_orientations(prediction.field.tensor, bias=experiment.bias, seed=experiment.seed)
    evidence = _gather(experiment, prediction, on_cube, watch)
    checks = (
        agreement, sign_side, sign_orientation, cube_angle, own_training, counts, horizon_steps, scale_law,
        gradient_flow_orientation, bound_2p,
    )  # fmt: skip
    found = put(checks, evidence, experiment, watch)
    if prediction.driving_order > 1 and experiment.optimizer == "adam":
        found = [_as_measured(check) for check in found]
    return Examination(
        experiment=experiment,
        resolved=Resolved.of(evidence, evidence.trained.step),
        checks=tuple(found),
        notes=(*prediction.notes, *on_cube.notes),
        arrays=cube_arrays(evidence),
        drawings=cube_drawings(evidence),
    )


def _as_measured(check: Check) -> Check:
    """Adam for p ≥ 2: what compares networks with a prediction is shown, and decides nothing."""
    if (
        check.source is not None
        or check.verdict is Verdict.INCONCLUSIVE
        or "activation functions" in check.name
    ):
        return check
    return replace(check, verdict=Verdict.INCONCLUSIVE, why=MEASURED)


def _gather(
    experiment: Experiment, prediction: SmoothPrediction, on_cube: OrientationSet, watch: Progress
) -> CubeEvidence:
    std = experiment.init_std or (1e-5 if prediction.driving_order == 1 else 1e-3)
    fraction = experiment.fraction or (0.001 if prediction.driving_order == 1 else 0.01)
    rate = experiment.lr or std / STEPS_PER_STD
    sigma = torch_activation(prediction.activation)
    rule = AdamRule() if experiment.optimizer == "adam" else SignRule()

    bends = prediction.loss.curvature_at_zero(prediction.y)
    ascent = leading_ascent(prediction.field)
    if prediction.driving_order == 1:
        ascent = PerturbedLinear.of(
            prediction.x,
            prediction.signal,
            prediction.coefficient,
            bends,
            prediction.next_term,
        )
    output = power_output(
        prediction.x, prediction.coefficient, prediction.driving_order, prediction.next_term
    )

    def both(scale: float, lr: float) -> tuple[Trained, LeadingTraining]:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {scale:g}, lr {lr:g}")
        trained = train_networks(
            experiment, sigma, std=scale, step=lr, lr=lr, stop=LossFraction(fraction), every=100
        )
        watch.stage(f"{experiment.name}: the same steps at leading order")
        leading = leading_training(
            ascent,
            output,
            trained.a0,
            trained.w0,
            rule,
            lr=lr,
            s=prediction.signal,
            risk=prediction.risk,
            curvature=bends,
            fraction=fraction,
        )
        return trained, leading

    (coarse, leading), (fine, half) = both(std, rate), both(std, rate / 2)
    scales = tuple(both(std * k, rate * k) for k in (100, 10)) if prediction.driving_order == 1 else ()
    evidence = CubeEvidence(
        experiment=experiment,
        activation=prediction.activation,
        order=prediction.driving_order,
        orientations=on_cube,
        prediction=prediction,
        fraction=fraction,
        trained=coarse,
        refined=fine,
        expected=_expected(prediction, coarse, leading),
        leading=leading,
        leading_half=half,
        scales=scales,
        changed=_changed(prediction, leading),
        lr=rate,
    )
    spread = np.broadcast_to(evidence.tilt[:, None], coarse.a0.shape)
    return replace(evidence, expected=replace(evidence.expected, spread=spread))


def _expected(prediction: SmoothPrediction, trained: Trained, leading: LeadingTraining) -> Expected:
    if prediction.driving_order == 1:
        flow = SignFlow(prediction.linear.g, prediction.coefficient)
        # Adam's steps are not all of size lr: which sign wins is read from the leading-order training itself.
        moved = (leading.w - trained.w0) @ flow.direction
        free = np.abs(moved) > 0.5 * np.median(np.abs(moved), axis=1, keepdims=True)
        goals = (np.sign(moved) * free)[..., None] * flow.direction
    else:
        goals = np.zeros_like(leading.w)
    changes = [_forces(prediction, leading, b) for b in range(len(leading.a))]
    perturbation = np.array(
        [abs(float(delta @ np.sign(g))) / float(np.sum(np.abs(g))) for g, delta in changes]
    )
    return Expected(
        times=leading.times,
        uncertainty=leading.times * perturbation,
        a=leading.a,
        w=leading.w,
        destinations=goals,
        blow_up_times=np.full(leading.a.shape, np.inf),
        perturbation=perturbation,
        spread=np.zeros(leading.a.shape),  # set once the tilt is known
    )


def _changed(prediction: SmoothPrediction, leading: LeadingTraining) -> np.ndarray:
    rows = []
    for b in range(len(leading.a)):
        g, delta = _forces(prediction, leading, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            rows.append(np.where(g == 0, np.where(delta == 0, 0.0, np.inf), np.abs(delta / g)))
    return np.array(rows)


def _forces(prediction: SmoothPrediction, leading: LeadingTraining, b: int) -> tuple[np.ndarray, np.ndarray]:
    """The gradient (D,) on the leading neuron of network b over p c a, and what it has changed by at the end."""
    x, s, p, c = prediction.x, prediction.signal, prediction.driving_order, prediction.coefficient
    a, w = leading.a[b], leading.w[b]
    lead = int(np.argmax(np.abs(a) * np.linalg.norm(w, axis=-1) ** p))
    z, n = x @ w[lead], len(x)
    output = c * (x @ w.T) ** p @ a
    gradient = (s * z ** (p - 1)) @ x / n
    change = -(prediction.loss.curvature_at_zero(prediction.y) * output * z ** (p - 1)) @ x / n
    if prediction.next_term is not None:
        q, c_next = prediction.next_term
        change = change + q * c_next / (p * c) * ((s * z ** (q - 1)) @ x) / n
    return gradient, change
