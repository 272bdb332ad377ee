"""Where sign descent takes neurons: the strict local maxima of |P| on the cube ‖v‖∞ <= 1.

Setting.     a' = sign(c P(w)), w_k' = sign(a c ∂_k P(w)), P(w) = T w^p, sign(0) = [-1, 1] (Filippov).
Statement.   Put v = w/(t + t0), α = a/(t + t0), t0 >= ‖(a, w)(0)‖∞, λ = log(t + t0).  Then
                 d(α, v)/dλ ∈ argmax {⟨∇H(α, v), x⟩ : x ∈ [-1, 1]^{D+1}} - (α, v),     H = c α P(v):
             continuous Frank and Wolfe ascent of H on the cube.  H rises at the rate ‖∇H‖₁ - ⟨∇H, (α, v)⟩ >= 0, which
             vanishes exactly at the points that satisfy the first-order conditions.  So, among isolated ones, those that
             attract are the strict local maxima of H, and these are α = ±1 = sign(c P(v)), v a strict local maximum of
             |P| on ‖v‖∞ <= 1 with P(v) ≠ 0.  Orientation u = v/‖v‖, neuron_sign = sign P(v): all of them grow.
Conditions.  With s = sign P(v), S the sliding coordinates |v_k| < 1: s v_k (T v^{p-1})_k > 0 off S, (T v^{p-1})_S = 0,
             s (T v^{p-2})_SS negative definite.  These are sufficient; a strict maximum that fails them is degenerate.
Steps.       1. H is linear in α, so a maximum has α = ±1 and then is one of sign(α c) P(v).
             2. First-order points obey s P(v) = Σ_{k off S} |(T v^{p-1})_k| >= 0, so a maximum with P(v) = 0 could only
                be v = 0: neurons of sign s then lose w in finite time where s c P < 0 around 0 (dead, no orientation).
Limits.      Exact sign dynamics: neither momentum nor Adam's epsilon (see adam_follows).  A coordinate of which P is
             independent keeps its initial size and vanishes from the orientation.
Source.      condense; theory notes, section 7.

When Adam follows sign descent, and when not: the numbers, before any training.

Setting.  Small weights ε N(0, 1); Adam's step for a steady gradient g is lr g/(|g| + eps) entry by entry.
Statement.  Per neuron g_k = p c a (T w^{p-1})_k ~ ε^p.  With κ_k = |g_k|/eps the step is lr sgn(g_k) κ_k/(κ_k + 1), of
cosine Σ q/(√D ‖q‖), q = κ/(κ + 1), to sign descent: 1 for κ ≫ 1, that of the gradient for κ ≪ 1.  Further lr ≪ ε,
or the first steps overwrite the initial direction; and for p >= 2 the gradient must change little within Adam's memory
1/(1 - β₂): by the factor 1 + p lr/((1 - β₂) ε), for w moves by lr a step (p = 1: sgn(g) does not change at all).
Limits.  The start only: along the path gradients grow.  Thresholds: cosine 0.99 (8 degrees), lr/ε 0.1, memory 1.
Source.  condense; theory notes, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.orientations.cube.boxes import box_maxima, face_work
from theory.orientations.cube.certify import FacePoint, orientation_of
from theory.orientations.cube.quadratic import cube_linear, definite, quadratic_maxima, symmetric_matrix
from theory.orientations.cube.search import STARTS, cube_search
from theory.orientations.result import Method, Orientation, OrientationSet, both_sides
from theory.orientations.undetermined import undetermined_on_cube


def sign_descent_orientations(
    tensor: MomentTensor,
    *,
    bias: bool = True,
    seed: int = 0,
    max_faces: int = 100_000,
    max_boxes: int = 1_000_000,
) -> OrientationSet:
    """Return the orientations that collect neurons under sign descent; all are attractors.

    `lines_expected` is None: no count is known.  p = 1: exact.  p = 2: exact in rationals while 3^D <= 10 `max_faces`.
    p >= 3: all faces by excluding subdivision while D (p + 1)^{D+1} <= `max_faces` and `max_boxes` suffice.  Otherwise a
    search from random starts: each hit certified, `complete` False.  `bias` is only passed on.
    Source: theory notes, section 7.
    """
    reduced, used = _used(tensor)
    notes: list[str] = []
    if tensor.order == 1 or not used:
        lines, notes = (
            cube_linear(tensor) if tensor.order == 1 else ([], ["T = 0: no neuron moves at this order"])
        )
        complete = bool(lines)
    else:
        lines, complete = [], True
        for sign in (1, -1) if tensor.order % 2 == 0 else (1,):
            found, whole = _maxima(reduced, sign, seed, max_faces, max_boxes, notes)
            lines += [_embedded(o, used, tensor.dimension) for o in found]
            complete = complete and whole
        if len(used) < tensor.dimension:
            still = ", ".join(str(k) for k in range(tensor.dimension) if k not in used)
            notes.append(
                f"P does not depend on coordinates {still}: they keep their initial size ε and vanish from the orientation"
            )
        notes += _dead(reduced)
        complete = complete and bool(lines)
    found_all = OrientationSet(
        multiplicity=tensor.order,
        dimension=tensor.dimension,
        bias=bias,
        bound_2p=2 * tensor.order,
        lines_expected=None,
        lines_found=len(lines),
        complete=complete,
        method=Method.CUBE,
        notes=tuple(notes),
        orientations=both_sides(lines, tensor.order),
        seed=seed,
    )
    return undetermined_on_cube(tensor, found_all)


def _maxima(
    tensor: MomentTensor, sign: int, seed: int, max_faces: int, max_boxes: int, notes: list[str]
) -> tuple[list[Orientation], bool]:
    """Return the strict maxima of sign·P, one of each pair ± v, and whether they are proved to be all."""
    p, size = tensor.order, tensor.dimension
    name = f"{'maxima' if sign > 0 else 'minima'} of P"
    if p == 2 and 3**size <= 10 * max_faces:
        found, open_points = quadratic_maxima(symmetric_matrix(tensor), sign)
        if open_points:
            notes.append(
                f"{name}: {open_points} degenerate points (a gradient entry exactly 0) are not decided"
            )
        return found, not open_points
    points: list[FacePoint] = []
    if p > 2 and face_work(p, size) <= max_faces:
        tally = box_maxima(tensor, sign, max_boxes)
        points = _distinct(tally.points, p % 2 == 0)
        if tally.open:
            notes.append(f"{name}: {tally.open} boxes stay open at degenerate points or borders of faces")
        if not tally.given_up:
            return [orientation_of(tensor, q, sign) for q in points], not tally.open
        why = (
            f"{tally.given_up} sets of faces hold a continuum of open boxes or took more than their share of {max_boxes}, "
            "and were given up"
        )
    else:
        why = "too many faces to list"
    generator = np.random.default_rng([seed, sign + 1])
    met = cube_search(tensor, sign, generator)
    points = _distinct([*points, *met.points], p % 2 == 0)
    notes.append(
        f"{name}: {why}; {met.hits} of {STARTS} random starts led to {len(met.points)} certified points, {met.lost} to "
        f"none (flat, dead or not converged); estimated unseen share {met.unseen} (Good and Turing)"
    )
    return [orientation_of(tensor, q, sign) for q in points], False


def _distinct(points: list[FacePoint], even: bool) -> list[FacePoint]:
    """Return one of all enclosures that overlap, v and -v taken for one where P is even."""
    kept: list[FacePoint] = []
    for q in points:
        sides = (1, -1) if even else (1,)
        if not any(
            all((a - s * b).contains(0) for a, b in zip(q.v, k.v, strict=True)) for k in kept for s in sides
        ):
            kept.append(q)
    return kept


def _used(tensor: MomentTensor) -> tuple[MomentTensor, list[int]]:
    """Return P as a form in the variables that occur in it, and those variables."""
    rows = tensor.exponents
    present = np.array([bool(c) for c in tensor.coefficients])
    used = np.flatnonzero(rows[present].sum(axis=0)).tolist() if present.any() else []
    if len(used) in (0, tensor.dimension):
        return tensor, used
    kept = [c for c in tensor.coefficients if c]
    return MomentTensor.from_coefficients(rows[present][:, used], kept, tensor.order, len(used)), used


def _embedded(o: Orientation, used: list[int], dimension: int) -> Orientation:
    u = [0.0] * dimension
    for k, v in zip(used, o.u, strict=True):
        u[k] = v
    return Orientation(tuple(u), o.value, o.kind, o.neuron_sign, o.certified, o.radius)


def _dead(tensor: MomentTensor) -> list[str]:
    """Say where w = 0 attracts: exactly for p = 2, where the form is definite."""
    if tensor.order != 2:
        return []
    matrix = symmetric_matrix(tensor)
    for sign, kind in ((1, "negative"), (-1, "positive")):
        if definite(matrix * sign):
            return [f"T is {kind} definite: neurons with a c P < 0 lose their input weight in finite time"]
    return []


LEAST_COSINE = 0.99
LARGEST_STEP = 0.1
LARGEST_MEMORY = 1.0
NEURONS = 4000


class AdamReason(Enum):
    """Why Adam follows sign descent, does not, or why nothing is asserted."""

    FOLLOWS = "every gradient entry is far above eps and the learning rate far below the initial size"
    EPSILON = "gradient entries are not far above eps: small entries move slower than lr a step"
    STEP = "the learning rate is not far below the initial size: one step changes the direction of a neuron"
    MEMORY = "the gradient changes by its own size within Adam's memory: measure, nothing is asserted"


@dataclass(frozen=True)
class AdamRegime:
    """`follows`: True, False, or None where nothing is asserted.

    `cosine`: the 5 % quantile over Gaussian neurons of the cosine of Adam's steady step to sign descent's; `gradient`:
    the median size of a gradient entry; `step`: lr/ε; `memory`: relative change of the gradient in 1/(1 - β₂) steps.
    """

    follows: bool | None
    reason: AdamReason
    cosine: float
    gradient: float
    step: float
    memory: float


def adam_follows(
    prediction: Any, init_std: float, lr: float, *, eps: float = 1e-8, beta2: float = 0.999, seed: int = 0
) -> AdamRegime:
    """Say whether Adam's first steps are those of sign descent, for a Prediction or a SmoothField.

    Raises TheoryError for numbers that are not positive or β₂ outside [0, 1).
    """
    field = getattr(prediction, "field", None)
    field = prediction if field is None or callable(field) else field
    for name, value in (("init_std", init_std), ("lr", lr), ("eps", eps)):
        if not value > 0:
            raise TheoryError(f"adam_follows: {name} = {value!r}; a positive number is accepted")
    if not 0 <= beta2 < 1:
        raise TheoryError(f"adam_follows: beta2 = {beta2!r}; a number in [0, 1) is accepted")
    tensor, p = field.tensor, field.tensor.order
    generator = np.random.default_rng(seed)
    a = generator.standard_normal(NEURONS)
    w = generator.standard_normal((NEURONS, tensor.dimension))
    entries = np.abs(p * field.coefficient * a[:, None] * tensor.gradient(w)) * init_std**p
    used = np.any(entries > 0, axis=0)
    if not used.any():
        raise TheoryError("adam_follows: T = 0, the gradient vanishes at this order; other data are accepted")
    step = entries[:, used] / (entries[:, used] + eps)
    norm = np.sqrt(step.shape[1]) * np.linalg.norm(step, axis=1)
    cosine = float(np.quantile(step.sum(axis=1) / np.maximum(norm, 1e-300), 0.05))
    share, memory = lr / init_std, p * lr / ((1 - beta2) * init_std) if p > 1 else 0.0
    if cosine < LEAST_COSINE:
        follows, reason = False, AdamReason.EPSILON
    elif share > LARGEST_STEP:
        follows, reason = False, AdamReason.STEP
    elif memory > LARGEST_MEMORY:
        follows, reason = None, AdamReason.MEMORY
    else:
        follows, reason = True, AdamReason.FOLLOWS
    return AdamRegime(follows, reason, cosine, float(np.median(entries[:, used])), share, memory)
