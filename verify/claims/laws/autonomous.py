r"""L.autonomous: the path of an orientation does not depend on the output weight or the amplitude; they only set the time.

Setting.     The smooth leading flow a' = c T w^p, w' = p c a T w^{p-1}; w = r u, s = sign(a), dλ = |a| r^{p-2} dt.
Statement.   du/dλ = s p c (T u^{p-1} - P(u) u) and d(log r)/dλ = s p c P(u): of u alone.  Neurons of one orientation and
             one sign of a, whatever |a| and r, pass through the same u, with the same growth log(r/r(0)) there.
Steps.       1. Follow neurons of one u(0) and many (|a|, r) in Cartesian form, unaware of all this, to several times.
             2. Integrate the law once from u(0), with log r beside it.
             3. Every state must lie on that one curve in (u, log(r/r(0))).
Limits.      While a keeps its sign (r² < p a² at the start suffices).
Source.      condense.

L.invariant: K = ‖w‖² - p a² of every neuron is conserved by the leading flow, and by the full one up to ε^{q-p}.

Setting.     f(x) = Σ_j a_j σ(w_j·x), σ(z) = c z^p + c' z^q + ..., gradient flow from scale ε.
Statement.   K is constant in the leading flow.  In the full gradient flow its change relative to ρ² = a² + ‖w‖² is
             Θ(ε^{q-p}), the feedback of the output notwithstanding; for a monomial K is constant whatever ε.
Steps.       1. K' = 2 w·w' - 2 p a a' = 2 a mean(s(f) (z σ'(z) - p σ(z))), z = w·x, whatever the signal s(f) is.
             2. z σ' - p σ = (q - p) c' z^q + ...: a relative ε^{q-p}, or 0 for σ = c z^p.
Limits.      Before blow-up; a fixed rescaled time.
Source.      condense (balancedness of homogeneous networks: Du, Hu, Lee 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from numerics.data import append_bias, load
from numerics.flow import leading_flow, moments
from theory import activation
from verify.claims import witness
from verify.claims.forms import Sample, random_sample
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check
from verify.verdict import Check, at_most

# (T u^{p-1} as a function of p, u, p, sign of a times c) -> (du/dλ, d(log r)/dλ)
Gradient = Callable[[int, np.ndarray], np.ndarray]
Law = Callable[[Gradient, np.ndarray, int, float], tuple[np.ndarray, float]]
CASES = ((1, 3), (2, 3), (3, 2), (3, 4))
RTOL = 1e-11
TOLERANCE = 1e-7  # two integrations at 1e-11 a step, 1e3 steps each, and the search of the nearest point


def autonomous(gradient: Gradient, u: np.ndarray, p: int, sign: float) -> tuple[np.ndarray, float]:
    """The law."""
    slope = gradient(p, u)
    value = float(u @ slope)
    return sign * p * (slope - value * u), sign * p * value


@cache
def _states(p: int, dimension: int, seed: int) -> tuple[Sample, np.ndarray, np.ndarray]:
    """The data, u(0), and the states (u, log(r/r(0))) (S, N, D + 1) of N neurons that share u(0) and sign(a) > 0."""
    generator = Run(seed=seed).generator("autonomous", p, dimension)
    sample = random_sample(generator, p, dimension)
    u0 = generator.standard_normal(dimension)
    u0 /= np.linalg.norm(u0)
    r0 = np.array([0.1, 0.4, 0.7, 1.0, 1.0])
    a0 = np.array([1.0, 0.5, 1.0, 1.0, 3.0])  # r² < p a²
    force = moments(sample.x, sample.s, p, 1.0)
    ended = leading_flow(force, a0, np.outer(r0, u0))
    states = []
    for k in range(len(a0)):
        # Each neuron to shares of its own way: of its blow-up, or of the time in which it moves by its size.
        last = 0.9 * ended.blowup_time[k]
        if not np.isfinite(last):
            last = 1.0 / (force.bound * np.hypot(a0[k], r0[k]) ** (p - 1))
        out = leading_flow(
            force, a0[[k]], r0[[k], None] * u0, times=last * np.array([0.3, 0.7, 1.0]), rtol=RTOL
        )
        r = np.linalg.norm(out.w[:, 0], axis=-1)
        states.append(np.column_stack([out.w[:, 0] / r[:, None], np.log(r / r0[k])]))
    return sample, u0, np.array(states).transpose(1, 0, 2)


def _on_the_path(law: Law, run: Run) -> Outcome:
    checks = []
    for p, dimension in CASES[: run.pick(3, 4)]:
        for seed in range(run.seed, run.seed + run.pick(1, 4)):
            sample, u0, states = _states(p, dimension, seed)

            def gradient(order: int, u: np.ndarray, data: Sample = sample) -> np.ndarray:
                return (data.s * (data.x @ u) ** (order - 1)) @ data.x / len(data.s)

            away = _distance(law, gradient, u0, p, states.reshape(-1, dimension + 1))
            checks.append(
                Check(
                    name=f"distance of (u, log r) to one curve, 5 neurons, 3 times: p = {p}, D = {dimension}, data {seed}",
                    predicted=0.0,
                    observed=away,
                    tolerance=TOLERANCE,
                    verdict=at_most(away, TOLERANCE),
                    why="two integrators at 1e-11 a step; the farthest state has turned by "
                    f"{float(np.max(np.arccos(np.clip(states[..., :-1] @ u0, -1, 1)))):.2g} rad",
                )
            )
    worst = max(float(c.observed) for c in checks)
    return Outcome(f"all (|a|, r) run along one path within {worst:.1e}", tuple(checks))


def _distance(law: Law, gradient: Gradient, u0: np.ndarray, p: int, states: np.ndarray) -> float:
    """The largest distance of states (N, D + 1) to the law's curve from (u0, 0)."""

    def rhs(_: float, y: np.ndarray) -> np.ndarray:
        du, growth = law(gradient, y[:-1], p, 1.0)
        return np.append(du, growth)

    speed = max(float(np.linalg.norm(rhs(0.0, np.append(u0, 0.0)))), 1e-6)
    far = 1e4 / speed
    out = solve_ivp(
        rhs, (0, far), np.append(u0, 0.0), method="DOP853", rtol=1e-12, atol=1e-13, dense_output=True,
        events=_beyond(float(np.max(np.abs(states[:, -1]))) + 1.0),
    )  # fmt: skip
    parts = np.linspace(0, 1, 16, endpoint=False)
    grid = np.append((out.t[:-1, None] + np.diff(out.t)[:, None] * parts).ravel(), out.t[-1])
    curve = out.sol(grid)
    worst = 0.0
    for state in states:
        k = int(np.argmin(np.sum((curve - state[:, None]) ** 2, axis=0)))
        low, high = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
        best: Any = minimize_scalar(
            lambda t, state=state: float(np.linalg.norm(out.sol(t) - state)),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-14 * (1 + high)},
        )
        worst = max(worst, min(float(best.fun), float(np.linalg.norm(curve[:, k] - state))))
    return worst


