"""e^t, e^t - 1 and tanh for compiled loops: branch-free, so that eight doubles at a time go through them."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numerics.kernels.compiling import exact


@intrinsic
def _as_float(typing_context: Any, bits: Any) -> Any:
    """The double with these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # 33 bits, and the rest
_TO_WHOLE = 6755399441055744.0  # 1.5 · 2^52: adding it rounds to a whole number


@exact
def _split(t: float) -> tuple[float, float]:
    """(2^k, e^r - 1) with t = k ln 2 + r, |r| <= ln 2 / 2, for |t| <= 700: Taylor's series to r^13."""
    k = (t * _LOG2_E + _TO_WHOLE) - _TO_WHOLE
    r = (t - k * _LN2_HIGH) - k * _LN2_LOW
    q = 1 / 6227020800.0
    q = q * r + 1 / 479001600.0
    q = q * r + 1 / 39916800.0
    q = q * r + 1 / 3628800.0
    q = q * r + 1 / 362880.0
    q = q * r + 1 / 40320.0
    q = q * r + 1 / 5040.0
    q = q * r + 1 / 720.0
    q = q * r + 1 / 120.0
    q = q * r + 1 / 24.0
    q = q * r + 1 / 6.0
    q = q * r + 0.5
    return _as_float((np.int64(k) + 1023) << 52), r + r * r * q  # type: ignore[call-arg]


@exact
def expm1(t: float) -> float:
    """e^t - 1 to two units in the last place, for t <= 700; NaN stays NaN."""
    power, rest = _split(-40.0 if t < -40.0 else t)
    return power * rest + (power - 1.0)


@exact
def exp(t: float) -> float:
    """e^t for t <= 700, 1e-304 below -700; NaN stays NaN."""
    power, rest = _split(-700.0 if t < -700.0 else t)
    return power * rest + power


@exact
def tanh(z: float) -> float:
    """tanh z = (e^{2|z|} - 1)/(e^{2|z|} + 1) with the sign of z: relative accuracy at every z, three units at
    most."""
    t = 2.0 * abs(z)
    e = expm1(40.0 if t > 40.0 else t)
    size = e / (e + 2.0)
    return size if z >= 0.0 else -size
