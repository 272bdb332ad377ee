"""p >= 2, D >= 3: in each cell of kinks G is a form T_σ u^p; its fixed orientations that lie in the cell.

Statement.  G has p - 1 continuous derivatives, so u off the kinks is fixed iff T_σ u^{p-1} = G(u) u with σ the signs at u,
and its kind is that of T_σ.  A fixed orientation on a kink is one of both neighbouring forms, exactly; for data in general
position there is none, and where balls cannot exclude one the search is not called complete.
A form that depends on ρ <= 2 < D variables only (few active samples) has a kernel N on which it rests; its orientations are
the samples' line for ρ = 1 and, for ρ = 2, the roots on the plane N^⊥ = span(d, e) of f(λ) = ‖u‖² V' - p (u·e) V,
V(λ) = T u^p, u = d + λ e.  Nothing else in the cell is fixed where some y_i in N^⊥ keeps N out and V has simple roots.
Cost.  One enumeration a cell: O(m^{D-1}) cells.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq, fmpq_poly, fmpz_mat

from theory.forms.certificate import certify_ball
from theory.forms.moment_tensor import MomentTensor
from theory.forms.one_sided import OneSidedForm
from theory.forms.stability import classify
from theory.orientations.one_sided.faces import faces, independent_rows
from theory.orientations.result import Orientation, certified_orientation
from theory.orientations.tensor import find_orientations

PRECISION = 128
NEAR = 1e-13  # products of unit vectors, both correctly rounded, err by a few 2^-53 √D


def smooth_cells(form: OneSidedForm, seed: int) -> tuple[list[Orientation], list[str], bool]:
    """Return the fixed orientations in all open cells, notes, and whether nothing can be missing."""
    found: list[Orientation] = []
    dead = open_cells = near = 0
    every = faces(list(form.lines))
    for signs in every[np.all(every != 0, axis=1)].tolist():
        tensor = form.tensor(signs)
        if tensor.is_zero:
            dead += 1
            continue
        points, whole, unclear = _of_cell(form, tensor, signs, seed)
        found += points
        near += unclear
        open_cells += not whole
    notes = [f"{dead} open cones are dead: G and its gradient vanish, neurons in them rest"] if dead else []
    if open_cells:
        notes.append(f"in {open_cells} cells the form's own orientations are not proved complete")
    if near:
        notes.append(f"{near} fixed orientations are not proved to be off a kink; not listed")
    return found, notes, not open_cells and not near and bool(found)


def _of_cell(
    form: OneSidedForm, tensor: MomentTensor, signs: list[int], seed: int
) -> tuple[list[Orientation], bool, int]:
    """Return what is fixed in a cell, whether that is proved complete, and how many lie too near a kink to say."""
    basis, kernel = _essential(tensor)
    # Some kink's normal is orthogonal to N, so that N is on this kink and not in the open cell.
    apart = any(not any(sum(a * b for a, b in zip(y, v, strict=True)) for v in kernel) for y in form.lines)
    if len(basis) > 2 or not len(kernel):
        inside = find_orientations(tensor, seed=seed)
        points, whole = list(inside.orientations), inside.complete
        if kernel and apart and tensor.order == 2:
            # N is the eigenspace of 0, orthogonal to the other eigenvectors, one line each if N accounts for the rest.
            null = np.array([_unit([arb(x) for x in v]) for v in kernel])
            points = [o for o in points if np.linalg.norm(null @ np.array(o.u)) < 0.5]
            whole = len(points) == 2 * len(basis)
        where = [_in_cell(form, o, signs) for o in points]
        return [o for o, at in zip(points, where, strict=True) if at], whole, where.count(None)
    lines, simple = _plane_lines(tensor, basis)
    found, unclear = [], 0
    for u in lines:
        for side in (1.0, -1.0):
            least = float((form.floats[0] @ (side * u) * signs).min())
            if least > -NEAR:  # u is correctly rounded: below, it is outside
                point = certified_in_cell(form, side * u) if least > 0 else None
                found += [point] if point else []
                unclear += point is None
    return found, apart and simple, unclear


def _essential(tensor: MomentTensor) -> tuple[list[list[int]], list[list[int]]]:
    """Return integer bases of N^⊥ and of N = {v : ∂_v P = 0}."""
    size = tensor.dimension
    columns: dict[tuple[int, ...], list[fmpq]] = {}
    for row, c in zip(tensor.exponents.tolist(), tensor.coefficients, strict=True):
        for k, degree in enumerate(row):
            if degree and c:
                lower = tuple(e - (j == k) for j, e in enumerate(row))
                columns.setdefault(lower, [fmpq(0)] * size)[k] += c * degree
    common = math.lcm(*(int(v.q) for column in columns.values() for v in column))
    whole = fmpz_mat([[int(v.p) * (common // int(v.q)) for v in column] for column in columns.values()])
    kernel, nullity = whole.nullspace()
    rows = [[int(v) for v in row] for row in whole.tolist()]
    basis = [[v // math.gcd(*rows[i]) for v in rows[i]] for i in independent_rows(rows)]
    return basis, [[int(kernel[j, k]) for j in range(size)] for k in range(nullity)]


def _plane_lines(tensor: MomentTensor, basis: list[list[int]]) -> tuple[list[np.ndarray], bool]:
    """Return all fixed lines in the span of one or two vectors, in binary64, and whether V has simple roots."""
    if len(basis) == 1:
        return [_unit([arb(v) for v in basis[0]])], True
    d, e = basis
    value: Any = tensor.evaluate_exact([fmpq_poly([a, b]) for a, b in zip(d, e, strict=True)])
    dot = [sum(a * b for a, b in zip(one, two, strict=True)) for one, two in ((d, d), (d, e), (e, e))]
    square, along = fmpq_poly([dot[0], 2 * dot[1], dot[2]]), fmpq_poly([dot[1], dot[2]])
    slope = square * value.derivative() - along * value * tensor.order
    lines = [_unit([arb(v) for v in e])] if slope.degree() < tensor.order else []
    simple = tensor.order - value.degree() < 2 and value.gcd(value.derivative()).degree() <= 0 and slope != 0
    if slope != 0:
        free = slope.numer() // slope.numer().gcd(slope.numer().derivative())
        with ctx.workprec(PRECISION):
            for root, _ in free.complex_roots():  # type: ignore[misc]
                if root.imag.is_zero():
                    lines.append(_unit([a + root.real * b for a, b in zip(d, e, strict=True)]))
    return lines, simple


def _unit(u: list[arb]) -> np.ndarray:
    norm = sum((v * v for v in u), arb(0)).sqrt()
    return np.array([float((v / norm).mid()) for v in u])


def _in_cell(form: OneSidedForm, o: Orientation, signs: list[int]) -> bool | None:
    """Return whether the exact orientation near o is in the open cell; None where balls do not say."""
    decided = True
    with ctx.workprec(PRECISION):
        for line, sign in zip(form.lines, signs, strict=True):
            dot = sum((arb(u) * y for u, y in zip(o.u, line, strict=True)), arb(0)) * sign
            reach = arb(o.radius) * arb(sum(y * y for y in line)).sqrt()
            if dot < -reach:
                return False
            decided = decided and bool(dot > reach)
    return True if decided else None


def certified_in_cell(form: OneSidedForm, u: np.ndarray) -> Orientation | None:
    """Return the certified orientation near u (D,) if it is one of the form of u's own cell, else None."""
    units, _ = form.floats
    signs = [int(v) for v in np.sign(units @ u)]
    if not all(signs):
        return None
    tensor = form.tensor(signs)
    for precision in (128, 256):
        enclosure = certify_ball(tensor, u, precision)
        if enclosure is None:
            continue
        with ctx.workprec(precision):
            ball = enclosure.unit()
            if sum((a * float(b) for a, b in zip(ball, u, strict=True)), arb(0)) < 0:
                ball = [-a for a in ball]
            kind, sign, value = classify(tensor, ball, precision)
            point = certified_orientation(ball, value, kind, sign)
        return point if _in_cell(form, point, signs) else None
    return None
