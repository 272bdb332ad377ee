"""Theorem: how long the initial stage lasts for p ≥ 2, and how well that is known.

Setting.     The smooth leading-order flow; the risk falls from R0 by the fraction δ.
Statement.   Up to its feedback the output lowers the risk by H = Σ_j H_j, H_j = c a_j T w_j^p, and takes back
             κ/2 mean f² with κ = ∂²ℓ/∂f².  The horizon is the time at which H - κ/2 mean f² = δ R0.  Just before the
             first blow-up t* one neuron carries the sum, H ∝ (t* - t)^{-(p+1)/(p-1)}, so a secant iteration in
             logarithms of (t* - t) and H converges in a few steps.
Uncertainty. The leading flow is perturbed by the relative size e(r) = e_q (r/r_δ)^{q-p} + e_f (r/r_δ)^{p+1} when the
             leader has amplitude r; at the horizon e_q = (q c'/(p c)) r_δ^{q-p} T_q u^q / T_p u^p and
             e_f = κ mean(f u·x^p) / mean(s u·x^p).  The time left is ∝ r^{1-p}, so the horizon moves by
             (p - 1) (t* - t_δ) ∫ e(r) (r/r_δ)^{-p} dr/r_δ from r_0 to r_δ, the integral of a power law.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.destination import destinations, neurons_at
from theory.dynamics.field import SmoothField
from theory.errors import TheoryError


@dataclass(frozen=True)
class Horizon:
    """The time of a given fall of the risk, its uncertainty, the first blow-up time and the leading neuron."""

    time: float
    uncertainty: float
    blow_up: float
    leader: int


def blow_up_horizon(
    field: SmoothField,
    a0: np.ndarray,
    w0: np.ndarray,
    x: np.ndarray,
    s: np.ndarray,
    *,
    fraction: float,
    risk: float,
    curvature: float,
    next_term: tuple[int, float] | None,
) -> Horizon:
    """Predict the horizon of one network for p ≥ 2, with a0 (N,), w0 (N, D), data x (n, D), signal s (n,).

    `fraction` δ of the `risk` R0 at zero output; `next_term` (q, c') of the activation, None for a monomial.
    Raises TheoryError if no neuron grows.
    """
    p, c = field.tensor.order, field.coefficient
    times = destinations(field, a0, w0).blow_up_times
    leader = int(np.argmin(times))
    blow_up = float(times[leader])
    if not np.isfinite(blow_up):
        raise TheoryError("no neuron of this initialisation grows: there is no horizon; more neurons would be accepted")
    # Neurons that blow up much later have not moved by then: their share of H is O(ε^{p+1}).
    near = times <= 3 * blow_up
    target = fraction * risk

    def fall(time: float) -> float:
        at = neurons_at(field, a0[near], w0[near], time)
        output = c * (x @ at.w.T) ** p @ at.a
        linear = float(field.potential(at.a, at.w).sum())
        return max(linear - 0.5 * curvature * float(np.mean(output**2)), 1e-3 * linear)

    # Secant iteration for log fall as a function of log(time left), started from the power law.
    power = (p + 1) / (p - 1)
    left = [0.2 * blow_up]
    falls = [fall(blow_up - left[0])]
    left.append(min(left[0] * (falls[0] / target) ** (1 / power), 0.9 * blow_up))
    for _ in range(50):
        if abs(left[-1] / left[-2] - 1) < 1e-10:
            break
        falls.append(fall(blow_up - left[-1]))
        slope = np.log(falls[-1] / falls[-2]) / np.log(left[-1] / left[-2])
        proposal = left[-1] * np.exp(np.log(target / falls[-1]) / min(slope, -0.2))
        left.append(float(np.clip(proposal, 0.1 * left[-1], min(10 * left[-1], blow_up * (1 - 1e-9)))))
    time = blow_up - left[-1]

    at = neurons_at(field, a0[[leader]], w0[[leader]], time)
    u, r, a = at.u[0], float(at.r[0]), float(at.a[0])
    feature = (x @ u) ** p
    signal = float(np.mean(s * feature))
    feedback = curvature * abs(c * a) * r**p * float(np.mean(feature**2)) / abs(signal)
    shift = feedback * _integral(p + 1, p, r, float(np.linalg.norm(w0[leader])))
    if next_term is not None:
        q, c_next = next_term
        taylor = abs(q * c_next / (p * c)) * r ** (q - p) * abs(float(np.mean(s * (x @ u) ** q)) / signal)
        shift += taylor * _integral(q - p, p, r, float(np.linalg.norm(w0[leader])))
    return Horizon(time=time, uncertainty=float((p - 1) * left[-1] * shift), blow_up=blow_up, leader=leader)


def _integral(k: int, p: int, r: float, r0: float) -> float:
    """∫ x^{k-p} dx from r0/r to 1: how a perturbation ∝ r^k adds up over the time left ∝ r^{1-p}."""
    low = min(r0 / r, 1.0)
    return float(-np.log(low)) if k == p - 1 else float((1 - low ** (k - p + 1)) / (k - p + 1))
