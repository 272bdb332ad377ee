"""Theorem: how fast a neuron aligns.

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
from theory.fields.smooth import SmoothField
from theory.flows.linear import LinearFlow
from theory.times.blow_up import aligned_blow_up_time


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
