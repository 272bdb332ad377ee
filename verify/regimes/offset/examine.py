"""σ(0) ≠ 0 (sigmoid, softplus) under gradient descent, with or without momentum: the mean is fitted first.

Theory integrates the offset system from the same weights to the same times; no closed form is needed, and none of its
assumptions.  Training runs until the neurons have split into two opposite orientations.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from numerics.training.stopping import Time
from theory import TheoryError
from theory.flows.offset import offset_flow
from theory.predictions.expected import Expected
from theory.predictions.offset import OffsetPrediction, offset_prediction
from verify.bridge.experiment import Experiment
from verify.bridge.formula import torch_activation
from verify.bridge.training import MOMENTUM, train_networks
from verify.progress import Progress
from verify.regimes.common.accuracy import measured_order
from verify.regimes.common.agreement import agreement
from verify.regimes.common.evidence import Trained
from verify.regimes.common.examination import Examination, Resolved, put
from verify.regimes.offset.checks import (
    corrected_orientation,
    fitted_mean,
    naive_orientation,
    number_of_orientations,
    own_flow,
    papers_count,
    shares_after,
    shares_before,
    split_time,
)
from verify.regimes.offset.evidence import SHARE, OffsetEvidence, split_times
from verify.regimes.offset.figures import offset_arrays, offset_drawings
from verify.regimes.offset.left_out import left_out

POINTS = 200  # grid times from the start to the end
FLOW_ERROR = 1e-6  # of a step of the offset flow, relative
BEYOND = 1.2  # the end, in units of the time of the split
WIDTHS = (50, 100, 200, 400, 800)
LOADING = 0.7  # of the growth rate, that the common mode may have used up at the split

_CHECKS = (
    agreement, fitted_mean, corrected_orientation, own_flow, shares_before, split_time, shares_after,
    number_of_orientations, naive_orientation, papers_count,
)  # fmt: skip


def examine_offset(experiment: Experiment, watch: Progress) -> Examination:
    """Predict, train, follow and check; raises TheoryError where the offset theorem does not apply."""
    watch.stage(f"{experiment.name}: predict")
    data = experiment.dataset
    prediction = offset_prediction(
        data.x,
        data.y,
        experiment.activation,
        loss_function=experiment.loss,
        bias=experiment.bias,
        max_paths=experiment.max_paths,
        seed=experiment.seed,
    )
    if prediction.order != 1:
        raise TheoryError(
            f"σ = {experiment.activation} has σ(0) ≠ 0 and multiplicity {prediction.order}: `condense orientations` lists "
            "where its neurons go; `condense verify` follows multiplicity 1, such as sigmoid and softplus"
        )
    std = experiment.init_std or 1e-5
    if experiment.width is None:
        experiment = replace(experiment, width=_width(prediction, std, experiment.seed))
    evidence = _gather(experiment, prediction, std, watch)
    watch.stage(f"{experiment.name}: order of accuracy")
    result, accuracy = measured_order(experiment)
    return Examination(
        experiment=experiment,
        resolved=Resolved.of(evidence, evidence.trained.step),
        checks=(accuracy, *put(_CHECKS, evidence, experiment, watch)),
        notes=(*prediction.notes, *prediction.orientations.notes),
        arrays=offset_arrays(evidence),
        drawings=offset_drawings(evidence, result),
    )


def _width(prediction: OffsetPrediction, std: float, seed: int) -> int:
    """The least width at which the signs split before the common mode has fitted the data."""
    for width in WIDTHS:
        draw = np.random.default_rng(np.random.SeedSequence([seed, 3])).standard_normal(
            (width, prediction.x.shape[1] + 1)
        )
        if prediction.split(std * draw[:, 0], std * draw[:, 1:], share=SHARE).loading <= LOADING:
            return width
    return WIDTHS[-1]


def _gather(
    experiment: Experiment, prediction: OffsetPrediction, std: float, watch: Progress
) -> OffsetEvidence:
    width = experiment.width or WIDTHS[0]
    memory = 1 / (1 - MOMENTUM) if experiment.optimizer == "momentum" else 1.0
    # The mean is fitted at the rate ρ, for which steps of 1/ρ are stable, and the neurons grow at the rate γ.
    whole = min(0.5 / prediction.mean_rate(width), experiment.step / prediction.rate)
    lr = experiment.lr or whole / memory**2
    sigma = torch_activation(prediction.activation)
    watch.stage(f"{experiment.name}: when do the signs split?")
    end = _end(experiment, prediction, std)
    every = max(1, int(np.ceil(end / (lr * memory) / POINTS)))
    grid = lr * memory * every * np.arange(1, int(end / (lr * memory * every)) + 1)

    def trained(step: float, spacing: int) -> Trained:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {std:g}, lr {step:g}")
        return train_networks(
            experiment,
            sigma,
            std=std,
            step=step,
            lr=step,
            stop=Time(float(grid[-1]) / memory),
            budget=2 * int(np.ceil(grid[-1] / (step * memory))) + 2,
            every=spacing,
            time_factor=memory,
        )

    coarse, fine = trained(lr, every), trained(lr / 2, 2 * every)
    watch.stage(f"{experiment.name}: the offset system")
    flow_a, flow_w = offset_flow(prediction.field, coarse.a0, coarse.w0, grid)
    count = min(len(grid), len(coarse.path_w) - 1, len(fine.path_w) - 1)
    grid, flow_a, flow_w = grid[:count], flow_a[:count], flow_w[:count]
    seen_a = 2 * fine.path_a[1 : count + 1] - coarse.path_a[1 : count + 1]
    seen_w = 2 * fine.path_w[1 : count + 1] - coarse.path_w[1 : count + 1]
    turned = np.mean(flow_w @ prediction.direction < 0, axis=-1)
    first = split_times(grid, turned, 0.5 / width)
    look = int(np.searchsorted(grid, 0.5 * np.min(np.where(first > 0, first, np.inf), initial=grid[-1])))
    look = min(look, count - 1)
    signs = np.sign(flow_w[-1] @ prediction.direction)
    stiffness = lr * memory * max(prediction.mean_rate(width), prediction.rate)
    lean = left_out(prediction, coarse.a0, coarse.w0, grid, flow_a, flow_w) + FLOW_ERROR
    lean += _step_error(coarse, fine, count, stiffness)
    return OffsetEvidence(
        experiment=experiment,
        activation=prediction.activation,
        order=prediction.order,
        orientations=prediction.orientations,
        prediction=prediction,
        fraction=float("nan"),
        trained=coarse,
        refined=fine,
        expected=Expected(
            times=np.full(len(coarse.a0), grid[-1]),
            uncertainty=np.zeros(len(coarse.a0)),
            a=flow_a[-1],
            w=flow_w[-1],
            destinations=signs[..., None] * prediction.direction,
            blow_up_times=np.full(coarse.a0.shape, np.inf),
            perturbation=np.zeros(len(coarse.a0)),
            spread=np.full(coarse.a0.shape, float(lean[-1])),
        ),
        grid=grid,
        seen_a=seen_a,
        seen_w=seen_w,
        flow_a=flow_a,
        flow_w=flow_w,
        look=look,
        lean=lean,
    )


def _end(experiment: Experiment, prediction: OffsetPrediction, std: float) -> float:
    """The time at which all networks of the offset system have split, and a little more; the time of `typical_split` and
    as much again where they have not."""
    width = experiment.width or WIDTHS[0]
    # Any draw of this size tells the time: the experiment's own are followed later.
    draw = np.random.default_rng(np.random.SeedSequence([experiment.seed, 4])).standard_normal(
        (4, width, prediction.x.shape[1] + 1)
    )
    typical = prediction.typical_split(width, std) or 10.0 / prediction.rate
    grid = np.linspace(0, 2 * typical, 100)[1:]
    _, w = offset_flow(prediction.field, std * draw[..., 0], std * draw[..., 1:], grid)
    times = split_times(grid, np.mean(w @ prediction.direction < 0, axis=-1))
    return BEYOND * float(np.max(np.where(np.isfinite(times) & (times > 0), times, 2 * typical)))


def _step_error(coarse: Trained, fine: Trained, count: int, stiffness: float) -> np.ndarray:
    """What extrapolating to zero step size leaves (S,), relative to the motion: `stiffness`, the step times the fastest
    rate, of what halving the step has changed."""
    one, two = (run.path_w[1 : count + 1] for run in (coarse, fine))
    apart, moved = (np.linalg.norm(each.reshape(count, -1), axis=1) for each in (two - one, one - coarse.w0))
    return stiffness * apart / np.maximum(moved, 1e-300)
