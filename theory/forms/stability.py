"""Growing, dying, saddle, repeller, degenerate: the kind of a fixed orientation, decided one-sidedly in
balls.

Setting.  u is a unit vector with T u^{p-1} = P(u) u.  The restriction of P to the sphere has at u the Hessian
p M, M = (p-1) T u^{p-2} - P(u) I on the tangent space.
Statement.  A neuron climbs s c P, s = sign(a) (theory notes, section 4).  Hence
    P > 0, M < 0  or  P < 0, M > 0   strict maximum of |P|: attractor, collects sign(a c) = sign P
    P > 0, M > 0  or  P < 0, M < 0   strict minimum of |P|, not 0: dying, collects sign(a c) = -sign P
    M indefinite                     saddle
    P = 0 (proved), M definite       repeller: |P| is least, 0, here, so no neuron grows towards it
    otherwise                        degenerate
M definite is sufficient for a strict extremum, not necessary; a method that proves one otherwise may say so.
"""

from __future__ import annotations

from enum import Enum, StrEnum

import numpy as np
from flint import arb, arb_mat, ctx, fmpq

from theory.forms.moment_tensor import MomentTensor


class Kind(StrEnum):
    """What a fixed orientation does to the neurons around it; the value is its name in JSON."""

    ATTRACTOR = "attractor"
    DYING = "dying"
    SADDLE = "saddle"
    REPELLER = "repeller"
    DEGENERATE = "degenerate"


class Extremum(Enum):
    """What P restricted to the sphere has at a critical point."""

    MAXIMUM = "strict local maximum"
    MINIMUM = "strict local minimum"
    BOTH = "isolated point of the sphere (D = 1)"
    NEITHER = "saddle"
    UNDECIDED = "not proved"


def kind_of(sign: int | None, extremum: Extremum) -> tuple[Kind, int | None]:
    """Return (kind, neuron_sign) from the proved sign of P(u) (None: not proved) and the proved extremum."""
    if extremum is Extremum.NEITHER:
        return Kind.SADDLE, None
    if extremum is Extremum.UNDECIDED or sign is None:
        return Kind.DEGENERATE, None
    if sign == 0:
        return (Kind.DEGENERATE if extremum is Extremum.BOTH else Kind.REPELLER), None
    growing = extremum is Extremum.BOTH or (extremum is Extremum.MAXIMUM) == (sign > 0)
    return (Kind.ATTRACTOR, sign) if growing else (Kind.DYING, -sign)


def sign_of(x: arb) -> int | None:
    """Return the sign of a ball, None when it contains 0 without being exactly 0."""
    return 1 if x > 0 else -1 if x < 0 else 0 if x == 0 else None


def projected_extremum(hessian: arb_mat, value: arb, u: list[arb], order: int) -> Extremum:
    """Return the extremum at u from enclosures of T u^{p-2}, P(u) and the unit vector u.

    The form (p-1) T u^{p-2} - P I is pulled back along V -> (I - u uᵀ) V, V near the eigenvectors; by
    Sylvester's law a diagonally dominant pull-back has the signs of M, and being regular proves V to be a
    basis; one positive and one negative diagonal entry already prove M indefinite.
    Cost O(D³) ball operations.
    """
    size = len(u)
    if size == 1:
        return Extremum.BOTH
    column = arb_mat(size, 1, u)
    identity = arb_mat(size, size, [int(j == k) for j in range(size) for k in range(size)])
    projector = identity - column * column.transpose()
    form = projector * (hessian * (order - 1) - identity * value) * projector
    mid = np.array([[float(form[j, k].mid()) for k in range(size)] for j in range(size)])
    centre = np.array([float(c.mid()) for c in u])
    # The direction u has eigenvalue 0 after projection; a large shift moves it out of the way, to the end.
    shift = 2 * np.abs(mid).sum() + 1
    _, vectors = np.linalg.eigh((mid + mid.T) / 2 + shift * np.outer(centre, centre))
    basis = arb_mat(vectors[:, : size - 1].tolist())
    pulled = basis.transpose() * form * basis
    signs = {sign_of(pulled[j, j]) for j in range(size - 1)}
    if {1, -1} <= signs:
        return Extremum.NEITHER
    dominant = all(
        pulled[j, j].abs_lower() > sum((pulled[j, k].abs_upper() for k in range(size - 1) if k != j), arb(0))
        for j in range(size - 1)
    )
    if not dominant:
        signs = _pivot_signs(hessian * (order - 1) - identity * value, u)
    if {1, -1} <= signs:
        return Extremum.NEITHER
    if len(signs) > 1 or not signs <= {1, -1}:
        return Extremum.UNDECIDED
    return Extremum.MAXIMUM if signs == {-1} else Extremum.MINIMUM


def _pivot_signs(form: arb_mat, u: list[arb]) -> set[int | None]:
    """The signs of the pivots of L D Lᵀ of a form on the tangent space, those of its eigenvalues (Sylvester).

    For forms whose entries differ by more orders than binary64 eigenvectors resolve; None stands for an undecided pivot.
    """
    lead = max(range(len(u)), key=lambda k: float(abs(u[k]).mid()))
    rest = [k for k in range(len(u)) if k != lead]
    ratio = {k: u[k] / u[lead] for k in rest}  # e_k - ratio_k e_lead is a basis of the tangent space
    left = {
        (j, k): form[j, k]
        - ratio[j] * form[lead, k]
        - ratio[k] * form[j, lead]
        + ratio[j] * ratio[k] * form[lead, lead]
        for j in rest
        for k in rest
    }
    signs: set[int | None] = set()
    while rest:
        pivot = max(rest, key=lambda k: float(abs(left[k, k]).mid()))
        sign = sign_of(left[pivot, pivot])
        signs.add(sign if sign else None)
        if not sign:
            break
        rest.remove(pivot)
        for j in rest:
            for k in rest:
                left[j, k] -= left[j, pivot] * left[pivot, k] / left[pivot, pivot]
    return signs


def classify(
    tensor: MomentTensor, u: list[arb], precision: int, *, value_is_zero: bool = False
) -> tuple[Kind, int | None, arb]:
    """Return (kind, neuron_sign, P(u)) at a ball `u` that encloses a fixed unit orientation; p >= 2.

    `value_is_zero` passes on an outside proof that P(u) = 0.  What the balls do not prove is degenerate.
    """
    with ctx.workprec(precision):
        hessian = tensor.hessian_balls(u, precision)
        column = arb_mat(len(u), 1, u)
        value = arb(0) if value_is_zero else (column.transpose() * hessian * column)[0, 0].real
        extremum = projected_extremum(hessian, value, u, tensor.order)  # type: ignore[arg-type]
        kind, neuron_sign = kind_of(sign_of(value), extremum)
        return kind, neuron_sign, value * arb(fmpq(2) ** tensor.exponent2)
