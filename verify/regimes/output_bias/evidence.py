"""Evidence on networks with an output bias, at the end of their initial stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numerics.measure import weighted_median
from numerics.training.runs import Trained
from theory.forms.vectors import angle, unit
from theory.predictions.output_bias import OutputBiasExpected, OutputBiasPrediction
from verify.order import OrderResult
from verify.regimes.common.confusion import Confusion
from verify.regimes.common.evidence import Evidence
from verify.regimes.smooth.evidence import LARGEST_STRIDE


@dataclass(frozen=True, kw_only=True)
class OutputBiasEvidence(Evidence):
    """B networks trained with steps h, h/2 and 2h (`coarser`) until their loss has fallen below that of the best constant.

    `expected` is the leading system at the times at which they have, `earlier` before these by what the step size leaves of
    them, `predicted` at its own fall, with its uncertainty;
    `stride` is h in units of 1/`fastest`, the shorter of the times in which the bias fits the mean and in which the neurons
    grow by e.
    `corrected` (A, D) and `naive` (A', D) are the growing orientations of the signal at the best constant and at zero
    output; `destinations` the confusion table; `way` the leading system's orientations (S, m, D) of the first network at
    the times `way_times` (S,).
    """

    prediction: OutputBiasPrediction
    coarser: Trained
    predicted: OutputBiasExpected
    expected: OutputBiasExpected
    earlier: OutputBiasExpected
    stride: float
    fastest: float
    corrected: np.ndarray
    naive: np.ndarray
    destinations: Confusion
    way_times: np.ndarray
    way: np.ndarray
    accuracy: OrderResult

    def coarser_limit(self) -> Trained:
        """The training extrapolated from steps 2h and h: three times as far from the limit as `limit`, see
        `verify.regimes.smooth.evidence`."""
        return replace(self, trained=self.coarser, refined=self.trained).limit()

    @property
    def whole(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """b (B,), a (B, m), w (B, m, D) with all of theory's forces."""
        path = self.expected.path
        return path.whole_b, path.whole_a, path.whole_w

    @property
    def steps_hide(self) -> str | None:
        """Why the step size leaves nothing to be compared, with the learning rate that would; None where it does not."""
        if self.stride <= LARGEST_STRIDE:
            return None
        lr = self.experiment.lr
        remedy = (
            "a smaller step" if lr is None else f"--lr {lr * 0.5 * LARGEST_STRIDE / self.stride:.1g} or none"
        )
        return (
            f"the learning rate hides it: a step is {self.stride:.2g} of the time in which the bias fits the mean or the "
            f"neurons grow by e, above {LARGEST_STRIDE:g}, and does not follow the flow; {remedy} would decide"
        )

    @property
    def interpolated(self) -> float:
        """By how much the time of the fall may be off because losses are interpolated within a step: as `crossing` in
        `verify.regimes.smooth.evidence`, for a fall that grows by p + 1 of the neurons' growth."""
        return (self.driving_order + 1) * 3 / 16 * self.stride**2 / self.fastest

    def angles(self, a: np.ndarray, w: np.ndarray, to: np.ndarray) -> float:
        """The amplitude-weighted median angle of neurons to the nearest of the unit vectors `to` (A, D)."""
        nearest = np.min(angle(unit(w)[..., None, :], to), axis=-1)
        amplitudes = np.abs(a) * np.linalg.norm(w, axis=-1) ** self.driving_order
        return weighted_median(nearest.ravel(), (amplitudes / amplitudes.sum(axis=1, keepdims=True)).ravel())

    def left(self, measure: Any) -> tuple[float, float, float, float]:
        """A number `measure(b, a, w)` as the leading system has it, as it is observed, and by how much the two may differ:
        by what all of theory's forces make of it, and by what the step size leaves of it and of the time."""
        path, limit, coarser = self.expected.path, self.limit(), self.coarser_limit()
        before = self.earlier.path
        flow, seen = measure(path.b, path.a, path.w), measure(limit.b, limit.a, limit.w)
        return (
            flow,
            seen,
            abs(measure(*self.whole) - flow),
            abs(seen - measure(coarser.b, coarser.a, coarser.w))
            + abs(flow - measure(before.b, before.a, before.w)),
        )
