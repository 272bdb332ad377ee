"""Too many faces: strict local maxima of s P on the cube from random starts, each certified, completeness not claimed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.forms.moment_tensor import MomentTensor
from theory.orientations.cube.certify import FacePoint, certify_face

STARTS = 400


@dataclass(frozen=True)
class Met:
    """Certified strict maxima that random starts climb to, v and -v apart, by how many each; `lost`: starts with none."""

    points: list[FacePoint]
    counts: list[int]
    lost: int

    @property
    def hits(self) -> int:
        """The number of starts that ended at a certified maximum."""
        return sum(self.counts)

    @property
    def unseen(self) -> str:
        """Good and Turing's estimate of the share of starts that would end at a maximum not met: those met once (1953)."""
        return f"{sum(c == 1 for c in self.counts) / self.hits:.3g}" if self.hits else "unknown"


def cube_search(tensor: MomentTensor, sign: int, generator: np.random.Generator) -> Met:
    """Return the certified strict maxima of sign·P that uniform starts climb to."""
    v = generator.uniform(-1, 1, (STARTS, tensor.dimension))
    v = _climbed(tensor, sign, v)
    points: list[FacePoint] = []
    centres: list[np.ndarray] = []
    counts: list[int] = []
    for end in v:
        sliding = np.abs(end) < 1 - 1e-9
        end = np.where(sliding, end, np.sign(end))
        known = next((k for k, c in enumerate(centres) if np.abs(c - end).max() < 1e-6), None)
        if known is not None:
            counts[known] += 1
            continue
        if sliding.all():
            continue
        point = certify_face(tensor, _polished(tensor, end, sliding), sliding, sign)
        if point is None or not point.verdict:
            continue
        centre = np.array([float(x.mid()) for x in point.v])
        # Newton's method may lead further than 1e-6: the same maximum all the same.
        known = next((k for k, c in enumerate(centres) if np.abs(c - centre).max() < 1e-9), None)
        if known is not None:
            counts[known] += 1
            continue
        points.append(point)
        centres.append(centre)
        counts.append(1)
    return Met(points, counts, STARTS - sum(counts))


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
