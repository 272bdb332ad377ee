"""What theory says of each optimiser on the paper's data: the orientations on which neurons should gather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.data.datasets import Dataset
from theory import MomentTensor, OrientationSet, TheoryError, activation, loss, predict
from verify.reproduce.setting import Setting, with_bias


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
    from theory.orientations.cube.find import sign_descent_orientations

    act, x = activation(setting.activations[0]), with_bias(data.x)
    label = "sign-descent orientations"
    signal = np.array([float(s) for s in loss("half-mse").signal(data.y)])
    if not act.is_smooth:
        return _none(
            label, x.shape[1], f"{act.text} is not smooth at 0: sign descent on its cube is not treated"
        )
    try:
        found = sign_descent_orientations(MomentTensor.from_data(x, signal, act.multiplicity), bias=True)
    except TheoryError as reason:
        return _none(label, x.shape[1], str(reason))
    if act.value_at_zero == 0:
        return _of(found, label)
    # σ(0) ≠ 0: every a moves with the sign of the mean signal and carries all neurons to one of the two.
    side = np.sign(float(act.value_at_zero) * float(act.leading_coefficient) * signal.mean())
    both = np.array([o.u for o in found.attractors])
    g = signal @ x / len(x)
    one = both[np.argmax(side * both @ g)][None]
    return Predicted(one, label, f"1 ({label}, one sign of a)", found.notes)


def flow_orientations(setting: Setting, data: Dataset) -> Predicted:
    """Gradient flow: the growing orientations of the leading order; for σ(0) ≠ 0 those after the mean is fitted."""
    act, x = activation(setting.activations[0]), with_bias(data.x)
    label = "gradient-flow orientations"
    try:
        if not act.is_smooth:
            from theory.orientations.one_sided.find import find_extremal_orientations

            signal = np.array([float(s) for s in loss("half-mse").signal(data.y)])
            return _of(find_extremal_orientations(x, signal, act, bias=True), "extremal orientations")
        if act.value_at_zero != 0:
            from theory.predictions.offset import offset_prediction

            found = offset_prediction(data.x, data.y, act, bias=True)
            return _of(found.orientations, "mean-corrected orientations")
        return _of(predict(data.x, data.y, act).orientations, label)
    except TheoryError as reason:
        return _none(label, x.shape[1], str(reason))
