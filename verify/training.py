"""Training of the real networks of an experiment, through numerics alone: what theory contributes is the clock's rate."""

from __future__ import annotations

import numpy as np

from numerics.activations import TorchActivation
from numerics.initial import initialise
from numerics.networks import Network
from numerics.schedules import RescaledTime
from numerics.stopping import LossFraction, Status, Steps
from numerics.train import train
from theory import Prediction
from verify.evidence import Trained
from verify.experiment import Experiment

BUDGET = 200_000
SNAPSHOT_EVERY = 20  # steps: a smooth curve, and a small share of the time


def train_networks(
    experiment: Experiment,
    prediction: Prediction,
    sigma: TorchActivation,
    *,
    std: float,
    fraction: float,
    step: float,
) -> Trained:
    """Train the experiment's networks from scale `std` until the loss has fallen by `fraction`.

    `step` is the size of a step in rescaled time: the share by which the largest neuron moves.  An experiment with a
    learning rate of its own uses that one instead, times step/experiment.step.
    """
    data = experiment.dataset
    network = Network(
        inputs=data.x.shape[1], widths=experiment.width, activations=sigma, hidden_bias=experiment.bias
    )
    start = initialise(network, std, experiment.spawn(), device=experiment.device)
    a0, w0 = network.neurons(start)
    if experiment.lr is None:
        rate = RescaledTime(step, multiplicity=prediction.order, rate=clock_rate(prediction))
    else:
        rate = experiment.lr * step / experiment.step
    result = train(
        network,
        start,
        data.x,
        data.y,
        loss=experiment.loss,
        optimizer=experiment.optimizer,
        lr=rate,
        stop=[LossFraction(fraction), Steps(BUDGET)],
        snapshots=range(0, BUDGET, SNAPSHOT_EVERY),
        keep_parameters=True,
    )
    a, w = network.neurons(result.parameters)
    path = [network.neurons(snapshot) for snapshot in result.history.parameters]
    return Trained(
        std=std,
        step=step,
        a0=a0,
        w0=w0,
        a=a,
        w=w,
        times=np.asarray(result.times, dtype=float),
        steps=np.asarray(result.steps),
        reached=np.array([status is Status.LOSS_FRACTION for status in result.status]),
        initial_losses=np.asarray(result.initial_losses, dtype=float),
        losses=np.asarray(result.losses, dtype=float),
        path_times=np.asarray(result.history.times, dtype=float),
        path_a=np.array([a for a, _ in path]),
        path_w=np.array([w for _, w in path]),
    )


def clock_rate(prediction: Prediction) -> float:
    """The rate of the leading flow at unit size: p |c| max |P|, so that a step of rescaled time is a share of ρ."""
    if prediction.order == 1:
        return prediction.linear.rate
    steepest = max((abs(o.value) for o in prediction.orientations.orientations), default=0.0)
    if steepest == 0:
        generator = np.random.default_rng(0)
        u = generator.standard_normal((1000, prediction.x.shape[1]))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        steepest = float(np.max(np.linalg.norm(prediction.field.tensor.gradient(u), axis=1)))
    return prediction.order * abs(prediction.coefficient) * steepest
