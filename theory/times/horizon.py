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
             tangent space, gives the tilt Σ (k + M/P)^{-1} (1 - x^{k + M/P}) F⊥, x the share of
             r_δ from which the force has acted.
             What is left is of second order, by the shift of the time and by the tilt.
Race.        Until a time of `LATE` (t* - t_δ) before the blow-up the neurons are followed with their Taylor term: they are
             not aligned yet, and it decides which of two comes first.  The closed form above is for what is left.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Real

from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.driver import STUCK, follow
from theory.flows.smooth import destinations, neurons_at

_TOLERANCE = (
    1e-10  # of a step: chosen because a hundred steps then keep 1e-8, below every uncertainty of a horizon
)
_FIRST_STEP = (
    1e-3  # of the whole time: chosen because the controller finds its own size in two steps from there
)
_LEAST_STEP = (
    1e-12  # of the whole time, below which a neuron is blowing up: chosen above the rounding of the time
)
_ROUNDS = 100_000  # chosen because steps between the blow-up and the least one are a few hundred
# Share of the fall above which the neurons that blow up late are followed too; chosen because it moves the horizon by less
# than the second order of what is left out does.
CARRIED = 1e-4
LATE = 3.0  # of the time left at the horizon: chosen because the leader may still be turning before that


@dataclass(frozen=True)
class Horizon:
    """The end of the initial stage of one network.

    `time` of the wanted fall of the risk, corrected, its `uncertainty`, and the size of the first-order `shift` in it;
    `leading_time` of the same fall in the leading-order flow, which blows up at `blow_up`; `early`, the time until which
    the neurons were followed with their next Taylor term, and `left`, the time then left at the horizon before the
    blow-up; the `leader` (index of the neuron that blows up first), `early_a` (1,), `early_w` (1, D) where it was at
    `early`, `span` before the horizon; a (N,), w (N, D) at the horizon; the leader's `tilt` (D,) away from its
    orientation there, and the relative size of the `perturbation` of the force on it.
    """

    time: float
    uncertainty: float
    shift: float
    leading_time: float
    blow_up: float
    early: float
    left: float
    leader: int
    early_a: Float64[np.ndarray, "1"]
    early_w: Float64[np.ndarray, "1 D"]
    span: float
    a: Float64[np.ndarray, "N"]
    w: Float64[np.ndarray, "N D"]
    tilt: Float64[np.ndarray, "D"]
    perturbation: float


