"""A prediction of one kind, where a test knows which regime its problem is in and asks what only that regime answers."""

from __future__ import annotations

from typing import Any, TypeVar

from theory import SmoothPrediction, predict
from theory.predictions.prediction import Prediction

P = TypeVar("P", bound=Prediction)


def predicted(kind: type[P], *problem: Any, **description: Any) -> P:
    """`theory.predict`, whose prediction is of this kind."""
    found = predict(*problem, **description)
    assert isinstance(found, kind)
    return found


def smooth(*problem: Any, **description: Any) -> SmoothPrediction:
    """`theory.predict`, whose problem is smooth with σ(0) = 0 and one output, under gradient descent."""
    return predicted(SmoothPrediction, *problem, **description)
