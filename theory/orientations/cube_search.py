"""Too many faces: strict local maxima of s P on the cube from random starts, each certified, completeness not claimed."""

from __future__ import annotations

import numpy as np

from theory.moment_tensor import MomentTensor
from theory.orientations.cube_certify import FacePoint, certify_face

STARTS = 400


def cube_search(
    tensor: MomentTensor, sign: int, generator: np.random.Generator
) -> tuple[list[FacePoint], int, int]:
    """Return the certified strict maxima of sign·P that uniform starts climb to, how many did, and how many did not."""
    v = generator.uniform(-1, 1, (STARTS, tensor.dimension))
    v = _climbed(tensor, sign, v)
    points: list[FacePoint] = []
    centres: list[np.ndarray] = []
    hits = 0
    for end in v:
        sliding = np.abs(end) < 1 - 1e-9
        end = np.where(sliding, end, np.sign(end))
        known = next((k for k, c in enumerate(centres) if np.abs(c - end).max() < 1e-6), None)
        if known is not None:
            hits += 1
            continue
        if sliding.all():
            continue
        point = certify_face(tensor, _polished(tensor, end, sliding), sliding, sign)
        if point is not None and point.verdict:
            points.append(point)
            centres.append(np.array([float(x.mid()) for x in point.v]))
            hits += 1
    return points, hits, STARTS - hits


def _climbed(tensor: MomentTensor, sign: int, v: np.ndarray, steps: int = 600) -> np.ndarray:
    """Projected gradient ascent with the step 1/‖T‖_F D^{(p-2)/2}, below the inverse curvature on the cube."""
    p, size = tensor.order, tensor.dimension
    rate = 1 / ((p - 1) * tensor.frobenius_bound * size ** ((p - 2) / 2))
    for _ in range(steps):
        slope = (tensor.normalised_hessian(v) @ v[..., None])[..., 0]
        new = np.clip(v + rate * sign * slope, -1, 1)
        if np.abs(new - v).max() < 1e-12:
            break
        v = np.clip(v + 1.5 * (new - v), -1, 1)
    return v


def _polished(tensor: MomentTensor, v: np.ndarray, sliding: np.ndarray) -> np.ndarray:
    """Newton's method on the sliding coordinates."""
    v = v.copy()
    on = np.flatnonzero(sliding)
    for _ in range(20 if len(on) else 0):
        hessian = tensor.normalised_hessian(v[None])[0]
        step, *_ = np.linalg.lstsq(
            (tensor.order - 1) * hessian[np.ix_(on, on)], (hessian @ v)[on], rcond=None
        )
        v[on] = np.clip(v[on] - step, -1, 1)
    return v