def blow_up_horizon(
    field: SmoothField,
    a0: Real[np.ndarray, "N"],
    w0: Real[np.ndarray, "N D"],
    x: Real[np.ndarray, "n D"],
    s: Real[np.ndarray, "n"],
    *,
    fraction: float,
    risk: float,
    curvature: float | Real[np.ndarray, "n"],
    next_term: tuple[int, float] | None,
    blow_up_times: Float64[np.ndarray, "N"] | None = None,
) -> Horizon:
    """Predict the horizon of one network for p ≥ 2, with a0 (N,), w0 (N, D), data x (n, D), signal s (n,).

    `fraction` δ of the `risk` R0 at zero output; `curvature` κ, one number or one a sample (n,); `next_term` (q, c') of
    the activation, None for a monomial.
    `blow_up_times` (N,) saves following the neurons again.  Raises TheoryError if no neuron grows, or the risk cannot fall
    that far.  Cost: about ten integrations of a hundred batched steps.

    >>> x, s = np.array([[1.0]]), np.array([1.0])  # one neuron, f = a w², the risk (1 - f)²/2
    >>> field = SmoothField(MomentTensor.from_data(x, s, 2), 1.0)
    >>> at = blow_up_horizon(
    ...     field, np.array([0.01]), np.array([[0.01 * 2**0.5]]), x, s,
    ...     fraction=0.01, risk=0.5, curvature=1.0, next_term=None,
    ... )
    >>> round(at.blow_up, 3), bool(abs(float(at.a[0] * at.w[0, 0] ** 2) - (1 - 0.99**0.5)) < 1e-6)
    (50.0, True)
    """
    p = field.tensor.order
    times = destinations(field, a0, w0).blow_up_times if blow_up_times is None else blow_up_times
    blow_up = float(np.min(times))
    if not np.isfinite(blow_up):
        raise TheoryError(
            "no neuron of this initialisation grows: there is no horizon; more neurons would be accepted"
        )
    q, c_next = next_term if next_term is not None else (p + 1, 0.0)

    def fall(a: np.ndarray, w: np.ndarray) -> float:
        z = x @ w.T
        output = (field.coefficient * z**p + c_next * z**q) @ a
        linear = float(np.mean(s * output))
        return max(linear - 0.5 * float(np.mean(curvature * output**2)), 1e-3 * abs(linear))

    # Neurons that blow up much later have hardly moved by then: their share of the fall is O(ε^{p+1}), which a small fall
    # does not leave behind.
    late = times > 3 * blow_up
    carried = field.coefficient * a0[late] * ((w0[late] @ x.T) ** p @ s) / len(x)
    near = (
        np.arange(len(a0))
        if abs(float(np.sum(carried))) > CARRIED * fraction * risk
        else np.flatnonzero(~late)
    )
    start_a, start_w, early = a0[near], w0[near], 0.0
    left = _left(field, start_a, start_w, blow_up, fall, fraction * risk)
    leading_time, leading_blow_up = blow_up - left, blow_up
    lead = int(np.argmin(times[near]))
    if c_next != 0:
        start_a, start_w, early = _followed(field, start_a, start_w, x, s, (q, c_next), blow_up, left)
        times_left = destinations(field, start_a, start_w).blow_up_times
        lead = int(np.argmin(times_left))
        blow_up = early + float(times_left[lead])
        left = _left(field, start_a, start_w, blow_up - early, fall, fraction * risk)
    at = neurons_at(field, start_a, start_w, blow_up - early - left)
    u, r = at.u[lead], float(at.r[lead])
    forces = _forces(field, u, r, float(at.a[lead]), x, s, curvature, q, c_next)
    low = min(float(np.linalg.norm(start_w[lead])) / r, 1.0)
    first = min(float(np.linalg.norm(w0[near[lead]])) / r, 1.0)
    unbalance = (1 - p / q) * float(u @ forces[-1][1]) / (q - p + 2) if c_next != 0 else 0.0
    rates = [float(u @ force) for _, force in forces]
    if c_next != 0:
        rates[-1] -= unbalance
    shifts = [rate * _power_integral(k - p, low) for rate, (k, _) in zip(rates, forces, strict=True)]
    if c_next != 0:
        # The drift of r² - p a² that the neuron starts with is conserved: the leading flow has that part already.
        had = unbalance * low ** (q - p + 2)
        shifts[-1] += had * _power_integral(-p - 2, low)
        unbalance -= had
    size = sum(float(np.linalg.norm(force)) for _, force in forces)
    moved = sum(abs(shift) for shift in shifts)
    later = neurons_at(field, a0, w0, min(blow_up - left, leading_time))
    a, w = later.a.copy(), later.w.copy()
    a[near], w[near] = at.a, at.w
    return Horizon(
        time=float(blow_up - left * (1 + (p - 1) * sum(shifts) - (p - 1) / (p + 1) * unbalance)),
        # Second order: the forces act on their own effects, the shift along u and the tilt across it.
        uncertainty=float((p - 1) * left * (size + moved) ** 2),
        shift=float((p - 1) * left * moved),
        leading_time=leading_time,
        blow_up=leading_blow_up,
        early=early,
        left=left,
        leader=int(near[lead]),
        early_a=start_a[[lead]],
        early_w=start_w[[lead]],
        span=blow_up - early - left,
        a=a,
        w=w,
        # The Taylor term before `early` is in the orientation that it was followed to.
        tilt=_tilt(field, u, forces, [first, low][: len(forces)]),
        perturbation=size,
    )


def _left(field: SmoothField, a: np.ndarray, w: np.ndarray, blow_up: float, fall, target: float) -> float:
    """The time left before the blow-up at which the neurons a (N,), w (N, D) have lowered the risk by the target."""
    # All times that the iteration asks for lie in the last fifth of the way: follow the neurons there once.
    halfway = 0.8 * blow_up
    start = neurons_at(field, a, w, halfway)

    def fallen(time: float) -> float:
        if time > halfway:
            at = neurons_at(field, start.a, start.w, time - halfway)
        else:
            at = neurons_at(field, a, w, time)
        return fall(at.a, at.w)

    p = field.tensor.order
    return _solve(fallen, blow_up, target, (p + 1) / (p - 1))


