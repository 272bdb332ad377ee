"""A formula as a torch callable for numerics.

The callable walks the syntax tree that theory parsed; it sees neither theory's SymPy expression nor its expansion.  Where
the text loses its digits it gives way to polynomials (`verify.bridge.digits`).

A loss by its text, for numerics: a catalogue name as it is, a formula ℓ(f, y) as torch callables.

The fall ℓ(0, y) - ℓ(f, y) of a formula is minus the integral of ∂ℓ/∂f from 0 to f, by Gauss and Legendre's rule: no
difference of two losses, so that a fall of 1e-12 keeps its digits.  No callable sees theory's expansion.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

import numpy as np
import torch

from numerics.nets.activations import TorchActivation, from_callable, get
from numerics.nets.losses import CATALOGUE, Loss
from theory import Activation
from theory import loss as theory_loss
from theory.formula.catalogue import find
from theory.formula.syntax import arithmetic, fold
from verify.errors import UsageError

_CONSTANTS = {"pi": math.pi, "E": math.e}
_TORCH: dict[str, Callable] = {
    "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "log1p": torch.log1p,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
    "asin": torch.asin, "acos": torch.acos, "atan": torch.atan,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh,
    "asinh": torch.asinh, "acosh": torch.acosh, "atanh": torch.atanh,
    "erf": torch.erf, "erfc": torch.erfc, "abs": torch.abs, "sign": torch.sign,
}  # fmt: skip


def text_activation(activation: Activation) -> TorchActivation:
    """The text as it is written, each operation in floating point."""
    tree, variable = activation.tree, activation.formula.variable

    def value(z: torch.Tensor) -> torch.Tensor:
        out = fold(tree, _Torch(z), {variable: z})
        return out if isinstance(out, torch.Tensor) else torch.full_like(z, out)

    return from_callable(value, activation.text.strip())


def torch_algebra(like: torch.Tensor) -> _Torch:
    """The meaning of a syntax tree as torch operations on tensors shaped like `like`, for `theory.formula.syntax.fold`."""
    return _Torch(like)


def is_catalogue_name(name: str) -> bool:
    """Whether numerics has an implementation of its own under this name."""
    if find(name) is None:
        return False
    try:
        get(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class _Torch:
    """The tree's meaning as torch operations; numbers stay Python floats until they meet a tensor."""

    like: torch.Tensor

    def number(self, value: Fraction) -> float | int:
        return int(value) if value.denominator == 1 and abs(value) < 2**53 else float(value)

    def constant(self, name: str) -> float:
        return _CONSTANTS[name]

    def negate(self, operand):
        return -operand

    def operate(self, operator: str, left, right):
        if operator == "**" and isinstance(right, torch.Tensor) and not isinstance(left, torch.Tensor):
            left = self._tensor(left)
        return arithmetic(operator, left, right)

    def call(self, name: str, args: tuple):
        args = tuple(self._tensor(arg) for arg in args)
        if name in _TORCH:
            return _TORCH[name](args[0])
        if name == "heaviside":
            return torch.heaviside(args[0], torch.full_like(args[0], 0.5))
        if name in ("max", "min"):
            return reduce(torch.maximum if name == "max" else torch.minimum, args)
        raise UsageError(
            f"function {name!r} has no torch counterpart; accepted: {', '.join(sorted(_TORCH))}, max, min"
        )

    def _tensor(self, value) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            return value
        # Not full_like: the number must not take part in the differentiation of z.
        return torch.full(self.like.shape, value, dtype=self.like.dtype, device=self.like.device)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)  # chosen because exact for ∂ℓ/∂f of degree 23 in f
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]


def numeric_loss(name: str) -> str | Loss:
    """What training and the full flows take: the name of a catalogue loss, or a Loss made from the formula in f and y."""
    return name if name in CATALOGUE else _compiled(name)


def _compiled(text: str) -> Loss:
    tree = theory_loss(text).formula.tree

    def each(f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        f, y = torch.broadcast_tensors(f, y)
        return fold(tree, torch_algebra(f), {"f": f, "y": y})

    def gradient(f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = f.detach().clone().requires_grad_()
            return torch.autograd.grad(each(leaf, y).sum(), leaf)[0].clone()

    def decrease(f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        slopes = sum(w * gradient(t * f, y) for t, w in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True))
        return -(f * slopes).sum(-2)

    return Loss(text, lambda f, y: each(f, y).sum(-2), gradient, decrease)
