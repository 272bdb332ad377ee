"""p = 2, any D: the strict local maxima of s P on the cube, P(v) = vᵀ T v, exactly.

Statement.  Let S be the coordinates with |v_k| < 1, F the others, σ = v_F.  A strict local maximum has s T_SS negative
definite (along a null vector P would be constant), v_S = -T_SS⁻¹ T_SF σ with |v_S| < 1, and s σ_k (C σ)_k >= 0 on F, with
C = T_FF - T_FS T_SS⁻¹ T_SF; then P(v) = σᵀ C σ.  Where all (C σ)_k ≠ 0 this is sufficient.  On Z = {k : (C σ)_k = 0} it
is one iff s yᵀ C_ZZ y < 0 for all y ≠ 0 with σ_k y_k <= 0: proved by s C_ZZ negative definite, refuted by s C_kk >= 0.
Steps.  Subsets of a negative definite S are so too: S grows one index at a time.  All σ of one F are tested in binary64
with rounding bounds, and exactly where those do not decide.  F is never empty: v = 0 has no orientation.
Cost.  At most 3^D/2 vectors.  Source: condense; theory notes, section 7.

p = 1, any D: sign descent ends at ± sign(g)/√D, g = mean(s x).

Setting.  a' = sign(c g·w), w_k' = sign(a c g_k), sign(0) = 0.
Statement.  With h = g·w, ĉ = sign(c): w_k grows along sign(a) ĉ sign(g_k), so h moves at the constant rate
sign(a) ĉ ‖g‖₁ and |a| at rate 1.  Where a and ĉ h agree in sign both grow for ever; where they disagree the one
that reaches 0 first changes sign, the other does not.  Hence the final sign of a is that of
a(0) + ĉ h(0)/‖g‖₁, and w/‖w‖ -> sign(a) ĉ sign(g)/√m, m the number of g_k ≠ 0: a coordinate with g_k = 0
keeps its initial value, of order ε, while the others grow.
Source.  condense; theory notes, section 7.
"""

from __future__ import annotations

import itertools

import numpy as np
from flint import arb, ctx, fmpq, fmpq_mat

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind
from theory.orientations.result import Orientation, certified_orientation

PRECISION = 128


def quadratic_maxima(matrix: fmpq_mat, sign: int) -> tuple[list[Orientation], int]:
    """Return the strict maxima of sign·P, one of each pair ± v, and the number of degenerate points not decided."""
    form = matrix * sign
    found: list[Orientation] = []
    open_points = 0
    for sliding in _negative_definite(form):
        lines, undecided = _on_faces(form, sliding, sign)
        found += lines
        open_points += undecided
    return found, open_points


def symmetric_matrix(tensor: MomentTensor) -> fmpq_mat:
    """Return T of P(v) = vᵀ T v."""
    size = tensor.dimension
    out = fmpq_mat(size, size)
    for exponents, c in zip(tensor.exponents.tolist(), tensor.coefficients, strict=True):
        j, k = [i for i, e in enumerate(exponents) for _ in range(e)]
        out[j, k] = out[k, j] = c if j == k else c / 2
    return out


def definite(matrix: fmpq_mat) -> bool:
    """Whether a symmetric rational matrix is negative definite (Sylvester)."""
    size = matrix.nrows()
    for k in range(1, size + 1):
        minor = fmpq_mat(k, k, [matrix[i, j] for i in range(k) for j in range(k)])
        if not (-1) ** k * minor.det() > 0:
            return False
    return True


def _negative_definite(form: fmpq_mat) -> list[tuple[int, ...]]:
    """Return all index sets S, the whole excepted, with form_SS negative definite."""
    size = form.nrows()
    found: list[tuple[int, ...]] = [()]
    layer: list[tuple[int, ...]] = [()]
    while layer:
        layer = [
            (*s, k)
            for s in layer
            for k in range(s[-1] + 1 if s else 0, size)
            if len(s) + 1 < size and _minor((*s, k), form)
        ]
        found += layer
    return found


def _minor(s: tuple[int, ...], form: fmpq_mat) -> bool:
    # The leading block is negative definite already, so that one determinant decides (Sylvester).
    return bool((-1) ** len(s) * _block(form, s, s).det() > 0)


def _block(form: fmpq_mat, rows: tuple[int, ...], columns: tuple[int, ...]) -> fmpq_mat:
    return fmpq_mat(len(rows), len(columns), [form[i, j] for i in rows for j in columns])


