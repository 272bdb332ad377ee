"""How far rounding may carry a callable made from a formula from the formula itself.

A running error analysis of the text, first order in the unit roundoff; the proved errors of the polynomials where the text
gives way to them (`verify.bridge.digits`).
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

from numerics.nets.activations import get
from theory import Activation
from theory.formula.pieces import PER_OCTAVE
from theory.formula.syntax import fold
from verify.bridge.digits import pieces_of
from verify.bridge.formula import is_catalogue_name

_UNIT = np.finfo(float).eps / 2  # derived from binary64: the largest relative error of one rounding
_CONSTANTS = {"pi": math.pi, "E": math.e}


def rounding_bound(activation: Activation, z: np.ndarray) -> np.ndarray:
    """How far float64 evaluation of the activation may be from the formula at z, to first order in the unit roundoff.

    For a catalogue function, which is written to keep its relative accuracy, 16 units of σ(z) and of z σ'(z); for a text
    a running error analysis of its tree, and the proved error of the polynomials that stand in for it.  Same shape as z.
    """
    if is_catalogue_name(activation.text.strip()):
        function = get(activation.text.strip())
        t = torch.as_tensor(z)
        return 16 * _UNIT * (np.abs(function.value(t).numpy()) + np.abs(z * function.derivative(t).numpy()))
    with np.errstate(all="ignore"):
        out = fold(activation.tree, _Rounding(), {activation.formula.variable: _Rounded(z, np.zeros_like(z))})
    bound = np.array(2 * np.broadcast_to(out.error, z.shape))
    found = pieces_of(activation)
    if found is None:
        return bound
    mantissa, exponent = np.frexp(np.abs(z))
    octave, side = exponent - 1 - found.lowest, (z < 0).astype(int)
    inside = (z != 0) & (octave >= 0) & (octave < found.proved.shape[1])
    octave = np.clip(octave, 0, found.proved.shape[1] - 1)
    inside &= found.proved[side, octave]
    row = PER_OCTAVE * octave + np.floor((mantissa - 0.5) * 2 * PER_OCTAVE).astype(int).clip(0)
    bound = np.where(inside, found.error[side, row], bound)
    low = np.abs(z) < 2.0**found.lowest
    power = np.abs(np.asarray(found.leading)[side]) * np.abs(z) ** np.asarray(found.order)[side]
    return np.where(low, 9 * _UNIT * power + 2 * _UNIT * abs(found.constant), bound)


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
