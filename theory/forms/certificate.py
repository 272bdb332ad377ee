"""Krawczyk certificates: existence, uniqueness and simplicity of a fixed line, in binary64 or in Arb.

Setting.  A centre (u₀, λ₀), and the unknowns δ = (δ_u, δ_λ) on the patch through u₀,
    G(δ) = ( T (u₀+δ_u)^{p-1} - (λ₀+δ_λ)(u₀+δ_u),  ū₀·δ_u ).
Statement.  With any matrix A, ‖A‖ ≤ α, put η ≥ ‖A G(0)‖, κ ≥ ‖I - A G'(0)‖, all Euclidean or Frobenius
norms, and r = 2η, L ≥ (p-1)(p-2) ‖T‖_F (‖u₀‖+r)^{p-3} + 1.  If κ + α L r ≤ 1/2, then G has exactly one
zero with ‖δ‖ ≤ r, it is simple, and its line makes with u₀ an angle whose sine is at most r/‖u₀‖.
Steps.
 1. G''[a, b] = (p-1)(p-2) T u^{p-3} a_u b_u - a_λ b_u - b_λ a_u in the first block and 0 in the second, so
    ‖G'(δ) - G'(0)‖ ≤ L ‖δ‖ for ‖δ‖ ≤ r, by |T v₁…v_p| ≤ ‖T‖_F Π ‖v_i‖ and Cauchy and Schwarz.
 2. δ ↦ δ - A G(δ) has a derivative of norm ≤ κ + α L r ≤ 1/2 on the ball, and moves 0 by at most η =
    r/2: it maps the ball into itself and contracts.  A G'(δ) is regular there, so the zero is simple.
 3. Real: for a real centre the ball and G are invariant under conjugation, so the only zero is real.
 4. δ_u ⊥ u₀ (second block), so the tangent of the angle is at most r/‖u₀‖.
Binary64.  |fl(Σ_k t_k) - Σ t_k| ≤ γ_k Σ |t_k| for any order of summation, γ_k = k ε/(1 - k ε), ε = 2⁻⁵³
(Higham 2002, sections 3.1, 3.6); a complex product counts as 4.  Norms are then raised by `_UP`, more
than they can round.
Source: Krawczyk 1969; Neumaier 1990, section 5.2; for eigenpairs, theory notes, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, arb_mat, ctx, fmpq

from theory.forms.moment_tensor import MomentTensor, monomials

_UNIT = 2.0**-53
_UP = 1 + 1e-9  # a norm of N numbers rounds by less than (N + 2) ε: enough up to N = 8e6
_LARGEST_DENOMINATOR = (
    64  # of rational lines tried in a proof of P(u) = 0; chosen because symmetric data have small ones
)
_TINY = 1e-290  # more than underflow can lose in any of these sums


def _gamma(count: int) -> float:
    return 1.01 * count * _UNIT


def bordered(
    hessian: np.ndarray, u: np.ndarray, value: np.ndarray, order: int, patch: np.ndarray
) -> np.ndarray:
    """Return the derivative [(p-1) T u^{p-2} - λ I, -u; patch, 0] of (T u^{p-1} - λ u, patch·u)."""
    size = u.shape[-1]
    out = np.zeros((len(u), size + 1, size + 1), dtype=np.result_type(hessian, u))
    out[:, :size, :size] = (order - 1) * hessian
    diagonal = np.arange(size)
    out[:, diagonal, diagonal] -= value[:, None]
    out[:, :size, size] = -u
    out[:, size, :size] = patch
    return out


def certify_batch(tensor: MomentTensor, u: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the certified sine of the angle of each centre to a simple fixed line, inf if unproved.

    u (N, D) complex128 near unit length, value (N,) near T u^p 2^-exponent2; p >= 2, D <= 2000.
    All rounding is bounded, so a finite answer is a proof.  Cost: one (D+1, D+1) inversion a centre.
    """
    p, size = tensor.order, tensor.dimension
    with np.errstate(all="ignore"):
        terms = monomials(size, p - 2).evaluate(u)
        hessian = tensor.normalised_hessian(u)
        spread = np.abs(terms) @ np.abs(tensor.table).T  # Σ |entry| |monomial|, for each pair j <= k
        weight = np.where(np.equal(*np.triu_indices(size)), 1.0, 2.0)
        spread = np.sqrt((weight * spread**2).sum(axis=-1)) * _UP
        # entry: 2 roundings; monomial: p - 3 complex products; the sum; each of real and imaginary part.
        hessian_error = 2 * _gamma(2 + 4 * p + terms.shape[-1]) * spread + _TINY
        residual = np.zeros((len(u), size + 1), dtype=complex)
        residual[:, :size] = (hessian @ u[..., None])[..., 0] - value[:, None] * u
        length = np.sqrt((np.abs(u) ** 2).sum(axis=-1)) * _UP
        norm_h = np.sqrt((np.abs(hessian) ** 2).sum(axis=(-1, -2))) * _UP
        magnitude = np.abs(value) * _UP
        residual_error = (hessian_error + 2 * _gamma(size + 8) * (norm_h + magnitude)) * length + _TINY
        jacobian = bordered(hessian, u, value, p, u.conj())
        jacobian_error = (p - 1) * hessian_error + 4 * _UNIT * ((p - 1) * norm_h + size * magnitude) + _TINY
        try:
            inverse = np.linalg.inv(jacobian)
        except np.linalg.LinAlgError:  # one exactly singular matrix spoils the batch
            inverse = np.linalg.pinv(jacobian)
        alpha = np.sqrt((np.abs(inverse) ** 2).sum(axis=(-1, -2))) * _UP
        norm_j = np.sqrt((np.abs(jacobian) ** 2).sum(axis=(-1, -2))) * _UP
        norm_g = np.sqrt((np.abs(residual) ** 2).sum(axis=-1)) * _UP
        step = (inverse @ residual[..., None])[..., 0]
        product_error = 2 * _gamma(size + 8)
        eta = np.sqrt((np.abs(step) ** 2).sum(axis=-1)) * _UP
        eta = (eta + alpha * (residual_error + product_error * norm_g)) * _UP
        defect = np.eye(size + 1) - inverse @ jacobian
        kappa = np.sqrt((np.abs(defect) ** 2).sum(axis=(-1, -2))) * _UP
        kappa = kappa + alpha * (jacobian_error + product_error * norm_j) + 4 * _UNIT * (size + 1)
        radius = 2 * eta
        lipschitz = 1 + (p - 1) * (p - 2) * tensor.frobenius_bound * (length + radius) ** max(p - 3, 0)
        proved = _UP * (kappa + alpha * lipschitz * radius) <= 0.5
        sine = radius / length * _UP**3
        return np.where(proved & np.isfinite(sine), sine, np.inf)


