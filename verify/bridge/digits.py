"""Activations that keep their digits: the text where it does, polynomials proved in balls where it does not.

`log(cosh(x))` as written is 0 below 1e-8, where small networks live.  The text is compared with its own balls at points of
every octave of both sides; up to the highest octave where value or derivative lost digits, polynomials stand in for it
(`theory.formula.pieces`).

What the two sides share is the text and the balls of its values.  Theory predicts by the expansion at 0 (p, c, q, moments),
which comes from series arithmetic and takes no part here; the check "the two sides' activation functions" compares what
numerics computes with correctly rounded values of the text at other points, so that a wrong table is seen there.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from numerics.nets.activations import TorchActivation, get
from numerics.nets.pieces import Table, piecewise
from theory import Activation
from theory.formula.evaluation import series_at, to_float
from theory.formula.pieces import SIDES, Pieces, pieces
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
