"""Losses, for training and for the full flows: value, gradient in the output, and fall from zero output.

The initial stage of small-initialisation training is a decrease of a thousandth of the loss or less, so the
decrease ℓ(0) - ℓ(f) is a formula of its own here, never the difference of two losses.  Everywhere outputs come
before samples: f (..., K, n), y (K, n).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from torch import Tensor

from numerics.errors import NumericsError

PerSample = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """ℓ(f, y), summed over the K outputs, as a function of outputs (..., K, n) and targets (K, n).

    `value` and `decrease` = ℓ(0, y) - ℓ(f, y) give (..., n), `gradient` = ∂ℓ/∂f gives (..., K, n). The risk
    is the mean over samples.
    """

    name: str
    value: PerSample
    gradient: PerSample
    decrease: PerSample


def _half_mse(scale: float, name: str) -> Loss:
    return Loss(
        name,
        lambda f, y: scale * (f - y).square().sum(-2),
        lambda f, y: 2 * scale * (f - y),
        lambda f, y: scale * (f * (2 * y - f)).sum(-2),
    )


def _logistic_decrease(f: Tensor, y: Tensor) -> Tensor:
    # log 2 - log(1 + e^v) with v = -y f, as -log(1 + (e^v - 1)/2); for large v the e^-v goes inside instead
    v = -y * f
    small = -torch.log1p(torch.expm1(v.clamp(max=1.0)) / 2)
    large = log(2) - v - torch.log1p(torch.exp(-v.clamp(min=1.0)))
    return torch.where(v < 1, small, large).sum(-2)


def _softmax_decrease(f: Tensor, y: Tensor) -> Tensor:
    # log K - (logsumexp f - f·y), with a constant shift that keeps every f ≤ 0 where f is large
    shift = torch.where(
        f.abs().amax(-2, keepdim=True) > 1, f.amax(-2, keepdim=True), torch.zeros_like(f[..., :1, :])
    )
    g = f - shift
    return (g * y).sum(-2) - torch.log1p(torch.expm1(g).mean(-2))


# Beyond, 1 - p is summed from the other classes; below, the difference loses less than two bits.
_NEARLY_SURE = 0.75


def _softmax_gradient(f: Tensor, y: Tensor) -> Tensor:
    """p - y; of a class with p near 1 it is (1 - y) less what the others have, for p - 1 keeps no digit there."""
    p = torch.softmax(f, -2)
    sure = p > _NEARLY_SURE
    if not sure.any():
        return p.sub_(y)
    # A running sum: one after the other in every column, where a plain sum's order depends on the size of the batch.
    others = torch.cumsum(p.masked_fill(sure, 0.0), -2)[..., -1:, :]
    return torch.where(sure, (1 - y) - others, p - y)


def _huber_gradient(f: Tensor, y: Tensor) -> Tensor:
    return (f - y).clamp(-1.0, 1.0)


def _huber_value(f: Tensor, y: Tensor) -> Tensor:
    e = (f - y).abs()
    return torch.where(e <= 1, 0.5 * e * e, e - 0.5).sum(-2)


def _huber_decrease(f: Tensor, y: Tensor) -> Tensor:
    """∫ clip(r, -1, 1) dr from y - f to y, by the lengths of the way above 1, below -1 and between: no difference of
    two losses, and none of y and y - f."""
    above, below = y - 1, -y - 1
    over = torch.where((above > 0) & (above > f), f, above.clamp(min=0) - (above - f).clamp(min=0))
    under = torch.where((below > 0) & (below + f > 0), f, (below + f).clamp(min=0) - below.clamp(min=0))
    middle = (y.clamp(-1.0, 1.0) + (y - f).clamp(-1.0, 1.0)) / 2
    return (over - under + (f - over - under) * middle).sum(-2)


_TABLE = (
    _half_mse(0.5, "half-mse"),
    _half_mse(1.0, "mse"),
    Loss(
        "logistic",
        lambda f, y: torch.logaddexp(-y * f, torch.zeros_like(f)).sum(-2),
        # not torch.sigmoid, whose last bit depends on where in the batch a number stands; an infinite e^{yf} gives 0
        lambda f, y: -y / (1 + torch.exp(y * f)),
        _logistic_decrease,
    ),
    Loss(
        "cross-entropy",
        lambda f, y: torch.logsumexp(f, -2) - (f * y).sum(-2),
        _softmax_gradient,
        _softmax_decrease,
    ),
    # PyTorch's HuberLoss with δ = 1
    Loss("huber", _huber_value, _huber_gradient, _huber_decrease),
)
CATALOGUE: dict[str, Loss] = {loss.name: loss for loss in _TABLE}


def get(loss: str | Loss | PerSample) -> Loss:
    """The catalogue's loss of that name, a Loss as it is, or a Loss from a torch callable ℓ(f, y) of one
    output.

    The callable works elementwise on f (..., K, n) and y (K, n); the sum over K is taken here, the gradient
    by automatic differentiation, the decrease as a difference (which cancels where the decrease is tiny).
    Raises NumericsError for an unknown name.
    """
    if isinstance(loss, Loss):
        return loss
    if callable(loss):
        return _from_callable(loss)
    if loss not in CATALOGUE:
        raise NumericsError(
            f"unknown loss {loss!r}: known are {', '.join(CATALOGUE)}, or a callable of (f, y)"
        )
    return CATALOGUE[loss]


def _from_callable(function: PerSample) -> Loss:
    def gradient(f: Tensor, y: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = f.detach().requires_grad_()
            return torch.autograd.grad(function(leaf, y).sum(), leaf)[0]

    return Loss(
        getattr(function, "__name__", "callable"),
        lambda f, y: function(f, y).sum(-2),
        gradient,
        lambda f, y: (function(torch.zeros_like(f), y) - function(f, y)).sum(-2),
    )


def targets(loss: Loss, y: Tensor) -> Tensor:
    """Targets as (K, n) from y (n,) or (n, K); refuses what the loss cannot take, naming what it accepts."""
    rows = y[None, :] if y.ndim == 1 else y.T
    if loss.name == "logistic" and not ((rows == 1) | (rows == -1)).all():
        raise NumericsError("loss 'logistic' needs targets +1 and -1: map the two classes to ±1")
    if loss.name == "cross-entropy":
        if rows.shape[0] < 2:
            raise NumericsError("loss 'cross-entropy' needs y of shape (n, K) with K ≥ 2 one-hot columns")
        if (rows < 0).any() or ((rows.sum(0) - 1).abs() > 1e-6).any():
            raise NumericsError("loss 'cross-entropy' needs rows of y that are probabilities summing to 1")
    return rows.contiguous()


@dataclass(frozen=True, eq=False)
class LossOfOutputs:
    """A loss at fixed targets, for outputs as numpy float64 (..., K, n): what the full flows take of it."""

    loss: Loss
    goals: Tensor  # (K, n)

    @classmethod
    def of(cls, loss: str | Loss | PerSample, y: np.ndarray) -> LossOfOutputs:
        """From a loss as `get` takes it and targets y (n, K); raises NumericsError for an unknown name."""
        return cls(get(loss), torch.tensor(np.ascontiguousarray(y.T), dtype=torch.float64))

    def signal(self, f: np.ndarray) -> np.ndarray:
        """-∂ℓ/∂f, (..., K, n)."""
        return self.loss.gradient(torch.from_numpy(f), self.goals).neg_().numpy()

    def fall(self, f: np.ndarray) -> np.ndarray:
        """ℓ(0, y) - ℓ(f, y), (..., n), without cancellation."""
        return self.loss.decrease(torch.from_numpy(f), self.goals).numpy()

    def start(self) -> np.ndarray:
        """ℓ(0, y), (n,)."""
        return self.loss.value(torch.zeros_like(self.goals), self.goals).numpy()
