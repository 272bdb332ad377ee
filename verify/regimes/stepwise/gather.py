"""Evidence where neurons still decouple at multiplicity 1 under gradient descent: one-sided activations, and K outputs.

Theory trains the leading order with the same discrete steps from the same weights as numerics trains the networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.training.runs import Trained
from numerics.training.stopping import LossFraction
from theory.forms.vectors import nearest
from theory.predictions.stepwise import SAME, StepwiseExpected, StepwisePrediction
from theory.streams import Stream, generator
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment
from verify.bridge.training import MOMENTUM, WIDTH, draw, initial_std, train_networks
from verify.order import OrderResult, order_of
from verify.progress import Progress
from verify.regimes.common.confusion import Confusion, confusion, labelled
from verify.regimes.common.evidence import Evidence, Resolved


def gather(experiment: Experiment, prediction: StepwisePrediction, watch: Progress) -> StepwiseEvidence:
    """Draw, expect, train at steps h and h/2, tell destinations, measure the order of accuracy."""
    experiment = experiment.settled(width=experiment.width or WIDTH)
    std = initial_std(experiment, 1)
    start = draw(experiment, torch_activation(prediction.problem.activation), std)
    # Heavy-ball momentum walks the same path in the time lr × steps / (1 - μ).
    momentum = MOMENTUM if experiment.optimizer == "momentum" else 0.0
    memory = 1 / (1 - momentum)
    lr = experiment.lr or experiment.step / prediction.rate / memory**2
    watch.stage(f"{experiment.name}: steps of {lr:g} at leading order")
    expected = prediction.expect(*start.neurons, lr=lr, fraction=experiment.fraction, momentum=momentum)

    def trained(lr: float) -> Trained:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {std:g}, lr {lr:g}")
        stop = LossFraction(expected.fraction)
        return train_networks(experiment, start, step=lr, lr=lr, stop=stop, time_factor=memory)

    coarse, fine = trained(lr), trained(lr / 2)
    watch.stage(f"{experiment.name}: destinations")
    table = _destinations(prediction, expected, coarse, fine, experiment.seed)
    watch.stage(f"{experiment.name}: order of accuracy")
    accuracy = order_of(prediction, targets=experiment.targets, seed=experiment.seed)
    return StepwiseEvidence(
        experiment=experiment,
        resolved=Resolved.taken(std, expected.fraction, lr),
        activation=prediction.problem.activation,
        driving_order=1,
        orientations=prediction.orientations,
        prediction=prediction,
        fraction=expected.fraction,
        trained=coarse,
        refined=fine,
        expected=expected,
        destinations=table,
        accuracy=accuracy,
    )


def _destinations(
    prediction: StepwisePrediction, expected: StepwiseExpected, coarse: Trained, fine: Trained, seed: int
) -> Confusion:
    """Where the leading flow takes every neuron from its start, and from where training has left it."""
    tail, listed = coarse.a0.shape[2:], prediction.listed

    def flat(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return a.reshape(-1, *tail), w.reshape(-1, w.shape[-1])

    ends = (
        expected.destinations.reshape(-1, coarse.w0.shape[-1]),
        prediction.ends(*flat(coarse.a, coarse.w)),
        prediction.ends(*flat(fine.a, fine.w)),
    )
    predicted, observed, refined = (nearest(u, listed, SAME) for u in ends)
    a0, w0 = flat(coarse.a0, coarse.w0)
    doubtful = np.flatnonzero(predicted != observed)
    boundary = np.zeros(len(predicted), dtype=bool)
    boundary[doubtful] = prediction.near_boundary(
        a0[doubtful], w0[doubtful], expected, generator(seed, Stream.BASIN_BOUNDARY)
    )
    return confusion(labelled(listed), predicted, observed, refined, boundary)


@dataclass(frozen=True, kw_only=True)
class StepwiseEvidence(Evidence):
    """Networks trained at the learning rates lr (`trained`) and lr/2 (`refined`), and what leading-order training of the
    same steps makes expect of them.

    `destinations` tells neuron by neuron where the leading flow takes it from its start and from where training left it;
    `accuracy` is the measured order of accuracy.
    """

    prediction: StepwisePrediction
    expected: StepwiseExpected
    destinations: Confusion
    accuracy: OrderResult

    def limit(self) -> Trained:
        """The networks as they are: theory follows the discrete steps, nothing is to be extrapolated."""
        return self.trained

    @property
    def left_out(self) -> float:
        """The share of a neuron's motion that is left out."""
        return self.expected.neglected

    @property
    def saddles(self) -> str | None:
        """What to say where neurons are on their way into saddles."""
        share = float(np.mean(self.expected.to_saddles))
        if not share:
            return None
        return (
            f"the leading flow takes {share:.0%} of the neurons into saddles, on a kink from which one side leads away: "
            "what lies beyond the leading order decides where they go on; data without such ties would be conclusive"
        )

    @property
    def doubt(self) -> str | None:
        """What to say where it is not told on which side of a kink neurons go on."""
        share = float(np.mean(self.expected.untold))
        if not share:
            return None
        return (
            f"{share:.1%} of the neurons are so near to a kink that what lies beyond the leading order decides on which "
            "side they go on, and they may decide this; a smaller --fraction and --init-std would be conclusive"
        )
