"""An activation from tables: polynomials on dyadic pieces of each side of 0, a power below them, a callable elsewhere.

For a function whose text loses its digits near 0.  Where the tables come from is the caller's affair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from numerics.nets.activations import TorchActivation

PER_OCTAVE = 4


@dataclass(frozen=True)
class Table:
    """σ near 0: row 0 of each array is z > 0, row 1 is z < 0.

    Octave e = lowest, lowest + 1, ... has four pieces of |z|, each of half-width r = 2^e/8.  On piece j, |z| = c + r u and
    σ = Σ_k coefficients[k, side, j] u^k; where `known[side, octave]` is false the callable is asked.  Below 2^lowest
    σ = constant + leading[side] |z|^order[side].

    coefficients: (terms, 2, 4 octaves), known: (2, octaves), both of float64 and bool.
    """

    lowest: int
    coefficients: np.ndarray
    known: np.ndarray
    constant: float
    leading: tuple[float, float]
    order: tuple[int, int]

    def located(self, size: Tensor, negative: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(row, u, known) of |z|: the flat number of the piece, the place in it, and whether there is a polynomial."""
        mantissa, exponent = torch.frexp(size)
        octave = exponent.long() - (1 + self.lowest)
        # What is not finite gets a place as well, and no polynomial.
        number = ((mantissa - 0.5) * (2 * PER_OCTAVE)).floor().nan_to_num().clamp(0, PER_OCTAVE - 1)
        u = 16 * mantissa - 9 - 2 * number  # exact: |z|/r = 16 · mantissa, c/r = 9 + 2 · number
        octaves = self.known.shape[1]
        inside = (octave >= 0) & (octave < octaves) & (size > 0) & size.isfinite()
        flat = negative.long() * octaves + octave.clamp(0, octaves - 1)
        known = torch.from_numpy(self.known).to(size.device).view(-1)[flat] & inside
        return flat * PER_OCTAVE + number.long(), u, known


def piecewise(table: Table, text: TorchActivation) -> TorchActivation:
    """The activation of the table, and of `text` where the table has nothing; float32 is computed in float64."""
    coefficients = [torch.from_numpy(each.reshape(-1)) for each in table.coefficients]

    def both(z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            double = z.detach().double()
            size, negative = double.abs(), double < 0
            row, u, known = table.located(size, negative)
            rows = [each.to(z.device) for each in coefficients]
            value, slope = rows[-1][row], torch.zeros_like(double)
            for each in reversed(rows[:-1]):
                slope = slope.mul_(u).add_(value)
                value = value.mul_(u).add_(each[row])
            _, exponent = torch.frexp(size)
            slope = torch.ldexp(slope, 4 - exponent)  # dσ/d|z| = (dσ/du)/r, r = 2^(exponent - 1)/8
            low = size < 2.0**table.lowest
            for side, here in enumerate((low & ~negative, low & negative)):
                c, p, t = table.leading[side], table.order[side], size[here]
                value[here], slope[here] = table.constant + c * t**p, p * c * t ** (p - 1)
            slope = torch.where(negative, -slope, slope)
            rest = ~(known | low)
            if rest.any():
                value[rest], slope[rest] = text.value(double[rest]), text.derivative(double[rest])
            return value.to(z.dtype), slope.to(z.dtype)

    def pair(z: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        value, slope = both(z)
        return first.copy_(value), second.copy_(slope)

    return TorchActivation(text.name, lambda z: both(z)[0], lambda z: both(z)[1], pair)
