"""Evidence on networks trained by sign descent or Adam, beside theory's training of the leading order: same rule, start and
steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.training.runs import Start, Trained
from numerics.training.stopping import LossFraction
from theory import OrientationSet
from theory.flows.leading_training import PATH_EVERY
from theory.forms.vectors import nearest
from theory.predictions.coordinatewise import CoordinatewiseExpected, CoordinatewisePrediction
from theory.predictions.smooth import FIRST_FALL
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment
from verify.bridge.training import STEPS_PER_STD, WIDTH, draw, initial_std, train_networks
from verify.progress import Progress
from verify.regimes.common.confusion import Confusion, confusion, labelled
from verify.regimes.common.evidence import Evidence, Resolved

SCALES = (100.0, 10.0)  # times std, for the exponent of the angle; chosen because two decades show a power


def gather(
    experiment: Experiment, prediction: CoordinatewisePrediction, watch: Progress
) -> CoordinatewiseEvidence:
    """Train at lr and lr/2, for order 1 from two further scales, and follow each training at leading order."""
    experiment = experiment.settled(width=experiment.width or WIDTH)
    first = prediction.driving_order == 1
    std = initial_std(experiment, prediction.driving_order)
    fraction = experiment.fraction or FIRST_FALL[first]
    rate = experiment.lr or std / STEPS_PER_STD
    sigma = torch_activation(prediction.problem.activation)

    def both(start: Start, lr: float) -> tuple[Trained, CoordinatewiseExpected]:
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {start.std:g}, lr {lr:g}")
        trained = train_networks(
            experiment, start, step=lr, lr=lr, stop=LossFraction(fraction), every=PATH_EVERY
        )
        watch.stage(f"{experiment.name}: the same steps at leading order")
        return trained, prediction.expect(trained.a0, trained.w0, fraction=fraction, lr=lr)

    orientations, flow = prediction.orientations, prediction.gradient_flow.orientations
    start = draw(experiment, sigma, std)
    (coarse, expected), (fine, half) = both(start, rate), both(start, rate / 2)
    return CoordinatewiseEvidence(
        experiment=experiment,
        resolved=Resolved.taken(std, fraction, rate),
        activation=prediction.problem.activation,
        driving_order=prediction.driving_order,
        orientations=orientations,
        flow_orientations=flow,
        prediction=prediction,
        fraction=fraction,
        trained=coarse,
        refined=fine,
        expected=expected,
        expected_half=half,
        scales=tuple(both(draw(experiment, sigma, std * k), rate * k) for k in SCALES) if first else (),
    )


# rad; chosen because a neuron that has left its start is much nearer to one of the two opposite orientations.
BETWEEN = np.pi / 4


@dataclass(frozen=True, kw_only=True)
class CoordinatewiseEvidence(Evidence):
    """Networks trained by sign descent or Adam at the rates lr (`trained`) and lr/2 (`refined`).

    `orientations` are those of sign descent, `flow_orientations` those of gradient flow on the same data; `expected` is
    what theory expects at lr, `expected_half` at lr/2; `scales` are (networks, what is expected of them) from larger
    weights.
    """

    prediction: CoordinatewisePrediction
    flow_orientations: OrientationSet
    expected: CoordinatewiseExpected
    expected_half: CoordinatewiseExpected
    scales: tuple[tuple[Trained, CoordinatewiseExpected], ...]

    @property
    def destinations(self) -> Confusion:
        """p = 1: the confusion table of the two orientations; trapped neurons are elsewhere."""
        direction = self.targets[0]
        listed = np.array([direction, -direction])

        def classes(u: np.ndarray) -> np.ndarray:
            return nearest(u.reshape(-1, self.dimension), listed, BETWEEN)

        near = np.abs(self.expected.u @ direction) < self.expected.tilt[:, None]
        return confusion(
            labelled(listed),
            classes(self.expected.destinations),
            classes(self.trained.u),
            classes(self.refined.u),
            near.ravel(),
        )

    def limit(self) -> Trained:
        """The networks as they are: theory follows the discrete steps, nothing is to be extrapolated."""
        return self.trained

    @property
    def tilt(self) -> float:
        """By how many radians the forces beyond leading order may turn an aligned neuron, in the worst network."""
        return float(np.max(self.expected.tilt))

    @property
    def clock(self) -> float:
        """The relative uncertainty of the horizon, in the worst network."""
        return float(np.max(self.expected.clock))

    @property
    def growing(self) -> np.ndarray:
        """The neurons (B, m) that leave their start; the others are trapped: see theory.predictions.coordinatewise."""
        return np.linalg.norm(self.expected.destinations, axis=-1) > 0