def _beyond(growth: float) -> Callable[[float, np.ndarray], float]:
    """The event that |log r| exceeds all that is to be found."""

    def event(_: float, y: np.ndarray) -> float:
        return abs(y[-1]) - growth

    event.terminal = True  # type: ignore[attr-defined]
    return event


def _wrong_growth(gradient: Gradient, u: np.ndarray, p: int, sign: float) -> tuple[np.ndarray, float]:
    du, growth = autonomous(gradient, u, p, sign)
    return du, growth / (p + 1)


def _no_projection(gradient: Gradient, u: np.ndarray, p: int, sign: float) -> tuple[np.ndarray, float]:
    return sign * p * gradient(p, u), sign * p * float(u @ gradient(p, u))


def _other_order(gradient: Gradient, u: np.ndarray, p: int, sign: float) -> tuple[np.ndarray, float]:
    slope = gradient(p + 1, u)
    return sign * p * (slope - (u @ slope) * u), sign * p * float(u @ slope)


CLAIM = Claim(
    id="L.autonomous",
    title="the path of an orientation is independent of output weight and amplitude",
    statement=r"\frac{du}{d\lambda} = s\,p\,c\,(T u^{p-1} - P(u) u),\quad \frac{d\log r}{d\lambda} = s\,p\,c\,P(u),\quad "
    r"d\lambda = |a| r^{p-2} dt",
    hypotheses=("σ smooth, σ(0) = 0", "leading flow", "a keeps its sign"),
    source="condense",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.LEADING_FLOW,
    law=autonomous,
    validate=_on_the_path,
    mutants={
        "the other sign of a": lambda g, u, p, s: autonomous(g, u, p, -s),
        "growth P/(p + 1)": _wrong_growth,
        "no projection": _no_projection,
        "moments of order p + 1": _other_order,
    },
)


