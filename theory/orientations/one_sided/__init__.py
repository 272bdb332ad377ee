"""The fixed and extremal orientations of a one-sided (ReLU-like) activation, kinks included.

Setting.     G(u) = mean(s σ_p(u·x)), σ_p(z) = c₊ z^p (z > 0), c₋ (-z)^p (z < 0); a' = G(w), w' = a ∂G(w) (Clarke's
             subdifferential where p = 1), so that u climbs sign(a) G on the sphere and slides where a kink is sharp.
Statement.   u is fixed iff 0 lies in the projected subdifferential of G.  Kinds, with the coefficient absorbed in G
             (c = 1), so `neuron_sign` is the sign of a itself:
                 strict local maximum, G > 0:  attractor, collects a > 0     G < 0:  dying, collects a > 0
                 strict local minimum, G < 0:  attractor, collects a < 0     G > 0:  dying, collects a < 0
             G is not symmetric: -u is listed only where it is fixed itself.  Where G and its gradient vanish on an open
             cone (dead) nothing moves; such cones are described in `notes`, their points and edges not listed.
Method.      D = 2: `planar`, exact and complete.  D >= 3, up to `max_cells`: p = 1 face by face (`linear`), exact and
             complete, p >= 2 cell by cell (`cells`).  Above: `search`, each hit verified.  p = 1: saddles into which an
             open set of neurons flows are named (`open_saddles`).
Source.      Maennel, Bousquet, Gelly 2018 (ReLU, p = 1); theory notes, section 4."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, ctx, fmpq

from theory.forms.one_sided import OneSidedForm, one_sided_form
from theory.forms.stability import Extremum, kind_of, sign_of
from theory.formula.activation import Activation
from theory.orientations.one_sided.cells import smooth_cells
from theory.orientations.one_sided.faces import cell_count, face_count
from theory.orientations.one_sided.linear import linear_faces
from theory.orientations.one_sided.open_saddles import open_saddles
from theory.orientations.one_sided.planar import plane
from theory.orientations.one_sided.search import multistart
from theory.orientations.result import Method, Orientation, OrientationSet, certified_orientation, ranked
from theory.orientations.tensor import find_orientations, generic_lines

CELL_COST = 100  # solving and certifying one complex line of a cell costs as much as testing this many faces


def find_extremal_orientations(
    x: np.ndarray,
    s: np.ndarray,
    sigma: Activation | str | tuple,
    *,
    bias: bool = True,
    seed: int = 0,
    max_cells: int = 100_000,
) -> OrientationSet:
    """Return the fixed and extremal orientations of G(u) = mean(s σ_p(u·x)).

    x (n, D) with the bias column last if `bias`, which is only passed on; s (n,) the signal; floats are taken as exact.
    `sigma` is an Activation, its text or (p, c₊, c₋).  `lines_found` counts rays, u and -u apart, `lines_expected`
    is None; `complete` True proves that every fixed orientation outside the cones of constant G is listed.
    """
    form, note = one_sided_form(x, s, sigma)
    notes = [note] if note else []
    ties: list[Orientation] = []
    if form.dimension == 1:
        found, complete = _two_points(form), True
        method_notes: list[str] = []
    elif form.dimension == 2:
        fixed, method_notes, flat = plane(form)
        found = [f.orientation for f in fixed]
        complete = bool(found) or bool(flat and flat[0].start != flat[0].end)
        if form.order == 1:
            # On the circle every fixed orientation that is no extremum is one from one side.
            ties = [f.orientation for f in fixed if f.before == f.after and f.orientation.value]
    elif not form.lines:
        return _smooth(form, tuple(notes), bias, seed)
    elif form.order == 1 and _faces(form) <= max_cells:
        found, method_notes, complete, ties = linear_faces(form)
    elif form.order > 1 and _cells(form) * CELL_COST * generic_lines(form.order, form.dimension) <= max_cells:
        found, method_notes, complete = smooth_cells(form, seed)
    else:
        found, method_notes = multistart(form, seed)
        complete = False
    collecting, said = open_saddles(form, ties, seed)
    return OrientationSet(
        multiplicity=form.order,
        dimension=form.dimension,
        bias=bias,
        bound_2p=2 * form.order,
        lines_expected=None,
        lines_found=len(found),
        complete=complete,
        method=Method.ONE_SIDED,
        notes=(*notes, *method_notes, *said),
        orientations=ranked(found),
        open_saddles=collecting,
        seed=seed,
    )


def _faces(form: OneSidedForm) -> int:
    return face_count(len(form.lines), form.dimension)


def _cells(form: OneSidedForm) -> int:
    return cell_count(len(form.lines), form.dimension)


def _smooth(form: OneSidedForm, notes: tuple[str, ...], bias: bool, seed: int) -> OrientationSet:
    """No kink is left: G is a form, and find_orientations lists all it has."""
    found = find_orientations(form.smooth, bias=bias, seed=seed)
    why = "G has no kink: it is the form T u^p, solved as such"
    return replace(
        found,
        lines_expected=None,
        lines_found=len(found.orientations),
        method=Method.ONE_SIDED,
        notes=(*notes, why, *found.notes),
    )


def _two_points(form: OneSidedForm) -> list[Orientation]:
    """D = 1: the sphere is two isolated points."""
    out = []
    for u in (1, -1):
        value = form.smooth.coefficients[0] * u**form.order
        value += sum((w * u ** (form.order + 1) for w in form.weights), fmpq(0))
        with ctx.workprec(128):
            ball = arb(value)
            out.append(certified_orientation([arb(u)], ball, *kind_of(sign_of(ball), Extremum.BOTH)))
    return out
