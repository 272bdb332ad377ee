r"""L.autonomous: the path of an orientation does not depend on the output weight or the amplitude; they only set the time.

Setting.     The smooth leading flow a' = c T w^p, w' = p c a T w^{p-1}; w = r u, s = sign(a), dλ = |a| r^{p-2} dt.
Statement.   du/dλ = s p c (T u^{p-1} - P(u) u) and d(log r)/dλ = s p c P(u): of u alone.  Neurons of one orientation and
             one sign of a, whatever |a| and r, pass through the same u, with the same growth log(r/r(0)) there.
Steps.       1. Follow neurons of one u(0) and many (|a|, r) in Cartesian form, unaware of all this, to several times.
             2. Integrate the law once from u(0), with log r beside it.
             3. Every state must lie on that one curve in (u, log(r/r(0))).
Limits.      While a keeps its sign (r² < p a² at the start suffices).
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from numerics.flow import leading_flow, moments
from verify.claims.forms import Sample, random_sample
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.report.verdict import Check, at_most

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