EPSILONS = tuple(10.0 ** -np.arange(0.75, 4.3, 0.25))
INVARIANT_CASES = (("line", "tanh"), ("line", "x*tanh(x)"), ("line", "x + x**5"), ("sine5", "silu"))
MONOMIALS = ("z**2", "z**3")
INVARIANT_RTOL = 1e-13  # of a step of either integrator, relative to the neuron
STEPS = 2000  # more than either takes


@dataclass(frozen=True)
class Invariant:
    """The weight of a² in K, and the exponent of its relative change in the full flow."""

    weight: Callable[[int], float] = lambda p: -p
    exponent: Callable[[int, int], float] = lambda p, q: q - p


def _change(law: Invariant, p: int, a0, w0, a, w) -> float:
    """The largest change of K over a neuron's ρ² at the end."""

    def conserved(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        return np.sum(w * w, axis=-1) + law.weight(p) * a * a

    size = np.maximum(a * a + np.sum(w * w, axis=-1), a0 * a0 + np.sum(w0 * w0, axis=-1))
    return float(np.max(np.abs(conserved(a, w) - conserved(a0, w0)) / size))


def _constant(name: str, change: float, p: int) -> Check:
    bound = STEPS * INVARIANT_RTOL * 2 * (1 + p)
    return Check(
        name=name,
        predicted=0.0,
        observed=change,
        tolerance=bound,
        verdict=at_most(change, bound),
        why=f"error {INVARIANT_RTOL:g} of at most {STEPS} steps, in a square with the factor 1 + p",
    )


def _conserved(law: Invariant, run: Run) -> Outcome:
    checks = []
    data = load("line")
    x = append_bias(data.x)
    for p in (1, 2, 3):
        generator = run.generator("invariant", p)
        a0, w0 = generator.standard_normal(50), generator.standard_normal((50, 2))
        size = float(np.max(np.hypot(a0, np.linalg.norm(w0, axis=1))))
        time = 0.3 / (p * witness.rate(x, data.y, p) * size ** (p - 1))
        out = leading_flow(moments(x, data.y, p, 1.0), a0, w0, times=time, rtol=INVARIANT_RTOL)
        checks.append(
            _constant(
                f"change of K in the leading flow on line, p = {p}",
                _change(law, p, a0, w0, out.a, out.w),
                p,
            )
        )
    for name in MONOMIALS:
        p = activation(name).multiplicity
        seen = witness.flow("line", name, order=p, times=(0.3,), epsilons=(1.0, 0.1), seed=run.seed)
        change = max(_change(law, p, seen.a0, seen.w0, seen.a[0, k], seen.w[0, k]) for k in range(2))
        checks.append(
            _constant(f"change of K in the full gradient flow of {name} at ε = 1 and 0.1", change, p)
        )
    for data_name, name in INVARIANT_CASES[: run.pick(3, 4)]:
        sigma = activation(name)
        p, q = sigma.multiplicity, sigma.next_order
        assert q is not None
        seen = witness.flow(data_name, name, order=p, times=(0.3,), epsilons=EPSILONS, seed=run.seed)
        sizes = [_change(law, p, seen.a0, seen.w0, seen.a[0, k], seen.w[0, k]) for k in range(len(EPSILONS))]
        checks.append(
            exponent_check(
                f"exponent in ε of the change of K in the full flow: {name} on {data_name}, p = {p}, q = {q}",
                law.exponent(p, q),
                seen.epsilons,
                np.array(sizes),
                floor=100 * INVARIANT_RTOL,
            )
        )
    return Outcome(f"K kept to {checks[0].observed:.1e} by the leading flow", tuple(checks))


INVARIANT = Claim(
    id="L.invariant",
    title="‖w‖² - p a² of every neuron is conserved, in the full flow up to ε^{q-p}",
    statement=r"K_j = \|w_j\|^2 - p a_j^2:\ \dot K_j = 0 \text{ (leading)},\quad "
    r"\Delta K_j/\rho_j^2 = \Theta(\varepsilon^{q-p})",
    hypotheses=("σ smooth, σ(0) = 0, any loss", "rescaled time fixed, before blow-up"),
    source="condense; for homogeneous networks Du, Hu, Lee 2018",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=Invariant(),
    validate=_conserved,
    mutants={
        "a² without p": Invariant(weight=lambda p: -1),
        "a² over p": Invariant(weight=lambda p: -1 / p),
        "sum in place of difference": Invariant(weight=lambda p: p),
        "broken by the feedback too": Invariant(exponent=lambda p, q: min(q - p, p + 1)),
        "one power more": Invariant(exponent=lambda p, q: q - p + 1),
    },
)
