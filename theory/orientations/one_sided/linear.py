"""p = 1, any D: all fixed orientations of G(u) = b·u + Σ w_i |u·y_i|, kinks included, face by face, exactly.

Setting.  On the relative interior of a face C (signs σ, zero set A) G is g·u, g = b + Σ σ_i w_i y_i, and C spans
L = {u : u·y_i = 0, i in A}.
Statement.
 1. u in C is critical within L iff u = ± v/‖v‖, v the projection of g onto L; then G(u) = ±‖v‖.  (dim L = 1: always;
    v = 0: G = 0 on all of C.)  Both signs are tested exactly: sgn(y_i·v) = ± σ_i for all i.
 2. Along the sphere G(cos θ u + sin θ d) = G(u) cos θ + H(d) sin θ for small θ, H(d) = Σ_A γ_i η_i + w_i |η_i|,
    η_i = y_i·d, g - v = Σ_A γ_i y_i.  So u is a strict local maximum iff no tangent d has H(d) > 0, nor H(d) = 0 unless
    G(u) > 0; a strict minimum iff none has H(d) < 0, nor H(d) = 0 unless G(u) < 0.
 3. A independent: the η_i are free, and u is fixed (0 in the projected Clarke subdifferential) iff |γ_i| <= |w_i| for
    all i in A; then H > 0 somewhere iff some w_i > 0, H < 0 iff some w_i < 0, H = 0 for some d iff |γ_i| = |w_i| for
    some i, or signs are mixed.
 4. A dependent: H is linear on the faces of the arrangement of the y_i, so its signs are those at the extreme rays.
    A critical point that is neither maximum nor minimum is proved not fixed by a d along which all adjacent gradients
    point; where none is found it is listed, not certified.
Consequence.  dim L >= 2: a maximum has G > 0, a minimum G < 0, so only rays (dim L = 1) can be dying.
Source.  condense; theory notes, section 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb, ctx, fmpq, fmpz_mat
from scipy.optimize import linprog

from theory.forms.one_sided import OneSidedForm
from theory.forms.stability import Extremum, Kind, kind_of, sign_of
from theory.orientations.one_sided.faces import faces, independent_rows
from theory.orientations.result import Orientation, certified_orientation

PRECISION = 128


@dataclass
class Polyhedral:
    """G over the integers: b, w and y times one positive rational `unit`; binary64 copies for the first test."""

    form: OneSidedForm

    @cached_property
    def unit(self) -> fmpq:
        common = math.lcm(*(int(v.q) for v in (*self.form.smooth.coefficients, *self.form.weights)))
        return fmpq(1, common)

    @cached_property
    def b(self) -> list[int]:
        return [int((c / self.unit).p) for c in self.form.smooth.coefficients]

    @cached_property
    def w(self) -> list[int]:
        return [int((c / self.unit).p) for c in self.form.weights]

    @cached_property
    def matrix(self) -> fmpz_mat:
        """The lines y_i as rows."""
        size = self.form.dimension
        return fmpz_mat(len(self.form.lines), size, [v for y in self.form.lines for v in y])

    def slope(self, signs: list[int]) -> fmpz_mat:
        """g on a face, a column."""
        size = self.form.dimension
        weighted = fmpz_mat(1, len(signs), [w * k for w, k in zip(self.w, signs, strict=True)])
        total = fmpz_mat(1, size, self.b)
        return ((weighted * self.matrix if signs else fmpz_mat(1, size)) + total).transpose()


@dataclass(frozen=True)
class Flat:
    """The subspace L = {u : u·y_i = 0, i in `on`}; projection and γ times the Gram determinant `det` > 0."""

    on: tuple[int, ...]
    basis: tuple[int, ...]
    dimension: int
    det: int
    project: fmpz_mat
    coefficients: fmpz_mat | None

    @classmethod
    def of(cls, problem: Polyhedral, on: tuple[int, ...]) -> Flat:
        size = problem.form.dimension
        lines = problem.form.lines
        basis = tuple(on[k] for k in independent_rows([lines[i] for i in on]))
        identity = fmpz_mat(size, size, [int(j == k) for j in range(size) for k in range(size)])
        if not basis:
            return cls(on, basis, size, 1, identity, None)
        rows = fmpz_mat([list(lines[i]) for i in basis])
        gram = rows * rows.transpose()
        det = int(gram.det())
        inverse = gram.inv() * det  # type: ignore[operator]  # the adjugate, with integer entries
        adjugate = fmpz_mat(len(basis), len(basis), [int(v.p) for v in inverse.entries()])
        coefficients = adjugate * rows
        project = identity * det - rows.transpose() * coefficients
        return cls(on, basis, size - len(basis), det, project, coefficients)

    @property
    def independent(self) -> bool:
        return len(self.on) == len(self.basis)

    def float_projection(self) -> np.ndarray:
        """The projection onto L, every entry correctly rounded."""
        size = self.project.nrows()
        return np.array([int(v) / self.det for v in self.project.entries()]).reshape(size, size)


def linear_faces(form: OneSidedForm) -> tuple[list[Orientation], list[str], bool, list[Orientation]]:
    """Return all fixed orientations, notes, whether that is proved, and those saddles next to which G is level to first
    order in some direction (`at_face`); cost that of the faces, see `faces`."""
    problem = Polyhedral(form)
    every = faces(list(form.lines))
    if len(independent_rows(list(form.lines))) == form.dimension:
        every = every[np.any(every != 0, axis=1)]  # the least face is the origin
    found: list[Orientation] = []
    ties: list[Orientation] = []
    dead = continua = loose = 0
    order = np.lexsort((every == 0).T)
    groups = np.flatnonzero(np.any(np.diff((every[order] == 0).astype(np.int8), axis=0) != 0, axis=1)) + 1
    for block in np.split(every[order], groups):
        on = tuple(np.flatnonzero(block[0] == 0).tolist())
        flat = Flat.of(problem, on)
        for signs in _candidates(problem, flat, block):
            points, is_flat, tied = at_face(problem, flat, signs.tolist())
            dead += is_flat and not on
            continua += is_flat and bool(on)
            found += points
            ties += [point for point in points if tied and point.kind is Kind.SADDLE]
            loose += sum(not point.certified for point in points)
    notes = []
    if dead:
        notes.append(f"{dead} open cones are dead: G and its gradient vanish, neurons in them rest")
    if continua:
        notes.append(
            f"G = 0 on {continua} faces of kinks that are continua of fixed orientations; not listed"
        )
    if loose:
        notes.append(f"{loose} points on dependent kinks are neither proved fixed nor proved not fixed")
    return found, notes, not loose and not continua and bool(found), ties


def _candidates(problem: Polyhedral, flat: Flat, block: np.ndarray) -> np.ndarray:
    """Return the sign vectors of one flat that binary64 does not refute (statement 1).

    |y_i·v| errs by less than (m + 8 D + 16) 2^-52 (‖b‖ + Σ |w_i|) for unit y_i and ‖projection‖ <= 1.
    """
    if flat.dimension == 1 or not len(problem.w):
        return block
    units, weights = problem.form.floats
    b = np.array([int(c.p) / int(c.q) for c in problem.form.smooth.coefficients])
    bound = (len(weights) + 8 * len(b) + 16) * 2.0**-52 * (np.linalg.norm(b) + np.abs(weights).sum())
    slopes = b + (block * weights) @ units
    aligned = block * (slopes @ flat.float_projection() @ units.T)
    off = block[0] != 0
    least, most = aligned[:, off].min(axis=1, initial=np.inf), aligned[:, off].max(axis=1, initial=-np.inf)
    return block[(least > -bound) | (most < bound)]


def at_face(problem: Polyhedral, flat: Flat, signs: list[int]) -> tuple[list[Orientation], bool, bool]:
    """Return the fixed orientations in the relative interior of a face, whether that is a continuum of them, and whether
    H = 0 in some direction out of it.

    A face of dimension >= 2 where G = 0 is one if it is fixed and H = 0 in no direction out of it (else it is an edge
    of such a face or of a dead cone); so is a dead cone itself.
    """
    g = problem.slope(signs)
    v = flat.project * g
    direction = [int(x) for x in v.entries()]
    level = int(any(direction))
    if not level and flat.dimension == 1:
        direction = next([int(x) for x in row] for row in flat.project.tolist() if any(row))
    sides = _alignment(signs, [int(x) for x in (problem.matrix * _column(direction)).entries()])
    if level and not sides:
        return [], False, False
    if flat.independent:
        up, down, zero, fixed = _independent(problem, flat, g)
    else:
        up, down, zero, fixed = _dependent(problem, flat, signs, g)
    if not level and (zero or flat.dimension > 1):
        return [], flat.dimension > 1 and not zero and fixed is not False, zero
    if fixed is False:
        return [], False, zero
    points = []
    for side in sides:
        extremum = _extremum(up, down, zero or flat.dimension > 1, level * side)
        with ctx.workprec(PRECISION):
            norm = arb(sum(x * x for x in direction)).sqrt()
            value = norm * (level * side) / flat.det * problem.unit
            u = [arb(side * x) / norm for x in direction]
            point = certified_orientation(u, value, *kind_of(sign_of(value), extremum))
        if fixed is None:
            point = Orientation(point.u, point.value, Kind.DEGENERATE, None, False, 2.0)
        points.append(point)
    return points, False, zero


def _extremum(up: bool, down: bool, zero: bool, level: int) -> Extremum:
    """Return the extremum at u from the signs that H takes and that of G(u) (statement 2)."""
    # zero and G = 0: the second order vanishes as well, which at_face has excluded.
    rises, falls = up or (zero and level < 0), down or (zero and level > 0)
    if rises and falls:
        return Extremum.NEITHER
    if rises or falls:
        return Extremum.MINIMUM if rises else Extremum.MAXIMUM
    return Extremum.UNDECIDED


def _column(entries: list[int]) -> fmpz_mat:
    return fmpz_mat(len(entries), 1, entries)


def _alignment(signs: list[int], along: list[int]) -> tuple[int, ...]:
    """Return the factors ±1 by which a vector with products `along` has the given signs."""
    seen = [(a > 0) - (a < 0) for a in along]
    return tuple(side for side in (1, -1) if all(a == side * k for k, a in zip(signs, seen, strict=True)))


def _independent(problem: Polyhedral, flat: Flat, g: fmpz_mat) -> tuple[bool, bool, bool, bool]:
    """Return whether H > 0, H < 0, H = 0 somewhere, and whether u is fixed (statement 3)."""
    if flat.coefficients is None:
        return False, False, False, True
    gamma = [abs(int(v)) for v in (flat.coefficients * g).entries()]
    weight = [problem.w[i] * flat.det for i in flat.on]
    pairs = list(zip(weight, gamma, strict=True))
    return (
        any(w > 0 for w in weight),
        any(w < 0 for w in weight),
        any(abs(w) == c for w, c in pairs),
        all(c <= abs(w) for w, c in pairs),
    )


def _dependent(
    problem: Polyhedral, flat: Flat, signs: list[int], g: fmpz_mat
) -> tuple[bool, bool, bool, bool | None]:
    """Return the same for dependent kinks (statement 4); None where fixed is not decided."""
    lines = [problem.form.lines[i] for i in flat.on]
    local = faces(lines)
    rows = fmpz_mat([list(y) for y in lines])
    size = problem.form.dimension
    values = []
    rank = len(flat.basis)
    for pattern in local.tolist():
        zeros = [lines[k] for k, v in enumerate(pattern) if not v]
        if not any(pattern) or len(independent_rows(zeros)) != rank - 1:
            continue
        # The ray: within the span of the lines, orthogonal to the zeros, on the side of the pattern.
        basis = fmpz_mat([list(problem.form.lines[i]) for i in flat.basis])
        if zeros:
            kernel, _ = (fmpz_mat([list(y) for y in zeros]) * basis.transpose()).nullspace()
            inner = fmpz_mat(rank, 1, [kernel[k, 0] for k in range(rank)])
        else:
            inner = fmpz_mat([[1]])
        d = basis.transpose() * inner
        eta = [int(v) for v in (rows * d).entries()]
        (turn,) = _alignment(pattern, eta)
        linear = turn * sum(int(a) * int(c) for a, c in zip(g.entries(), d.entries(), strict=True))
        values.append(linear + sum(problem.w[i] * abs(e) for i, e in zip(flat.on, eta, strict=True)))
    up, down, zero = any(v > 0 for v in values), any(v < 0 for v in values), any(v == 0 for v in values)
    if not (up and down):
        return up, down, zero, True
    gradients = []
    for pattern in local.tolist():
        if all(pattern):
            full = list(signs)
            for i, k in zip(flat.on, pattern, strict=True):
                full[i] = k
            whole = problem.slope(full)
            normal = whole * flat.det - flat.project * whole
            gradients.append([int(v) for v in normal.entries()])
    return up, down, zero, False if _common_direction(gradients, size) else None


def _common_direction(gradients: list[list[int]], size: int) -> bool:
    """Return True when some d, found in binary64 and checked exactly, has a positive product with all gradients."""
    top = max(abs(v) for row in gradients for v in row) or 1
    rows = np.array([[v / top for v in row] for row in gradients])
    # maximise t subject to rows·d >= t, |d| <= 1
    answer = linprog(
        [0.0] * size + [-1.0],
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * size + [(None, 1)],
    )
    if not answer.success:
        return False
    d = [round(v * 2**40) for v in answer.x[:size]]
    return all(sum(a * b for a, b in zip(row, d, strict=True)) > 0 for row in gradients)
