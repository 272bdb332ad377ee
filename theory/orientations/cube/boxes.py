"""p >= 3: all strict local maxima of s P on the cube, face by face, by subdivision that excludes what it drops.

Setting.  A face fixes v_F = σ; on it the D slopes (T v^{p-1})_k are polynomials in v_S.  A box is cut in halves; on each
they are kept as polynomials in t in [-1, 1]^S, so that |value - c_0| <= Σ |other coefficients|.
Statement.  A box is dropped only where a necessary condition of a local maximum fails on all of it: some slope in S has no
zero; some slope in F points inwards; the second derivative of s P along some direction of S is positive.
Two kinds of faces are left out as a whole, exactly, by K = {w : T(w, ·, …, ·) = 0}; few samples make K large, and on
such faces zeros are multiple or fill continua, on which no box closes.
  K ∩ R^S ≠ 0: P is constant along w in K ∩ R^S, so that no maximum is strict; one that is not strict is as high all
  along w to the border of the face, where fewer directions are admissible: it is met there, as an open point.
  K + R^S = R^D: slopes vanish along K and, at a maximum, along S, so that all do and P = 0 by Euler's relation.
A box is closed when the slopes in S are proved one to one on it, ‖I - Y J‖ < 1, and its only zero enclosed (cube_certify).
Rounding.  A halving maps t^n to ((t ± 1)/2)^n, of coefficient sum 1, so Σ |c| never grows and each halving adds at most
(p + 2) 2^-52 Σ |c|; that bound is part of every test.
Limits.  Boxes below 2^-DEPTH, at zeros that are multiple or lie exactly on the border of a face, are left open and counted.
A face that takes more than its share of the work, in coefficients of boxes, or leaves MANY boxes open, a continuum of
zeros of another cause, is given up and counted.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from flint import fmpq, fmpq_mat

from theory.forms.certificate import gradient_exact
from theory.forms.moment_tensor import MomentTensor
from theory.orientations.cube.certify import FacePoint, certify_face
from theory.orientations.tensor.frame import kernel

DEPTH = 24
BATCH = 256
SHARE = 2
MANY = 1000  # boxes left open on the faces of one S, far more than isolated zeros leave: a continuum
COST = 100  # coefficients of a box that take about as long as its fixed overhead


@dataclass
class Tally:
    """What the subdivision has found: strict maxima, open boxes, boxes looked at; sets of faces given up, or empty."""

    points: list[FacePoint] = field(default_factory=list)
    open: int = 0
    boxes: int = 0
    given_up: int = 0
    empty: int = 0


def face_work(order: int, dimension: int) -> int:
    """D (p + 1)^{D+1}, by which the cost of the subdivision grows: 10^5 took 5 s, 5·10^5 190 s."""
    return dimension * (order + 1) ** (dimension + 1)


def box_maxima(tensor: MomentTensor, sign: int, max_boxes: int) -> Tally:
    """Return the strict maxima of sign·P, one of each pair ± v for even p; they are all where no face was given up.

    Every coordinate must occur in P.  F is never empty: all slopes zero means P = 0.  The faces of one S get 1/SHARE of
    `max_boxes`, as long as there are any left; a box counts by its coefficients, D p^|S| of them in units of COST.
    """
    tally = Tally()
    size = tensor.dimension
    unseen = kernel(tensor)
    budget = max_boxes
    for count in range(size):
        for sliding in itertools.combinations(range(size), count):
            inside = np.isin(np.arange(size), sliding)
            if _is_empty(unseen, np.flatnonzero(~inside).tolist()):
                tally.empty += 1
            elif budget > 0:
                budget -= _face(tensor, inside, sign, tally, min(budget, max_boxes // SHARE))
            else:
                tally.given_up += 1
    return tally


def _is_empty(unseen: tuple[tuple[fmpq, ...], ...], off: list[int]) -> bool:
    """Whether the faces that fix the coordinates `off` hold no strict maximum, from a basis of K."""
    if not unseen:
        return not off
    rank = fmpq_mat(len(unseen), len(off), [w[k] for w in unseen for k in off]).rank()
    return rank < len(unseen) or rank == len(off)


def _face(tensor: MomentTensor, sliding: np.ndarray, sign: int, tally: Tally, budget: int) -> int:
    """Search the faces of one S; returns the work done, in boxes of COST coefficients."""
    size, p = tensor.dimension, tensor.order
    free = np.flatnonzero(~sliding)
    half = p % 2 == 0  # s P(-v) = s P(v): one of each pair is enough
    signs = itertools.product((1.0, -1.0), repeat=len(free) - half)
    patterns = np.array([(1.0, *rest) if half else rest for rest in signs])
    coefficients = _slopes(tensor, sliding, patterns)
    on = np.flatnonzero(sliding)
    flat = coefficients.reshape(len(patterns), size, -1)
    total = np.abs(flat).sum(axis=2)
    corners = np.zeros((len(patterns), size))
    corners[:, free] = patterns
    boxes = _Boxes(coefficients, corners, np.ones((len(patterns), len(on))), total, 0)
    queue = [boxes]
    cost = max(1.0, size * p ** len(on) / COST)
    spent, before = 0.0, tally.open
    while queue:
        if spent > budget or tally.open - before > MANY:
            tally.given_up += 1
            break
        boxes = queue.pop()
        for part in boxes.chunks(BATCH):
            tally.boxes += len(part.centre)
            spent += cost * len(part.centre)
            keep = part.undropped(sign, on, free, p)
            part = part.at(keep)
            if not len(part.centre):
                continue
            if not len(on):
                _vertices(tensor, part, sign, tally)
                continue
            closed = _close(tensor, part, sliding, sign, tally)
            part = part.at(~closed)
            if part.depth >= DEPTH * len(on):
                tally.open += len(part.centre)
            elif len(part.centre):
                queue.append(part.halved(on, p))
    return int(spent)


@dataclass
class _Boxes:
    """N boxes of one face: coefficients (N, D, p, .., p), centre (N, D), half widths (N, |S|), Σ |c| (N, D) at first."""

    c: np.ndarray
    centre: np.ndarray
    width: np.ndarray
    total: np.ndarray
    depth: int

    def at(self, which: np.ndarray) -> _Boxes:
        return _Boxes(self.c[which], self.centre[which], self.width[which], self.total[which], self.depth)

    def chunks(self, size: int) -> list[_Boxes]:
        return [self.at(np.arange(k, min(k + size, len(self.c)))) for k in range(0, len(self.c), size)]

    def error(self, p: int) -> np.ndarray:
        """A bound (N, D) of the rounding of Σ |c|."""
        return 2.0**-52 * (p + 2) * (self.depth + 2) * self.total

    def undropped(self, sign: int, on: np.ndarray, free: np.ndarray, p: int) -> np.ndarray:
        n, size = self.centre.shape
        flat = self.c.reshape(n, size, -1)
        middle = flat[:, :, 0]
        spread = np.abs(flat[:, :, 1:]).sum(axis=2) + self.error(p)
        dropped = np.any(np.abs(middle[:, on]) > spread[:, on], axis=1)
        inward = -sign * middle[:, free] * self.centre[:, free]
        dropped |= np.any(inward > spread[:, free], axis=1)
        if len(on):
            rest = np.flatnonzero(~dropped)
            dropped[rest] = self.at(rest).curved(sign, on, p)
        return ~dropped

    def jacobian(self, on: np.ndarray) -> np.ndarray:
        """The derivatives of the slopes in S, coefficients (N, |S|, |S|, p, .., p), in v."""
        d = len(on)
        out = []
        for k in range(d):
            axis = k + 2
            part = np.moveaxis(self.c[:, on], axis, -1)
            lowered = np.zeros_like(part)
            lowered[..., :-1] = part[..., 1:] * np.arange(1, part.shape[-1])
            scale = self.width[:, k].reshape(-1, *[1] * (d + 1))
            out.append(np.moveaxis(lowered, -1, axis) / scale)
        return np.stack(out, axis=2)

    def curved(self, sign: int, on: np.ndarray, p: int) -> np.ndarray:
        """Whether s P is proved convex along the top direction of its Hessian at the centre."""
        n, d = len(self.c), len(on)
        if not n:
            return np.zeros(0, dtype=bool)
        jacobian = sign * self.jacobian(on).reshape(n, d, d, -1)
        middle = jacobian[..., 0]
        _, vectors = np.linalg.eigh((middle + middle.transpose(0, 2, 1)) / 2)
        top = vectors[:, :, -1]
        along = np.einsum("nj,njkm,nk->nm", top, jacobian, top)
        error = (self.error(p)[:, on] / self.width.min(axis=1, keepdims=True)).sum(axis=1) * p * d
        return along[:, 0] - np.abs(along[:, 1:]).sum(axis=1) > error

    def halved(self, on: np.ndarray, p: int) -> _Boxes:
        """Cut every box across the same axis, in turn."""
        axis = self.depth % len(on)
        parts, centres = [], []
        width = self.width.copy()
        width[:, axis] /= 2
        for side in (1.0, -1.0):
            # ((t + side)/2)^n = Σ_m C(n, m) side^{n-m} t^m / 2^n
            matrix = np.array(
                [
                    [math.comb(n, m) * side ** (n - m) / 2.0**n if m <= n else 0.0 for n in range(p)]
                    for m in range(p)
                ]
            )
            parts.append(np.moveaxis(np.tensordot(self.c, matrix, axes=(axis + 2, 1)), -1, axis + 2))
            centre = self.centre.copy()
            centre[:, on[axis]] += side * width[:, axis]
            centres.append(centre)
        double = np.concatenate
        return _Boxes(
            double(parts), double(centres), double([width] * 2), double([self.total] * 2), self.depth + 1
        )


def _slopes(tensor: MomentTensor, sliding: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Return the coefficients (N, D, p, .., p) of (T v^{p-1})_k 2^-exponent2 in v_S for each pattern of v_F."""
    size, p = tensor.dimension, tensor.order
    on, free = np.flatnonzero(sliding), np.flatnonzero(~sliding)
    out = np.zeros((len(patterns), size, *[p] * len(on)))
    for exponents, c in zip(tensor.exponents, tensor.coefficients, strict=True):
        if not c:
            continue
        scaled = c * fmpq(2) ** -tensor.exponent2
        number = int(scaled.p) / int(scaled.q)
        for k in np.flatnonzero(exponents):
            lower = exponents.copy()
            lower[k] -= 1
            value = number * exponents[k] / p * np.prod(patterns ** lower[free], axis=1)
            out[(slice(None), k, *lower[on])] += value
    return out


