"""The smooth leading-order flow under gradient descent, with or without momentum: σ(0) = 0, one output, any p.

Heavy-ball momentum b ← μ b + g, θ ← θ - lr b walks the path of gradient flow in the time lr × steps / (1 - μ): with
slowly changing gradients b tends to g/(1 - μ).  Its memory of 1/(1 - μ) steps makes an error of that many steps, which
is why they are smaller by 1 - μ than those of gradient descent; being of first order it is extrapolated away alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from numerics.flow import LeadingStatus, leading_flow, moments
from numerics.nets.activations import TorchActivation
from numerics.training.runs import Start, Trained
from numerics.training.stopping import LossFraction, RescaledTime
from theory import Expected, Fate, Kind, Neurons, SmoothPrediction, TheoryError, destinations, neurons_at
from theory.beyond.displacement import Displaced
from theory.flows.smooth import near_boundary
from theory.forms.vectors import angle
from theory.streams import Stream, generator
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment
from verify.bridge.training import MOMENTUM, WIDTH, draw, initial_std, train_networks
from verify.order import order_of
from verify.progress import Progress
from verify.regimes.common.evidence import Resolved
from verify.regimes.common.order import competing_sizes
from verify.regimes.smooth.destinations import SAME, flow_classes, trained_destinations
from verify.regimes.smooth.evidence import (
    LARGEST_STRIDE,
    Conserved,
    SmoothEvidence,
    TwoFlows,
    following,
)

# Radians from a degenerate orientation; chosen because tangential forces of the third order are a thousandth there.
SLOW = 0.1
LOCAL_ERROR = 1e-10  # of a step, relative, of either flow; chosen because it is their default
# Of std, for the exponent of the angle: up, or down where there is no initial stage; chosen because two decades show it.
SCALES = ((100.0, 0.01), (10.0, 0.1))
_FATES = {LeadingStatus.GROWING: Fate.GROWS, LeadingStatus.DYING: Fate.DIES}


def gather(experiment: Experiment, prediction: SmoothPrediction, watch: Progress) -> SmoothEvidence:
    """Draw, expect, train at steps h and h/2, follow both leading flows, measure the order of accuracy."""
    experiment = experiment.settled(width=experiment.width or WIDTH)
    sigma = torch_activation(prediction.activation)
    std = initial_std(experiment, prediction.driving_order)
    watch.stage(f"{experiment.name}: expect")
    start = draw(experiment, sigma, std)
    fraction, expected = prediction.initial_stage(*start.neurons, experiment.fraction)

    def trained(start: Start, step: float) -> Trained:
        watch.stage(
            f"{experiment.name}: train {experiment.seeds} networks from std {start.std:g}, step {step:g}"
        )
        lr, factor = pace(experiment, prediction, step)
        return train_networks(
            experiment, start, step=step, lr=lr, stop=LossFraction(fraction), time_factor=factor
        )

    coarse, fine = trained(start, experiment.step), trained(start, experiment.step / 2)
    rate = _rate(prediction, expected)
    stride = _stride(experiment, prediction, rate)
    coarser = trained(start, 2 * experiment.step) if stride <= LARGEST_STRIDE else coarse
    scales = ()
    if prediction.driving_order == 1:
        scales = _scales(experiment, prediction, sigma, std, fraction, trained)
    watch.stage(f"{experiment.name}: both leading flows")
    table = trained_destinations(prediction, coarse, fine, expected, experiment.seed)
    flows = None if prediction.driving_order == 1 else _two_flows(prediction, coarse, experiment.seed)
    conserved = _conserved(prediction, coarse, float(expected.times.min()))
    followed = _followed(prediction, coarse, fine)
    displaced = _displaced(prediction, coarse, followed, expected, 2 * fine.times - coarse.times)
    watch.stage(f"{experiment.name}: order of accuracy")
    accuracy = order_of(prediction, targets=experiment.targets, seed=experiment.seed)
    return SmoothEvidence(
        experiment=experiment,
        resolved=Resolved.taken(std, fraction, pace(experiment, prediction, experiment.step)[0]),
        activation=prediction.activation,
        driving_order=prediction.driving_order,
        orientations=prediction.orientations,
        prediction=prediction,
        fraction=fraction,
        trained=coarse,
        refined=fine,
        coarser=coarser,
        stride=stride,
        rate=rate,
        expected=expected,
        scales=scales,
        destinations=table,
        flows=flows,
        followed=followed,
        displaced=displaced,
        conserved=conserved,
        accuracy=accuracy,
        competing=competing_sizes(prediction, accuracy.tau, experiment.seed),
    )


def pace(
    experiment: Experiment, prediction: SmoothPrediction, step: float
) -> tuple[float | RescaledTime, float]:
    """The learning rate, and the gradient-flow time of one unit of learning rate × steps."""
    memory = 1 / (1 - MOMENTUM) if experiment.optimizer == "momentum" else 1.0
    if experiment.lr is not None:
        return experiment.lr * step / experiment.step, memory
    rate = RescaledTime(step / memory**2, multiplicity=prediction.driving_order, rate=prediction.clock_rate)
    return rate, memory


def _rate(prediction: SmoothPrediction, expected: Expected) -> float:
    """The rate at which the largest neurons grow at the end of the initial stage."""
    size = float(np.max(np.hypot(expected.a, np.linalg.norm(expected.w, axis=-1))))
    return prediction.clock_rate * size ** (prediction.driving_order - 1)


def _stride(experiment: Experiment, prediction: SmoothPrediction, rate: float) -> float:
    """The step h in units of the time in which the largest neurons grow by e, at the end of the initial stage.

    Momentum's error is (1 + μ)/(1 - μ) times that of gradient descent with steps of the same gradient-flow time.
    """
    lr, factor = pace(experiment, prediction, experiment.step)
    memory = (1 + MOMENTUM) / (1 - MOMENTUM) if experiment.optimizer == "momentum" else 1.0
    return (lr.eta if isinstance(lr, RescaledTime) else lr * rate) * factor * memory


def _scales(
    experiment: Experiment,
    prediction: SmoothPrediction,
    sigma: TorchActivation,
    std: float,
    fraction: float,
    trained: Callable[[Start, float], Trained],
) -> tuple[tuple[Trained, Expected], ...]:
    """Networks from two further scales: 100 and 10 times std, or a tenth and a hundredth of it where from those the loss
    falls before there is an initial stage."""
    found = []
    for up, down in SCALES:
        start = draw(experiment, sigma, up * std)
        try:
            expected = prediction.expect(*start.neurons, fraction=fraction)
            usable = prediction.outside(expected, fraction) is None
        except TheoryError:
            usable = False
        if not usable:
            start = draw(experiment, sigma, down * std)
            expected = prediction.expect(*start.neurons, fraction=fraction)
        found.append((trained(start, experiment.step), expected))
    return tuple(found)


def _two_flows(prediction: SmoothPrediction, trained: Trained, seed: int) -> TwoFlows:
    """Theory's autonomous flow and numerics' Cartesian one, of every neuron of every network to its end."""
    a0, w0 = trained.a0.reshape(-1), trained.w0.reshape(-1, trained.w0.shape[-1])
    ours = destinations(prediction.force, a0, w0)
    theirs = leading_flow(_moments(prediction), a0, w0)
    fates = np.array(
        [_FATES.get(LeadingStatus(status), Fate.UNDECIDED) for status in theirs.status], dtype=object
    )
    decided = (fates != Fate.UNDECIDED) & (ours.fates != Fate.UNDECIDED)
    decided &= ~(_creeping(prediction, ours.u) | _creeping(prediction, theirs.orientation))
    same = decided & (fates == ours.fates) & (angle(ours.u, theirs.orientation) < SAME)
    # Where the two differ the errors of their steps may have decided: such a neuron is on no side.
    doubtful = np.flatnonzero(decided & ~same)
    times = np.minimum(ours.blow_up_times, theirs.blowup_time)[doubtful]
    natural = np.linalg.norm(w0[doubtful], axis=1) / np.linalg.norm(
        prediction.force(a0[doubtful], w0[doubtful])[1], axis=1
    )
    decided[doubtful] = ~near_boundary(
        prediction.force,
        lambda a, w: flow_classes(prediction, a, w),
        a0[doubtful],
        w0[doubtful],
        LOCAL_ERROR * np.maximum(theirs.steps[doubtful], 100),
        np.where(np.isfinite(times), times, 10 * natural),
        generator(seed, Stream.FLOW_BOUNDARY),
    )
    return TwoFlows(ours=ours, theirs=theirs.orientation, fates=fates, decided=decided)


def _creeping(prediction: SmoothPrediction, u: np.ndarray) -> np.ndarray:
    """Which of the ends u (N, D) are near a degenerate orientation but not at it: there the flow is slow algebraically, and
    to have slowed down is not to have arrived."""
    listed = [o.u for o in prediction.orientations.orientations if o.kind is Kind.DEGENERATE]
    if not listed:
        return np.zeros(len(u), dtype=bool)
    apart = np.min(angle(u[:, None], np.array(listed)[None]), axis=1)
    return (apart >= SAME) & (apart < SLOW)


def _conserved(prediction: SmoothPrediction, trained: Trained, end: float) -> Conserved:
    """How far K drifts along numerics' leading flow until most of the horizon has passed."""
    a0, w0 = trained.a0.reshape(-1), trained.w0.reshape(-1, trained.w0.shape[-1])
    times = end * np.array([0.25, 0.5, 0.75])
    run = leading_flow(_moments(prediction), a0, w0, times=times, rtol=LOCAL_ERROR)
    k0 = prediction.force.invariant(a0, w0)
    size = np.sum(run.w**2, axis=-1) + run.a**2
    drift = np.abs(prediction.force.invariant(run.a, run.w) - k0) / np.maximum(size, size[0])
    return Conserved(
        drift=float(np.max(drift)),
        local_error=LOCAL_ERROR,
        steps=int(np.max(run.steps)),
        attempts=int(np.max(run.steps + run.rejected)),
    )


def _followed(prediction: SmoothPrediction, coarse: Trained, fine: Trained) -> tuple[Neurons, ...]:
    """Theory's neurons at the time at which each network stopped, extrapolated to zero step size, for orders above 1."""
    if prediction.driving_order == 1:
        return ()
    times = 2 * fine.times - coarse.times
    return tuple(
        neurons_at(prediction.force, a, w, float(time))
        for a, w, time in zip(coarse.a0, coarse.w0, times, strict=True)
    )


def _displaced(
    prediction: SmoothPrediction,
    coarse: Trained,
    followed: tuple[Neurons, ...],
    expected: Expected,
    times: np.ndarray,
) -> Displaced | str | None:
    """How far what lies beyond leading order has carried each neuron; why, where theory cannot tell."""
    if not followed:
        return None
    try:
        return prediction.displacement(coarse.a0, coarse.w0, times, following(followed, expected, times))
    except TheoryError as error:
        return str(error)


def _moments(prediction: SmoothPrediction):
    """The force of the leading flow, from the data, for numerics."""
    return moments(prediction.x, prediction.signal, prediction.driving_order, prediction.coefficient)
