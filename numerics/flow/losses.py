"""Losses of the full gradient flow: the signal -∂ℓ/∂f, and the fall of the loss without cancellation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from numerics.errors import NumericsError
from numerics.flow.batch import Array


@dataclass(frozen=True)
class FlowLoss:
    """A loss ℓ(f, y) per sample, for outputs f (E, n, K) and targets y (n, K).

    ``signal(f, y)`` is -∂ℓ/∂f, (E, n, K). ``fall(f, y)`` is ℓ(0, y) - ℓ(f, y), (E, n), written so that it
    keeps its relative accuracy for tiny f. ``start(y)`` is ℓ(0, y), (n,).
    """

    signal: Callable[[Array, Array], Array]
    fall: Callable[[Array, Array], Array]
    start: Callable[[Array], Array]


def _softmax_excess(f: Array) -> Array:
    """log mean exp f over the last axis, accurate for tiny f."""
    top = f.max(axis=-1, keepdims=True)
    return (top + np.log1p(np.mean(np.expm1(f - top), axis=-1, keepdims=True)))[..., 0]


def _softmax_signal(f: Array, y: Array) -> Array:
    e = np.exp(f - f.max(axis=-1, keepdims=True))
    return y - e / e.sum(axis=-1, keepdims=True)


def _logistic_signal(f: Array, y: Array) -> Array:
    e = np.exp(-np.abs(y * f))
    return y * np.where(y * f > 0, e, 1.0) / (1 + e)


def _huber_fall(f: Array, y: Array) -> Array:
    """∫ clip(r, -1, 1) dr from y - f to y, by the lengths of the way above 1, below -1 and between: no difference of two
    losses, and none of y and y - f."""
    above, below = y - 1, -y - 1
    over = np.where((above > 0) & (above > f), f, np.maximum(above, 0) - np.maximum(above - f, 0))
    under = np.where((below > 0) & (below + f > 0), f, np.maximum(below + f, 0) - np.maximum(below, 0))
    middle = (np.clip(y, -1, 1) + np.clip(y - f, -1, 1)) / 2
    return (over - under + (f - over - under) * middle).sum(axis=-1)


def _huber(r: Array) -> Array:
    a = np.abs(r)
    return np.where(a <= 1, a**2 / 2, a - 0.5)


FLOW_LOSSES: dict[str, FlowLoss] = {
    "half-mse": FlowLoss(
        lambda f, y: y - f,
        lambda f, y: (f * (y - f / 2)).sum(axis=-1),
        lambda y: (y**2).sum(axis=-1) / 2,
    ),
    "mse": FlowLoss(
        lambda f, y: 2 * (y - f),
        lambda f, y: 2 * (f * (y - f / 2)).sum(axis=-1),
        lambda y: (y**2).sum(axis=-1),
    ),
    # log 2 - log(1 + e^{-yf}) = -log1p((e^{-yf} - 1)/2)
    "logistic": FlowLoss(
        _logistic_signal,
        lambda f, y: -np.log1p(np.expm1(-y * f) / 2).sum(axis=-1),
        lambda y: np.full(len(y), y.shape[-1] * np.log(2.0)),
    ),
    # PyTorch's HuberLoss with δ = 1
    "huber": FlowLoss(
        lambda f, y: np.clip(y - f, -1.0, 1.0),
        _huber_fall,
        lambda y: _huber(y).sum(axis=-1),
    ),
    # y is one-hot: f_y - log mean exp f
    "cross-entropy": FlowLoss(
        _softmax_signal,
        lambda f, y: (y * f).sum(axis=-1) - _softmax_excess(f),
        lambda y: np.full(len(y), np.log(y.shape[-1])),
    ),
}


def flow_loss(loss: str | FlowLoss) -> FlowLoss:
    """The loss of this name, or the given one; raises `NumericsError` for an unknown name."""
    if isinstance(loss, FlowLoss):
        return loss
    if loss not in FLOW_LOSSES:
        raise NumericsError(f"loss is {loss!r}; one of {', '.join(FLOW_LOSSES)} or a FlowLoss is needed")
    return FLOW_LOSSES[loss]
