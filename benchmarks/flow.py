"""The leading flow beside its peers, to the end of every neuron; scaling in neurons and samples; closed form; oracle.

Each row interleaves the sides and takes the best of `REPEATS`. The peers integrate the same desingularised
field on the unit sphere, with the time as one more row, and are told at no cost when each neuron (or the last
one) is aligned to 1e-8. Errors are 99 % quantiles, of the angle and of the relative blow-up time, against our
own run at tolerance 1e-13; the tests compare our ends with plain integration. Each peer has the loosest
tolerance with which its blow-up times are as accurate as ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np
import torch
from scipy.integrate import solve_ivp
from torchdiffeq import odeint

from numerics.flow import LeadingFlowResult, LeadingStatus, gradient_flow, leading_flow, moments
from numerics.flow.moments import Moments, monomials
from numerics.flow.neurons import remaining_time
from numerics.flow.oracle import precise_flow, two_layer_field
from numerics.measure import angle_between
from theory.flows.linear import LinearFlow

REPEATS = 5
Field = Callable[[float, np.ndarray], np.ndarray]
MULTIPLICITY, DIMENSION, SAMPLES = 3, 6, 200


def _problem(neurons: int, samples: int = SAMPLES, seed: int = 0) -> tuple[Moments, np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, samples])
    x, s = rng.standard_normal((samples, DIMENSION)), rng.standard_normal(samples)
    rng = np.random.default_rng([seed, neurons, 1])
    return (
        moments(x, s, MULTIPLICITY),
        rng.standard_normal(neurons),
        rng.standard_normal((neurons, DIMENSION)),
    )


def _sphere(force: Moments, shape: tuple[int, int]) -> Field:
    """The projected desingularised field (p = 3) for SciPy, all neurons flattened into one vector; two more
    rows: log ρ/ρ0 and the time in units of ρ0^{1-p}."""

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        y = flat.reshape(shape)
        a, w = y[0], y[1:-2]
        gradient = force.coefficients @ monomials(w, MULTIPLICITY - 1)
        r2 = np.einsum("ij,ij->j", w, w)
        rho2 = r2 + a * a
        clock = 1 / np.sqrt(rho2 * r2)
        out = np.empty_like(y)
        out[0] = np.einsum("ij,ij->j", w, gradient) / MULTIPLICITY
        growth = (MULTIPLICITY + 1) * a * out[0] * clock / rho2
        np.multiply(a, gradient, out=out[1:-2])
        out[:-2] *= clock
        out[:-2] -= growth * y[:-2]
        out[-2] = growth
        out[-1] = clock * np.exp((1 - MULTIPLICITY) * y[-2])
        return out.ravel()

    return field


def _sphere_torch(force: Moments, shape: tuple[int, int]) -> Callable:
    first, second = (torch.from_numpy(v) for v in np.triu_indices(DIMENSION))
    table = torch.from_numpy(force.coefficients)

    def field(_: torch.Tensor, flat: torch.Tensor) -> torch.Tensor:
        y = flat.reshape(shape)
        a, w = y[0], y[1:-2]
        gradient = table @ (w[first] * w[second])
        r2 = (w * w).sum(0)
        rho2 = r2 + a * a
        clock = torch.rsqrt(rho2 * r2)
        potential = (w * gradient).sum(0) / MULTIPLICITY
        growth = (MULTIPLICITY + 1) * a * potential * clock / rho2
        out = torch.empty_like(y)
        out[0] = potential * clock
        torch.mul(gradient, a * clock, out=out[1:-2])
        out[:-2] -= growth * y[:-2]
        out[-2] = growth
        torch.mul(clock, torch.exp((1 - MULTIPLICITY) * y[-2]), out=out[-1])
        return out.ravel()

    return field


@dataclass(frozen=True)
class _Case:
    """Neurons, their reference ends, and the clock at which each is aligned to 1e-8, told to the peers for free."""

    force: Moments
    a: np.ndarray
    w: np.ndarray
    sharp: LeadingFlowResult
    clock: np.ndarray

    @property
    def rho(self) -> np.ndarray:
        return np.hypot(self.a, np.linalg.norm(self.w, axis=1))

    @property
    def start(self) -> np.ndarray:
        return np.vstack([np.vstack([self.a, self.w.T]) / self.rho, np.zeros((2, len(self.a)))])

    def errors(self, y: np.ndarray, chosen: np.ndarray | slice = slice(None)) -> tuple[float, float]:
        """99 % quantiles of the angle and of the relative error of the blow-up time; the time that a peer has
        left at its end is added by the closed form along an orientation, at no cost."""
        w = y[1:-2]
        u = w / np.linalg.norm(w, axis=0)
        value = self.force.potential(u)
        invariant = (w * w).sum(axis=0) - MULTIPLICITY * y[0] ** 2
        left = remaining_time(value, y[0], invariant, MULTIPLICITY) * np.exp((1 - MULTIPLICITY) * y[-2])
        time = (y[-1] + left) * self.rho[chosen] ** (1 - MULTIPLICITY)
        return self.compare(u.T, time, chosen)

    def compare(
        self, u: np.ndarray, time: np.ndarray, chosen: np.ndarray | slice = slice(None)
    ) -> tuple[float, float]:
        grown = self.sharp.status[chosen] == LeadingStatus.GROWING
        relative = np.abs(time / self.sharp.blowup_time[chosen] - 1)[grown]
        angle = angle_between(u, self.sharp.orientation[chosen])
        return float(np.quantile(angle, 0.99)), float(np.quantile(relative, 0.99))


def _case(neurons: int) -> _Case:
    force, a, w = _problem(neurons)
    known = leading_flow(force, a, w, alignment=1e-8, newton=False)
    return _Case(force, a, w, leading_flow(force, a, w, rtol=1e-13), known.clock)


def _flattened(case: _Case, rtol: float) -> np.ndarray:
    start, last = case.start, float(case.clock.max())
    field = _sphere(case.force, start.shape)
    out = solve_ivp(field, (0, last), start.ravel(), method="DOP853", rtol=rtol, atol=rtol, t_eval=[last])
    return out.y[:, -1].reshape(start.shape)


def _torchdiffeq(case: _Case, rtol: float, threads: int = 1) -> np.ndarray:
    start = case.start
    torch.set_num_threads(threads)
    span = torch.tensor([0.0, float(case.clock.max())], dtype=torch.float64)
    field = _sphere_torch(case.force, start.shape)
    with torch.no_grad():
        out = odeint(field, torch.from_numpy(start.ravel()), span, method="dopri8", rtol=rtol, atol=rtol)
    return out[-1].numpy().reshape(start.shape)


def _each(case: _Case, rtol: float, chosen: np.ndarray) -> np.ndarray:
    start = case.start
    one = _sphere(case.force, (len(start), 1))
    options = {"method": "DOP853", "rtol": rtol, "atol": rtol}
    return np.array([solve_ivp(one, (0, case.clock[k]), start[:, k], **options).y[:, -1] for k in chosen]).T


def _tuned(peer: Callable[[_Case, float], np.ndarray], case: _Case, goal: float) -> float:
    """The loosest tolerance 10^-k with which a peer's blow-up times are as accurate as ours."""
    for rtol in 10.0 ** -np.arange(6.0, 13.0):
        if case.errors(peer(case, rtol))[1] <= goal:
            break
    return float(rtol)


