"""Theorem: when a neuron blows up, p ≥ 2, in closed form on an orientation and between bounds anywhere.

Setting.     a' = c P(w), w' = p c a T w^{p-1}, the smooth leading-order flow; K = r² - p a² and H = c a P(w).
Aligned.     On a fixed orientation u, with C = |c P(u)| and A = ±|a| (+ iff a c P(u) > 0), A' = C r^p and r² = p A² + K:
                 t* = (1/C) ∫_A^∞ (p a² + K)^{-p/2} da.
             With κ = √|K|, √p a = κ cot x (K > 0) or κ coth x (K < 0) this is
                 t* = (1/(C √p κ^{p-1})) ∫_0^δ sin^{p-2} x dx,   δ = arg(√p A + i κ)  in (0, π)      for K > 0,
                 t* = (1/(C √p κ^{p-1})) ∫_0^δ sinh^{p-2} x dx,  δ = artanh(κ/(√p A))                for K < 0 < A,
             without cancellation as K → 0, where it is 1/((p-1) C p^{p/2} A^{p-1}).  K ≤ 0 ≥ A: never.
Anywhere.    (ρ²)' = 2(p+1)H for ρ² = a² + ‖w‖².  H ≤ H_max ρ^{p+1}, H_max = |c| max|P| p^{p/2}/(p+1)^{(p+1)/2}, and
             H/ρ^{p+1} never falls (H' = ‖∇H‖² ≥ ((p+1)H/ρ)², Cauchy and Schwarz with Euler), so
                 ρ0^{1-p}/((p²-1) H_max) ≤ t* ≤ ρ0²/((p²-1) H0)  (the upper bound for H0 > 0).
Horizon.     A balanced leader lowers the risk by C p^{p/2} a^{p+1}: by `fall` at a_δ = (fall/(C p^{p/2}))^{1/(p+1)}, the
             time 1/((p-1) C p^{p/2} a_δ^{p-1}) before it blows up.
Scale.       All times are ∝ ε^{1-p}.
Source.      condense; tested against quadrature of the first integral and against theory.flows.smooth.
"""

from __future__ import annotations

import numpy as np

from theory.errors import TheoryError
from theory.fields.smooth import SmoothField
from theory.orientations import OrientationSet

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(200)


def aligned_blow_up_time(rate: float, a0: np.ndarray, r0: np.ndarray, order: int) -> np.ndarray:
    """t* (N,) of neurons on one fixed orientation, inf for those that never blow up.

    `rate` is C = |c P(u)|; a0 (N,) is signed: positive iff a c P(u) > 0; r0 (N,) > 0 is the amplitude; order p ≥ 2.
    Raises TheoryError otherwise.  Cost: 200 evaluations a neuron.
    """
    if order < 2 or not rate > 0:
        raise TheoryError(f"blow-up needs p >= 2 and |c P(u)| > 0, not p = {order} and {rate!r}")
    a0, r0 = (np.asarray(v, dtype=float) for v in np.broadcast_arrays(a0, r0))
    if not np.all(r0 > 0):
        raise TheoryError("blow-up: every amplitude r0 must be above 0")
    p = order
    scale = np.sqrt(r0**2 + p * a0**2)
    height, balance = np.sqrt(p) * a0 / scale, (r0 / scale) ** 2 - p * (a0 / scale) ** 2
    kappa = np.sqrt(np.abs(balance))
    bounded = balance >= 0
    # κ/(√p A) = √(1 - r²/(p a²)) for K < 0: near 1 its artanh is taken from r itself, which does not cancel.
    ratio = kappa / np.maximum(np.abs(height), 1e-300)
    far = np.log((np.abs(height) + kappa) / (r0 / scale))
    hyperbolic = np.where(ratio < 0.5, np.arctanh(np.minimum(ratio, 0.5)), far)
    delta = np.where(bounded, np.arctan2(kappa, height), hyperbolic)
    small = kappa < 1e-8
    stretch = np.where(small, 1 / np.maximum(np.abs(height), 1e-300), delta / np.where(small, 1.0, kappa))
    x = np.multiply.outer(delta, (_POINTS + 1) / 2)
    safe = np.where(delta == 0, 1.0, delta)[..., None]
    sine = np.where(bounded[..., None], np.sin(x), np.sinh(np.where(bounded[..., None], 0.0, x))) / safe
    sine = np.where((small & (height > 0))[..., None], (_POINTS + 1) / 2, sine)
    inner = (sine ** (p - 2)) @ _WEIGHTS / 2
    time = stretch ** (p - 1) * inner / (rate * np.sqrt(p) * scale ** (p - 1))
    never = (height <= 0) & (balance <= 0)
    return np.where(never, np.inf, time)


def balanced_blow_up_time(rate: float, a0: np.ndarray, order: int) -> np.ndarray:
    """t* (N,) of aligned neurons with r = √p |a| and the sign that grows: 1/((p-1) C p^{p/2} |a0|^{p-1})."""
    return 1 / ((order - 1) * rate * order ** (order / 2) * np.abs(a0) ** (order - 1))


def blow_up_bounds(
    field: SmoothField, a0: np.ndarray, w0: np.ndarray, orientations: OrientationSet | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (low (N,), high (N,)) of the blow-up time of any neurons a0 (N,), w0 (N, D); high is inf for H0 ≤ 0.

    A complete set of `orientations` gives max|P|; without one ‖T‖_F stands for it, which can only lower `low`.
    """
    p = field.tensor.order
    if p < 2:
        raise TheoryError("with p = 1 neurons grow exponentially and never blow up; accepted: p >= 2")
    if orientations is not None and orientations.complete:
        peak = max(abs(o.value) for o in orientations.orientations)
    else:
        peak = float(np.ldexp(field.tensor.frobenius_bound, field.tensor.exponent2))
    size = np.sqrt(a0**2 + (w0**2).sum(axis=-1))
    start = field.potential(a0, w0)
    low = size ** (1 - p) / ((p * p - 1) * largest_potential(field.coefficient, peak, p))
    with np.errstate(divide="ignore"):
        high = np.where(start > 0, size**2 / ((p * p - 1) * np.where(start > 0, start, np.inf)), np.inf)
    return low, np.where(start > 0, high, np.inf)


def largest_potential(coefficient: float, peak: float, order: int) -> float:
    """H_max, the maximum of c a P(w) on the unit sphere of (a, w), where |P| has the maximum `peak`."""
    return abs(coefficient) * peak * order ** (order / 2) / (order + 1) ** ((order + 1) / 2)


def balanced_horizon(blow_up: float, rate: float, order: int, fall: float) -> float:
    """The time at which a balanced leader that blows up at `blow_up` has lowered the risk by `fall`."""
    balance = order ** (order / 2)
    amplitude = (fall / (rate * balance)) ** (1 / (order + 1))
    return blow_up - float(balanced_blow_up_time(rate, np.asarray(amplitude), order))
