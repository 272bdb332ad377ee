"""The products of a batch of layers, each member's the same to the last bit whatever its batch.

A library's batched product may add in another order for another batch size or another address of a matrix, and some
dynamics (Adam on a deep network, after a thousand steps) turn one rounding into 1e-4. Hence on the CPU

* layers of at most `SMALL` rows and columns go through compiled loops, one member after the other;
* larger ones through one call of BLAS for each member, on operands that start at multiples of 64 bytes.

On other devices one batched call serves all members. Shapes: weights (B, r, c, and a bias column), hidden layers below
(B, c, n) or (1, c, n) for one that all members share, above (B, r, n).
"""

import numpy as np
import torch
from torch import Tensor

from numerics.kernels.compiling import exact, reducing, share_out

SMALL = 64
_ALIGNMENT = 64  # bytes
_SECONDS = 1.5e-10  # of one multiplication in a compiled product, about


@exact
def _combine(w: np.ndarray, h: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """out_j = bias_j + Σ_k w_jk h_k for w (B, r, c), bias (B, r) or (B, 0) for none, and out (B, r, n)."""
    columns, n = h.shape[1], h.shape[2]
    for b in range(len(w)):
        s = b if len(h) > 1 else 0
        for j in range(w.shape[1]):
            start = bias[b, j] if bias.shape[1] else w.dtype.type(0)
            for i in range(n):
                out[b, j, i] = start
            for k in range(0, columns - 3, 4):
                w0, w1, w2, w3 = w[b, j, k], w[b, j, k + 1], w[b, j, k + 2], w[b, j, k + 3]
                for i in range(n):
                    out[b, j, i] += (w0 * h[s, k, i] + w1 * h[s, k + 1, i]) + (
                        w2 * h[s, k + 2, i] + w3 * h[s, k + 3, i]
                    )
            for k in range(columns - columns % 4, columns):
                w0 = w[b, j, k]
                for i in range(n):
                    out[b, j, i] += w0 * h[s, k, i]


@reducing
def _dots(t: np.ndarray, h: np.ndarray, bias: bool, out: np.ndarray) -> None:
    """out_jk = Σ_i t_ji h_ki for t (B, r, n) and out (B, r, c); with a bias Σ_i t_ji in one more column."""
    columns, n = h.shape[1], h.shape[2]
    for b in range(len(t)):
        s = b if len(h) > 1 else 0
        for j in range(t.shape[1]):
            zero = t.dtype.type(0)
            for k in range(0, columns - 3, 4):
                s0 = s1 = s2 = s3 = zero
                for i in range(n):
                    s0 += t[b, j, i] * h[s, k, i]
                    s1 += t[b, j, i] * h[s, k + 1, i]
                    s2 += t[b, j, i] * h[s, k + 2, i]
                    s3 += t[b, j, i] * h[s, k + 3, i]
                out[b, j, k], out[b, j, k + 1], out[b, j, k + 2], out[b, j, k + 3] = s0, s1, s2, s3
            for k in range(columns - columns % 4, columns):
                s0 = zero
                for i in range(n):
                    s0 += t[b, j, i] * h[s, k, i]
                out[b, j, k] = s0
            if bias:
                s0 = zero
                for i in range(n):
                    s0 += t[b, j, i]
                out[b, j, columns] = s0


def _compiled(*tensors: Tensor) -> bool:
    return tensors[0].device.type == "cpu" and max(max(tensor.shape[1:]) for tensor in tensors) <= SMALL


def _aligned(matrix: Tensor) -> Tensor:
    return matrix if matrix.data_ptr() % _ALIGNMENT == 0 else matrix.clone()


def _each(first: Tensor, second: Tensor, out: Tensor) -> Tensor:
    """first_b second_b into out_b for each member; second may be one for all."""
    for b in range(len(first)):
        a, c = _aligned(first[b]), _aligned(second[b if len(second) > 1 else 0])
        if out[b].is_contiguous() and out[b].data_ptr() % _ALIGNMENT == 0:
            torch.mm(a, c, out=out[b])
        else:
            out[b].copy_(torch.mm(a, c))
    return out


def _loops(weights: Tensor, below: Tensor, bias: Tensor, out: Tensor) -> Tensor:
    w, h, start, result = weights.numpy(), below.contiguous().numpy(), bias.numpy(), out.numpy()

    def part(first: int, last: int) -> None:
        shared = h if len(h) == 1 else h[first:last]
        _combine(w[first:last], shared, start[first:last], result[first:last])

    share_out(part, len(w), _SECONDS * w.size * h.shape[2])
    return out


def affine(weights: Tensor, below: Tensor, bias: bool, out: Tensor | None = None) -> Tensor:
    """W h, plus the last column of W where it is a bias: (B, r, n), in the contiguous `out` if given."""
    columns = below.shape[1]
    w = weights[..., :columns]
    if out is None:
        out = weights.new_empty(weights.shape[0], weights.shape[1], below.shape[2])
    if _compiled(w):
        return _loops(w, below, weights[..., -1] if bias else weights[..., 0, :0], out)
    if weights.device.type == "cpu":
        _each(w, below, out)
    else:
        torch.bmm(w, below.expand(len(w), -1, -1), out=out)
    return out.add_(weights[..., -1:]) if bias else out


def pulled_back(weights: Tensor, above: Tensor, columns: int) -> Tensor:
    """Wᵀ t without the bias: (B, columns, n)."""
    w = weights[..., :columns].transpose(1, 2)
    if weights.shape[1] == 1:  # one output: a product, not a sum of one term
        return w * above
    out = above.new_empty(len(above), columns, above.shape[2])
    if _compiled(w):
        return _loops(w, above, w[..., 0, :0], out)
    return _each(w, above, out) if weights.device.type == "cpu" else torch.bmm(w, above, out=out)


def store_slopes(slope: Tensor, above: Tensor, below: Tensor, bias: bool) -> None:
    """Σ_i t_i h_iᵀ, and Σ_i t_i in the column of the bias, into `slope` (B, r, c, and a bias column)."""
    columns = below.shape[1]
    target = slope[..., :columns]
    if _compiled(target):
        t, h, out = above.contiguous().numpy(), below.contiguous().numpy(), slope.numpy()

        def part(first: int, last: int) -> None:
            shared = h if len(h) == 1 else h[first:last]
            _dots(t[first:last], shared, bias, out[first:last])

        share_out(part, len(t), _SECONDS * target.numel() * t.shape[2])
        return
    if slope.device.type == "cpu":
        _each(above, below.transpose(1, 2), target)
    else:
        target.copy_(torch.bmm(above, below.expand(len(above), -1, -1).transpose(1, 2)))
    if bias:
        for b in range(len(above)):  # one call for each: the order of a sum depends on its batch
            torch.sum(_aligned(above[b]), -1, out=slope[b, :, -1])
