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

Theorem: how fast a neuron aligns.

Setting.     The smooth leading-order flow near a growing or dying orientation u, P = P(u) ≠ 0.
Statement.   M = (p-1) T u^{p-2} - P I on the tangent space is definite; μ is the smallest eigenvalue of |M|.  With log r
             as the clock the angle obeys d(angle)/d(log r) = (M/P) angle to first order, so its slowest part is
             ∝ r^{-μ/|P|} on a growing and ∝ r^{+μ/|P|} on a dying orientation: a neuron that stops growing at r = O(1)
             keeps an angle ~ ε^{μ/|P|}.
Time.        On a growing orientation the angle falls from θ0 to θ1 while r grows by (θ0/θ1)^{|P|/μ}; the time for that
             is the difference of two blow-up times (p ≥ 2).  p = 1 (μ = |P|): w⊥ is constant, and the angle is θ1 when
             |w∥| = ‖w⊥‖/tan θ1, exactly.
Limits.      First order in the angle for p ≥ 2; the slowest part alone.
Source.      condense.
"""

from __future__ import annotations

import numpy as np

from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.linear import LinearFlow
from theory.orientations import OrientationSet

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(200)  # chosen because good to 1e-12 up to order 20


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


def alignment_exponent(field: SmoothField, u: np.ndarray) -> float:
    """μ/|P(u)| of a growing or dying orientation u (D,): the angle is ∝ r^{∓} of it.  inf for D = 1.

    Raises TheoryError where P(u) = 0 or M is not definite to rounding: nothing aligns with u then.
    """
    u = np.asarray(u, dtype=float)
    p, value = field.tensor.order, float(field.tensor.value(u))
    if len(u) == 1:
        return float("inf")
    basis = np.linalg.svd(u[None])[2][1:]
    form = (p - 1) * field.tensor.hessian(u) - value * np.eye(len(u))
    spectrum = np.linalg.eigvalsh(basis @ form @ basis.T)
    if value == 0 or not (np.all(spectrum > 0) or np.all(spectrum < 0)):
        raise TheoryError(
            "alignment: neurons align with growing and dying orientations only; this one is neither"
        )
    return float(np.min(np.abs(spectrum)) / abs(value))


def alignment_time(
    field: SmoothField, u: np.ndarray, a0: float, r0: float, start: float, end: float
) -> float:
    """The gradient-flow time in which a neuron near the growing orientation u comes from the angle `start` to `end`.

    a0 is its output weight, r0 its amplitude, the angles in radians, 0 < end ≤ start ≪ 1; p ≥ 2.  Raises TheoryError
    for a sign of a0 that u does not collect.
    """
    p = field.tensor.order
    if p < 2:
        raise TheoryError(
            "alignment_time is for p >= 2; for p = 1 linear_alignment_time is exact and takes arrays"
        )
    if not 0 < end <= start:
        raise TheoryError(f"alignment: angles {start!r} to {end!r}; accepted: 0 < end <= start")
    push = field.coefficient * float(field.tensor.value(np.asarray(u, dtype=float)))
    if not a0 * push > 0:
        raise TheoryError("alignment: the sign of a0 is not the one that this orientation collects")
    later = r0 * (start / end) ** (1 / alignment_exponent(field, u))
    after = np.sqrt(a0**2 + (later**2 - r0**2) / p)
    begin, rest = aligned_blow_up_time(
        abs(push), np.array([abs(a0), after]), np.array([r0, later]), p
    ).tolist()
    return begin - rest


def linear_alignment_time(flow: LinearFlow, a0: np.ndarray, w0: np.ndarray, angle: float) -> np.ndarray:
    """The time (N,) from which on neurons of p = 1 are within `angle` of their destination; 0 if they always are.

    With w∥ towards the destination, w∥(t) = G e^{γt} + F e^{-γt}, G = (w∥ + a)/2, F = (w∥ - a)/2 (signs of the
    destination), meets W = ‖w⊥‖/tan θ last at e^{γt} = (W + √(W² - 4GF))/(2G).
    """
    if not 0 < angle < np.pi / 2:
        raise TheoryError(f"alignment: angle {angle!r}; accepted: between 0 and π/2")
    sign, along = flow.signs(a0, w0), w0 @ flow.direction
    across = np.linalg.norm(w0 - np.multiply.outer(along, flow.direction), axis=-1)
    grow, fade = sign * (along + a0) / 2, sign * (along - a0) / 2
    wanted = across / np.tan(angle)
    with np.errstate(divide="ignore"):
        root = (wanted + np.sqrt(np.maximum(wanted**2 - 4 * grow * fade, 0.0))) / (2 * grow)
    always = wanted**2 < 4 * grow * fade
    return np.where(always, 0.0, np.log(np.maximum(root, 1.0)) / flow.rate)
