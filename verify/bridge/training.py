"""Training of the real networks of an experiment, through numerics alone: what theory contributes is the learning rate."""

from __future__ import annotations

from numerics.nets import Network
from numerics.nets.activations import TorchActivation
from numerics.training.runs import Start, Trained, train_neurons
from numerics.training.stopping import Rate, Rule, Steps
from verify.bridge.experiment import Experiment
from verify.bridge.formula import numeric_loss

BUDGET = 200_000  # steps; chosen because most trainings take thousands: one that needs more is said not to have arrived
MOMENTUM = 0.9  # μ; derived from the default of numerics.training.optimizers.Momentum
# Sign descent and Adam: lr is std over this; chosen because a weight then takes as many steps to turn round, and lr/std is
# half of what `theory.adam_follows` allows.
STEPS_PER_STD = 20
# Hidden neurons, where neither the user nor the regime says otherwise; chosen because the source paper's networks of one
# hidden layer have as many.
WIDTH = 50
SNAPSHOT_EVERY = 20  # steps; chosen because curves are smooth then, for a small share of the time


def initial_std(experiment: Experiment, order: int) -> float:
    """The standard deviation of every parameter at the start: the user's, or 1e-5 for order 1 and 1e-3 above.

    Chosen because at order 1 the angle to the orientation is of the order of it, and above the time grows as ε^{1-p}.
    """
    return experiment.init_std or (1e-5 if order == 1 else 1e-3)


def draw(experiment: Experiment, sigma: TorchActivation, std: float) -> Start:
    """The experiment's networks before their training: drawn once, for theory's prediction and for the training."""
    network = Network(
        inputs=experiment.dataset.x.shape[1],
        widths=experiment.width or WIDTH,
        outputs=experiment.outputs,
        activations=sigma,
        hidden_bias=experiment.bias,
        output_bias=experiment.output_bias,
    )
    return Start.draw(network, std, experiment.spawn(), device=experiment.device)


def train_networks(
    experiment: Experiment,
    start: Start,
    *,
    step: float,
    lr: Rate,
    stop: Rule,
    budget: int = BUDGET,
    every: int = SNAPSHOT_EVERY,
    time_factor: float = 1.0,
) -> Trained:
    """Train the experiment's networks from `start` with learning rate `lr` until the rule `stop` is met.

    `step` is kept as the name of this run; a snapshot is taken `every` so many steps, for at most `budget` steps.
    Times are learning rate × steps × `time_factor`.
    """
    return train_neurons(
        start,
        experiment.dataset.x,
        experiment.targets,
        step=step,
        snapshots=range(0, budget, every),
        time_factor=time_factor,
        loss=numeric_loss(experiment.loss),
        optimizer=experiment.optimizer,
        lr=lr,
        stop=[stop, Steps(budget)],
    )
