"""Narrow two-layer networks on the CPU, compiled: both passes of one member at a time, and Adam in one pass.

With D and K small the products of a batched network are so thin that their calls, and one trip through the
cache for each elementwise operation, cost more than the arithmetic. Here a neuron's n pre-activations, values
and derivatives stay in the first-level cache, and tanh, sigmoid and their relatives are one vectorised
polynomial. What a member computes comes from the same instructions in the same order whatever its batch, so
that its parameters do not depend on it in the last bit.

float64 only.
"""

import numpy as np
import torch

from numerics.kernels.compiling import exact, reducing, share_out
from numerics.kernels.elementary import exp, expm1, tanh

# Above, the products are worth a call of BLAS.
LARGEST_DIMENSION, LARGEST_OUTPUTS = 24, 12
KINDS = (
    "tanh", "xtanh", "x2tanh", "sigmoid", "silu", "relu", "leaky_relu", "relu2", "elu", "celu", "selu",
    "square", "cube", "identity",
)  # fmt: skip
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, appendix


def kind_of(name: str, dtype: torch.dtype, device: torch.device) -> int | None:
    """The number by which the code here knows a catalogue's activation on such tensors, or None."""
    known = name in KINDS and dtype == torch.float64 and device.type == "cpu"
    return KINDS.index(name) if known else None


def is_thin(dimension: int, outputs: int) -> bool:
    """Whether `forward` and `backward` take a two-layer network of D inputs (the bias counted) and K outputs."""
    return dimension <= LARGEST_DIMENSION and outputs <= LARGEST_OUTPUTS


def activate(kind: int, z: torch.Tensor, derivative: torch.Tensor) -> None:
    """σ(z) over z and σ'(z) into `derivative`, contiguous tensors of one shape."""
    values, slopes = z.view(-1).numpy(), derivative.view(-1).numpy()

    def part(start: int, stop: int) -> None:
        _activate(kind, values[start:stop], slopes[start:stop])

    share_out(part, len(values), 1e-9 * len(values))


@exact
def _activate(kind: int, z: np.ndarray, d: np.ndarray) -> None:
    """σ(z) over z and σ'(z) into d, both (n,)."""
    n = len(z)
    if kind == 0:  # tanh
        for i in range(n):
            t = tanh(z[i])
            z[i], d[i] = t, 1.0 - t * t
    elif kind == 1:  # z tanh z
        for i in range(n):
            v = z[i]
            t = tanh(v)
            z[i], d[i] = v * t, t + v * (1.0 - t * t)
    elif kind == 2:  # z² tanh z
        for i in range(n):
            v = z[i]
            t = tanh(v)
            z[i], d[i] = v * v * t, v * (2.0 * t + v * (1.0 - t * t))
    elif kind == 3:  # sigmoid
        for i in range(n):
            v = z[i]
            e = exp(-abs(v))
            q = 1.0 / (1.0 + e)
            z[i], d[i] = q if v >= 0.0 else e * q, e * q * q
    elif kind == 4:  # z sigmoid(z)
        for i in range(n):
            v = z[i]
            e = exp(-abs(v))
            q = 1.0 / (1.0 + e)
            up, down = (q, e * q) if v >= 0.0 else (e * q, q)
            z[i], d[i] = v * up, up * (1.0 + v * down)
    elif kind == 5:  # relu; `not <=` keeps NaN
        for i in range(n):
            v = z[i]
            z[i], d[i] = 0.0 if v <= 0.0 else v, 1.0 if v > 0.0 else 0.0
    elif kind == 6:  # leaky relu
        for i in range(n):
            slope = 1.0 if z[i] > 0.0 else 0.01
            z[i], d[i] = slope * z[i], slope
    elif kind == 7:  # relu²
        for i in range(n):
            v = 0.0 if z[i] <= 0.0 else z[i]
            z[i], d[i] = v * v, 2.0 * v
    elif kind == 8 or kind == 9:  # elu, celu
        for i in range(n):
            v = z[i]
            e = expm1(0.0 if v > 0.0 else v)
            z[i], d[i] = v if v > 0.0 else e, 1.0 if v > 0.0 else e + 1.0
    elif kind == 10:  # selu
        for i in range(n):
            v = z[i]
            e = _SELU_ALPHA * expm1(0.0 if v > 0.0 else v)
            z[i] = _SELU_SCALE * (v if v > 0.0 else e)
            d[i] = _SELU_SCALE * (1.0 if v > 0.0 else e + _SELU_ALPHA)
    elif kind == 11:
        for i in range(n):
            v = z[i]
            z[i], d[i] = v * v, 2.0 * v
    elif kind == 12:
        for i in range(n):
            v = z[i]
            z[i], d[i] = v * v * v, 3.0 * v * v
    else:  # identity
        for i in range(n):
            d[i] = 1.0


