"""Which orientations collect neurons, for any activation, loss, number of outputs and optimiser that theory covers.

σ(0) = 0, smooth       fixed orientations of T = mean(s x^{⊗m}), m the driving order; sign descent: maxima on the cube
σ(0) = 0, one-sided    fixed orientations of G(u) = mean(s σ_p(u·x)), kinks included
σ(0) ≠ 0               those of the signal after the mean is fitted; `naive`: of the signal at zero output
K outputs, m = 1       right singular vectors of mean(s xᵀ), as eigenvectors of the exact matrix Σ_k g_k g_kᵀ
K outputs, m ≥ 2       critical points of Σ_k (T_k u^m)² (theory.orientations.outputs)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theory.errors import TheoryError
from theory.formula.activation import Activation, activation
from theory.losses.loss import CrossEntropy, Loss, loss
from theory.orientations import OrientationSet, find_orientations
from theory.orientations.cube.find import sign_descent_orientations
from theory.orientations.one_sided.find import find_extremal_orientations
from theory.predictions.leading_order import drive
from theory.predictions.offset import offset_prediction
from theory.predictions.outputs import OutputsPrediction
from theory.predictions.prediction import Search
from theory.problem import Problem, moving_signal

COORDINATEWISE = ("sign", "adam")


def collecting_orientations(
    x: np.ndarray,
    y: np.ndarray,
    sigma: str | Activation = "tanh",
    *,
    loss_function: str | Loss = "half-mse",
    bias: bool = True,
    optimizer: str = "gd",
    naive: bool = False,
    max_paths: int = 20_000,
    seed: int = 0,
) -> OrientationSet:
    """The fixed orientations on data x (n, d), y (n,) or (n, K) (labels for cross-entropy), with their kinds.

    `notes` say from which signal and for which optimiser they are.  `naive` leaves out the fit of the mean for
    σ(0) ≠ 0.  Raises TheoryError where no theorem applies.  Cost: that of the enumeration; see theory.orientations.
    """
    act = sigma if isinstance(sigma, Activation) else activation(sigma)
    ell = loss_function if isinstance(loss_function, Loss) else loss(loss_function)
    x = np.asarray(x, dtype=float)
    inputs = np.column_stack([x, np.ones(len(x))]) if bias else x
    options = {"bias": bias, "seed": seed}
    offset = act.value_at_zero != 0
    if optimizer in COORDINATEWISE and (offset or not act.is_smooth):
        why = "σ(0) ≠ 0" if offset else "a kink at 0"
        raise TheoryError(
            f"σ = {act.text} has {why}: where {optimizer} takes its neurons is not derived; accepted: --optimizer gd or "
            "momentum, or a smooth activation with σ(0) = 0"
        )
    if np.asarray(y).ndim == 2 or isinstance(ell, CrossEntropy):
        if offset or not act.is_smooth or optimizer in COORDINATEWISE:
            raise TheoryError(
                f"several outputs with σ = {act.text}, optimizer {optimizer}: orientations are derived for σ(0) = 0, "
                "smooth, under gd or momentum, such as tanh or xtanh; accepted: that, or one output"
            )
        problem = Problem.of(x, y, act, loss_function=ell, bias=bias)
        return OutputsPrediction.of(problem, Search(max_paths, seed)).orientations
    if offset and not naive:
        found = offset_prediction(x, y, act, loss_function=ell, bias=bias, max_paths=max_paths, seed=seed)
        note = "the naive orientations, from the signal at zero output, are shown with --naive"
        return _noted(found.orientations, *found.notes, note)
    signal = moving_signal(ell, y)
    if not act.is_smooth:
        if offset:
            raise TheoryError(f"σ = {act.text} has σ(0) ≠ 0 and a kink at 0: nothing is derived for it")
        return find_extremal_orientations(
            inputs, np.array([float(s) for s in signal]), act, bias=bias, seed=seed
        )
    driven = drive(act, inputs, signal)
    order, tensor, notes = driven.order, driven.tensor, list(driven.notes)
    if offset:
        notes.append(
            "naive: the signal at zero output, without the fit of the mean that σ(0) ≠ 0 brings about"
        )
    if optimizer in COORDINATEWISE:
        if optimizer == "adam":
            notes.append(_adam_note(order))
        return _noted(sign_descent_orientations(tensor, **options), *notes)
    return _noted(find_orientations(tensor, max_paths=max_paths, **options), *notes)


def _adam_note(order: int) -> str:
    if order == 1:
        return (
            "Adam's step is that of sign descent for p = 1, whatever it remembers, while every gradient entry is far above "
            "its epsilon"
        )
    return (
        "orientations of sign descent: for p ≥ 2 Adam's gradients change by orders of magnitude within its memory, and "
        "nothing is claimed of it"
    )


def _noted(found: OrientationSet, *notes: str) -> OrientationSet:
    return replace(found, notes=(*notes, *found.notes))