@dataclass(frozen=True)
class Enclosure:
    """A ball around one fixed line: u, not normalised, on the patch centre·u = centre·centre.

    `centre` and `value` are exact; no other zero (u, λ) of G has ‖(u - centre, λ - value)‖ <= `unique`.
    """

    u: list
    centre: list
    value: arb | acb
    unique: arb
    precision: int

    def unit(self) -> list[arb]:
        """Return the ball of the unit vector of a real enclosure, its largest component positive."""
        with ctx.workprec(self.precision):
            lead = max(self.u, key=lambda x: float(abs(x).mid()))
            norm = sum((x * x for x in self.u), arb(0)).sqrt() * (1 if lead > 0 else -1)
            return [x / norm for x in self.u]

    def floats(self) -> tuple[np.ndarray, float]:
        """Return the centre in binary64 and a bound of the sine of its angle to the line."""
        with ctx.workprec(self.precision):
            centre = np.array([complex(float(acb(x).real.mid()), float(acb(x).imag.mid())) for x in self.u])
            gaps = [acb(x) - acb(c) for x, c in zip(self.u, centre.tolist(), strict=True)]
            error = sum((gap.abs_upper() ** 2 for gap in gaps), arb(0))
            return centre, float((2 * error.sqrt()).abs_upper()) / float(np.linalg.norm(centre)) * _UP


