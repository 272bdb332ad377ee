"""Evidence on networks trained by sign descent or Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import OrientationSet
from theory.predictions.coordinatewise import CoordinatewiseExpected, CoordinatewisePrediction
from verify.regimes.common.confusion import Confusion, confusion, labelled, nearest
from verify.regimes.common.evidence import Evidence, Trained

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