def against_peers(neurons: int = 100_000, single: int = 20, seconds_each: float = 60.0) -> list[dict]:
    """Time and accuracy beside one flattened `solve_ivp`, torchdiffeq, and `solve_ivp` for each neuron
    (``single`` of them, spread over the batch, timed and scaled up), each peer at the loosest tolerance that is as
    accurate as ours, found on 500 neurons. A side stops repeating when it has used ``seconds_each`` and is beyond ten
    times its target, where no repeat could change the answer."""
    small = _case(500)
    ours = leading_flow(small.force, small.a, small.w)
    goal = small.compare(ours.orientation, ours.blowup_time)[1]
    some = np.arange(0, 500, 50)
    fewer = _Case(small.force, small.a[some], small.w[some], _only(small.sharp, some), small.clock[some])
    rtol = {
        "one flattened solve_ivp": _tuned(_flattened, small, goal),
        "torchdiffeq": _tuned(_torchdiffeq, small, goal),
        "solve_ivp for each neuron": _tuned(lambda c, tol: _each(c, tol, np.arange(len(some))), fewer, goal),
    }
    case, chosen = _case(neurons), np.linspace(0, neurons - 1, single).astype(int)
    sides: dict[str, Callable[[], Any]] = {
        "condense": lambda: leading_flow(case.force, case.a, case.w),
        "one flattened solve_ivp": lambda: _flattened(case, rtol["one flattened solve_ivp"]),
        "torchdiffeq": lambda: _torchdiffeq(case, rtol["torchdiffeq"]),
        "torchdiffeq, 2 threads": lambda: _torchdiffeq(case, rtol["torchdiffeq"], 2),
        "solve_ivp for each neuron": lambda: _each(case, rtol["solve_ivp for each neuron"], chosen),
    }
    scale = {"solve_ivp for each neuron": neurons / single}
    seconds, answers, repeats = _best(sides, seconds_each, beyond=10 * 3, scale=scale)
    seconds["torchdiffeq"] = min(seconds["torchdiffeq"], seconds.pop("torchdiffeq, 2 threads"))
    result = answers.pop("condense")
    angle, time_error = case.compare(result.orientation, result.blowup_time)
    rows = []
    for name, target in (
        ("solve_ivp for each neuron", 20),
        ("one flattened solve_ivp", 3),
        ("torchdiffeq", 3),
    ):
        where = chosen if name.endswith("each neuron") else slice(None)
        theirs = case.errors(answers[name], where)
        rows.append(
            {
                "name": f"leading flow of {neurons} neurons, against {name}",
                "seconds": seconds["condense"],
                "peer_seconds": seconds[name],
                "ratio": seconds[name] / seconds["condense"],
                "target": target,
                "time_error": time_error,
                "peer_time_error": theirs[1],
                "angle_error": angle,
                "peer_angle_error": theirs[0],
                "peer_rtol": rtol[name],
                "repeats": repeats[name],
            }
        )
    return rows


