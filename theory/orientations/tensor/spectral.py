"""p = 2, any D: the fixed orientations are the eigenvectors of a symmetric matrix, with certified enclosures.

Setting.  P(u) = uᵀ T u, T symmetric and rational.  Fixed: T u = P(u) u.
Statement.  Simple eigenvalues give one line each, D in all; an eigenvalue of multiplicity m gives a whole
sphere S^{m-1} of fixed orientations.  The largest and the smallest eigenvalue are the maximum and minimum of
P.
Steps.
 1. Q: binary64 eigenvectors, refined by Q <- Q (I + E), E_jk = X_jk/(X_kk - X_jj), X = Q⁻¹ T Q, at high
 precision.
 2. X in balls is similar to T, so by Gershgorin a disc apart from the others holds exactly one eigenvalue.
 3. ε = ‖T q - X_kk q‖/‖q‖ and the gap g to the other discs give sin∠(q, eigenvector) ≤ ε/g (Davis and Kahan
    1970; here the residual form for one vector of a symmetric matrix), hence ‖u - q/‖q‖‖ ≤ √2 ε/g.
 4. Discs that do not separate: the number of distinct eigenvalues, exact from the square-free part of the
    characteristic polynomial, says whether they are equal (a continuum) or need more precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import acb_mat, arb, arb_mat, ctx, fmpq_mat, fmpq_poly

from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Extremum, kind_of, sign_of
from theory.orientations.result import (
    Continuum,
    Method,
    Orientation,
    OrientationSet,
    both_sides,
    certified_orientation,
    nearest_float,
    whole_sphere,
)

PRECISIONS = (128, 256, 512, 1024)


@dataclass
class _Exact:
    """What only exact arithmetic can say of T; computed when asked for."""

    matrix: fmpq_mat

    @cached_property
    def characteristic(self) -> fmpq_poly:
        return self.matrix.charpoly()

    @cached_property
    def distinct(self) -> int:
        """The number of distinct eigenvalues."""
        chi = self.characteristic
        return int(chi.degree()) - int(chi.gcd(chi.derivative()).degree())

    @cached_property
    def singular(self) -> bool:
        return self.characteristic[0] == 0


def spectral(tensor: MomentTensor, *, bias: bool, seed: int = 0) -> OrientationSet:
    """Return all eigenlines of T with certified enclosures; cost O(D³) ball operations."""
    size = tensor.dimension
    exact = _Exact(_matrix(tensor))
    lines: list[Orientation] = []
    notes: list[str] = []
    continua: list[Continuum] = []
    if tensor.is_zero:
        continua.append(whole_sphere(size))
        notes.append(
            "T = 0: every orientation is fixed (a continuum, the whole sphere); the next order decides"
        )
    else:
        for precision in PRECISIONS:
            with ctx.workprec(precision):
                found = _eigenlines(exact, precision)
            if found is not None:
                lines, notes, continua = found
                break
        else:
            notes.append(f"eigenvalues closer than {PRECISIONS[-1]} bits resolve: nothing is proved about T")
    return OrientationSet(
        multiplicity=2,
        dimension=size,
        bias=bias,
        bound_2p=4,
        lines_expected=size,
        lines_found=len(lines),
        complete=len(lines) == size,
        method=Method.SPECTRAL,
        notes=tuple(notes),
        orientations=both_sides(lines, 2),
        seed=seed,
        continua=tuple(continua),
    )


def _matrix(tensor: MomentTensor) -> fmpq_mat:
    size = tensor.dimension
    out = fmpq_mat(size, size)
    for exponents, c in zip(tensor.exponents.tolist(), tensor.coefficients, strict=True):
        j, *rest = [k for k, e in enumerate(exponents) if e]
        if rest:
            out[j, rest[0]] = out[rest[0], j] = c / 2
        else:
            out[j, j] = c
    return out


def _eigenlines(exact: _Exact, precision: int) -> tuple[list[Orientation], list[str], list[Continuum]] | None:
    """Return the certified lines, notes and continua, or None when the precision does not suffice."""
    size = exact.matrix.nrows()
    matrix = arb_mat(exact.matrix)
    vectors = _refined(matrix, _start(exact, matrix, precision), precision)
    try:
        similar = vectors.solve(matrix * vectors)
    except ZeroDivisionError:
        return None
    discs = []
    for j in range(size):
        radius = sum((similar[j, k].abs_upper() for k in range(size) if k != j), arb(0))
        discs.append(similar[j, j] + arb(0, radius))
    order = sorted(range(size), key=lambda j: float(discs[j].mid()))
    groups: list[list[int]] = []
    reach = arb(0)
    for j in order:
        if groups and not discs[j].lower() > reach:
            groups[-1].append(j)
            reach = reach.max(discs[j].upper())
        else:
            groups.append([j])
            reach = discs[j].upper()
    if len(groups) < size and exact.distinct != len(groups):
        return None  # some discs overlap that belong to different eigenvalues
    hulls = [_hull([discs[j] for j in group]) for group in groups]
    zero = [h.contains(0) for h in hulls]
    if any(zero) and not (exact.singular and sum(zero) == 1):
        return None
    lines, notes, continua = [], [], []
    for g, (group, hull) in enumerate(zip(groups, hulls, strict=True)):
        value = arb(0) if zero[g] else hull
        below, above = g > 0, g + 1 < len(groups)
        if below == above:
            extremum = Extremum.NEITHER if below else Extremum.UNDECIDED
        else:
            extremum = Extremum.MAXIMUM if below else Extremum.MINIMUM
        if len(group) > 1:
            kind, _ = kind_of(sign_of(value), extremum)
            number = nearest_float(value)
            continua.append(Continuum(len(group) - 1, kind, number, True, _span(vectors, group)))
            notes.append(
                f"eigenvalue {nearest_float(value):.10g} has multiplicity {len(group)}: its unit vectors, a "
                f"sphere of dimension {len(group) - 1}, are a continuum of fixed orientations"
                + (f", {kind.value} as a whole" if len(groups) > 1 else ", all there are")
            )
            continue
        gap = min((_distance(hull, other) for k, other in enumerate(hulls) if k != g), default=arb(1))
        u = _eigenvector(matrix, vectors, group[0], similar[group[0], group[0]], gap)
        lines.append(certified_orientation(u, value, *kind_of(sign_of(value), extremum)))
    return lines, notes, continua


def _start(exact: _Exact, matrix: arb_mat, precision: int) -> arb_mat:
    """Return approximate eigenvectors: binary64's, or Arb's where those cannot be told apart."""
    if precision > PRECISIONS[0] and exact.distinct == matrix.nrows():
        vectors = acb_mat(matrix).eig(left=False, right=True, algorithm="approx")[1]  # type: ignore[misc]
        return arb_mat([[entry.real.mid() for entry in row] for row in acb_mat(vectors).tolist()])
    top = max((abs(x) for x in matrix.entries()), key=lambda x: float(x.mid()) if x.is_finite() else 0.0)
    scaled = matrix / top.mid()
    floats = np.array([[float(x.mid()) for x in row] for row in scaled.tolist()])
    return arb_mat(np.linalg.eigh(floats)[1].tolist())


def _refined(matrix: arb_mat, vectors: arb_mat, precision: int) -> arb_mat:
    """Return eigenvectors refined to about `precision` bits; a heuristic, proved by what follows."""
    size = matrix.nrows()
    for _ in range(precision.bit_length()):
        try:
            similar = vectors.solve(matrix * vectors).mid()
        except ZeroDivisionError:
            return vectors
        diagonal = [similar[j, j] for j in range(size)]
        scale = max((abs(d) for d in diagonal), key=float)
        close = scale * arb(2) ** -40
        step = arb_mat(size, size)
        largest = arb(0)
        for j in range(size):
            for k in range(size):
                gap = diagonal[k] - diagonal[j]
                if j != k and abs(gap) > close:
                    step[j, k] = similar[j, k] / gap
                    largest = largest.max(abs(step[j, k]))
            step[j, j] = 1
        if not largest.mid() > arb(2) ** (16 - precision):
            break
        vectors = (vectors * step).mid()
    return vectors


def _span(vectors: arb_mat, group: list[int]) -> tuple[tuple[float, ...], ...]:
    """Orthonormal rows that span the eigenvectors of one eigenvalue, to the rounding of binary64."""
    rows = np.array([[float(vectors[j, k].mid()) for j in range(vectors.nrows())] for k in group])
    return tuple(tuple(row) for row in np.linalg.qr(rows.T)[0].T.tolist())


def _hull(balls: list[arb]) -> arb:
    out = balls[0]
    for ball in balls[1:]:
        out = out.union(ball)
    return out


def _distance(a: arb, b: arb) -> arb:
    """Return a lower bound of the distance of two disjoint balls."""
    return abs(a - b).lower()


def _eigenvector(matrix: arb_mat, vectors: arb_mat, column: int, value: arb, gap: arb) -> list[arb]:
    """Return a ball around the unit eigenvector near one column (step 3)."""
    size = matrix.nrows()
    q = arb_mat(size, 1, [vectors[j, column] for j in range(size)])
    residual = matrix * q - q * value.mid()
    norm = sum((x * x for x in q.entries()), arb(0)).sqrt()
    # X_kk lies in the disc's hull, from which `gap` is measured.
    epsilon = sum((x.abs_upper() ** 2 for x in residual.entries()), arb(0)).sqrt() / norm
    error = (arb(2).sqrt() * epsilon / gap).abs_upper()
    return [x / norm + arb(0, error) for x in q.entries()]
