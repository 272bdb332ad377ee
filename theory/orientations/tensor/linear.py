"""p = 1, any D: the fixed orientations are ± g/‖g‖, g = mean(s x).  Also D = 1, any p, where the sphere is
two points.

Statement.  T u^0 = g, so T u^{p-1} = P(u) u says g ∥ u; P(u) = g·u has M = -P(u) I, definite: both grow,
whatever the sign of P.  For g = 0 every orientation is fixed and P = 0.  Source: the paper's P1a; theory
notes, section 3.
"""

from __future__ import annotations

from flint import arb, ctx

from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Extremum, kind_of, sign_of
from theory.orientations.result import (
    Method,
    Orientation,
    OrientationSet,
    both_sides,
    certified_orientation,
    whole_sphere,
)

PRECISION = 128


def linear(tensor: MomentTensor, *, bias: bool, seed: int = 0) -> OrientationSet:
    """Return the two fixed orientations of p = 1, or of D = 1; exact but for the final rounding."""
    notes: tuple[str, ...] = ()
    lines: list[Orientation] = []
    complete = True
    if tensor.is_zero and tensor.dimension > 1:
        notes = ("T = 0: every orientation is fixed (a continuum, the whole sphere); the next order decides",)
        complete = False
    else:
        with ctx.workprec(PRECISION):
            if tensor.dimension == 1:
                u, value = [arb(1)], arb(tensor.coefficients[0])
                if tensor.is_zero:
                    notes = ("T = 0: both orientations are fixed and no neuron moves at this order",)
            else:
                norm = arb(sum(c * c for c in tensor.coefficients)).sqrt()  # type: ignore[arg-type]
                # Components in the order of the D monomials of degree 1, which is that of the variables.
                u, value = [arb(c) / norm for c in tensor.coefficients], norm
            extremum = Extremum.BOTH if tensor.dimension == 1 else Extremum.MAXIMUM
            lines = [certified_orientation(u, value, *kind_of(sign_of(value), extremum))]
    return OrientationSet(
        multiplicity=tensor.order,
        dimension=tensor.dimension,
        bias=bias,
        bound_2p=2 * tensor.order,
        lines_expected=1,
        lines_found=len(lines),
        complete=complete,
        method=Method.LINEAR,
        notes=notes,
        orientations=both_sides(lines, tensor.order),
        seed=seed,
        continua=() if complete else (whole_sphere(tensor.dimension),),
    )
