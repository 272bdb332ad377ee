"""Activations that keep their digits: the text where it does, polynomials proved in balls where it does not.

`log(cosh(x))` as written is 0 below 1e-8, where small networks live.  The text is compared with its own balls at points of
every octave of both sides; up to the highest octave where value or derivative lost digits, polynomials stand in for it
(`theory.formula.pieces`).

What the two sides share is the text and the balls of its values.  Theory predicts by the expansion at 0 (p, c, q, moments),
which comes from series arithmetic and takes no part here; the check "the two sides' activation functions" compares what
numerics computes with correctly rounded values of the text at other points, so that a wrong table is seen there.

How far rounding may carry a callable made from a formula from the formula itself.

A running error analysis of the text, first order in the unit roundoff; the proved errors of the polynomials where the text
gives way to them (`verify.bridge.digits`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce

import numpy as np
import torch
from scipy import special

from numerics.nets.activations import TorchActivation, get
from numerics.nets.pieces import Table, piecewise
from theory import Activation
from theory.formula.evaluation import series_at, to_float
from theory.formula.pieces import PER_OCTAVE, SIDES, Pieces, pieces
from theory.formula.syntax import fold
from verify.bridge.formula import is_catalogue_name, text_activation

_UNIT = 2.0**-53  # derived from binary64: the largest relative error of one rounding
_LOST = 24  # roundings; chosen because a text of a dozen operations without cancellation loses fewer
_OCTAVES = range(
    -60, 7
)  # chosen because below 2^-60 a next term changes no bit, and 2^6 is past the initial stage
_PLACES = (2 ** (1 / 7), 2 ** (3 / 7), 2 ** (6 / 7))  # chosen because short numbers round luckily
_PRECISIONS = (128, 512, 2048)  # bits; chosen because a text that cancels more is not used


@lru_cache(maxsize=128)
def torch_activation(activation: Activation) -> TorchActivation:
    """The activation for numerics: its own from the catalogue for a bare name, from the text otherwise.

    The latter keeps nearly full relative accuracy wherever the text or its polynomials do; derivatives too.
    """
    name = activation.text.strip()
    if is_catalogue_name(name):
        return get(name)
    text, found = text_activation(activation), pieces_of(activation)
    if found is None:
        return text
    table = Table(found.lowest, found.coefficients, found.proved, found.constant, found.leading, found.order)
    return piecewise(table, text)


@lru_cache(maxsize=128)
def pieces_of(activation: Activation) -> Pieces | None:
    """The polynomials in place of the text, from 0 up to the highest octave where it loses digits; None if nowhere."""
    lossy = losing(activation)
    wanted = [
        (octave, side)
        for side in SIDES
        for octave in _OCTAVES
        if octave <= max((each for each, where in lossy if where == side), default=-math.inf)
    ]
    return pieces(activation, wanted) if wanted else None


def losing(activation: Activation) -> list[tuple[int, int]]:
    """The (octave, side), side 1 or -1, where the text in floating point loses digits of σ or σ', against its own balls."""
    text, constant = text_activation(activation), float(activation.evaluate(np.zeros(())))
    places = [(octave, side, math.ldexp(m, octave)) for octave in _OCTAVES for side in SIDES for m in _PLACES]
    z = torch.tensor([side * size for _, side, size in places], dtype=torch.float64)
    with torch.no_grad():
        value, slope = text.value(z).numpy(), text.derivative(z).numpy()
    lossy, most = {}, {side: np.zeros(2) for side in SIDES}
    for i, (octave, side, size) in enumerate(places):
        exact = _exact(activation, side * size)
        if exact is None:
            continue
        s0, s1, s2 = exact
        # Far out, the largest value nearer to 0 is the scale: the last bits of tanh'(20) or gelu(-30) move nothing.
        here = np.abs([s0 - constant, s1]) + size * np.abs([s1, 2 * s2])
        most[side] = np.maximum(most[side], here)
        allowed = _LOST * _UNIT * (most[side] + np.abs([s0, 0.0]))
        off = np.abs([value[i] - s0, slope[i] - s1])
        if not (off <= allowed + np.finfo(float).tiny).all():  # not a number is off, too
            lossy[octave, side] = None
    return list(lossy)


def _exact(activation: Activation, z: float) -> tuple[float, ...] | None:
    """σ(z), σ'(z) and σ''(z)/2, each to the last bit or 0; None where the text is not analytic or not real."""
    for precision in _PRECISIONS:
        found = series_at(activation.tree, activation.formula.variable, z, 1, 3, precision)
        if all(each.is_zero() or (each.is_finite() and each.rel_accuracy_bits() >= 60) for each in found[:2]):
            return tuple(to_float(each.mid()) if each.is_finite() else 0.0 for each in found)
    return None


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
        return _rounded_once(float(value), 0.0 if Fraction(float(value)) == value else _UNIT)

    def constant(self, name: str) -> _Rounded:
        return _rounded_once(_CONSTANTS[name], _UNIT)

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


def _rounded_once(value: float, relative: float) -> _Rounded:
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
