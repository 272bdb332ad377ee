"""Optimisers on rows of parameters: gradient descent, momentum, Adam and sign descent, with weight decay.

The rules are those of torch.optim, to rounding; what differs is that every member has a learning rate of its
own. Weight decay adds λ θ to the gradient, as torch.optim's `weight_decay` does.
"""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Protocol

import torch
from torch import Tensor

from numerics import kernels
from numerics.errors import NumericsError

_SECONDS = 1.5e-9  # of one parameter in Adam's pass, about


class Optimizer(Protocol):
    """A rule θ -> θ - lr · direction(gradient, memory)."""

    @property
    def memories(self) -> int: ...

    def direction(self, flat: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
        """The direction (B, size) at the given step, counted from 1; may overwrite the gradient and updates
        memory.
        """
        ...


def _decayed(flat: Tensor, gradient: Tensor, weight_decay: float) -> Tensor:
    return gradient.add_(flat, alpha=weight_decay) if weight_decay else gradient


@dataclass(frozen=True)
class GradientDescent:
    """θ ← θ - lr (g + λθ)."""

    weight_decay: float = 0.0
    memories: int = 0

    def direction(self, flat: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
        return _decayed(flat, gradient, self.weight_decay)


@dataclass(frozen=True)
class Momentum:
    """b ← μ b + g + λθ, θ ← θ - lr b: heavy-ball momentum without dampening."""

    momentum: float = 0.9
    weight_decay: float = 0.0
    memories: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise NumericsError(f"Momentum needs 0 ≤ momentum < 1, not {self.momentum}")

    def direction(self, flat: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
        return memory[0].mul_(self.momentum).add_(_decayed(flat, gradient, self.weight_decay))


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma, Ba 2015) with bias correction; betas and eps default to torch's."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    memories: int = 2

    def __post_init__(self) -> None:
        if not all(0 <= beta < 1 for beta in self.betas) or not 0 <= self.eps < inf:
            raise NumericsError(
                f"Adam needs 0 ≤ betas < 1 and a finite eps ≥ 0, not {self.betas} and {self.eps}"
            )

    def direction(self, flat: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
        gradient = _decayed(flat, gradient, self.weight_decay)
        mean, square = memory
        # m̂ / (√v̂ + eps) with both bias corrections in the denominator: one pass less over the memory
        correction = 1 - self.betas[0] ** step
        shift, scale = self.eps * correction, correction / sqrt(1 - self.betas[1] ** step)
        if gradient.device.type == "cpu" and gradient.dtype == torch.float64:
            arrays = [tensor.view(-1).numpy() for tensor in (gradient, mean, square)]

            def part(start: int, stop: int) -> None:
                kernels.adam(*(array[start:stop] for array in arrays), *self.betas, shift, scale)

            kernels.share_out(part, len(arrays[0]), _SECONDS * len(arrays[0]))
            return gradient
        mean.lerp_(gradient, 1 - self.betas[0])
        square.mul_(self.betas[1]).addcmul_(gradient, gradient, value=1 - self.betas[1])
        root = torch.sqrt(square, out=gradient)
        torch.add(gradient.new_tensor(shift), root, alpha=scale, out=root)
        return torch.div(mean, root, out=root)


@dataclass(frozen=True)
class SignDescent:
    """θ ← θ - lr sign(g + λθ)."""

    weight_decay: float = 0.0
    memories: int = 0

    def direction(self, flat: Tensor, gradient: Tensor, memory: list[Tensor], step: int) -> Tensor:
        return _decayed(flat, gradient, self.weight_decay).sign_()


_BY_NAME: dict[str, type] = {
    "gd": GradientDescent,
    "momentum": Momentum,
    "adam": Adam,
    "sign": SignDescent,
}


def get(optimizer: str | Optimizer, *, weight_decay: float = 0.0) -> Optimizer:
    """The optimiser of that name with its defaults (an Optimizer is returned as it is); NumericsError if
    unknown.
    """
    if not 0 <= weight_decay < inf:
        raise NumericsError(f"weight_decay must be a finite number ≥ 0, not {weight_decay}")
    if not isinstance(optimizer, str) and hasattr(optimizer, "direction"):
        return optimizer
    if not isinstance(optimizer, str) or optimizer not in _BY_NAME:
        raise NumericsError(f"unknown optimizer {optimizer!r}: known are {', '.join(_BY_NAME)}")
    return _BY_NAME[optimizer](weight_decay=weight_decay)
