"""The leading flow beside its peers, to the end of every neuron; scaling in neurons and samples; the oracle.

Each row interleaves the sides and takes the best of `REPEATS`. The peers integrate the same desingularised
field on the unit sphere and are told, at no cost, when each neuron (or the last one) is aligned to 1e-8.
`error` is the 99 % quantile of the angle to our own run at tolerance 1e-13: the few neurons near a boundary
between two ends would make a maximum meaningless. Our ends come from Newton's method in that run too, so for
us it is a measure of agreement between tolerances; the tests compare them with plain integration.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import mpmath
import numpy as np
import torch
from scipy.integrate import solve_ivp
from torchdiffeq import odeint

from numerics.flow import gradient_flow, leading_flow, moments
from numerics.flow.moments import Moments, monomials
from numerics.flow.oracle import precise_flow, two_layer_field
from numerics.orientation import angle_between

REPEATS = 5
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


def _on_the_sphere(force: Moments, shape: tuple[int, int]) -> Callable[[float, np.ndarray], np.ndarray]:
    """The projected desingularised field (p = 3) for SciPy, all neurons flattened into one vector."""

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        y = flat.reshape(shape)
        a, w = y[0], y[1:]
        gradient = force.coefficients @ monomials(w, MULTIPLICITY - 1)
        r2 = np.einsum("ij,ij->j", w, w)
        rho2 = r2 + a * a
        clock = 1 / np.sqrt(rho2 * r2)
        out = np.empty_like(y)
        out[0] = np.einsum("ij,ij->j", w, gradient) / MULTIPLICITY
        growth = (MULTIPLICITY + 1) * a * out[0] * clock / rho2
        out[1:] = a * gradient
        out *= clock
        out -= growth * y
        return out.ravel()

    return field


def _on_the_sphere_torch(force: Moments, shape: tuple[int, int]) -> Callable:
    first, second = np.triu_indices(DIMENSION)
    i, j = torch.from_numpy(first), torch.from_numpy(second)
    table = torch.from_numpy(force.coefficients)

    def field(_: torch.Tensor, flat: torch.Tensor) -> torch.Tensor:
        y = flat.reshape(shape)
        a, w = y[0], y[1:]
        gradient = table @ (w[i] * w[j])
        r2 = (w * w).sum(0)
        rho2 = r2 + a * a
        clock = torch.rsqrt(rho2 * r2)
        potential = (w * gradient).sum(0) / MULTIPLICITY
        growth = (MULTIPLICITY + 1) * a * potential * clock / rho2
        return (torch.cat([(potential * clock)[None], a * clock * gradient]) - growth * y).ravel()

    return field


def _best(sides: dict[str, Callable[[], np.ndarray]]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The best time of each side over interleaved repeats, and its last answer."""
    seconds, answers = dict.fromkeys(sides, np.inf), {}
    for _ in range(REPEATS):
        for name, side in sides.items():
            start = time.perf_counter()
            answers[name] = side()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds, answers


def against_peers(neurons: int = 100_000, single: int = 20) -> list[dict]:
    """Time and accuracy beside one flattened `solve_ivp`, torchdiffeq, and `solve_ivp` for each neuron
    (``single`` of them, spread over the batch, timed and scaled up)."""
    force, a, w = _problem(neurons)
    sharp = leading_flow(force, a, w, rtol=1e-13, alignment=1e-12)
    # Where the peers may stop: every neuron is aligned to 1e-8, about their own tolerance.
    known = leading_flow(force, a, w, alignment=1e-8, newton=False)
    start = np.vstack([a, w.T]) / np.hypot(a, np.linalg.norm(w, axis=1))
    last, shape = float(known.clock.max()), start.shape
    chosen = np.linspace(0, neurons - 1, single).astype(int)
    field, torch_field = _on_the_sphere(force, shape), _on_the_sphere_torch(force, shape)
    one = _on_the_sphere(force, (shape[0], 1))
    span = torch.tensor([0.0, last], dtype=torch.float64)

    def flattened() -> np.ndarray:
        out = solve_ivp(
            field, (0, last), start.ravel(), method="DOP853", rtol=1e-8, atol=1e-10, t_eval=[last]
        )
        return out.y[:, -1].reshape(shape)[1:].T

    def through_torch() -> np.ndarray:
        y0 = torch.from_numpy(start.ravel())
        with torch.no_grad():
            out = odeint(torch_field, y0, span, method="dopri8", rtol=1e-8, atol=1e-10)
        return out[-1].numpy().reshape(shape)[1:].T

    def each() -> np.ndarray:
        ends = [
            solve_ivp(one, (0, known.clock[k]), start[:, k], method="DOP853", rtol=1e-8, atol=1e-10).y[1:, -1]
            for k in chosen
        ]
        return np.array(ends)

    seconds, answers = _best(
        {
            "condense": lambda: leading_flow(force, a, w).orientation,
            "flattened solve_ivp": flattened,
            "torchdiffeq": through_torch,
            "solve_ivp for each neuron": each,
        }
    )
    seconds["solve_ivp for each neuron"] *= neurons / single
    rows = []
    for name, target in (("solve_ivp for each neuron", 20), ("flattened solve_ivp", 3), ("torchdiffeq", 3)):
        reference = sharp.orientation[chosen] if name.endswith("each neuron") else sharp.orientation
        theirs = answers[name] / np.linalg.norm(answers[name], axis=1, keepdims=True)
        rows.append(
            {
                "name": f"leading flow of {neurons} neurons, against {name}",
                "seconds": seconds["condense"],
                "peer_seconds": seconds[name],
                "ratio": seconds[name] / seconds["condense"],
                "target": target,
                "error": float(np.quantile(angle_between(answers["condense"], sharp.orientation), 0.99)),
                "peer_error": float(np.quantile(angle_between(theirs, reference), 0.99)),
            }
        )
    return rows


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


def run() -> list[dict]:
    """All rows; about half an hour on two cores, most of it the peers."""
    return [*full_against_oracle(), *scaling(), *against_peers()]