def _only(result: LeadingFlowResult, some: np.ndarray) -> LeadingFlowResult:
    return replace(
        result,
        w=result.w[some],
        status=result.status[some],
        blowup_time=result.blowup_time[some],
    )


def _best(
    sides: dict[str, Callable[[], Any]],
    limit: float = np.inf,
    *,
    beyond: float = np.inf,
    scale: dict[str, float] | None = None,
) -> tuple[dict[str, float], dict[str, Any], dict[str, int]]:
    """The best time of each side over interleaved repeats, times its ``scale``, its last answer, and how often it ran.

    A side that has used ``limit`` seconds and is ``beyond`` times slower than the first one is not repeated.
    """
    seconds, used = dict.fromkeys(sides, np.inf), dict.fromkeys(sides, 0.0)
    answers, repeats = {}, dict.fromkeys(sides, 0)
    first = next(iter(sides))
    for _ in range(REPEATS):
        for name, side in sides.items():
            if used[name] > limit and seconds[name] > beyond * seconds[first]:
                continue
            start = time.perf_counter()
            answers[name] = side()
            spent = time.perf_counter() - start
            seconds[name] = min(seconds[name], spent * (scale or {}).get(name, 1.0))
            used[name], repeats[name] = used[name] + spent, repeats[name] + 1
    return seconds, answers, repeats


