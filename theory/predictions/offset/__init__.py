"""The regime σ(0) ≠ 0: the mean is fitted first."""

from theory.flows.offset_split import Split
from theory.predictions.offset.expected import OffsetExpected
from theory.predictions.offset.prediction import OffsetPrediction, offset_prediction

__all__ = ["OffsetExpected", "OffsetPrediction", "Split", "offset_prediction"]
