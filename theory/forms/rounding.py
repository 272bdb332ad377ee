"""From balls to binary64 with a bound: what a certified orientation shows to the outside."""

from __future__ import annotations

import math

from flint import arb

from theory.errors import TheoryError
from theory.forms.stability import Kind
from theory.orientations.result import Orientation


def upper_float(x: arb) -> float:
    """Return a binary64 number at least as large as every point of the ball |x|."""
    return 0.0 if x == 0 else math.nextafter(float(x.abs_upper()), math.inf)


def nearest_float(x: arb) -> float:
    """Return the midpoint rounded to binary64, without a negative zero."""
    return float(x.mid()) + 0.0


def unit_floats(u: list[arb]) -> tuple[tuple[float, ...], float]:
    """Return u as floats and a bound of the Euclidean distance to every point of the ball u."""
    point = tuple(nearest_float(x) for x in u)
    # Upper ends first: the square of a ball may reach below 0, where the root has no meaning.
    return point, upper_float(
        sum(((x - f).abs_upper() ** 2 for x, f in zip(u, point, strict=True)), arb(0)).sqrt()
    )


def certified_orientation(u: list[arb], value: arb, kind: Kind, neuron_sign: int | None) -> Orientation:
    """Return the certified Orientation of an enclosure of a fixed unit vector."""
    point, radius = unit_floats(u)
    number = nearest_float(value)
    if not math.isfinite(number):
        raise TheoryError("orientations: P(u) is beyond the range of binary64; rescale x or y")
    return Orientation(point, number, kind, neuron_sign, True, radius)
