"""σ(0) ≠ 0 (sigmoid, softplus) under gradient descent, with or without momentum: what is trained, and what is expected.

Training runs until the neurons have split into two opposite orientations, at steps h and h/2; theory follows the offset
system from the same weights to the same times.
"""

from __future__ import annotations

import numpy as np
import torch

from numerics.training.runs import Trained
from numerics.training.stopping import Time
from theory.flows.offset_split import SHARE
from theory.forms.vectors import unit
from theory.predictions.offset import OffsetPrediction
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment
from verify.bridge.training import MOMENTUM, draw, initial_std, train_networks
from verify.order import order_of
from verify.progress import Progress
from verify.regimes.common.evidence import Resolved
from verify.regimes.offset.evidence import OffsetEvidence

POINTS = (
    200  # grid times from the start to the end; chosen because the split is then known to half a per cent
)
# Steps in units of 1/ρ, the time of the fit of the mean; chosen as half of what its explicit steps approach it in one of.
STABLE = 0.5


def gather(experiment: Experiment, prediction: OffsetPrediction, watch: Progress) -> OffsetEvidence:
    """Find a width and an end, train, follow the offset system, measure the order of accuracy."""
    std = initial_std(experiment, 1)
    if experiment.width is None:
        experiment = experiment.settled(width=prediction.splitting_width(std, experiment.seed))
    width = experiment.width
    assert width is not None
    memory = 1 / (1 - MOMENTUM) if experiment.optimizer == "momentum" else 1.0
    # The mean is fitted at the rate ρ, for which steps of 1/ρ are stable, and the neurons grow at the rate γ.
    whole = min(STABLE / prediction.mean_rate(width), experiment.step / prediction.rate)
    lr = experiment.lr or whole / memory**2
    sigma = torch_activation(prediction.activation)
    watch.stage(f"{experiment.name}: when do the signs split?")
    end = prediction.time_beyond_split(width, std, experiment.seed)
    every = max(1, int(np.ceil(end / (lr * memory) / POINTS)))
    grid = lr * memory * every * np.arange(1, int(end / (lr * memory * every)) + 1)

    start = draw(experiment, sigma, std)

    def trained(step: float, spacing: int) -> Trained:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {std:g}, lr {step:g}")
        return train_networks(
            experiment,
            start,
            step=step,
            lr=step,
            stop=Time(float(grid[-1]) / memory),
            budget=2 * int(np.ceil(grid[-1] / (step * memory))) + 2,
            every=spacing,
            time_factor=memory,
        )

    coarse, fine = trained(lr, every), trained(lr / 2, 2 * every)
    count = min(len(grid), len(coarse.path_w) - 1, len(fine.path_w) - 1)
    watch.stage(f"{experiment.name}: the offset system")
    expected = prediction.expect(coarse.a0, coarse.w0, times=grid[:count])
    seen_a = 2 * fine.path_a[1 : count + 1] - coarse.path_a[1 : count + 1]
    seen_w = 2 * fine.path_w[1 : count + 1] - coarse.path_w[1 : count + 1]
    look = expected.before_split
    values = sigma.value(torch.as_tensor(seen_w[look] @ prediction.x.T)).numpy()
    stiffness = lr * memory * max(prediction.mean_rate(width), prediction.rate)
    watch.stage(f"{experiment.name}: order of accuracy")
    return OffsetEvidence(
        experiment=experiment,
        resolved=Resolved.taken(std, float("nan"), lr),
        activation=prediction.activation,
        driving_order=prediction.driving_order,
        orientations=prediction.orientations,
        prediction=prediction,
        fraction=float("nan"),
        trained=coarse,
        refined=fine,
        expected=expected,
        seen_a=seen_a,
        seen_w=seen_w,
        look=look,
        outputs=np.einsum("bj,bjn->bn", seen_a[look], values).mean(axis=1),
        expected_outputs=np.array(
            [
                float(np.mean(prediction.force.output(a, w)))
                for a, w in zip(expected.flow_a[look], expected.flow_w[look], strict=True)
            ]
        ),
        left_out=expected.shares_left_out + _step_error(coarse, fine, count, stiffness),
        naive=unit(prediction.fit.start_moment),
        closed_splits=np.array(
            [prediction.split(a, w, share=SHARE).time for a, w in zip(coarse.a0, coarse.w0, strict=True)]
        ),
        typical_split=prediction.typical_split(width, std),
        accuracy=order_of(prediction, targets=experiment.targets, seed=experiment.seed),
    )


def _step_error(coarse: Trained, fine: Trained, count: int, stiffness: float) -> np.ndarray:
    """What extrapolating to zero step size leaves (S,), relative to the motion: `stiffness`, the step times the fastest
    rate, of what halving the step has changed."""
    one, two = (run.path_w[1 : count + 1] for run in (coarse, fine))
    apart, moved = (np.linalg.norm(each.reshape(count, -1), axis=1) for each in (two - one, one - coarse.w0))
    return stiffness * apart / np.maximum(moved, 1e-300)
