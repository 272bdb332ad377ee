"""One-sided activations and several outputs under gradient descent: the leading order is followed step for step."""

from theory.predictions.stepwise import StepwisePrediction
from verify.regimes.common.count import agreement
from verify.regimes.common.regime import Regime, Rule
from verify.regimes.stepwise.at_horizon import (
    AT_HORIZON,
    TOLD,
    angle_to_growing,
    horizon,
    numbers,
    own_training,
)
from verify.regimes.stepwise.checks import bound, destination, order_of_accuracy
from verify.regimes.stepwise.figures import stepwise_arrays, stepwise_drawings
from verify.regimes.stepwise.gather import StepwiseEvidence, gather

REGIME: Regime[StepwisePrediction, StepwiseEvidence] = Regime(
    gather=gather,
    rules=(
        Rule(order_of_accuracy),
        Rule(agreement),
        Rule(destination),
        Rule(angle_to_growing, AT_HORIZON),
        Rule(own_training, AT_HORIZON),
        Rule(numbers, TOLD),
        Rule(horizon, AT_HORIZON),
        Rule(bound),
    ),
    arrays=stepwise_arrays,
    drawings=stepwise_drawings,
    notes=lambda evidence: (*evidence.prediction.notes, *evidence.orientations.notes),
)