def _on_faces(form: fmpq_mat, sliding: tuple[int, ...], sign: int) -> tuple[list[Orientation], int]:
    size = form.nrows()
    free = tuple(k for k in range(size) if k not in sliding)
    outer = _block(form, free, free)
    if sliding:
        cross = _block(form, sliding, free)
        response = _block(form, sliding, sliding).solve(cross)
        outer = outer - cross.transpose() * response
    else:
        response = fmpq_mat(0, len(free))
    patterns = np.array(
        [(1, *rest) for rest in itertools.product((1, -1), repeat=len(free) - 1)], dtype=float
    )
    slope, slope_error = _products(outer, patterns)
    inner, inner_error = _products(response, patterns)
    refuted = np.any(patterns * slope < -slope_error, axis=1) | np.any(
        np.abs(inner) - 1 > inner_error, axis=1
    )
    found: list[Orientation] = []
    undecided = 0
    for pattern in patterns[~refuted]:
        sigma = [int(v) for v in pattern]
        verdict = _exactly(outer, response, sigma)
        undecided += verdict is None
        if verdict:
            found.append(_orientation(outer, response, free, sliding, sigma, sign))
    return found, undecided


def _products(matrix: fmpq_mat, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return matrix·σ for every pattern and a bound of its error: f + 1 roundings of Σ |entries|."""
    rows, columns = matrix.nrows(), matrix.ncols()
    floats = np.array([int(v.p) / int(v.q) for v in matrix.entries()]).reshape(rows, columns)
    return patterns @ floats.T, (columns + 2) * 2.0**-52 * np.abs(floats).sum(axis=1)


def _exactly(outer: fmpq_mat, response: fmpq_mat, sigma: list[int]) -> bool | None:
    """Return whether the point is a strict maximum; None where it is degenerate and not decided."""
    column = fmpq_mat(len(sigma), 1, [fmpq(v) for v in sigma])
    slope = [v * k for v, k in zip((outer * column).entries(), sigma, strict=True)]
    inner = (response * column).entries() if response.nrows() else []
    if any(v < 0 for v in slope) or not all(abs(v) < 1 for v in inner):
        return False
    zero = tuple(k for k, v in enumerate(slope) if v == 0)
    if not zero or definite(_block(outer, zero, zero)):
        return any(v > 0 for v in slope)
    return False if any(outer[k, k] >= 0 for k in zero) else None


def _orientation(
    outer: fmpq_mat,
    response: fmpq_mat,
    free: tuple[int, ...],
    sliding: tuple[int, ...],
    sigma: list[int],
    sign: int,
) -> Orientation:
    column = fmpq_mat(len(sigma), 1, [fmpq(v) for v in sigma])
    v = [fmpq(0)] * (len(free) + len(sliding))
    for k, value in zip(free, sigma, strict=True):
        v[k] = fmpq(value)
    if sliding:
        for k, value in zip(sliding, (response * column).entries(), strict=True):
            v[k] = -value
    height = (column.transpose() * outer * column)[0, 0] * sign
    square = sum((x * x for x in v), fmpq(0))
    with ctx.workprec(PRECISION):
        norm = arb(square).sqrt()
        return certified_orientation([arb(x) / norm for x in v], arb(height / square), Kind.ATTRACTOR, sign)


_LINEAR_PRECISION = 128


def cube_linear(tensor: MomentTensor) -> tuple[list[Orientation], list[str]]:
    """Return the one line of sign descent for p = 1 and notes; no line for g = 0."""
    g = tensor.coefficients
    signs = [(v > 0) - (v < 0) for v in g]
    moving = sum(abs(v) for v in signs)
    if not moving:
        return [], ["T = 0: no neuron moves at this order"]
    with ctx.workprec(_LINEAR_PRECISION):
        norm = arb(moving).sqrt()
        value = sum((arb(abs(v)) for v in g), arb(0)) / norm
        line = certified_orientation([v / norm for v in signs], value, Kind.ATTRACTOR, 1)
    notes = []
    if moving < len(g):
        still = ", ".join(str(k) for k, v in enumerate(signs) if not v)
        notes.append(
            f"coordinates {still} of the gradient are exactly 0: they keep their initial size ε and vanish from the "
            "orientation"
        )
    return [line], notes


def linear_sign_destinations(
    tensor: MomentTensor, coefficient: float, a0: np.ndarray, w0: np.ndarray
) -> np.ndarray:
    """Return the final orientations (N, D) of neurons a0 (N,), w0 (N, D) under sign descent with p = 1.

    Zero rows: neurons on the boundary between the two ends.  Raises TheoryError for p ≠ 1, c = 0 or g = 0.
    """
    if tensor.order != 1 or tensor.is_zero or coefficient == 0:
        raise TheoryError("sign descent in closed form needs p = 1, c ≠ 0 and mean(s x) ≠ 0")
    g = np.sign(coefficient) * tensor.gradient(np.zeros(tensor.dimension))
    final = np.sign(np.asarray(a0) + np.asarray(w0) @ g / np.abs(g).sum())
    ends = np.sign(g) / np.sqrt(np.count_nonzero(g))
    return final[:, None] * ends
