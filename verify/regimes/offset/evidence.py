"""Evidence on networks with σ(0) ≠ 0, along the whole way from the fit of the mean to the split of signs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from numerics.training.runs import Trained
from theory.forms.vectors import unit
from theory.predictions.offset import OffsetExpected, OffsetPrediction
from verify.order import OrderResult
from verify.regimes.common.confusion import Confusion, confusion, labelled
from verify.regimes.common.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class OffsetEvidence(Evidence):
    """B networks at the times `expected.grid` (S,): trained `seen_a` (S, B, m), `seen_w` (S, B, m, D), extrapolated to zero
    step size, beside the offset system, `expected`.

    At the index `look` the mean is fitted and no neuron has turned yet; `outputs` and `expected_outputs` (B,) are the mean
    outputs of the real networks and of the system then.  `left_out` (S,) is the share of the motion until each time that
    the system leaves out, and what is left of the step size.  `naive` (D,) is the orientation of the signal at zero
    output; `closed_splits` (B,) and `typical_split` are the times of the split in closed form.
    """

    expected: OffsetExpected
    prediction: OffsetPrediction
    seen_a: np.ndarray
    seen_w: np.ndarray
    look: int
    outputs: np.ndarray
    expected_outputs: np.ndarray
    left_out: np.ndarray
    naive: np.ndarray
    closed_splits: np.ndarray
    typical_split: float
    accuracy: OrderResult

    @property
    def grid(self) -> np.ndarray:
        """The gradient-flow times (S,)."""
        return self.expected.grid

    @property
    def direction(self) -> np.ndarray:
        """Where all neurons point before the split (D,)."""
        return self.expected.direction

    @property
    def destinations(self) -> Confusion:
        """The side of every neuron at the end: that of the offset system, and that of the trained network."""
        direction, flow_w = self.direction, self.expected.flow_w
        listed = np.array([direction, -direction])

        def side(w: np.ndarray) -> np.ndarray:
            return (w @ direction < 0).astype(int).ravel()

        # Neurons that turn within the uncertainty of the time may be on either side.
        spread = min(float(self.left_out[-1]), 0.5)
        before = int(np.searchsorted(self.grid, self.grid[-1] * (1 - spread)))
        near = side(flow_w[min(before, len(self.grid) - 1)]) != side(flow_w[-1])
        still = np.abs(unit(flow_w[-1]) @ direction).ravel() < self.left_out[-1]
        return confusion(
            labelled(listed), side(flow_w[-1]), side(self.trained.w), side(self.refined.w), near | still
        )

    def limit(self) -> Trained:
        """The networks at the end, extrapolated to zero step size."""
        times = np.full(self.trained.times.shape, self.grid[-1])
        return replace(self.refined, a=self.seen_a[-1], w=self.seen_w[-1], times=times)

    @property
    def turned(self) -> np.ndarray:
        """The share (S, B) of trained neurons that point away from the common direction."""
        return np.mean(self.seen_w @ self.direction < 0, axis=-1)

    def cosines(self, w: np.ndarray) -> np.ndarray:
        """Cosines of neurons w (..., D) to the corrected orientation, up to its sign."""
        return np.abs(unit(w) @ self.direction)
