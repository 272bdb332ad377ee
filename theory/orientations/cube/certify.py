"""A proof in balls that a face of the cube holds a strict local maximum of s P near a given point, p >= 2.

Steps.  1. On the face with v_F = σ, Newton's method on (T v^{p-1})_S = 0 gives a centre; the Krawczyk operator maps the box
           of radius r around it into its interior, so that exactly one zero lies in it.
        2. There |v_S| < 1, s σ_k (T v^{p-1})_k > 0 on F and s (T v^{p-2})_SS is negative definite (its pull-back to
           approximate eigenvectors is diagonally dominant).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx, fmpq

from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind
from theory.orientations.result import Orientation, certified_orientation

PRECISIONS = (128, 256)


@dataclass(frozen=True)
class FacePoint:
    """One zero of (T v^{p-1})_S on a face, enclosed: v a ball; `verdict` True: a strict maximum, None: not decided."""

    v: list[arb]
    verdict: bool | None
    precision: int


def certify_face(tensor: MomentTensor, v: np.ndarray, sliding: np.ndarray, sign: int) -> FacePoint | None:
    """Return the enclosed zero near v (D,) on its face, ±1 off the mask `sliding`, or None; p >= 2."""
    point = None
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            ball = _enclose(tensor, v, np.flatnonzero(sliding).tolist(), precision)
            if ball is None:
                continue
            point = FacePoint(ball, _verdict(tensor, ball, sliding, sign, precision), precision)
        if point.verdict is not None:
            break
    return point


def orientation_of(tensor: MomentTensor, point: FacePoint, sign: int) -> Orientation:
    """Return the attractor at a proved strict maximum."""
    with ctx.workprec(point.precision):
        norm = sum((x * x for x in point.v), arb(0)).sqrt()
        u = [x / norm for x in point.v]
        column = arb_mat(len(u), 1, u)
        hessian: Any = tensor.hessian_balls(u, point.precision)
        value = (column.transpose() * hessian * column)[0, 0]
        return certified_orientation(u, value * arb(fmpq(2) ** tensor.exponent2), Kind.ATTRACTOR, sign)


def _enclose(tensor: MomentTensor, v: np.ndarray, on: list[int], precision: int) -> list[arb] | None:
    centre = [arb(float(x)) for x in v]
    if not on:
        return centre
    size, p = len(on), tensor.order
    identity = arb_mat(size, size, [int(j == k) for j in range(size) for k in range(size)])
    for _ in range(precision.bit_length() + 2):
        hessian: Any = tensor.hessian_balls(centre, precision)
        residual = _slope(hessian, centre)
        try:
            inverse = arb_mat(size, size, [(p - 1) * hessian[j, k] for j in on for k in on]).mid().inv().mid()
        except ZeroDivisionError:
            return None
        step = inverse * arb_mat(size, 1, [residual[k] for k in on])
        moved = max((x.abs_upper() for x in step.entries()), key=float)
        if not moved.is_finite() or not moved < 1:
            return None
        if moved < arb(2) ** (20 - precision):
            break
        for j, k in enumerate(on):
            centre[k] = (centre[k] - step[j, 0]).mid()
    radius = 2 * moved + arb(2) ** (24 - precision)
    box = list(centre)
    for k in on:
        box[k] = centre[k] + arb(0, radius)
    hessian = tensor.hessian_balls(box, precision)
    spread = identity - inverse * arb_mat(size, size, [(p - 1) * hessian[j, k] for j in on for k in on])
    image = spread * arb_mat(size, 1, [arb(0, radius)] * size) - step
    return box if all(x.abs_upper() < radius for x in image.entries()) else None


def _slope(hessian: Any, v: list[arb]) -> list[arb]:
    """T v^{p-1} from T v^{p-2}."""
    return (hessian * arb_mat(len(v), 1, v)).entries()


def _verdict(
    tensor: MomentTensor, v: list[arb], sliding: np.ndarray, sign: int, precision: int
) -> bool | None:
    hessian: Any = tensor.hessian_balls(v, precision)
    slope = _slope(hessian, v)
    outward = [sign * slope[k] * v[k] for k in np.flatnonzero(~sliding).tolist()]
    inner = [abs(v[k]) for k in np.flatnonzero(sliding).tolist()]
    if any(x < 0 for x in outward) or any(x > 1 for x in inner):
        return False
    on = np.flatnonzero(sliding).tolist()
    block = arb_mat(len(on), len(on), [sign * hessian[j, k] for j in on for k in on])
    curve = _negative(block) if on else True
    if curve is False:
        return False
    return True if curve and all(x > 0 for x in outward) and all(x < 1 for x in inner) else None


def _negative(block: arb_mat) -> bool | None:
    """Return whether a symmetric ball matrix is negative definite; False: it has a positive direction."""
    size = block.nrows()
    mid = np.array([[float(block[j, k].mid()) for k in range(size)] for j in range(size)])
    basis = arb_mat(np.linalg.eigh((mid + mid.T) / 2)[1].tolist())
    pulled = basis.transpose() * block * basis
    if any(pulled[j, j] > 0 for j in range(size)):
        return False
    for j in range(size):
        rest = sum((pulled[j, k].abs_upper() for k in range(size) if k != j), arb(0))
        if not -pulled[j, j] > rest:
            return None
    return True
