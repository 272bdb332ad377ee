"""Evidence on networks whose leading order is followed step for step: one-sided activations, several outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.flows.coordinatewise import LeadingTraining
from theory.predictions.expected import NEGLECTED
from verify.regimes.common.confusion import Confusion
from verify.regimes.common.evidence import Evidence, Trained


@dataclass(frozen=True, kw_only=True)
class FieldEvidence(Evidence):
    """Networks trained at the learning rates lr (`trained`) and lr/2 (`refined`), and leading-order training of the same
    steps (`leading`, `leading_half`).

    `rate` is the largest growth rate, `growth` (B,) the rate at which the fall of the risk grows at the end;
    `fall_error` (B,) is how far the counted fall is from the real one, relative to it, and `perturbation` of what is
    expected the size of all forces beyond the leading ones relative to these, both on the expected weights.
    `destinations` tells neuron by neuron where the leading flow takes it from its start and from where training left it.
    """

    leading: LeadingTraining
    leading_half: LeadingTraining
    rate: float
    growth: np.ndarray
    fall_error: np.ndarray
    destinations: Confusion

    def limit(self) -> Trained:
        """The networks as they are: theory follows the discrete steps, nothing is to be extrapolated."""
        return self.trained

    @property
    def left_out(self) -> float:
        """The share of a neuron's motion that is left out: the perturbation, which grows as e^{2γt}, over the last 1/2γ
        against the turn of a neuron, which takes 1/γ at least."""
        return float(np.max(self.expected.perturbation))

    @property
    def within_reach(self) -> bool:
        """Whether the leading order is a description at the end: what it leaves out is below 10 %."""
        return self.left_out <= NEGLECTED

    @property
    def exponent(self) -> int:
        """k, with which what is left out grows as e^{kγt}: q - 1 by the next Taylor term, 2 by the output."""
        q = self.activation.next_order
        return 2 if q is None else min(q - 1, 2)