def certify_ball(tensor: MomentTensor, u: np.ndarray, precision: int) -> Enclosure | None:
    """Return a certified enclosure of a fixed line near u (D,), refined to about `precision` bits, or None.

    A real u gives a real line, proved (step 3).  Cost O(D³) ball operations a Newton step.
    """
    real = not np.iscomplexobj(u)
    matrix: Any = arb_mat if real else acb_mat
    number: Any = arb if real else acb
    size, p = tensor.dimension, tensor.order
    with ctx.workprec(precision):
        centre = [number(x) for x in (u / np.linalg.norm(u)).tolist()]
        value: Any = None
        identity = matrix(size + 1, size + 1, [int(j == k) for j in range(size + 1) for k in range(size + 1)])
        previous = arb("inf")
        while True:
            hessian = tensor.hessian_balls(centre, precision)
            image = hessian * matrix(size, 1, centre)
            dual = centre if real else [x.conjugate() for x in centre]
            if value is None:
                value = number(sum((x * image[j, 0] for j, x in enumerate(dual)), number(0))).mid()
            residual = matrix(size + 1, 1, [image[j, 0] - value * centre[j] for j in range(size)] + [0])
            rows = [
                [(p - 1) * hessian[j, k] - (value if j == k else 0) for k in range(size)] for j in range(size)
            ]
            for j in range(size):
                rows[j].append(-centre[j])
            jacobian = matrix([*rows, [*dual, number(0)]])
            try:
                inverse = jacobian.mid().inv().mid()
            except ZeroDivisionError:
                return None
            step = inverse * residual
            moved = _norm(step)
            if not moved.is_finite() or not moved < 1:
                return None
            if not moved < previous / 4 or moved < arb(2) ** (8 - precision):
                break
            previous = moved
            centre = [(x - step[j, 0]).mid() for j, x in enumerate(centre)]
            value = (value - step[size, 0]).mid()
        radius = 2 * moved
        alpha, kappa = _norm(inverse), _norm(identity - inverse * jacobian)
        length = _norm(matrix(size, 1, centre))
        lipschitz = 1 + (p - 1) * (p - 2) * arb(tensor.frobenius_bound) * (length + radius) ** max(p - 3, 0)
        if not kappa + alpha * lipschitz * radius < arb(0.5):
            return None
        # The contraction, hence uniqueness, lasts up to any r with κ + α L(r) r < 1; L(r) <= L(1) for r <= 1.
        widest = 1 + (p - 1) * (p - 2) * arb(tensor.frobenius_bound) * (length + 1) ** max(p - 3, 0)
        unique = ((1 - kappa) / (2 * alpha * widest)).lower().min(arb(1)).max(radius)
        ball = arb(0, radius) if real else acb(arb(0, radius), arb(0, radius))
        return Enclosure([x + ball for x in centre], centre, value, unique, precision)


def _norm(matrix: arb_mat | acb_mat) -> arb:
    """Return an upper bound of the Frobenius norm."""
    return arb(sum((x.abs_upper() ** 2 for x in matrix.entries()), arb(0)).sqrt().upper())


def sine_to(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the sine of the angle between complex lines a, b (..., D); absolute error below 1e-14 √D."""
    a = a / np.linalg.norm(a, axis=-1, keepdims=True)
    b = b / np.linalg.norm(b, axis=-1, keepdims=True)
    along = (b.conj() * a).sum(axis=-1, keepdims=True)
    return np.linalg.norm(a - along * b, axis=-1)


def proved_apart(a: np.ndarray, b: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return whether lines whose centres a, b err by sines of sum `reach` are proved different."""
    return sine_to(a, b) > reach * _UP + 1e-14 * np.sqrt(a.shape[-1])


def not_apart(u: np.ndarray, sine: np.ndarray, block: int = 1024) -> list[tuple[int, int]]:
    """Return the pairs (i < j) of lines that are not proved distinct; O(N² D) flops, O(N) memory."""
    unit = u / np.linalg.norm(u, axis=-1, keepdims=True)
    pairs = []
    # |⟨a, b⟩|² < 1 - 1e-6 means a sine above 1e-3 - 1e-9: apart whenever both errors are below 4e-4.
    coarse = sine > 4e-4
    for start in range(0, len(u), block):
        overlap = np.abs(unit[start : start + block] @ unit.conj().T) ** 2
        close = (overlap > 1 - 1e-6) | coarse[start : start + block, None] | coarse[None, :]
        i, j = np.nonzero(close)
        i = i + start
        i, j = i[i < j], j[i < j]
        keep = ~proved_apart(unit[i], unit[j], sine[i] + sine[j])
        pairs += list(zip(i[keep].tolist(), j[keep].tolist(), strict=True))
    return pairs


def value_is_zero(tensor: MomentTensor, enclosure: Enclosure) -> bool:
    """Return True when P(u) = 0 is proved for a real enclosure whose line is rational with small entries; False says
    nothing.

    A ball around P(u) cannot prove P(u) = 0.  Where P vanishes at a strict extremum the data are special, symmetric as a
    rule, and the line often rational: T w^{p-1} = 0 is then checked exactly at a small rational w, and the uniqueness
    radius of the certificate shows that the line through w is the enclosed one.
    """
    with ctx.workprec(enclosure.precision):
        middle = [float(x.mid()) for x in enclosure.u]
        lead = max(middle, key=abs)
        nearest = [Fraction(x / lead).limit_denominator(_LARGEST_DENOMINATOR) for x in middle]
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
