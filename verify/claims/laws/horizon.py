r"""L.horizon and L.horizon.blow-up: how long the initial stage lasts, p = 1 and p ≥ 2.

Setting.     Gradient flow of ½ mean (f - y)² from scale ε; the initial stage ends when the loss has fallen by δ R0.
Statement.   p = 1: with S = Σ_j ((a_j + w∥_j)/2)², κ = c² ĝᵀ mean(x xᵀ) ĝ and S_δ = (γ - √(γ² - 2κδR0))/κ,
                 t_δ = (1/2γ) ln[S_δ (γ - κS)/(S (γ - κS_δ))]
             up to an error Θ(δ) of 2γt (ε → 0 first): the turn of the line as the signal changes, and the next Taylor term.
             p ≥ 2: t_δ = min_j t*_j - 1/((p-1) C p^{p/2} a_δ^{p-1}), a_δ = (δR0/(C p^{p/2}))^{1/(p+1)}: the blow-up of the
             first neuron, less the time that it has left; the relative error vanishes as ε^{p-1}.
Steps.       1. p = 1: the growing mode S obeys S' = 2S(γ - κS), and R = R0 - γS + κS²/2.
             2. p ≥ 2: the leader is balanced and aligned at the end, and lowers the risk by C p^{p/2} a^{p+1}.  What
                the end gets wrong is a time that depends on the data alone; t* ∝ ε^{1-p}.
             3. Integrate the full flow with the event, over falls (p = 1) or scales (p ≥ 2).
Limits.      δ ≪ 1 for p = 1; p ≥ 2 is checked at p = 2 (at p = 3 an error ε² leaves too few scales above rounding).
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from numerics.data import append_bias, load
from numerics.flow import LossFall, gradient_flow
from theory import MomentTensor, SmoothField, activation, destinations, find_orientations
from theory.times.blow_up import balanced_horizon
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check

FALLS = tuple(10.0 ** -np.arange(1.0, 4.1, 0.25))
STDS = tuple(10.0 ** -np.arange(2.5, 4.8, 0.25))
NEURONS = 12
EPSILON = 1e-7


@dataclass(frozen=True)
class Exponential:
    """γ, c² and the mode S of (a, w∥), and S_δ of (γ, κ, δR0): the parts of t_δ for p = 1."""

    rate: Callable[[float], float] = lambda gamma: gamma
    mode: Callable[[np.ndarray, np.ndarray], float] = lambda a, along: float(np.sum((0.5 * (a + along)) ** 2))
    fallen: Callable[[float, float, float], float] = lambda gamma, kappa, fall: (
        2 * fall / (gamma + np.sqrt(gamma**2 - 2 * kappa * fall))
    )

    def time(self, x, s, c, a, w, fraction) -> float:
        """t_δ from the weights a, w on data x, s with leading coefficient c."""
        g = s @ x / len(s)
        gamma, direction = self.rate(abs(c) * float(np.linalg.norm(g))), np.sign(c) * g / np.linalg.norm(g)
        kappa = c**2 * float(np.mean((x @ direction) ** 2))
        end = self.fallen(gamma, kappa, fraction * 0.5 * float(np.mean(s**2)))
        start = self.mode(a, w @ direction)
        return float(np.log(end * (gamma - kappa * start) / (start * (gamma - kappa * end)))) / (2 * gamma)


@cache
def _falls(data: str, name: str, seed: int):
    """x, y, a, w (not rescaled) and the times (F,) at which the loss has fallen by FALLS, p = 1."""
    loaded, sigma = load(data), witness.sigma_of(name)
    x, y = append_bias(loaded.x), loaded.y
    generator = Run(seed=seed).generator("horizon", data)
    a, w = generator.standard_normal(NEURONS), generator.standard_normal((NEURONS, x.shape[1]))
    last = np.log(10 / EPSILON) / witness.rate(x, y, 1)
    out = gradient_flow(
        sigma.value, sigma.derivative, x, y, a, w,
        epsilons=[EPSILON], multiplicity=1, tau=last, events=tuple(LossFall(f) for f in FALLS), rtol=1e-10,
    )  # fmt: skip
    return x, y, EPSILON * a, EPSILON * w, out.event_tau[:, 0]


def _exponential(law: Exponential, run: Run) -> Outcome:
    checks, shown = [], []
    for data, name in (("line", "tanh"), ("sine5", "sin"))[: run.pick(1, 2)]:
        x, y, a, w, seen = _falls(data, name, run.seed)
        limit = _limit(x, y)
        falls = [k for k, f in enumerate(FALLS) if f < limit / 2]
        gamma = witness.rate(x, y, 1)
        errors = np.array([2 * gamma * abs(law.time(x, y, 1.0, a, w, FALLS[k]) - seen[k]) for k in falls])
        checks.append(
            exponent_check(
                f"exponent in δ of the error of 2γ t_δ: {name} on {data}",
                1,
                np.array([FALLS[k] for k in falls]),
                errors,
                floor=10 * EPSILON,
                why=f"2γ t_δ itself is {2 * gamma * seen[falls[-1]]:.1f} to {2 * gamma * seen[falls[0]]:.1f}",
            )
        )
        shown.append(f"{errors[-1]:.1e} at δ = {FALLS[falls[-1]]:.0e}")
    return Outcome(f"error of 2γt: {', '.join(shown)}", tuple(checks))


def _limit(x: np.ndarray, y: np.ndarray) -> float:
    """γ²/(2κR0), the fall beyond which one line cannot go."""
    g = y @ x / len(y)
    u = g / np.linalg.norm(g)
    return float(g @ g / (np.mean((x @ u) ** 2) * np.mean(y**2)))


# The first blow-up and its C, the order and the fall of the risk -> t_δ
Late = Callable[[float, float, int, float], float]


@cache
def _scales(data: str, name: str, p: int, fraction: float, seed: int):
    """First blow-up time and C of its orientation at ε = 1 by theory, the risk, and the observed t_δ ε^{p-1} (E,)."""
    loaded, sigma = load(data), witness.sigma_of(name)
    x, y = append_bias(loaded.x), loaded.y
    generator = Run(seed=seed).generator("horizon", data, p)
    a, w = generator.standard_normal(NEURONS), generator.standard_normal((NEURONS, x.shape[1]))
    tensor, c = MomentTensor.from_data(x, y, p), float(activation(name).leading_coefficient)
    ends = destinations(SmoothField(tensor, c), a, w)
    leader = int(np.argmin(ends.blow_up_times))
    first = float(ends.blow_up_times[leader])
    orientations = find_orientations(tensor).attractors
    nearest = max(orientations, key=lambda o: float(np.dot(o.u, ends.u[leader])))
    times = []
    for epsilon in STDS:
        # Beyond the horizon the rescaled flow is stiff: not further than the end may be late.
        out = gradient_flow(
            sigma.value, sigma.derivative, x, y, a, w, epsilons=[epsilon], multiplicity=p,
            tau=first * (1 + 3 ** (p - 1) * epsilon ** (p - 1)), events=(LossFall(fraction),), rtol=1e-10, max_steps=4000,
        )  # fmt: skip
        times.append(float(out.event_tau[0, 0]))
    return first, abs(c * nearest.value), 0.5 * float(np.mean(y**2)), np.array(times)


def _blow_up(law: Late, run: Run) -> Outcome:
    checks = []
    data, name, p = "line", "x*tanh(x)", 2
    for seed in range(run.seed, run.seed + run.pick(1, 3)):
        fraction = 0.01
        first, rate, risk, seen = _scales(data, name, p, fraction, seed)
        scale = np.array(STDS) ** (1 - p)
        said = np.array([law(first * k, rate, p, fraction * risk) for k in scale])
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.where(np.isfinite(seen), np.abs(said / (seen * scale) - 1), np.inf)
        checks.append(
            exponent_check(
                f"exponent in ε of the relative error of t_δ, δ = {fraction}: {name} on {data}, network {seed}",
                p - 1,
                np.array(STDS),
                errors,
                floor=1e-9,
                why="full gradient flow with the event, against blow-up times followed by theory",
            )
        )
    return Outcome(
        f"relative error {checks[0].details['sizes'][-1]:.1e} at ε = {STDS[-1]:.0e}", tuple(checks)
    )


LINEAR = Claim(
    id="L.horizon",
    title="end of the initial stage in closed form, p = 1",
    statement=r"t_\delta = \frac{1}{2\gamma}\ln\frac{S_\delta(\gamma - \kappa S)}{S(\gamma - \kappa S_\delta)}"
    r" + \Theta(\delta),\ S = \sum_j \left(\tfrac{a_j + w_{\parallel j}}{2}\right)^2",
    hypotheses=("p = 1, σ(0) = 0, half-mse", "ε ≪ δ ≪ 1"),
    source="condense",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=Exponential(),
    validate=_exponential,
    mutants={
        "twice the rate": Exponential(rate=lambda gamma: 2 * gamma),
        "S without the half": Exponential(mode=lambda a, u: float(np.sum((a + u) ** 2))),
        "w alone": Exponential(mode=lambda a, u: float(np.sum((0.5 * u) ** 2))),
        "minus a": Exponential(mode=lambda a, u: float(np.sum((0.5 * (u - a)) ** 2))),
        "half the fall": Exponential(fallen=lambda g, k, fall: Exponential().fallen(g, k, fall / 2)),
    },
)

LATE = Claim(
    id="L.horizon.blow-up",
    title="end of the initial stage, p ≥ 2: shortly before the first blow-up",
    statement=r"t_\delta = \Big(\min_j t^*_j - \frac{1}{(p-1) C p^{p/2} a_\delta^{p-1}}\Big)"
    r"(1 + \Theta(\varepsilon^{p-1}))",
    hypotheses=("p ≥ 2, σ smooth, σ(0) = 0, half-mse", "δ fixed as ε → 0"),
    source="condense",
    method=Method.ORDER,
    about=About.GROWING,
    reading=Reading.AMPLITUDE,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=balanced_horizon,
    validate=_blow_up,
    mutants={
        "one per cent later": lambda first, c, p, fall: balanced_horizon(1.01 * first, c, p, fall),
        "blow-up ∝ 1/ε^p": lambda first, c, p, fall: balanced_horizon(first ** (p / (p - 1)), c, p, fall),
        "blow-up not scaled": lambda first, c, p, fall: balanced_horizon(first, c, p, fall) / first,
    },
)
