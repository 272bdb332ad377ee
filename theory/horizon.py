"""Theorem: how long the initial stage lasts for p ≥ 2, where the leading neuron points then, and how well that is known.

Setting.     The smooth leading-order flow; the risk falls from R0 by the fraction δ.
Statement.   The output f = Σ_j a_j (c z_j^p + c' z_j^q), z_j = w_j·x, lowers the risk by mean(s f) - mean(κ f²)/2, κ = ℓ''.
             The horizon is the time at which that is δ R0.  Just before the first blow-up t* one neuron, the leader,
             carries the sum, which grows as (t* - t)^{-(p+1)/(p-1)}: a secant iteration in logarithms converges fast.
Correction.  At amplitude r of the leader the flow is perturbed by relative forces F_q (r/r_δ)^{q-p} and
             F_f (r/r_δ)^{p+1}, with P = T u^p at the horizon,
                 F_q = q c' r_δ^{q-p} mean(s (u·x)^{q-1} x) / (p c P),   F_f = -c a r_δ^p mean(κ (u·x)^{2p-1} x) / P.
             Along u, e = u·F changes the rate of growth.  The Taylor term acts on a by the share p/q of what it does
             to r, so that r² - p a² drifts: √p a = r (1 - h), h = (1 - p/q) e_q / (q - p + 2), and r grows faster by
             e_q - h instead of e_q.  The time left is ∝ r^{1-p}, so the horizon moves by -(p - 1)(t* - t_δ) times
             Σ e ∫ x^{k-p} dx over x = r/r_δ from r_0/r_δ to 1, and by (p - 1)/(p + 1) (t* - t_δ) h because the fall
             is ∝ a r^p.  Across u, with log r as the clock, δ' = -(M/P) δ + F⊥ r^k, M = P - (p-1) T u^{p-2} on the
             tangent space, gives the tilt Σ (k + M/P)^{-1} F⊥.
             What is left is of second order: e times the correction.
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
    """The end of the initial stage of one network.

    `time` of the wanted fall of the risk, corrected, its `uncertainty`, and the size of the first-order `shift` in it;
    `leading_time` of the same fall in the leading-order flow, which blows up at `blow_up`; the `leader` (index of the
    neuron that blows up first), its `tilt` (D,) away from its leading-order orientation, and the relative size of the
    `perturbation` of the force on it.
    """

    time: float
    uncertainty: float
    shift: float
    leading_time: float
    blow_up: float
    leader: int
    tilt: np.ndarray
    perturbation: float


def blow_up_horizon(
    field: SmoothField,
    a0: np.ndarray,
    w0: np.ndarray,
    x: np.ndarray,
    s: np.ndarray,
    *,
    fraction: float,
    risk: float,
    curvature: float | np.ndarray,
    next_term: tuple[int, float] | None,
    blow_up_times: np.ndarray | None = None,
) -> Horizon:
    """Predict the horizon of one network for p ≥ 2, with a0 (N,), w0 (N, D), data x (n, D), signal s (n,).

    `fraction` δ of the `risk` R0 at zero output; `curvature` κ, one number or one a sample (n,); `next_term` (q, c') of
    the activation, None for a monomial.
    `blow_up_times` (N,) saves following the neurons again.  Raises TheoryError if no neuron grows.
    """
    p, c = field.tensor.order, field.coefficient
    times = destinations(field, a0, w0).blow_up_times if blow_up_times is None else blow_up_times
    leader = int(np.argmin(times))
    blow_up = float(times[leader])
    if not np.isfinite(blow_up):
        raise TheoryError(
            "no neuron of this initialisation grows: there is no horizon; more neurons would be accepted"
        )
    # Neurons that blow up much later have not moved by then: their share of the fall is O(ε^{p+1}).
    near = np.flatnonzero(times <= 3 * blow_up)
    q, c_next = next_term if next_term is not None else (p + 1, 0.0)

    # All times that the iteration asks for lie in the last fifth of the way: follow the neurons there once.
    halfway = 0.8 * blow_up
    start = neurons_at(field, a0[near], w0[near], halfway)

    def fall(time: float) -> float:
        if time > halfway:
            at = neurons_at(field, start.a, start.w, time - halfway)
        else:
            at = neurons_at(field, a0[near], w0[near], time)
        z = x @ at.w.T
        output = (c * z**p + c_next * z**q) @ at.a
        linear = float(np.mean(s * output))
        return max(linear - 0.5 * float(np.mean(curvature * output**2)), 1e-3 * abs(linear))

    left = _solve(fall, blow_up, fraction * risk, (p + 1) / (p - 1))
    at = neurons_at(field, a0[[leader]], w0[[leader]], blow_up - left)
    forces = _forces(field, at.u[0], float(at.r[0]), float(at.a[0]), x, s, curvature, q, c_next)
    low = min(float(np.linalg.norm(w0[leader])) / float(at.r[0]), 1.0)
    u = at.u[0]
    unbalance = (1 - p / q) * float(u @ forces[-1][1]) / (q - p + 2) if c_next != 0 else 0.0
    rates = [float(u @ force) for _, force in forces]
    if c_next != 0:
        rates[-1] -= unbalance
    shifts = [rate * _power_integral(k - p, low) for rate, (k, _) in zip(rates, forces, strict=True)]
    size = sum(abs(float(u @ force)) for _, force in forces)
    spread = sum(abs(shift) for shift in shifts)
    return Horizon(
        time=float(blow_up - left * (1 + (p - 1) * sum(shifts) - (p - 1) / (p + 1) * unbalance)),
        # Second order, by two ways: the forces act on their own first-order effect, and the shifted time changes them.
        uncertainty=float((p - 1) * left * spread * (size + spread)),
        shift=float((p - 1) * left * spread),
        leading_time=blow_up - left,
        blow_up=blow_up,
        leader=leader,
        tilt=_tilt(field, u, forces),
        perturbation=size,
    )


def _solve(fall, blow_up: float, target: float, power: float) -> float:
    """The time left before the blow-up at which `fall` has the target value, by a secant iteration in logarithms."""
    left = [0.2 * blow_up]
    falls = [fall(blow_up - left[0])]
    left.append(float(np.clip(left[0] * (falls[0] / target) ** (1 / power), 1e-9 * blow_up, 0.9 * blow_up)))
    for _ in range(60):
        if abs(left[-1] / left[-2] - 1) < 1e-9:
            return left[-1]
        falls.append(fall(blow_up - left[-1]))
        slope = np.log(falls[-1] / falls[-2]) / np.log(left[-1] / left[-2])
        proposal = left[-1] * np.exp(np.log(target / falls[-1]) / min(slope, -0.2))
        left.append(float(np.clip(proposal, 0.1 * left[-1], min(10 * left[-1], blow_up * (1 - 1e-9)))))
    raise TheoryError(
        "the horizon lies beyond the leading order: the risk cannot fall that far; a smaller fraction is needed"
    )


def _forces(field: SmoothField, u, r, a, x, s, curvature, q, c_next) -> list[tuple[int, np.ndarray]]:
    """The perturbations of the force on u, relative to |P|, with their powers of the amplitude: (k, F (D,))."""
    p, c = field.tensor.order, field.coefficient
    value = float(field.tensor.value(u))
    along = x @ u
    forces = [(p + 1, -c * a * r**p * ((curvature * along ** (2 * p - 1)) @ x / len(x)) / value)]
    if c_next != 0:
        forces.append(
            (q - p, q * c_next * r ** (q - p) * ((s * along ** (q - 1)) @ x / len(x)) / (p * c * value))
        )
    return forces


def _tilt(field: SmoothField, u: np.ndarray, forces: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Σ (k + M/P)^{-1} F⊥ (D,), M = P - (p-1) T u^{p-2} on the tangent space at u."""
    p = field.tensor.order
    value = float(field.tensor.value(u))
    projection = np.eye(len(u)) - np.outer(u, u)
    ratio = projection
    if p > 1:
        ratio = projection @ (np.eye(len(u)) - (p - 1) * field.tensor.hessian(u) / value) @ projection
    return sum(
        (np.linalg.solve(k * np.eye(len(u)) + ratio, projection @ force) for k, force in forces),
        np.zeros(len(u)),
    )


def _power_integral(power: int, low: float) -> float:
    """∫ x^power dx from `low` to 1."""
    return float(-np.log(low)) if power == -1 else float((1 - low ** (power + 1)) / (power + 1))
