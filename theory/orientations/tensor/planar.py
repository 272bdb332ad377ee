"""D = 2, any p: the fixed orientations as the certified roots of one exact polynomial.

Setting.  P(u) = Σ c_k u_1^{p-k} u_2^k with rational c_k.
Statement.  u is fixed iff F(u) = (u_1 ∂_2 P - u_2 ∂_1 P)/p = 0, a binary form of degree p: at most p lines,
unless F = 0 identically, when P is constant on the circle.
Steps.
 1. f_k = ((k+1) c_{k+1} - (p-k+1) c_{k-1})/p are the coefficients of F; with u = (1, t)/√(1+t²), F = 0 iff
    f(t) = Σ f_k t^k = 0, and the degree p - deg f that is missing is the multiplicity of the line u = (0, 1).
 2. f splits exactly into square-free factors, one per multiplicity, and each into the part that divides P(1,
    t) (there P(u) = 0, proved) and the rest (there P(u) ≠ 0).  Roots are isolated by Arb; a real root is
 recognised.
 3. dP/dθ = p F and dt/dθ > 0, so at a root of multiplicity m of f the sign of f^(m) is that of the first
    non-zero derivative of dP/dθ: m odd, positive: strict minimum; m odd, negative: strict maximum; m even:
    inflection, fixed but neither attracting nor repelling from both sides, hence degenerate.
Limits.  None: the answer is complete for every F ≠ 0; a multiple line counts once in `lines_found`.
Source: theory notes, section 3.
"""

from __future__ import annotations

import math

from flint import arb, ctx, fmpq, fmpz_poly

from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Extremum, kind_of, sign_of
from theory.orientations.result import (
    Continuum,
    Method,
    Orientation,
    OrientationSet,
    both_sides,
    certified_orientation,
    whole_sphere,
)

START_PRECISION = 128  # u comes out correctly rounded; precision doubles until every sign is decided


def planar(tensor: MomentTensor, *, bias: bool, seed: int = 0) -> OrientationSet:
    """Return all fixed orientations in D = 2, exact but for the final rounding of u and P(u)."""
    p = tensor.order
    c = _integer_coefficients(tensor)
    f = [(k + 1) * (c[k + 1] if k < p else 0) - (p - k + 1) * (c[k - 1] if k else 0) for k in range(p + 1)]
    notes: list[str] = []
    lines: list[Orientation] = []
    found = 0
    continua: tuple[Continuum, ...] = ()
    polynomial = fmpz_poly(f)
    if polynomial.degree() < 0:
        what = "T = 0" if tensor.is_zero else "P is constant on the circle"
        notes.append(f"{what}: every orientation is fixed (a continuum, the whole circle)")
        # P is even there, so that its value at (1, 0) is that at every u.
        first = tensor.coefficients[0]
        continua = (whole_sphere(2, int(first.p) / int(first.q)),)
    else:
        at_infinity = p - int(polynomial.degree())
        if at_infinity:
            found += 1
            # In t' = -u_1/u_2, which grows with θ at (0, 1), f_k becomes (-1)^{p-k} f_k t'^{p-k}.
            first = (-1) ** at_infinity * f[p - at_infinity]
            lines.append(
                _orientation([arb(0), arb(1)], arb(tensor.coefficients[-1]), at_infinity, first, notes)
            )
        on_line = fmpz_poly(c)
        for factor, multiplicity in polynomial.factor_squarefree()[1]:
            found += int(factor.degree())
            zeros = factor.gcd(on_line) if on_line.degree() >= 0 else factor
            for part, is_zero in ((zeros, True), (factor // zeros, False)):
                if part.degree() > 0:
                    lines += _roots(tensor, part, polynomial, int(multiplicity), is_zero, notes)
    return OrientationSet(
        multiplicity=p,
        dimension=2,
        bias=bias,
        bound_2p=2 * p,
        lines_expected=p,
        lines_found=found,
        complete=found > 0,
        method=Method.PLANAR,
        notes=tuple(notes),
        orientations=both_sides(lines, p),
        seed=seed,
        continua=continua,
    )


def _integer_coefficients(tensor: MomentTensor) -> list[int]:
    """Return c_k times their common denominator; they come in the order u_1^p, u_1^{p-1} u_2, …"""
    common = math.lcm(*(int(v.q) for v in tensor.coefficients))
    return [int(v.p) * (common // int(v.q)) for v in tensor.coefficients]


def _roots(
    tensor: MomentTensor,
    part: fmpz_poly,
    whole: fmpz_poly,
    multiplicity: int,
    is_zero: bool,
    notes: list[str],
) -> list[Orientation]:
    """Return the real lines among the roots, all of one multiplicity, of a square-free `part`."""
    derivative = whole
    for _ in range(multiplicity):
        derivative = derivative.derivative()
    precision = START_PRECISION
    while True:
        with ctx.workprec(precision):
            out: list[Orientation] = []
            local: list[str] = []
            for root, _ in part.complex_roots():  # type: ignore[misc]
                if not root.imag.is_zero():
                    continue
                t = root.real
                cosine = 1 / (1 + t * t).sqrt()
                value = arb(0) if is_zero else _form(tensor.coefficients, t, cosine)
                first = derivative(t)
                if sign_of(value) is None or not sign_of(first) or not cosine.rel_accuracy_bits() > 64:
                    break  # neither is zero exactly, so a higher precision decides
                out.append(_orientation([cosine, t * cosine], value, multiplicity, first, local))
            else:
                notes += local
                return out
        precision *= 2


def _form(coefficients: tuple[fmpq, ...], t: arb, cosine: arb) -> arb:
    """Return Σ c_k cos^{p-k} sin^k by Horner's rule in t = tan θ."""
    value = arb(0)
    for c in reversed(coefficients):
        value = value * t + arb(c)
    return value * cosine ** (len(coefficients) - 1)


def _orientation(
    u: list[arb], value: arb, multiplicity: int, first: arb | int, notes: list[str]
) -> Orientation:
    """Return the orientation at a root where `first` is the first non-zero derivative of f."""
    if multiplicity % 2 == 0:
        extremum = Extremum.UNDECIDED
    else:
        extremum = Extremum.MINIMUM if first > 0 else Extremum.MAXIMUM
    orientation = certified_orientation(u, value, *kind_of(sign_of(value), extremum))
    if multiplicity > 1:
        where = ", ".join(f"{x:.6g}" for x in orientation.u)
        what = (
            f"a strict extremum of P all the same ({extremum.value})"
            if multiplicity % 2
            else "an inflection of P"
        )
        notes.append(f"the line through ({where}) is a fixed line of multiplicity {multiplicity}, {what}")
    return orientation
