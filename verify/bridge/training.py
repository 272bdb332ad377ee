"""Training of the real networks of an experiment, through numerics alone: what theory contributes is the learning rate."""

from __future__ import annotations

import numpy as np

from numerics.nets.activations import TorchActivation
from numerics.nets.initial import initialise
from numerics.nets.networks import Network
from numerics.training.schedules import Rate
from numerics.training.stopping import Rule, Status, Steps
from numerics.training.train import train
from verify.bridge.experiment import Experiment
from verify.bridge.losses import numeric_loss
from verify.regimes.common.evidence import Trained

BUDGET = 200_000
MOMENTUM = 0.9  # μ of numerics.training.optimizers.Momentum
# Sign descent and Adam: lr is std over this; chosen because a weight then takes as many steps to turn round, and lr/std is
# half of what `theory.adam_follows` allows.
STEPS_PER_STD = 20
WIDTH = 50  # hidden neurons, where neither the user nor the regime says otherwise
SNAPSHOT_EVERY = 20  # steps: a smooth curve, and a small share of the time


def initial_neurons(
    experiment: Experiment, sigma: TorchActivation, std: float
) -> tuple[np.ndarray, np.ndarray]:
    """a0 (B, m) or (B, m, K) and w0 (B, m, D), from which `train_networks` starts."""
    network = _network(experiment, sigma)
    return network.neurons(initialise(network, std, experiment.spawn()))


def _network(experiment: Experiment, sigma: TorchActivation) -> Network:
    return Network(
        inputs=experiment.dataset.x.shape[1],
        widths=experiment.width or WIDTH,
        outputs=experiment.outputs,
        activations=sigma,
        hidden_bias=experiment.bias,
    )


def train_networks(
    experiment: Experiment,
    sigma: TorchActivation,
    *,
    std: float,
    step: float,
    lr: Rate,
    stop: Rule,
    budget: int = BUDGET,
    every: int = SNAPSHOT_EVERY,
    time_factor: float = 1.0,
) -> Trained:
    """Train the experiment's networks from scale `std` with learning rate `lr` until the rule `stop` is met.

    `step` is kept as the name of this run; a snapshot is taken `every` so many steps, for at most `budget` steps.
    Times are learning rate × steps × `time_factor`.
    """
    data, goals = experiment.dataset, experiment.targets
    network = _network(experiment, sigma)
    start = initialise(network, std, experiment.spawn(), device=experiment.device)
    a0, w0 = network.neurons(start)
    result = train(
        network,
        start,
        data.x,
        goals,
        loss=numeric_loss(experiment.loss),
        optimizer=experiment.optimizer,
        lr=lr,
        stop=[stop, Steps(budget)],
        snapshots=range(0, budget, every),
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
        times=time_factor * np.asarray(result.times, dtype=float),
        steps=np.asarray(result.steps),
        reached=np.array([status in (Status.LOSS_FRACTION, Status.TIME) for status in result.status]),
        initial_losses=np.asarray(result.initial_losses, dtype=float),
        losses=np.asarray(result.losses, dtype=float),
        path_times=time_factor * np.asarray(result.history.times, dtype=float),
        path_a=np.array([a for a, _ in path]),
        path_w=np.array([w for _, w in path]),
    )
