"""The smooth leading-order flow under gradient descent."""

from theory import SmoothPrediction
from verify.regimes.common.count import agreement, bound_2p, counts
from verify.regimes.common.regime import Regime, Rule
from verify.regimes.smooth.at_horizon import AT_HORIZON, amplitude, horizon, scaling
from verify.regimes.smooth.checks import destination, invariant, order_of_accuracy, own_flow
from verify.regimes.smooth.evidence import SmoothEvidence
from verify.regimes.smooth.figures import smooth_arrays, smooth_drawings
from verify.regimes.smooth.gather import gather

REGIME: Regime[SmoothPrediction, SmoothEvidence] = Regime(
    gather=gather,
    rules=(
        Rule(order_of_accuracy),
        Rule(agreement),
        Rule(destination),
        Rule(amplitude, AT_HORIZON),
        Rule(own_flow, AT_HORIZON),
        Rule(counts, AT_HORIZON),
        Rule(bound_2p),
        Rule(invariant),
        Rule(horizon, AT_HORIZON),
        Rule(scaling, AT_HORIZON),
    ),
    arrays=smooth_arrays,
    drawings=smooth_drawings,
    notes=lambda evidence: tuple(
        dict.fromkeys((*evidence.prediction.notes, *evidence.prediction.orientations.notes))
    ),
)
