"""An output bias under gradient descent, with or without momentum: what is trained, and what is expected.

Training runs until the loss has fallen below that of the best constant, with steps 2h, h and h/2 of one learning rate: it
must be small beside the time in which the bias fits the mean, which for p ≥ 2 makes it slow.
"""

from __future__ import annotations

import numpy as np

from numerics.training.runs import Trained
from numerics.training.stopping import LossFraction
from theory import Fate, TheoryError, destinations
from theory.forms.vectors import nearest, unit
from theory.predictions.output_bias import OutputBiasExpected, OutputBiasPrediction
from theory.predictions.smooth import SmoothPrediction
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment
from verify.bridge.training import BUDGET, MOMENTUM, WIDTH, draw, train_networks
from verify.errors import UsageError
from verify.order import order_of
from verify.progress import Progress
from verify.regimes.common.confusion import Confusion, confusion, labelled
from verify.regimes.common.evidence import Resolved
from verify.regimes.output_bias.evidence import OutputBiasEvidence
from verify.regimes.smooth.destinations import SAME

# Of the time in which the bias fits the mean, that a step may be, for order 1 and above.  Chosen because for order 1 the
# neurons grow while it does, and 2h, h and h/2 then leave a thousandth; above they hardly move, and 2h must be stable.
STABLE = (0.1, 0.2)
# Times the step asked for, for orders above 1: chosen because training takes as long as the neurons sleep, and what three
# times the step leaves after extrapolation is still a thousandth.
LONGER = 3.0
# Standard deviation at the start for orders 1, 2 and above; chosen because times grow as ε^{1-p} in units of the fit of the
# mean, which steps must resolve, and must stay in the thousands.
STD = (1e-5, 1e-3, 1e-2)
WAY = 24  # times at which the leading system is looked at for the figure; chosen because the curve is smooth then


def gather(experiment: Experiment, prediction: OutputBiasPrediction, watch: Progress) -> OutputBiasEvidence:
    """Draw, expect, train with steps 2h, h and h/2, follow the leading system, measure the order of accuracy."""
    experiment = experiment.settled(width=experiment.width or WIDTH)
    order = prediction.driving_order
    std = experiment.init_std or STD[min(order, 3) - 1]
    start = draw(experiment, torch_activation(prediction.activation), std)
    (a0, w0), b0 = start.neurons, start.output_biases
    watch.stage(f"{experiment.name}: expect")
    fraction, predicted = prediction.initial_stage(b0, a0, w0, experiment.fraction)

    memory = 1 / (1 - MOMENTUM) if experiment.optimizer == "momentum" else 1.0
    fastest = max(prediction.mean_rate, prediction.growth_rate(predicted))
    stable, longer = (STABLE[0], 1.0) if order == 1 else (STABLE[1], LONGER)
    whole = min(stable / prediction.mean_rate, longer * experiment.step / prediction.growth_rate(predicted))
    lr = experiment.lr or whole / memory**2
    steps = 2 * float(np.max(predicted.times)) / (lr * memory)
    if steps > BUDGET:
        raise UsageError(
            f"init_std {std:g}: the loss falls after about {steps / 2:.2g} steps, each short beside the time in which the "
            f"bias fits the mean, where a run has {BUDGET // 2}; accepted: a larger --init-std"
        )
    # The fall is counted from the loss at zero output, of which the best constant takes its share first.
    fall = 1 - (1 - fraction) * prediction.fitted_risk / prediction.risk

    def trained(step: float) -> Trained:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {std:g}, lr {step:g}")
        return train_networks(
            experiment,
            start,
            step=step,
            lr=step,
            stop=LossFraction(fall),
            time_factor=memory,
            every=max(20, int(steps / 1000)),
        )

    coarser, coarse, fine = (trained(factor * lr) for factor in (2.0, 1.0, 0.5))
    watch.stage(f"{experiment.name}: the leading system")
    times = 2 * fine.times - coarse.times
    # What extrapolation leaves of the times, as in `verify.regimes.smooth.evidence`.
    late = np.abs(times - (2 * coarse.times - coarser.times))
    expected = _met(prediction, predicted, coarse, times)
    earlier = _met(prediction, predicted, coarse, expected.times - late)
    times = float(expected.times[0]) * np.arange(1, WAY + 1) / WAY
    way = prediction.pursuit(b0, a0, w0, fraction).along(times)
    watch.stage(f"{experiment.name}: order of accuracy")
    return OutputBiasEvidence(
        experiment=experiment,
        resolved=Resolved.taken(std, fraction, lr),
        activation=prediction.activation,
        driving_order=order,
        orientations=prediction.orientations,
        prediction=prediction,
        fraction=fraction,
        trained=coarse,
        refined=fine,
        coarser=coarser,
        predicted=predicted,
        expected=expected,
        earlier=earlier,
        fastest=fastest,
        stride=lr * memory * fastest * ((1 + MOMENTUM) if memory > 1 else 1.0) * memory,
        corrected=np.array([o.u for o in prediction.orientations.attractors]).reshape(-1, w0.shape[-1]),
        naive=np.array([o.u for o in prediction.naive_orientations.attractors]).reshape(-1, w0.shape[-1]),
        destinations=_table(prediction, expected, coarser, coarse, fine),
        way_times=times,
        way=unit(way),
        accuracy=order_of(prediction, targets=experiment.targets, seed=experiment.seed),
    )


def _met(
    prediction: OutputBiasPrediction, predicted: OutputBiasExpected, coarse: Trained, times: np.ndarray
) -> OutputBiasExpected:
    """The leading system at the times of the trained networks; at its own fall where it blows up before these."""
    if not np.all(np.isfinite(times) & (times > 0)):
        return predicted
    try:
        return prediction.expect(coarse.a0, coarse.w0, b0=coarse.b0, times=times, after=predicted)
    except TheoryError:
        return predicted


def _table(
    prediction: OutputBiasPrediction,
    expected: OutputBiasExpected,
    coarser: Trained,
    coarse: Trained,
    fine: Trained,
) -> Confusion:
    """To which orientation the flow of the signal at the best constant takes every neuron: from where the leading system
    has it, and from where training has left it, extrapolated to zero step size.  Near a boundary are those that all of
    theory's forces, or what is left of the step size, may have carried across."""
    inner, path = prediction.inner, expected.path
    assert isinstance(inner, SmoothPrediction)
    dimension = coarse.w0.shape[-1]
    limit = 2 * fine.a - coarse.a, 2 * fine.w - coarse.w
    before = 2 * coarse.a - coarser.a, 2 * coarse.w - coarser.w
    if inner.driving_order == 1:
        flow = inner.linear
        listed = np.array([flow.direction, -flow.direction])

        def mode(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            return (a + w @ flow.direction).ravel()

        def ends(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            return np.select([(s := mode(a, w)) > 0, s < 0], [0, 1], 2)

        moved = np.abs(mode(*limit) - mode(*before)) + np.abs(
            mode(path.whole_a, path.whole_w) - mode(path.a, path.w)
        )
        near = np.abs(mode(*limit)) <= moved
    else:
        listed = np.array([o.u for o in inner.orientations.orientations]).reshape(-1, dimension)

        def ends(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            found = destinations(inner.force, a.ravel(), w.reshape(-1, dimension))
            return np.where(found.fates == Fate.UNDECIDED, len(listed), nearest(found.u, listed, SAME))

        near = ends(*limit) != ends(*before)
    led, seen = ends(path.a, path.w), ends(*limit)
    near |= led != ends(path.whole_a, path.whole_w)
    return confusion(labelled(listed), led, seen, seen, near)
