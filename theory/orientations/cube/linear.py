"""p = 1, any D: sign descent ends at ± sign(g)/√D, g = mean(s x).

Setting.  a' = sign(c g·w), w_k' = sign(a c g_k), sign(0) = 0.
Statement.  With h = g·w, ĉ = sign(c): w_k grows along sign(a) ĉ sign(g_k), so h moves at the constant rate
sign(a) ĉ ‖g‖₁ and |a| at rate 1.  Where a and ĉ h agree in sign both grow for ever; where they disagree the one
that reaches 0 first changes sign, the other does not.  Hence the final sign of a is that of
a(0) + ĉ h(0)/‖g‖₁, and w/‖w‖ -> sign(a) ĉ sign(g)/√m, m the number of g_k ≠ 0: a coordinate with g_k = 0
keeps its initial value, of order ε, while the others grow.
Source.  condense; theory notes, section 7.
"""

from __future__ import annotations

import numpy as np
from flint import arb, ctx

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.forms.rounding import certified_orientation
from theory.forms.stability import Kind
from theory.orientations.result import Orientation

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
