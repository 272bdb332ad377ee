"""σ(0) ≠ 0 under gradient descent."""

from theory.predictions.offset import OffsetPrediction
from verify.regimes.common.count import agreement
from verify.regimes.common.regime import Regime, Rule
from verify.regimes.offset.checks import (
    BEFORE_SPLIT,
    corrected_orientation,
    fitted_mean,
    naive_orientation,
    order_of_accuracy,
    own_flow,
    shares_before,
)
from verify.regimes.offset.evidence import OffsetEvidence
from verify.regimes.offset.figures import offset_arrays, offset_drawings
from verify.regimes.offset.gather import gather
from verify.regimes.offset.split import (
    AT_SPLIT,
    UNTIL_THE_END,
    orientations_after,
    orientations_before,
    papers_count,
    shares_after,
    split_time,
)

REGIME: Regime[OffsetPrediction, OffsetEvidence] = Regime(
    gather=gather,
    rules=(
        Rule(order_of_accuracy),
        Rule(agreement),
        Rule(fitted_mean, BEFORE_SPLIT),
        Rule(corrected_orientation, BEFORE_SPLIT),
        Rule(own_flow, BEFORE_SPLIT),
        Rule(shares_before, BEFORE_SPLIT),
        Rule(split_time, AT_SPLIT),
        Rule(shares_after, UNTIL_THE_END),
        Rule(orientations_before, BEFORE_SPLIT),
        Rule(orientations_after, UNTIL_THE_END),
        Rule(naive_orientation),
        Rule(papers_count),
    ),
    arrays=offset_arrays,
    drawings=offset_drawings,
    notes=lambda evidence: (*evidence.prediction.notes, *evidence.prediction.orientations.notes),
)
