"""Angles accurate however small, matching to a set of orientations, weighted quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

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

    index: NDArray[np.intp]
    angle: Array


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
