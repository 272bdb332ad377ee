"""What theory says of a problem, one regime a file; `predict` finds the regime."""

from theory.predictions.dispatch import REGIMES, derive, predict

__all__ = ["REGIMES", "derive", "predict"]
