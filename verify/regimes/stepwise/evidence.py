"""Evidence on networks whose leading order is followed step for step: one-sided activations, several outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.training.runs import Trained
from theory.predictions.stepwise import StepwiseExpected, StepwisePrediction
from verify.order import OrderResult
from verify.regimes.common.confusion import Confusion
from verify.regimes.common.evidence import Evidence


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