@exact
def forward(
    kind: int, flat: np.ndarray, columns: np.ndarray, bias: bool, h: np.ndarray, d: np.ndarray, f: np.ndarray
) -> None:
    """σ and σ' of every hidden neuron into h, d (B, m, n), and the outputs into f (B, K, n).

    `flat` (B, size) are rows of w1 (m, D) and a (K, m, and a bias), `columns` (D, n) the data.
    """
    (dimension, n), width, outputs = columns.shape, h.shape[1], f.shape[1]
    first = (dimension - 1) % 4 + 1  # terms of the first pass over z; all others have four
    for b in range(len(flat)):
        for j in range(width):
            z, o = h[b, j], j * dimension
            w0 = flat[b, o]
            w1 = flat[b, o + 1] if first > 1 else 0.0
            w2 = flat[b, o + 2] if first > 2 else 0.0
            if first == 1:
                for i in range(n):
                    z[i] = w0 * columns[0, i]
            elif first == 2:
                for i in range(n):
                    z[i] = w0 * columns[0, i] + w1 * columns[1, i]
            elif first == 3:
                for i in range(n):
                    z[i] = w0 * columns[0, i] + w1 * columns[1, i] + w2 * columns[2, i]
            else:
                w3 = flat[b, o + 3]
                for i in range(n):
                    z[i] = (w0 * columns[0, i] + w1 * columns[1, i]) + (
                        w2 * columns[2, i] + w3 * columns[3, i]
                    )
            for k in range(first, dimension, 4):
                w0, w1, w2, w3 = flat[b, o + k], flat[b, o + k + 1], flat[b, o + k + 2], flat[b, o + k + 3]
                for i in range(n):
                    z[i] += (w0 * columns[k, i] + w1 * columns[k + 1, i]) + (
                        w2 * columns[k + 2, i] + w3 * columns[k + 3, i]
                    )
        _activate(kind, h[b].reshape(-1), d[b].reshape(-1))
        for k in range(outputs):
            o, out = width * dimension + k * (width + bias), f[b, k]
            start = flat[b, o + width] if bias else 0.0
            for i in range(n):
                out[i] = start
            for j in range(0, width - 3, 4):
                w0, w1, w2, w3 = flat[b, o + j], flat[b, o + j + 1], flat[b, o + j + 2], flat[b, o + j + 3]
                for i in range(n):
                    out[i] += (w0 * h[b, j, i] + w1 * h[b, j + 1, i]) + (
                        w2 * h[b, j + 2, i] + w3 * h[b, j + 3, i]
                    )
            for j in range(width - width % 4, width):
                w0 = flat[b, o + j]
                for i in range(n):
                    out[i] += w0 * h[b, j, i]


@reducing
def backward(
    flat: np.ndarray,
    columns: np.ndarray,
    bias: bool,
    h: np.ndarray,
    d: np.ndarray,
    residual: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """The gradient (B, size) from `residual` = ∂R/∂f (B, K, n), h and d of `forward`; d is overwritten."""
    (dimension, n), width, outputs = columns.shape, h.shape[1], residual.shape[1]
    stride, start = width + bias, width * dimension
    for b in range(len(flat)):
        for k in range(bias * outputs):
            s0 = 0.0
            for i in range(n):
                s0 += residual[b, k, i]
            gradient[b, start + k * stride + width] = s0
        for j in range(width):
            t, o, factor = d[b, j], j * dimension, 1.0
            if outputs == 1:  # a leaves the sum over samples
                s0, factor = 0.0, flat[b, start + j]
                for i in range(n):
                    s0 += residual[b, 0, i] * h[b, j, i]
                    t[i] *= residual[b, 0, i]
                gradient[b, start + j] = s0
            else:
                for k in range(outputs):
                    s0 = 0.0
                    for i in range(n):
                        s0 += residual[b, k, i] * h[b, j, i]
                    gradient[b, start + k * stride + j] = s0
                for i in range(n):
                    s0 = 0.0
                    for k in range(outputs):
                        s0 += flat[b, start + k * stride + j] * residual[b, k, i]
                    t[i] *= s0
            for k in range(0, dimension - 3, 4):
                s0 = s1 = s2 = s3 = 0.0
                for i in range(n):
                    s0 += t[i] * columns[k, i]
                    s1 += t[i] * columns[k + 1, i]
                    s2 += t[i] * columns[k + 2, i]
                    s3 += t[i] * columns[k + 3, i]
                gradient[b, o + k], gradient[b, o + k + 1] = factor * s0, factor * s1
                gradient[b, o + k + 2], gradient[b, o + k + 3] = factor * s2, factor * s3
            k = dimension - dimension % 4
            if dimension % 4 > 1:
                s0 = s1 = 0.0
                for i in range(n):
                    s0 += t[i] * columns[k, i]
                    s1 += t[i] * columns[k + 1, i]
                gradient[b, o + k], gradient[b, o + k + 1] = factor * s0, factor * s1
            if dimension % 2 == 1:
                s0 = 0.0
                for i in range(n):
                    s0 += t[i] * columns[dimension - 1, i]
                gradient[b, o + dimension - 1] = factor * s0


@exact
def adam(
    gradient: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
    keep_mean: float,
    keep_square: float,
    shift: float,
    scale: float,
) -> None:
    """Updates both memories and writes mean/(shift + scale √square) over the gradient; all (N,)."""
    for i in range(len(gradient)):
        g = gradient[i]
        m = mean[i] + (1.0 - keep_mean) * (g - mean[i])
        v = keep_square * square[i] + (1.0 - keep_square) * g * g
        mean[i], square[i] = m, v
        gradient[i] = m / (shift + scale * np.sqrt(v))
