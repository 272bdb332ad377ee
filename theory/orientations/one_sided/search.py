"""Too many cells: extrema of a one-sided G from random starts, each verified exactly, completeness not claimed.

p = 1: the exact flow of straight lines (theory.flows.one_sided) with a that never vanishes ends on a face, on which the
extremum is computed and proved as in `linear`.  p >= 2: a Newton ascent with the form of the current cell, then a
certificate for that form and a proof that it lies in the cell (`cells`).
"""

from __future__ import annotations

import numpy as np

from theory.flows.one_sided import OneSidedFate, PolyhedralFlow
from theory.forms.one_sided import OneSidedForm
from theory.forms.stability import Kind
from theory.orientations.one_sided.cells import certified_in_cell
from theory.orientations.one_sided.linear import Flat, Polyhedral, at_face
from theory.orientations.result import Orientation
from theory.orientations.tensor.search import CONVERGED, random_units

STARTS = 400  # up and as many down; half of them for p = 1, whose flow costs milliseconds a start


def multistart(
    form: OneSidedForm, seed: int, starts: int | None = None
) -> tuple[list[Orientation], list[str]]:
    """Return the extrema that `starts` uniform starts up and as many down end at, and notes."""
    starts = starts or (STARTS // 2 if form.order == 1 else STARTS)
    generator = np.random.default_rng(seed)
    ends = _faces_met if form.order == 1 else _cells_met
    found: dict[tuple[float, ...], Orientation] = {}
    hits: dict[tuple[float, ...], int] = {}
    lost = 0
    for sign in (1, -1):
        points, failed = ends(form, random_units(starts, form.dimension, generator), sign)
        lost += failed
        for point in points:
            found[point.u] = point
            hits[point.u] = hits.get(point.u, 0) + 1
    once = sum(count == 1 for count in hits.values())
    total = max(1, sum(hits.values()))
    notes = [
        f"too many cells to list: {2 * starts} random starts, each extremum verified exactly; saddles are not searched",
        f"estimated share of starts that lead to unseen extrema: {once / total:.2g} (Good and Turing: {once} of {total} "
        "hits were the only one)",
    ]
    if lost:
        notes.append(f"{lost} starts end in a dead cone or at a point that was not verified")
    return list(found.values()), notes


def _faces_met(form: OneSidedForm, u: np.ndarray, sign: int) -> tuple[list[Orientation], int]:
    flow, problem = PolyhedralFlow.of(form), Polyhedral(form)
    known: dict[bytes, list[Orientation]] = {}
    out: list[Orientation] = []
    lost = 0
    for w in u:
        fate, leg = flow.end(w, sign, -np.inf, 100 * (len(form.lines) + form.dimension))
        if fate not in (OneSidedFate.GROWS, OneSidedFate.DIES):
            lost += 1
            continue
        key = leg.signs.astype(np.int8).tobytes()
        if key not in known:
            flat = Flat.of(problem, tuple(np.flatnonzero(leg.signs == 0).tolist()))
            known[key] = at_face(problem, flat, [int(v) for v in leg.signs])[0]
        verified = [o for o in known[key] if o.kind in (Kind.ATTRACTOR, Kind.DYING) and o.neuron_sign == sign]
        out += verified
        lost += not verified
    return out, lost


def _cells_met(form: OneSidedForm, u: np.ndarray, sign: int) -> tuple[list[Orientation], int]:
    ends = ascent(form, u, sign)
    known: list[tuple[np.ndarray, Orientation | None]] = []
    out: list[Orientation] = []
    lost = len(u) - len(ends)
    for end in ends:
        near = next((k for k, (at, _) in enumerate(known) if np.linalg.norm(at - end) < 1e-7), len(known))
        if near == len(known):
            known.append((end, certified_in_cell(form, end)))
        match = known[near][1]
        if match and match.kind in (Kind.ATTRACTOR, Kind.DYING) and match.neuron_sign == sign:
            out.append(match)
        else:
            lost += 1
    return out, lost


def ascent(form: OneSidedForm, u: np.ndarray, sign: int, steps: int = 300) -> np.ndarray:
    """Return the starts u (N, D) moved up sign·G by damped Newton steps with |M| in place of -M, those that converged.

    A step that does not climb is halved; across a kink the next step uses the form of the new cell.
    """
    units, weights = form.floats
    p = form.order
    scale = np.abs(weights).sum() + form.smooth.frobenius_bound * 2.0**form.smooth.exponent2
    identity = np.eye(form.dimension)
    length = np.full(len(u), 0.3)
    value = form.value(u)
    for _ in range(steps):
        slope = form.gradient(u)
        residual = slope - value[:, None] * u
        if np.all(np.linalg.norm(residual, axis=1) < CONVERGED * scale):
            break
        dots = u @ units.T
        kinked = np.einsum("ni,ij,ik->njk", np.sign(dots) * dots ** (p - 2) * weights, units, units)
        hessian = form.smooth.hessian(u) + kinked
        projector = identity - u[:, :, None] * u[:, None, :]
        matrix = projector @ ((p - 1) * hessian - value[:, None, None] * identity) @ projector
        eigenvalues, vectors = np.linalg.eigh(matrix)
        curve = np.maximum(
            np.abs(eigenvalues), 1e-3 * np.abs(eigenvalues).max(axis=1, keepdims=True) + 1e-300
        )
        along = np.einsum("njk,nj->nk", vectors, sign * residual) / curve
        step = np.einsum("njk,nk->nj", vectors, along)
        norm = np.linalg.norm(step, axis=1)
        trial = u + step * np.minimum(1.0, length / np.maximum(norm, 1e-300))[:, None]
        trial /= np.linalg.norm(trial, axis=1, keepdims=True)
        new = form.value(trial)
        better = sign * (new - value) >= -4e-16 * scale
        u, value = np.where(better[:, None], trial, u), np.where(better, new, value)
        length = np.where(better, np.minimum(2 * length, 0.3), np.minimum(length, norm) / 2)
    residual = form.gradient(u) - form.value(u)[:, None] * u
    live = np.abs(form.value(u)) > 1e-12 * scale
    return u[live & (np.linalg.norm(residual, axis=1) < CONVERGED * scale)]
