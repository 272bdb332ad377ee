"""Evidence on networks trained by sign descent or Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import SmoothPrediction
from theory.flows.coordinatewise import LeadingTraining
from verify.regimes.common.confusion import Confusion, confusion, labelled, nearest
from verify.regimes.common.evidence import Evidence, Trained

BETWEEN = np.pi / 4  # rad: a neuron that has left its start is much nearer to its orientation


@dataclass(frozen=True, kw_only=True)
class CubeEvidence(Evidence):
    """Networks trained by sign descent or Adam at the rates lr (`trained`) and lr/2 (`refined`).

    `prediction` is that of gradient flow on the same data, `orientations` are those of sign descent; `leading` is the
    leading-order training at lr, `leading_half` at lr/2; `scales` are (networks, leading-order training) from larger
    weights.  `changed` (B, D) is the relative change ρ_k of each entry of the gradient by the end.
    """

    prediction: SmoothPrediction
    leading: LeadingTraining
    leading_half: LeadingTraining
    scales: tuple[tuple[Trained, LeadingTraining], ...]
    changed: np.ndarray
    lr: float

    @property
    def destinations(self) -> Confusion:
        """p = 1: the confusion table of the two orientations; trapped neurons are elsewhere."""
        direction = self.targets[0]
        listed = np.array([direction, -direction])

        def classes(u: np.ndarray) -> np.ndarray:
            return nearest(u.reshape(-1, self.dimension), listed, BETWEEN)

        near = np.abs(self.expected.u @ direction) < self.tilt[:, None]
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
    def tilt(self) -> np.ndarray:
        """How far (B,) in radians an aligned neuron may be turned by what theory leaves out (flows.coordinatewise).

        Entry k of the gradient has changed by the share ρ_k.  As long as ρ_k < 1 no sign has changed and sign descent
        has seen nothing.  Adam has seen the change; its first order is in the prediction for p = 1, its relative
        error is that of the output, `perturbation` and the fall δ itself.
        """
        rho = self.changed
        known = self.expected.perturbation[:, None] + self.fraction if self.order == 1 else 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = 0.0 if self.experiment.optimizer == "sign" else known * rho / (1 - rho)
            off = np.where(rho < 1, np.minimum(seen, 2.0), 2.0)
        return np.sqrt(np.sum(off**2, axis=1) / rho.shape[1])

    @property
    def clock(self) -> np.ndarray:
        """The relative uncertainty (B,) of the horizon: the same neglected terms along the orientation, and one step."""
        size = self.expected.perturbation
        known = size + self.fraction if self.order == 1 else 1.0
        return known * size + self.lr / self.expected.times

    @property
    def growing(self) -> np.ndarray:
        """The neurons (B, m) that leave their start; the others are trapped: see the docstring of `examine`."""
        return np.linalg.norm(self.expected.destinations, axis=-1) > 0
