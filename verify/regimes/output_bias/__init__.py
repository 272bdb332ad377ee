"""An output bias under gradient descent: it fits the mean first."""

from theory.predictions.output_bias import OutputBiasPrediction
from verify.regimes.common.count import agreement, bound_2p, counts
from verify.regimes.common.regime import Regime, Rule
from verify.regimes.output_bias.checks import (
    AT_THE_END,
    corrected_orientation,
    destination,
    fitted_mean,
    horizon,
    invariant,
    naive_orientation,
    order_of_accuracy,
    own_flow,
)
from verify.regimes.output_bias.evidence import OutputBiasEvidence
from verify.regimes.output_bias.figures import output_bias_arrays, output_bias_drawings
from verify.regimes.output_bias.gather import gather

REGIME: Regime[OutputBiasPrediction, OutputBiasEvidence] = Regime(
    gather=gather,
    rules=(
        Rule(order_of_accuracy),
        Rule(agreement),
        Rule(fitted_mean, AT_THE_END),
        Rule(corrected_orientation, AT_THE_END),
        Rule(own_flow, AT_THE_END),
        Rule(destination, AT_THE_END),
        Rule(counts, AT_THE_END),
        Rule(bound_2p),
        Rule(invariant, AT_THE_END),
        Rule(horizon, AT_THE_END),
        Rule(naive_orientation, AT_THE_END),
    ),
    arrays=output_bias_arrays,
    drawings=output_bias_drawings,
    notes=lambda evidence: evidence.prediction.orientations.notes,
)
