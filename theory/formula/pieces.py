"""A formula near 0 as Taylor polynomials on dyadic pieces, with bounds proved in balls.

A text such as log(cosh(z)) loses its digits near 0: cosh(z) rounds to 1.  Its Taylor polynomial at the centre of an
interval that is short against its distance from 0 loses none.  Each octave 2^e <= |z| < 2^(e+1) of each side is cut into
four pieces; on a piece |z - centre| <= |centre|/9, so that a formula with no singularity nearer than 0 needs some 17
terms for 53 bits.

1. The coefficients are those of the text itself: truncated series over balls at the exact centre, with as many bits as the
   text's cancellations need.
2. The remainder is Cauchy's: where the text is analytic on a box around the disc |z - centre| <= ρ and there at most M in
   modulus, both by one evaluation over the box, the terms from the N-th on are at most M (r/ρ)^N / (1 - r/ρ) together for
   |z - centre| <= r.

Nothing of σ's expansion at 0 (`theory.formula.expansion`) is used: not p, not c.  Below the lowest octave σ is its value
at 0 plus c |z|^p, with p and c read off balls of the text at the lowest points.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from flint import acb, arb, ctx

from theory.formula.activation import Activation
from theory.formula.evaluation import MAX_PRECISION, BoxAlgebra, series_at, to_float
from theory.formula.fields import sympy_ball
from theory.formula.syntax import fold

PER_OCTAVE = 4  # chosen because 17 terms then do for a formula with no singularity nearer than 0
MOST_TERMS = 400  # chosen because a series of that length still takes milliseconds
RADII = (6.0, 4.0, 2.5, 1.6)  # ρ/r; chosen because below 9 the box stays away from 0
SIDES = (1, -1)
START, LOWEST = (
    -2,
    -200,
)  # where the search for the lowest octave begins and ends; chosen because no formula in use needs less
NEGLIGIBLE = -57  # derived from binary64: what is below 2^-57 of a value changes no rounding
_HALF_UNIT = 2.0**-53  # derived from binary64: the largest relative error of one rounding


@dataclass(frozen=True)
class Piece:
    """σ(side (c + r u)) = Σ_k coefficients[k] u^k for |u| <= 1 up to `error`.

    That is what is left out, proved, and the rounding of Horner's rule to first order.
    """

    coefficients: tuple[float, ...]
    error: float


_NOTHING = Piece((0.0,), math.nan)


def piece(activation: Activation, octave: int, number: int, side: int) -> Piece | None:
    """The polynomial on piece `number` (0..3) of 2^octave <= |z| < 2^(octave+1), z of sign `side`; None: not proved."""
    tree, variable = activation.tree, activation.formula.variable
    radius = math.ldexp(1.0, octave - 3)
    centre = math.ldexp(1.0, octave) + (2 * number + 1) * radius
    value = _value(activation, side * centre)
    if value is None:
        return None
    for ratio in RADII:
        reach = arb(0, ratio * radius)
        with ctx.workprec(64):
            box = acb(arb(side * centre) + reach, reach)
            top = fold(tree, BoxAlgebra(), {variable: box})
            if not top.is_finite():
                continue
            bound = top.abs_upper()
            lost = max(0.0, _log2(bound) - _log2(abs(value))) if bound > 0 else 0.0
        terms = max(2, math.ceil((lost - NEGLIGIBLE + 20) / math.log2(ratio)))
        if terms > MOST_TERMS:
            continue
        return _fitted(activation, centre, radius, side, terms, int(lost) + 160, bound, ratio)
    return None


def _fitted(
    activation: Activation,
    centre: float,
    radius: float,
    side: int,
    terms: int,
    precision: int,
    bound: arb,
    ratio: float,
) -> Piece | None:
    """The scaled coefficients as far as they matter, and the error that goes with them."""
    while True:
        exact = series_at(activation.tree, activation.formula.variable, side * centre, side, terms, precision)
        with ctx.workprec(precision):
            scaled = [each * arb(radius) ** k for k, each in enumerate(exact)]
            if not all(each.is_finite() for each in scaled):
                return None
            kept = [to_float(each.mid()) for each in scaled]
            size = max(map(abs, kept))
            unknown = sum(to_float(each.rad()) for each in scaled)
            left_out = to_float((bound * arb(ratio) ** -terms / (1 - 1 / arb(ratio))).upper()) + unknown
        if terms * unknown <= math.ldexp(size, NEGLIGIBLE - 8):
            break
        precision *= 2
        if precision > MAX_PRECISION:
            return None
    # From the last term on, what is dropped in all stays below the last bit, of the derivative's sum too.
    dropped = len(kept) * left_out
    while len(kept) > 1 and dropped + len(kept) * abs(kept[-1]) <= math.ldexp(size, NEGLIGIBLE - 4):
        dropped += len(kept) * abs(kept.pop())
    rounding = sum((2 * k + 2) * _HALF_UNIT * abs(each) for k, each in enumerate(kept))
    return Piece(tuple(kept), dropped + rounding)


@dataclass(frozen=True)
class Pieces:
    """σ on both sides of 0, the plus side in row 0, the minus side in row 1.

    In the octave e = lowest + j // 4, piece j of a side is |z| = c + r u with r = 2^e/8, c = 2^e + (2 (j % 4) + 1) r and
    |u| <= 1; there σ = Σ_k coefficients[k, side, j] u^k up to error[side, j], absolute.  `proved[side, octave]`: all four
    pieces of the octave are known; elsewhere coefficients are 0 and errors not a number.
    Below 2^lowest, σ = constant + leading[side] |z|^order[side].
    """

    lowest: int
    coefficients: np.ndarray
    error: np.ndarray
    proved: np.ndarray
    constant: float
    leading: tuple[float, float]
    order: tuple[int, int]


def pieces(activation: Activation, wanted: Collection[tuple[int, int]]) -> Pieces | None:
    """The polynomials of an activation in the `wanted` (octave, side), side 1 or -1, and down to where one term does.

    None where no bottom is found: an order so high that 4,096 bits do not show it.  About a millisecond a piece.
    """
    plus, minus = (_bottom(activation, side) for side in SIDES)
    if plus is None or minus is None or not wanted:
        return None
    lowest = min(plus.octave, minus.octave)
    octaves = range(lowest, max(octave for octave, _ in wanted) + 1)
    found = [
        [_octave(activation, octave, side) if (octave, side) in wanted else None for octave in octaves]
        for side in SIDES
    ]
    flat = [[each for four in row for each in four or [_NOTHING] * PER_OCTAVE] for row in found]
    terms = max(len(each.coefficients) for row in flat for each in row)
    coefficients = np.zeros((terms, len(SIDES), len(flat[0])))
    for side, row in enumerate(flat):
        for j, each in enumerate(row):
            coefficients[: len(each.coefficients), side, j] = each.coefficients
    return Pieces(
        lowest,
        coefficients,
        np.array([[each.error for each in row] for row in flat]),
        np.array([[four is not None for four in row] for row in found]),
        to_float(_at_zero(activation, 128).mid()),
        (plus.leading, minus.leading),
        (plus.order, minus.order),
    )


def _octave(activation: Activation, octave: int, side: int) -> list[Piece] | None:
    """The four pieces of an octave, or None where one is not proved."""
    four = [piece(activation, octave, number, side) for number in range(PER_OCTAVE)]
    return [each for each in four if each is not None] if None not in four else None


@dataclass(frozen=True)
class _Bottom:
    """Below 2^octave, σ(side |z|) = σ(0) + leading |z|^order to the last bit."""

    octave: int
    leading: float
    order: int


def _bottom(activation: Activation, side: int) -> _Bottom | None:
    """Where doubling z multiplies σ - σ(0) by a power of two, to 57 bits: the next term is below the last bit there."""
    above = None
    for octave in range(START, LOWEST, -1):
        change = _change(activation, side * math.ldexp(1.0, octave))
        if change is None:
            return None
        if change.is_zero():
            return _Bottom(octave, 0.0, 1)
        if above is not None:
            with ctx.workprec(128):
                ratio = above / change
                order = round(_log2(abs(ratio)))
                if order >= 1 and abs(ratio / arb(2) ** order - 1) < arb(2) ** NEGLIGIBLE:
                    return _Bottom(octave, to_float((change / arb(2) ** (octave * order)).mid()), order)
        above = change
    return None


def _change(activation: Activation, z: float) -> arb | None:
    """σ(z) - σ(0), to 80 bits of itself or proved 0; None where 4,096 bits do not tell."""
    precision = 128
    while precision <= MAX_PRECISION:
        with ctx.workprec(precision):
            change = activation.ball(z, precision) - _at_zero(activation, precision)
        if change.is_zero() or (change.is_finite() and change.rel_accuracy_bits() >= 80):
            return change
        precision *= 2
    return None


def _at_zero(activation: Activation, precision: int) -> arb:
    """σ(0), also where the text has it only as a limit."""
    here = activation.ball(0, precision)
    return here if here.is_finite() else sympy_ball(activation.value_at_zero, precision)


def _value(activation: Activation, z: float) -> arb | None:
    """σ(z) to 32 bits or more of itself, or proved 0; None where 4,096 bits do not tell."""
    precision = 96
    while precision <= MAX_PRECISION:
        value = activation.ball(z, precision)
        if value.is_zero() or (value.is_finite() and value.rel_accuracy_bits() >= 32):
            return value
        precision *= 2
    return None


def _log2(value: arb) -> float:
    mantissa, exponent = (int(part) for part in value.mid().man_exp())
    return math.log2(abs(mantissa)) + exponent if mantissa else -math.inf
