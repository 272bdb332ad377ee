"""Unit vectors and angles along the last axis."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int


def unit(w: Float64[np.ndarray, "*N D"]) -> Float64[np.ndarray, "*N D"]:
    """w/‖w‖ along the last axis; zero vectors stay zero."""
    r = np.linalg.norm(w, axis=-1, keepdims=True)
    return np.divide(w, r, out=np.zeros_like(w), where=r > 0)


def angle(u: Float64[np.ndarray, "*#N D"], v: Float64[np.ndarray, "*#N D"]) -> Float64[np.ndarray, "..."]:
    """The angle in radians between unit vectors along the last axis, accurate down to 1e-16."""
    return 2 * np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1))


def nearest(
    u: Float64[np.ndarray, "N D"], listed: Float64[np.ndarray, "C D"], within: float
) -> Int[np.ndarray, "N"]:
    """The index (N,) of the listed orientation (C, D) of each unit vector u (N, D); C where none is within the angle."""
    if not len(listed):
        return np.zeros(len(u), dtype=int)
    apart = np.array([angle(u, v) for v in listed])
    best = np.argmin(apart, axis=0)
    return np.where(apart[best, np.arange(len(u))] <= within, best, len(listed))
