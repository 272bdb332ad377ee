"""Evidence on networks with σ(0) ≠ 0, along the whole way from the fit of the mean to the split of signs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from theory.forms.vectors import unit
from theory.predictions.offset import OffsetPrediction
from verify.regimes.common.confusion import Confusion, confusion, labelled
from verify.regimes.common.evidence import Evidence, Trained

SHARE = (
    0.16  # of the neurons, whose turn is the time of the split: one standard deviation of Gaussian weights
)


@dataclass(frozen=True, kw_only=True)
class OffsetEvidence(Evidence):
    """B networks at `grid` times (S,): trained `seen_a` (S, B, m), `seen_w` (S, B, m, D), extrapolated to zero step size,
    and `flow_a`, `flow_w` of the offset system.

    At the index `look` the mean is fitted and no neuron has turned yet.  `lean` (S,) is the share of the motion until each
    time that the offset system leaves out, and what is left of the step size.
    """

    prediction: OffsetPrediction
    grid: np.ndarray
    seen_a: np.ndarray
    seen_w: np.ndarray
    flow_a: np.ndarray
    flow_w: np.ndarray
    look: int
    lean: np.ndarray

    @property
    def destinations(self) -> Confusion:
        """The side of every neuron at the end: that of the offset system, and that of the trained network."""
        direction = self.prediction.direction
        listed = np.array([direction, -direction])

        def side(w: np.ndarray) -> np.ndarray:
            return (w @ direction < 0).astype(int).ravel()

        # Neurons that turn within the uncertainty of the time may be on either side.
        spread = min(float(self.lean[-1]), 0.5)
        before = int(np.searchsorted(self.grid, self.grid[-1] * (1 - spread)))
        near = side(self.flow_w[min(before, len(self.grid) - 1)]) != side(self.flow_w[-1])
        still = np.abs(unit(self.flow_w[-1]) @ direction).ravel() < self.lean[-1]
        return confusion(
            labelled(listed),
            side(self.flow_w[-1]),
            side(self.trained.w),
            side(self.refined.w),
            near | still,
        )

    def limit(self) -> Trained:
        """The networks at the end, extrapolated to zero step size."""
        return self.at(-1)

    def at(self, index: int) -> Trained:
        """The networks at a grid time."""
        times = np.full(self.trained.times.shape, self.grid[index])
        return replace(self.refined, a=self.seen_a[index], w=self.seen_w[index], times=times)

    def turned(self, w: np.ndarray) -> np.ndarray:
        """The share (S, B) of neurons w (S, B, m, D) that point away from the common orientation."""
        return np.mean(w @ self.prediction.direction < 0, axis=-1)

    def cosines(self, w: np.ndarray) -> np.ndarray:
        """Cosines of neurons w (..., D) to the corrected orientation, up to its sign."""
        return np.abs(unit(w) @ self.prediction.direction)


def split_times(grid: np.ndarray, turned: np.ndarray, share: float = SHARE) -> np.ndarray:
    """When the share of turned neurons (S, B) passes `share` for the last time: (B,), inf where it ends below it.

    Before the mean is fitted signs are those of the draw: that the share is large then is no split.  0 where it never was
    below.
    """
    out = np.empty(turned.shape[1])
    for b, column in enumerate(turned.T):
        below = np.flatnonzero(column < share)
        if not len(below):
            out[b] = 0.0
        elif below[-1] == len(grid) - 1:
            out[b] = np.inf
        else:
            k = below[-1]
            part = (share - column[k]) / (column[k + 1] - column[k])
            out[b] = grid[k] + part * (grid[k + 1] - grid[k])
    return out
