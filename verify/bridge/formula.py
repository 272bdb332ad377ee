"""A formula as a torch callable for numerics, and how far rounding may carry that callable from the formula.

Both readings walk the syntax tree that theory parsed; neither sees theory's SymPy expression or its Arb evaluation, so
that comparing the callable with those is a comparison of witnesses.

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
from scipy import special

from numerics.nets.activations import TorchActivation, from_callable, get
from numerics.nets.losses import CATALOGUE, Loss
from theory import Activation
from theory import loss as theory_loss
from theory.formula.catalogue import find
from theory.formula.syntax import arithmetic, fold
from verify.errors import UsageError

_UNIT = np.finfo(float).eps / 2  # derived from binary64: the largest relative error of one rounding
_CONSTANTS = {"pi": math.pi, "E": math.e}
_TORCH: dict[str, Callable] = {
    "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "log1p": torch.log1p,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
    "asin": torch.asin, "acos": torch.acos, "atan": torch.atan,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh,
    "asinh": torch.asinh, "acosh": torch.acosh, "atanh": torch.atanh,
    "erf": torch.erf, "erfc": torch.erfc, "abs": torch.abs, "sign": torch.sign,
}  # fmt: skip


def torch_activation(activation: Activation) -> TorchActivation:
    """The activation for numerics: its own from the catalogue for a bare name, compiled from the text otherwise."""
    name = activation.text.strip()
    if is_catalogue_name(name):
        return get(name)
    tree, variable = activation.tree, activation.formula.variable

    def value(z: torch.Tensor) -> torch.Tensor:
        out = fold(tree, _Torch(z), {variable: z})
        return out if isinstance(out, torch.Tensor) else torch.full_like(z, out)

    return from_callable(value, name)


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


def rounding_bound(activation: Activation, z: np.ndarray) -> np.ndarray:
    """How far float64 evaluation of the text may be from the formula at z, to first order in the unit roundoff.

    A running error analysis of the tree for a compiled formula; for a catalogue function, which is written to keep its
    relative accuracy, 16 units of σ(z) and of z σ'(z).  Same shape as z.
    """
    if is_catalogue_name(activation.text.strip()):
        function = get(activation.text.strip())
        t = torch.as_tensor(z)
        return 16 * _UNIT * (np.abs(function.value(t).numpy()) + np.abs(z * function.derivative(t).numpy()))
    with np.errstate(all="ignore"):
        out = fold(activation.tree, _Rounding(), {activation.formula.variable: _Rounded(z, np.zeros_like(z))})
    return 2 * np.broadcast_to(out.error, z.shape)


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


@dataclass(frozen=True)
class _Rounded:
    value: np.ndarray
    error: np.ndarray


class _Rounding:
    """The tree's meaning as (value, bound of its rounding error); every operation adds a unit of its own result."""

    def number(self, value: Fraction) -> _Rounded:
        return _exact(float(value), 0.0 if Fraction(float(value)) == value else _UNIT)

    def constant(self, name: str) -> _Rounded:
        return _exact(_CONSTANTS[name], _UNIT)

    def negate(self, operand: _Rounded) -> _Rounded:
        return _Rounded(-operand.value, operand.error)

    def operate(self, operator: str, left: _Rounded, right: _Rounded) -> _Rounded:
        a, b = left.value, right.value
        match operator:
            case "+" | "-":
                value, error = (a + b if operator == "+" else a - b), left.error + right.error
            case "*":
                value, error = a * b, np.abs(a) * right.error + np.abs(b) * left.error
            case "/":
                value, error = a / b, (left.error + np.abs(a / b) * right.error) / np.abs(b)
            case _:
                value = a**b
                base = np.abs(b * np.where(a == 0, 0.0, a) ** (b - 1)) * left.error
                error = (
                    base + np.where(a > 0, np.abs(value * np.log(np.where(a > 0, a, 1.0))), 0.0) * right.error
                )
        return _Rounded(value, error + 2 * _UNIT * np.abs(value))

    def call(self, name: str, args: tuple[_Rounded, ...]) -> _Rounded:
        if name in ("max", "min"):
            pick = np.maximum if name == "max" else np.minimum
            return _Rounded(
                reduce(pick, [arg.value for arg in args]), reduce(np.maximum, [arg.error for arg in args])
            )
        z, error = np.asarray(args[0].value, dtype=float), args[0].error
        value, slope = _SLOPES[name](z)
        return _Rounded(value, np.abs(slope) * error + 4 * _UNIT * np.abs(value))


def _exact(value: float, relative: float) -> _Rounded:
    return _Rounded(np.asarray(value), np.asarray(abs(value) * relative))


_SLOPES: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "exp": lambda z: (np.exp(z), np.exp(z)),
    "log": lambda z: (np.log(z), 1 / z),
    "sqrt": lambda z: (np.sqrt(z), 0.5 / np.sqrt(z)),
    "log1p": lambda z: (np.log1p(z), 1 / (1 + z)),
    "sin": lambda z: (np.sin(z), np.cos(z)),
    "cos": lambda z: (np.cos(z), np.sin(z)),
    "tan": lambda z: (np.tan(z), 1 + np.tan(z) ** 2),
    "asin": lambda z: (np.arcsin(z), 1 / np.sqrt(1 - z * z)),
    "acos": lambda z: (np.arccos(z), 1 / np.sqrt(1 - z * z)),
    "atan": lambda z: (np.arctan(z), 1 / (1 + z * z)),
    "sinh": lambda z: (np.sinh(z), np.cosh(z)),
    "cosh": lambda z: (np.cosh(z), np.sinh(z)),
    "tanh": lambda z: (np.tanh(z), 1 / np.cosh(z) ** 2),
    "asinh": lambda z: (np.arcsinh(z), 1 / np.sqrt(1 + z * z)),
    "acosh": lambda z: (np.arccosh(z), 1 / np.sqrt(z * z - 1)),
    "atanh": lambda z: (np.arctanh(z), 1 / (1 - z * z)),
    "erf": lambda z: (special.erf(z), 2 / np.sqrt(np.pi) * np.exp(-z * z)),
    "erfc": lambda z: (special.erfc(z), 2 / np.sqrt(np.pi) * np.exp(-z * z)),
    "abs": lambda z: (np.abs(z), np.ones_like(z)),
    "sign": lambda z: (np.sign(z), np.zeros_like(z)),
    "heaviside": lambda z: (np.heaviside(z, 0.5), np.zeros_like(z)),
}


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