def _vertices(tensor: MomentTensor, part: _Boxes, sign: int, tally: Tally) -> None:
    """A vertex is a strict maximum iff all slopes point outwards; exactly where binary64 does not say."""
    slope, error = part.c, part.error(tensor.order)
    outward = sign * slope * part.centre
    none = np.zeros(tensor.dimension, dtype=bool)
    for k, vertex in enumerate(part.centre):
        sure = bool(np.all(outward[k] > error[k]))
        if not sure:
            exact = gradient_exact(tensor, [fmpq(int(v)) for v in vertex])
            products = [sign * g * int(v) for g, v in zip(exact, vertex, strict=True)]
            if any(g < 0 for g in products):
                continue
            sure = all(g > 0 for g in products)
            tally.open += not sure
        if sure:
            point = certify_face(tensor, vertex, none, sign)
            if point is not None and point.verdict:
                tally.points.append(point)


def _close(tensor: MomentTensor, part: _Boxes, sliding: np.ndarray, sign: int, tally: Tally) -> np.ndarray:
    """Return the boxes whose only zero, proved to be the only one, is enclosed; add the maxima to the tally."""
    on = np.flatnonzero(sliding)
    n, d, p = len(part.c), len(on), tensor.order
    jacobian = part.jacobian(on).reshape(n, d, d, -1)
    middle = jacobian[..., 0]
    spread = np.abs(jacobian[..., 1:]).sum(axis=3)
    spread += (part.error(p)[:, on] * p)[:, :, None] / part.width[:, None, :]
    closed = np.zeros(n, dtype=bool)
    for k in range(n):
        try:
            inverse = np.linalg.inv(middle[k])
        except np.linalg.LinAlgError:
            continue
        # One to one in the norm max |Δ_k|/width_k: rows of |Y| spread, and the rounding of Y J at the centre.
        gap = (
            (np.abs(inverse) @ spread[k] + np.abs(np.eye(d) - inverse @ middle[k]))
            * part.width[k]
            / part.width[k][:, None]
        )
        if not np.all(gap.sum(axis=1) < 0.9):
            continue
        start = part.centre[k].copy()
        start[on] -= inverse @ part.c.reshape(n, tensor.dimension, -1)[k, on, 0]
        if np.any(np.abs(start[on] - part.centre[k, on]) > 1.5 * part.width[k]):
            continue
        point = certify_face(tensor, start, sliding, sign)
        if point is None:
            continue
        # A zero on the common border of two boxes closes both; the margin of 0.1 above covers its 2^-100.
        reach = zip(on.tolist(), part.centre[k, on].tolist(), part.width[k].tolist(), strict=True)
        if any(abs(point.v[j] - c) > h for j, c, h in reach):
            continue
        closed[k] = True
        if point.verdict is None:
            tally.open += 1
        elif point.verdict:
            tally.points.append(point)
    return closed
