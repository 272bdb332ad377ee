"""Coordinates in which the continuation works: the span of the data, columns of equal size.

Setting.     K = {w : T(w, ·, …, ·) = 0}, the directions that T does not see: those orthogonal to all samples with s ≠ 0,
             at least.  It is computed exactly; r = D - dim K.
Statement.   A fixed u = v + w with w in K, v ⊥ K has T v^{p-1} = P(u) (v + w), and the left side is ⊥ K.  So either
             P(u) ≠ 0 and u ⊥ K, or P(u) = 0 and T v^{p-1} = 0.  The fixed lines ⊥ K are those of a form in r variables,
             Σ_{k<r} (p-1)^k of them generically.  A line with λ = 0 is not simple in D variables when K ≠ 0 (its
             derivative vanishes along K), so as many certified lines as that count are all lines with P ≠ 0, none ⊥ K has
             P = 0, and what is left is exactly the unit sphere of K.
Coordinates. u = B v, B (D, r): T_B v^{p-1} = λ G v with T_B = T(B·, …, B·), G = BᵀB.  B scales the variables by powers of
             two so that the slices T(e_k, ·, …, ·) have about equal norms, and restricts them to K^⊥.  It only guides
             the continuation: every line is certified in the coordinates of the data.
Source:      condense.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb, ctx, fmpq, fmpq_mat, nmod_mat

from theory.forms.moment_tensor import MomentTensor, _multinomial, monomials
from theory.forms.stability import Kind
from theory.orientations.result import Orientation, certified_orientation
from theory.orientations.tensor.tracker import Axes

_PRIME = 2**61 - 1
SPREAD = 8.0  # ratio of slice norms up to which the data's own coordinates are kept
LARGEST_DENSE = 4_000_000  # entries D^p up to which T is restricted to a span
PRECISION = 128


@dataclass(frozen=True)
class Frame:
    """T in the coordinates v of u = B v: `tensor` is T_B.

    `basis` B and `metric`, the eigenvalues and eigenvectors of G, are None for the identity.

    `kernel` is a basis of K, rational and exact; `rank` is r.
    """

    tensor: MomentTensor
    basis: np.ndarray | None
    metric: Axes | None
    kernel: tuple[tuple[fmpq, ...], ...]

    @property
    def rank(self) -> int:
        """r, the number of directions that T sees."""
        return self.tensor.dimension

    def lift(self, v: np.ndarray) -> np.ndarray:
        """Unit vectors u (N, D) of the lines v (N, r)."""
        if self.basis is None:
            return v
        u = v @ self.basis.T
        return u / np.linalg.norm(u, axis=1, keepdims=True)


def frame(tensor: MomentTensor) -> Frame:
    """The frame of a form T ≠ 0 with p ≥ 2; milliseconds unless T has a kernel."""
    scale = _scales(tensor)
    scaled = tensor if scale is None else _scaled(tensor, scale)
    size = tensor.dimension
    unseen = kernel(tensor) if size**tensor.order <= LARGEST_DENSE else ()
    if unseen:
        # S v ⊥ K for v ⊥ S K.
        factors = np.ones(size) if scale is None else np.ldexp(1.0, scale)
        rows = np.array([[_nearest(x) for x in w] for w in unseen]) * factors
        inside = np.linalg.svd(rows / np.linalg.norm(rows, axis=1, keepdims=True))[2][len(unseen) :].T
        basis = factors[:, None] * inside
        return Frame(_restricted(scaled, inside), basis, _metric(basis), unseen)
    if scale is None:
        return Frame(tensor, None, None, ())
    basis = np.diag(np.ldexp(1.0, scale))
    return Frame(scaled, basis, _metric(basis), ())


def _nearest(x: fmpq) -> float:
    return int(x.p) / int(x.q)


def _metric(basis: np.ndarray) -> Axes | None:
    """Eigenvalues and eigenvectors of G = BᵀB, the geometric mean of the former at 1; None for the identity."""
    _, sizes, axes = np.linalg.svd(basis, full_matrices=False)
    logs = 2 * np.log(sizes)
    logs -= logs.mean()
    return None if np.abs(logs).max() < 1e-13 else (np.exp(logs), axes.T)


def followed(tensor: MomentTensor) -> int:
    """r, the number of variables in which lines of T are followed; D for a span too large to restrict T to."""
    unseen = kernel(tensor) if tensor.dimension**tensor.order <= LARGEST_DENSE else ()
    return tensor.dimension - len(unseen)


def _scales(tensor: MomentTensor) -> np.ndarray | None:
    """Exponents e (D,) of the powers of two 2^e that even out the norms of the slices; None where they are even."""
    multiple = np.array(_multinomial(tensor.exponents), dtype=float)
    used = [m for m, c in enumerate(tensor.coefficients) if c]
    powers = tensor.exponents[used].astype(float)
    size = np.array(
        [_log2(abs(tensor.coefficients[m])) for m in used]
    )  # of coefficients: multinomial factor included
    weight = np.log2(multiple[used])
    exponent = np.zeros(tensor.dimension)
    present = powers.sum(axis=0) > 0

    def slices() -> np.ndarray:
        level = 2 * (size + powers @ exponent) - weight
        top = level.max()
        return np.log2(np.maximum(np.exp2(level - top) @ powers, 1e-300)) / 2

    def uneven() -> float:
        norms = slices()[present]
        return float(norms.max() - norms.min())

    if uneven() <= math.log2(SPREAD):
        return None
    for _ in range(200):
        norms = slices()
        step = np.where(present, norms[present].mean() - norms, 0.0) / tensor.order
        exponent += step
        if np.abs(step).max() < 0.2:
            break
    return np.clip(np.round(exponent - exponent[present].mean()), -400, 400).astype(int) * present


def _log2(x: fmpq) -> float:
    numerator, denominator = int(x.p), int(x.q)
    shift = numerator.bit_length() - denominator.bit_length()
    ratio = numerator / (denominator << shift) if shift >= 0 else (numerator << -shift) / denominator
    return shift + math.log2(ratio)


def _scaled(tensor: MomentTensor, scale: np.ndarray) -> MomentTensor:
    """T(S·, …, S·) for S = diag(2^scale), exactly."""
    shifts = (tensor.exponents @ scale).tolist()
    two = fmpq(2)
    values = tuple(c * two**e for c, e in zip(tensor.coefficients, shifts, strict=True))
    return MomentTensor(tensor.order, tensor.dimension, values)


def _flattened(tensor: MomentTensor) -> tuple[np.ndarray, list[fmpq]]:
    """Where the entries of the matrix T_{β k} (β of degree p - 1, k) lie among the distinct entries of T."""
    full = monomials(tensor.dimension, tensor.order)
    base = monomials(tensor.dimension, tensor.order - 1)
    where = full.index((base.codes()[:, None] + full._weights[None, :]).ravel())
    entries = [c / m for c, m in zip(tensor.coefficients, _multinomial(full.exponents), strict=True)]
    return where.reshape(len(base.exponents), tensor.dimension), entries


def kernel(tensor: MomentTensor) -> tuple[tuple[fmpq, ...], ...]:
    """A basis of K.  Full rank modulo a prime proves K = 0 at once; otherwise exact elimination decides."""
    where, entries = _flattened(tensor)
    size = tensor.dimension
    try:
        residues = [int(e.p) % _PRIME * pow(int(e.q), -1, _PRIME) % _PRIME for e in entries]
        matrix = nmod_mat(len(where), size, [residues[m] for m in where.ravel().tolist()], _PRIME)
        if matrix.rank() == size:
            return ()
    except ValueError:  # a denominator divisible by the prime
        pass
    reduced, rank = fmpq_mat(len(where), size, [entries[m] for m in where.ravel().tolist()]).rref()
    pivots = [next(k for k in range(size) if reduced[row, k] != 0) for row in range(int(rank))]
    basis = []
    for free in (k for k in range(size) if k not in pivots):
        w = [fmpq(0)] * size
        w[free] = fmpq(1)
        for row, pivot in enumerate(pivots):
            w[pivot] = -reduced[row, free]
        basis.append(tuple(w))
    return tuple(basis)


def _restricted(tensor: MomentTensor, inside: np.ndarray) -> MomentTensor:
    """T(Q·, …, Q·) in binary64 for orthonormal columns Q (D, r)."""
    full = monomials(tensor.dimension, tensor.order)
    unit = fmpq(2) ** (-tensor.exponent2)
    entries = np.array(
        [
            _nearest(c * unit / m)
            for c, m in zip(tensor.coefficients, _multinomial(full.exponents), strict=True)
        ]
    )
    codes = np.zeros((1,) * 0, dtype=np.uint64)
    for _ in range(tensor.order):
        codes = codes[..., None] + full._weights
    dense = entries[full.index(codes.ravel())].reshape(codes.shape)
    for _ in range(tensor.order):
        dense = np.tensordot(dense, inside, axes=([0], [0]))
    small = monomials(inside.shape[1], tensor.order)
    values = []
    for row, multiple in zip(small.exponents.tolist(), _multinomial(small.exponents), strict=True):
        index = tuple(k for k, e in enumerate(row) for _ in range(e))
        values.append(float(dense[index]) * multiple)
    return MomentTensor.from_coefficients(small.exponents, values, tensor.order, inside.shape[1])


def kernel_line(w: tuple[fmpq, ...], kind: Kind) -> Orientation:
    """The certified orientation of a one-dimensional K, where P = 0."""
    with ctx.workprec(PRECISION):
        norm = arb(sum((x * x for x in w), fmpq(0))).sqrt()
        return certified_orientation([arb(x) / norm for x in w], arb(0), kind, None)
