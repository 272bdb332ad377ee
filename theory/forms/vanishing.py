"""A proof that P(u) = 0 at a fixed orientation whose line is rational with small entries.

A ball around P(u) cannot prove P(u) = 0.  Where P vanishes at a strict extremum the data are special,
symmetric as a rule, and the line often rational: T w^{p-1} = 0 is then checked exactly at a small
rational w, and the uniqueness radius of the certificate shows that the line through w is the enclosed one.
"""

from __future__ import annotations

from fractions import Fraction

from flint import arb, ctx, fmpq

from theory.forms.certificate import Enclosure
from theory.forms.moment_tensor import MomentTensor

LARGEST_DENOMINATOR = 64


def value_is_zero(tensor: MomentTensor, enclosure: Enclosure) -> bool:
    """Return True when P(u) = 0 is proved for a real enclosure; False says nothing."""
    with ctx.workprec(enclosure.precision):
        middle = [float(x.mid()) for x in enclosure.u]
        lead = max(middle, key=abs)
        nearest = [Fraction(x / lead).limit_denominator(LARGEST_DENOMINATOR) for x in middle]
        w = [fmpq(f.numerator, f.denominator) for f in nearest]
        if any(gradient_exact(tensor, w)):
            return False
        centre = enclosure.centre
        along = sum((x * c for x, c in zip(w, centre, strict=True)), arb(0))
        square = sum((c * c for c in centre), arb(0))
        gap = [x * square / along - c for x, c in zip(w, centre, strict=True)] + [enclosure.value]
        return bool(sum((g.abs_upper() ** 2 for g in gap), arb(0)).sqrt() < enclosure.unique)


def gradient_exact(tensor: MomentTensor, w: list[fmpq]) -> list[fmpq]:
    """Return ∇P(w) = p T w^{p-1} at a rational w, exactly."""
    powers = [[fmpq(1)] for _ in w]
    for row, x in zip(powers, w, strict=True):
        for _ in range(tensor.order):
            row.append(row[-1] * x)
    out = [fmpq(0)] * len(w)
    for exponents, c in zip(tensor.exponents.tolist(), tensor.coefficients, strict=True):
        if not c:
            continue
        for k, degree in enumerate(exponents):
            if degree:
                term = c * degree * powers[k][degree - 1]
                for other, e in enumerate(exponents):
                    if other != k and e:
                        term *= powers[other][e]
                out[k] += term
    return out
