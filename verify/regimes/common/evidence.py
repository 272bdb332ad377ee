"""Evidence: everything that both rooms say about one experiment, gathered once and handed to every check."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from numerics.training.runs import Trained
from theory import Activation, Expected, OrientationSet
from verify.bridge.experiment import Experiment
from verify.regimes.common.examination import Resolved


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One experiment, where its neurons are predicted to go, the networks trained with steps h and h/2, and what theory
    expected of them.  `order` is the exponent p of the amplitude |a| ‖w‖^p."""

    experiment: Experiment
    resolved: Resolved | None = None
    activation: Activation
    order: int
    orientations: OrientationSet
    fraction: float
    trained: Trained
    refined: Trained
    expected: Expected

    @property
    def dimension(self) -> int:
        """D, the bias counted."""
        return self.trained.w.shape[-1]

    @property
    def targets(self) -> np.ndarray:
        """The growing orientations (A, D)."""
        return np.array([o.u for o in self.orientations.attractors]).reshape(-1, self.dimension)

    def limit(self) -> Trained:
        """The training extrapolated to zero step size: every optimiser here is of first order, 2 θ(h/2) - θ(h)."""
        coarse, fine = self.trained, self.refined
        return replace(
            fine,
            a=2 * fine.a - coarse.a,
            w=2 * fine.w - coarse.w,
            times=2 * fine.times - coarse.times,
            reached=fine.reached & coarse.reached,
        )
