"""What theory says of each optimiser on the paper's data: the orientations on which neurons should gather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.data import Dataset
from theory import MomentTensor, Optimizer, OrientationSet, Problem, TheoryError, activation, predict
from theory.orientations.cube import sign_descent_orientations
from theory.predictions.prediction import refusal
from verify.reproduce.setting import Setting

_LABELS = {
    "smooth": "gradient-flow orientations",
    "stepwise": "extremal orientations",
    "offset": "mean-corrected orientations",
}


@dataclass(frozen=True)
class Predicted:
    """The growing orientations u (k, D) of one theory, k = 0 where there is none, in words for the table."""

    u: np.ndarray
    label: str
    text: str
    notes: tuple[str, ...] = ()


def _none(label: str, dimension: int, reason: str) -> Predicted:
    return Predicted(np.zeros((0, dimension)), label, "no theorem", (reason,))


def _of(found: OrientationSet, label: str) -> Predicted:
    growing = np.array([o.u for o in found.attractors]).reshape(-1, found.dimension)
    at_least = "" if found.complete else "at least "
    return Predicted(growing, label, f"{at_least}{len(growing)} ({label})", found.notes)


def adam_orientations(setting: Setting, data: Dataset) -> Predicted:
    """Sign descent, which Adam follows while its gradients are large and its steps small."""
    act, label = activation(setting.activations[0]), "sign-descent orientations"
    problem = Problem.of(data.x, data.y, act, optimizer=Optimizer.SIGN)
    try:
        if act.value_at_zero == 0:
            return _of(predict(problem).orientations, label)
        if not act.is_smooth:
            raise refusal(problem, "where sign descent takes its neurons", "a smooth activation")
        # σ(0) ≠ 0: every a moves with the sign of the mean signal and carries all neurons to one of the two.
        signal = problem.signal
        found = sign_descent_orientations(
            MomentTensor.from_data(problem.x, signal, act.multiplicity), bias=True
        )
    except TheoryError as reason:
        return _none(label, problem.dimension, str(reason))
    numbers = signal.astype(float)
    side = np.sign(float(act.value_at_zero) * float(act.leading_coefficient) * numbers.mean())
    both = np.array([o.u for o in found.attractors])
    one = both[np.argmax(side * both @ (numbers @ problem.x))][None]
    return Predicted(one, label, f"1 ({label}, one sign of a)", found.notes)


def flow_orientations(setting: Setting, data: Dataset) -> Predicted:
    """Gradient flow: the growing orientations of the leading order; for σ(0) ≠ 0 those after the mean is fitted."""
    problem = Problem.of(data.x, data.y, setting.activations[0])
    try:
        prediction = predict(problem)
        return _of(prediction.orientations, _LABELS[prediction.regime])
    except TheoryError as reason:
        return _none(_LABELS["smooth"], problem.dimension, str(reason))
