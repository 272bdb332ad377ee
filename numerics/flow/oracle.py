"""A slow, independent, high-precision integrator, to test the fast ones against.

Gragg's modified midpoint rule with extrapolation (Bulirsch and Stoer; Hairer, Nørsett, Wanner, *Solving
Ordinary Differential Equations I*, II.9) in mpmath numbers. It shares nothing with the Runge-Kutta code:
another method, another arithmetic, the original variables and not the rescaled ones. For small systems in
tests only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath

from numerics.errors import NumericsError

Number = Any  # mpmath.mpf, a class that mpmath makes at run time and no type checker can see
Vector = list[Number]
VectorField = Callable[[Vector], Vector]

_COLUMNS = 12  # order 24: at 30 digits a step of a smooth field is then a good part of its time scale


def _extrapolated(field: VectorField, y: Vector, h: Number) -> tuple[Vector, Number]:
    """One extrapolated step of size h, and the distance of the last two diagonal entries of the tableau."""
    tableau: list[list[Vector]] = []
    for j in range(_COLUMNS):
        pieces = 2 * (j + 1)
        small = h / pieces
        before, now = y, [v + small * d for v, d in zip(y, field(y), strict=True)]
        for _ in range(pieces - 1):
            before, now = now, [v + 2 * small * d for v, d in zip(before, field(now), strict=True)]
        row = [now]
        for k in range(1, j + 1):
            # The error of the midpoint rule has even powers of the step only.
            factor = mpmath.mpf(pieces) ** 2 / mpmath.mpf(2 * (j - k + 1)) ** 2 - 1
            row.append([v + (v - u) / factor for v, u in zip(row[k - 1], tableau[j - 1][k - 1], strict=True)])
        tableau.append(row)
    best, rival = tableau[-1][-1], tableau[-1][-2]
    return best, max(abs(v - u) for v, u in zip(best, rival, strict=True))


def precise_flow(
    field: VectorField, y0: Sequence[float | Number], t: float | Number, *, digits: int = 30
) -> Vector:
    """y(t) of y' = field(y), y(0) = y0, with an error of about 10^-digits of the largest |y| per step.

    ``field`` takes and returns lists of mpf. Raises `NumericsError` when the step becomes too small (a
    blow-up before t).
    """
    with mpmath.workdps(digits + 10):
        y, now, end = [mpmath.mpf(v) for v in y0], mpmath.mpf(0), mpmath.mpf(t)
        h = end / 8
        while now < end:
            h = min(h, end - now)
            new, error = _extrapolated(field, y, h)
            allowed = mpmath.mpf(10) ** -digits * max(abs(v) for v in y)
            ratio = error / allowed if allowed else mpmath.mpf(0)
            if ratio <= 1:
                y, now = new, now + h
            h *= min(3, mpmath.mpf("0.8") * (1 / max(ratio, mpmath.mpf(10) ** -20)) ** (mpmath.mpf(1) / 23))
            if h < end * mpmath.mpf(10) ** -digits:
                raise NumericsError(
                    f"the solution breaks down at t = {mpmath.nstr(now, 8)}, before {mpmath.nstr(end, 8)}"
                )
        return y


def two_layer_field(
    value: Callable[[Number], Number],
    derivative: Callable[[Number], Number],
    x: Sequence[Sequence[float]],
    y: Sequence[float],
    width: int,
) -> VectorField:
    """-∇R of f = Σ_j a_j σ(w_j·x), R = mean ½(f - y)², in the order a_1 ... a_m, w_1, ..., w_m, neuron by
    neuron."""
    samples = [[mpmath.mpf(float(v)) for v in row] for row in x]
    targets = [mpmath.mpf(float(v)) for v in y]
    count, dimension = len(samples), len(samples[0])

    def field(theta: Vector) -> Vector:
        a, flat = theta[:width], theta[width:]
        w = [flat[j * dimension : (j + 1) * dimension] for j in range(width)]
        da = [mpmath.mpf(0)] * width
        dw = [[mpmath.mpf(0)] * dimension for _ in range(width)]
        for row, target in zip(samples, targets, strict=True):
            z = [mpmath.fdot(wj, row) for wj in w]
            sigma = [value(v) for v in z]
            signal = (target - mpmath.fdot(a, sigma)) / count
            for j in range(width):
                da[j] += signal * sigma[j]
                push = signal * a[j] * derivative(z[j])
                dw[j] = [d + push * v for d, v in zip(dw[j], row, strict=True)]
        return da + [d for row in dw for d in row]

    return field
