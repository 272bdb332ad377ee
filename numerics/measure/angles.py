"""Angles accurate however small, matching to a set of orientations, weighted quantiles.

The matrix of cosines D(u, v), whole for a figure and in blocks for statistics of up to 1e5 neurons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike

from numerics.errors import NumericsError
from numerics.measure.neurons import Array, unit_rows


def angle_between(u: ArrayLike, v: ArrayLike) -> Array:
    """The angle in [0, π] between unit vectors along the last axis: 2 atan2(‖u - v‖, ‖u + v‖), accurate
    to rounding for tiny angles, where arccos(u·v) loses everything below 1e-8 (Kahan)."""
    first, second = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    return 2 * np.arctan2(np.linalg.norm(first - second, axis=-1), np.linalg.norm(first + second, axis=-1))


@dataclass(frozen=True, eq=False)
class Match:
    """For each of N vectors the nearest of k targets: ``index`` (N,) and ``angle`` (N,) in radians."""

    index: Int[np.ndarray, "N"]
    angle: Float64[np.ndarray, "N"]


def match(u: ArrayLike, targets: ArrayLike) -> Match:
    """The nearest of ``targets`` (k, D) to each row of ``u`` (N, D), u and -u apart; rows need not be
    normalised. Angles are in radians. Raises `NumericsError` for shapes that do not fit.

    >>> found = numerics.match([[2.0, 0.0], [0.0, -3.0]], [[1.0, 0.0], [0.0, 1.0]])
    >>> found.index.tolist()
    [0, 0]
    """
    rows, goals = unit_rows(u), unit_rows(targets, "targets")
    if not len(goals) or rows.shape[1] != goals.shape[1]:
        raise NumericsError(f"targets have shape {goals.shape}; (k, {rows.shape[1]}) with k >= 1 is needed")
    index = np.argmax(rows @ goals.T, axis=1)
    return Match(index, angle_between(rows, goals[index]))


def weighted_quantile(values: ArrayLike, weights: ArrayLike, share: float) -> float:
    """The smallest value at which the cumulated weight reaches ``share`` of the total."""
    v, w = np.asarray(values, dtype=float), np.asarray(weights, dtype=float)
    if (
        v.ndim != 1
        or v.shape != w.shape
        or not len(v)
        or (w < 0).any()
        or not np.isfinite(w).all()
        or w.max() == 0
    ):
        raise NumericsError(
            f"values {v.shape} and weights {w.shape} must be equally many, weights >= 0 and not all 0"
        )
    if not 0 <= share <= 1 or np.isnan(v).any():
        raise NumericsError(f"share is {share}; a number from 0 to 1, and values without nan, are needed")
    order = np.argsort(v, kind="stable")
    cumulated = np.cumsum(w[order] / w.max())
    return float(v[order[np.searchsorted(cumulated, share * cumulated[-1])]])


def weighted_median(values: ArrayLike, weights: ArrayLike) -> float:
    """The smallest value at which the cumulated weight reaches half of the total; values and weights (N,).

    Raises `NumericsError` for other shapes, no values or negative weights.

    >>> numerics.weighted_median([1.0, 2.0, 3.0], [1.0, 1.0, 5.0])
    3.0
    """
    return weighted_quantile(values, weights, 0.5)


_BLOCK_BYTES = 1 << 23  # of one block of cosines: stays near the cache
_WHOLE_BYTES = 1 << 31
_BINS = 1 << 16
ROUNDING = 4 * np.finfo(float).eps  # of a cosine: a block product depends on its shape in the last bit


def cosine_blocks(u: Array, v: Array) -> Iterator[tuple[slice, Array]]:
    """Blocks of rows of u vᵀ, clipped to [-1, 1]: (rows of u, block); never more than 8 MiB or one row at
    a time."""
    height = max(1, _BLOCK_BYTES // (8 * max(1, len(v))))
    for start in range(0, len(u), height):
        rows = slice(start, min(start + height, len(u)))
        block = u[rows] @ v.T
        yield rows, np.clip(block, -1.0, 1.0, out=block)


def pair_blocks(u: Array) -> Iterator[tuple[slice, Array, Array]]:
    """The upper half of u uᵀ in blocks: (rows, the square of these rows among themselves, their cosines with
    all later rows); half the work of `cosine_blocks`, in the same memory."""
    start = 0
    while start < len(u):
        height = max(1, _BLOCK_BYTES // (8 * (len(u) - start)))
        rows = slice(start, min(start + height, len(u)))
        block = u[rows] @ u[start:].T
        np.clip(block, -1.0, 1.0, out=block)
        yield rows, block[:, : rows.stop - start], block[:, rows.stop - start :]
        start = rows.stop


def cosine_matrix(u: ArrayLike) -> Float64[np.ndarray, "N N"]:
    """D(u_j, u_k) for rows u (N, D), as (N, N); refused above 2 GiB, where `cosine_quantiles` and
    `clusters` still work.

    >>> numerics.cosine_matrix([[1.0, 0.0], [0.0, 2.0]]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = unit_rows(u)
    need = 8 * len(rows) ** 2
    if need > _WHOLE_BYTES:
        raise NumericsError(
            f"the cosine matrix of {len(rows)} neurons needs {need / 2**30:.1f} GiB;"
            f" at most {int((_WHOLE_BYTES / 8) ** 0.5)} neurons are shown whole"
        )
    return np.clip(rows @ rows.T, -1.0, 1.0)


def cosine_quantiles(
    u: ArrayLike, shares: ArrayLike = (0.05, 0.25, 0.5, 0.75, 0.95)
) -> Float64[np.ndarray, "*Q"]:
    """Quantiles of the cosines of all pairs of different neurons, within 2⁻¹⁵ (the width of a bin),
    without N² memory.

    Cost: N² D / 2 multiplications. Raises `NumericsError` for fewer than two neurons, or shares outside
    [0, 1].
    """
    rows = unit_rows(u)
    wanted = np.asarray(shares, dtype=float)
    if len(rows) < 2:
        raise NumericsError(f"{len(rows)} neurons have no pairs; at least 2 are needed")
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise NumericsError(f"shares are {wanted.tolist()}; numbers from 0 to 1 are needed")
    counts = np.zeros(_BINS, dtype=np.int64)
    for _, square, later in pair_blocks(rows):
        for cosines in (square[np.triu_indices(len(square), 1)], later):
            scaled = (cosines + 1) * (_BINS / 2)
            bins = np.minimum(scaled, _BINS - 1, out=scaled).astype(np.intp).ravel()
            counts += np.bincount(bins, minlength=_BINS)
    cumulated = np.cumsum(counts)
    hit = np.searchsorted(cumulated, wanted * (cumulated[-1] - 1), side="right")
    return (hit + 0.5) * (2 / _BINS) - 1


def effective_width(u: ArrayLike, weights: ArrayLike | None = None, *, cosine: float = 0.95) -> float:
    """The inverse of the probability that two neurons, drawn independently by weight, point the same way.

    1 / Σ_jk p_j p_k [u_j·u_k >= cosine], p_j the share of neuron j (equal without ``weights``): N for N
    different orientations of equal weight, k for k equal clusters, 1 when all is one. This is the
    similarity-sensitive diversity of order 2 of Leinster and Cobbold (Ecology 93, 2012) with a sharp
    similarity. Cost: N² D / 2 multiplications; memory a few N·D.
    """
    rows = unit_rows(u)
    if not len(rows) or not -1 <= cosine <= 1:
        raise NumericsError(
            f"{len(rows)} neurons at a threshold cosine of {cosine}; at least 1 and a number in [-1, 1] are needed"
        )
    shares = normalised_weights(weights, len(rows))
    same = float(shares @ shares)
    for part, square, later in pair_blocks(rows):
        near = np.triu(square >= cosine - ROUNDING, 1)
        rest = (later >= cosine - ROUNDING) @ shares[part.stop :]
        same += 2 * float(shares[part] @ (near @ shares[part] + rest))
    return 1 / same


def normalised_weights(weights: ArrayLike | None, count: int) -> Float64[np.ndarray, "{count}"]:
    """Shares (count,) that sum to 1; equal ones without weights."""
    if weights is None:
        return np.full(count, 1 / max(count, 1))
    w = np.asarray(weights, dtype=float)
    if w.shape != (count,) or not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise NumericsError(
            f"weights have shape {w.shape}; {count} finite numbers >= 0, not all 0, are needed"
        )
    w = w / w.max()  # the sum of tiny amplitudes must not underflow
    return w / w.sum()


def cosine_order(u: ArrayLike, labels: Int[np.ndarray, "N"]) -> Int[np.ndarray, "N"]:
    """An order of the neurons that shows clusters as squares: by label, those without (-1) last, then by
    angle in the plane of the two leading principal directions (the plane itself for D = 2)."""
    rows = unit_rows(u)
    if rows.shape[1] == 1:
        angle = np.arctan2(0.0, rows[:, 0])
    else:
        plane = np.eye(2) if rows.shape[1] == 2 else np.linalg.eigh(rows.T @ rows)[1][:, -2:].T
        angle = np.arctan2(rows @ plane[1], rows @ plane[0])
    last = np.where(labels < 0, labels.max(initial=0) + 1, labels)
    return np.lexsort((angle, last))