def scaling(sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)) -> list[dict]:
    """Seconds a neuron over the number of neurons, and at 1e4 neurons over the number of samples."""
    rows = []
    for neurons in sizes:
        force, a, w = _problem(neurons)
        best = np.inf
        for _ in range(REPEATS if neurons <= 100_000 else 1):
            start = time.perf_counter()
            leading_flow(force, a, w)
            best = min(best, time.perf_counter() - start)
        rows.append(
            {"name": f"leading flow, {neurons} neurons", "seconds": best, "per_neuron": best / neurons}
        )
    for samples in (100, 1_000, 100_000):
        # The same force from more samples: copies of the data.
        force, a, w = _problem(10_000, samples=100)
        rng = np.random.default_rng([0, 100])
        x, s = rng.standard_normal((100, DIMENSION)), rng.standard_normal(100)
        force = moments(np.tile(x, (samples // 100, 1)), np.tile(s, samples // 100), MULTIPLICITY)
        best = np.inf
        for _ in range(REPEATS):
            start = time.perf_counter()
            leading_flow(force, a, w)
            best = min(best, time.perf_counter() - start)
        rows.append({"name": f"leading flow, 10000 neurons, n = {samples}", "seconds": best})
    return rows


def full_against_oracle() -> list[dict]:
    """The relative error of the full gradient flow at ε = 1e-8, tanh and z tanh z."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((4, 2)), rng.standard_normal(4)
    a, w, rows = rng.standard_normal(2), rng.standard_normal((2, 2)), []
    cases = {
        "tanh": (1, np.tanh, lambda z: 1 / np.cosh(z) ** 2, mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
        "z tanh z": (
            2,
            lambda z: z * np.tanh(z),
            lambda z: np.tanh(z) + z / np.cosh(z) ** 2,
            lambda z: z * mpmath.tanh(z),
            lambda z: mpmath.tanh(z) + z * mpmath.sech(z) ** 2,
        ),
    }
    for name, (p, value, derivative, exact, exact_derivative) in cases.items():
        eps = mpmath.mpf(1e-8)
        start = time.perf_counter()
        flow = gradient_flow(value, derivative, x, y, a, w, epsilons=1e-8, multiplicity=p, tau=0.7)
        seconds = time.perf_counter() - start
        field = two_layer_field(exact, exact_derivative, x, y, 2)
        true = precise_flow(field, [eps * v for v in np.r_[a, w.ravel()]], 0.7 * eps ** (1 - p), digits=25)
        reference = np.array([float(v / eps) for v in true])
        error = np.abs(np.r_[flow.a[0], flow.w[0].ravel()] - reference).max() / np.abs(reference).max()
        rows.append(
            {
                "name": f"full flow of {name} at ε = 1e-8",
                "seconds": seconds,
                "error": float(error),
                "target": 1e-9,
            }
        )
    return rows


def closed_form(neurons: int = 10_000_000, dimension: int = 6) -> list[dict]:
    """The closed form for p = 1 at one time, beside one pass over the memory of its neurons (a copy)."""
    rng = np.random.default_rng(0)
    a, w = rng.standard_normal(neurons), rng.standard_normal((neurons, dimension))
    flow = LinearFlow(rng.standard_normal(dimension), 0.7)
    sides = {"flow": lambda: flow.at(1.0, a, w), "pass": lambda: (a.copy(), w.copy())}
    seconds, answers, _ = _best(sides)
    small = leading_flow(moments(flow.g[None], [1.0], 1, 0.7), a[:1000], w[:1000], times=1.0, rtol=1e-13)
    size = np.abs(small.w).max()
    return [
        {
            "name": f"closed form p = 1 of {neurons} neurons, against a copy of them",
            "seconds": seconds["flow"],
            "peer_seconds": seconds["pass"],
            "ratio": seconds["flow"] / seconds["pass"],
            "target": "at most 10",
            "error": float(np.abs(answers["flow"][1][:1000] - small.w).max() / size),
        }
    ]


def run() -> list[dict]:
    """All rows; about ten minutes on two quiet cores, most of it the peers."""
    return [*full_against_oracle(), *closed_form(), *scaling(), *against_peers()]