def _followed(
    field: SmoothField,
    a: np.ndarray,
    w: np.ndarray,
    x: np.ndarray,
    s: np.ndarray,
    next_term: tuple[int, float],
    blow_up: float,
    left: float,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Neurons a (N,), w (N, D) with their next Taylor term until shortly before the horizon: the states and that time.

    Earlier, where the term makes one blow up before it; where it does so at once, not at all: then the closed form has it
    all the way.
    """
    late = LATE
    while blow_up - late * left > 0:
        early = blow_up - late * left
        found = perturbed_neurons(field, a, w, x, s, next_term, early)
        if found is not None:
            return *found, early
        late *= 2
    return a, w, 0.0


def perturbed_neurons(
    field: SmoothField,
    a0: Real[np.ndarray, "N"],
    w0: Real[np.ndarray, "N D"],
    x: Real[np.ndarray, "n D"],
    s: Real[np.ndarray, "n"],
    next_term: tuple[int, float],
    time: float,
) -> tuple[Float64[np.ndarray, "N"], Float64[np.ndarray, "N D"]] | None:
    """Neurons a (N,), w (N, D) at a time of the flow with its next Taylor term, a' = c P + c' mean(s z^q) and w' alike.

    None where one blows up before.  Cost: about a hundred batched steps of N n D operations each.
    """
    q, c_next = next_term
    n, size = len(x), np.hypot(a0, np.linalg.norm(w0, axis=1))

    def velocity(y: np.ndarray, members: np.ndarray) -> np.ndarray:
        own = size[members]
        a, w = y[:, 0] * own, y[:, 1:] * own[:, None]
        z = w @ x.T
        slope_a, slope_w = field(a, w)
        on_w = q * c_next * a[:, None] * ((z ** (q - 1) * s) @ x) / n
        moved = np.column_stack([slope_a + c_next * (z**q @ s) / n, slope_w + on_w])
        return moved * (time / own)[:, None]

    start = np.column_stack([a0, w0]) / size[:, None]
    if time <= 0:
        return start[:, 0] * size, start[:, 1:] * size[:, None]
    run = follow(
        velocity, start, np.full(len(a0), _FIRST_STEP), tolerance=_TOLERANCE, max_steps=_ROUNDS,
        times=np.ones((1, len(a0))), smallest=_LEAST_STEP, together=True,
    )  # fmt: skip
    if np.any(run.reasons == STUCK):
        return None
    if run.running.any():
        raise TheoryError(
            f"{run.running.sum()} neurons with their next Taylor term did not reach time {time:g} in {_ROUNDS} steps"
        )
    y = run.states[0]
    return y[:, 0] * size, y[:, 1:] * size[:, None]


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


def _tilt(
    field: SmoothField, u: np.ndarray, forces: list[tuple[int, np.ndarray]], lows: list[float]
) -> np.ndarray:
    """Σ (k + M/P)^{-1} (1 - low^{k + M/P}) F⊥ (D,), M = P - (p-1) T u^{p-2} on the tangent space at u.

    Each force has acted since the amplitude was `low` of what it is.
    """
    p = field.tensor.order
    value = float(field.tensor.value(u))
    projection = np.eye(len(u)) - np.outer(u, u)
    ratio = projection @ (np.eye(len(u)) - (p - 1) * field.tensor.hessian(u) / value) @ projection
    rates, axes = np.linalg.eigh((ratio + ratio.T) / 2)
    out = np.zeros(len(u))
    for (k, force), low in zip(forces, lows, strict=True):
        grown = np.array([_power_integral(k - 1 + rate, low) for rate in rates])
        out += axes @ (grown * (axes.T @ (projection @ force)))
    return out


def _power_integral(power: float, low: float) -> float:
    """∫ x^power dx from `low` to 1."""
    return float(-np.log(low)) if abs(power + 1) < 1e-9 else float((1 - low ** (power + 1)) / (power + 1))
