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
"""

from __future__ import annotations

from theory.moment_tensor import MomentTensor
from theory.orientations.cube_linear import cube_linear
from theory.orientations.result import Method, OrientationSet, both_sides


def sign_descent_orientations(tensor: MomentTensor, *, bias: bool = True, seed: int = 0) -> OrientationSet:
    """Return the orientations that collect neurons under sign descent; all are attractors.

    `lines_expected` is None: no count is known.  p = 1: exact, one line.  Source: theory notes, section 7.
    """
    lines, notes = cube_linear(tensor)
    complete = bool(lines)
    return OrientationSet(
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
