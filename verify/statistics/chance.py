"""Chance levels: what random orientations would show.

Setting.    v uniform on the unit sphere of R^D, u a fixed unit vector.
Statement.  (u·v)² ~ Beta(1/2, (D-1)/2), so P(|u·v| >= t) = 1 - I_{t²}(1/2, (D-1)/2) and P(u·v >= t) is half of that.
            The chance to be that near to one of several u is at most the sum (Boole), and equal to it where the caps
            do not meet, that is where all the angles between them exceed 2 arccos t.
Source.     v = g/‖g‖ with g Gaussian: g_1² / (g_1² + χ²_{D-1}) is a Beta variable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from verify.errors import UsageError


@dataclass(frozen=True)
class ChanceLevel:
    """The probability of a hit by chance; an upper bound unless `exact`."""

    value: float
    exact: bool


def cosine_chance(threshold: float, dimension: int, *, lines: bool = True) -> float:
    """P(|u·v| >= threshold) for a random unit vector v of R^D; P(u·v >= threshold) without `lines`."""
    _check(threshold, dimension)
    if dimension == 1:
        return 1.0 if lines else 0.5
    both = float(special.betaincc(0.5, (dimension - 1) / 2, threshold**2))
    return both if lines else both / 2


def cosine_quantile(probability: float, dimension: int) -> float:
    """The cosine that |u·v| of a random v exceeds with this probability."""
    if not 0 < probability < 1:
        raise UsageError(f"probability is {probability}; accepted: a number between 0 and 1")
    _check(0.0, dimension)
    if dimension == 1:
        return 1.0
    return float(np.sqrt(special.betainccinv(0.5, (dimension - 1) / 2, probability)))


def near_any_chance(targets: np.ndarray, threshold: float) -> ChanceLevel:
    """The chance that a random orientation has a cosine >= threshold with one of the unit vectors `targets` (A, D).

    Orientations, not lines: list u and -u where both count.
    """
    u = np.asarray(targets, dtype=float)
    if u.ndim != 2 or not np.allclose(np.linalg.norm(u, axis=1), 1, atol=1e-9):
        raise UsageError(f"targets of shape {u.shape}; accepted: unit vectors, of shape (A, D)")
    if not len(u):
        return ChanceLevel(0.0, True)
    total = len(u) * cosine_chance(threshold, u.shape[1], lines=False)
    nearest = float((u @ u.T)[~np.eye(len(u), dtype=bool)].max(initial=-1.0))
    # cos(2 arccos t) = 2 t² - 1: the caps are disjoint below it.
    return ChanceLevel(min(total, 1.0), nearest < 2 * threshold**2 - 1)


def _check(threshold: float, dimension: int) -> None:
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold is {threshold}; accepted: a cosine between 0 and 1")
    if dimension < 1:
        raise UsageError(f"dimension is {dimension}; accepted: a whole number of at least 1")
