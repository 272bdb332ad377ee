"""tanh on the CPU at a fraction of the library's cost, to a few units in the last place.

Training from small weights evaluates tanh near zero, where Lambert's continued fraction

    tanh z = z / (1 + z² / (3 + z² / (5 + ...)))

is exact to rounding after a few levels. The convergent of n = 2k + 1 levels is z Π(1 + u/α_i) / Π(1 + u/β_i)
with u = z² and k real positive α_i, β_i (numerator and denominator imitate sinh z / z and cosh z, whose zeros
in u are real and negative), so every factor is one fused in-place pass and no term ever cancels. Consecutive
convergents of a continued fraction with positive elements lie on either side of its value, so the relative
error is below their distance, about u^n / ((2n-1)!!² (2n+1)). Each block takes the least k that its largest
|z| allows; above the last limit the library's tanh is called.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

MOST_FACTORS = 5


@dataclass(frozen=True)
class Convergent:
    """The convergent of 2k + 1 levels by the inverse roots of its numerator and denominator in u = z²."""

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]
    largest_square: dict[torch.dtype, float]


def _inverse_roots(polynomial: np.poly1d) -> tuple[float, ...]:
    return tuple(float(v) for v in np.sort(-1 / np.roots(polynomial.coeffs).real))


def _convergent(k: int) -> Convergent:
    levels = 2 * k + 1
    top, bottom = np.poly1d([1.0]), np.poly1d([2.0 * levels - 1.0])
    for odd in range(2 * levels - 3, 0, -2):  # odd + u * top / bottom, from the innermost level outwards
        top, bottom = bottom, odd * bottom + np.poly1d([1.0, 0.0]) * top
    limits = {}
    for dtype in (torch.float64, torch.float32):
        first_neglected = float(prod(range(1, 2 * levels, 2))) ** 2 * (2 * levels + 1)
        limits[dtype] = (first_neglected * torch.finfo(dtype).eps / 4) ** (1 / levels)  # half a unit roundoff
    return Convergent(_inverse_roots(top), _inverse_roots(bottom), limits)


CONVERGENTS = tuple(_convergent(k) for k in range(1, MOST_FACTORS + 1))


def tanh(z: Tensor, out: Tensor, scratch: Tensor) -> Tensor:
    """tanh z into `out`, with `scratch` of the same shape; z, out and scratch must not overlap.

    Relative error below 4k + 1 machine epsilons for k factors: each of 2k passes, with the rounding of z²,
    makes at most four of half an epsilon, the division one, the neglected levels half of one. Measured: below
    3.
    """
    if z.device.type != "cpu" or z.dtype not in CONVERGENTS[0].largest_square:
        return torch.tanh(z, out=out)
    square = torch.mul(z, z, out=scratch)
    largest = float(square.amax()) if square.numel() else 0.0
    for convergent in CONVERGENTS:
        if largest <= convergent.largest_square[z.dtype]:
            break
    else:  # too large, or not a number
        return torch.tanh(z, out=out)
    numerator = z
    for inverse_root in convergent.numerator:
        numerator = torch.addcmul(numerator, numerator, square, value=inverse_root, out=out)
    denominator = torch.mul(square, convergent.denominator[0]).add_(1.0)
    for inverse_root in convergent.denominator[1:]:
        torch.addcmul(denominator, denominator, square, value=inverse_root, out=denominator)
    return out.div_(denominator)
