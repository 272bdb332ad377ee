r"""R.embedding: splitting a neuron embeds a network into a wider one, with its output, its risk and its criticality.

Setting.     f(x) = Σ_j a_j σ(w_j·x), risk R = ½ mean (f - y)²; a critical point of a network of m neurons.
Statement.   Replacing a neuron (a, w) by (α a, w) and ((1 - α) a, w) keeps the output for all x, hence the risk, and maps
             critical points to critical points, for every real α.
Steps.       1. Find a critical point of a small network to rounding.
             2. Embed it by the law, with α inside and outside [0, 1].
             3. Compare outputs on new inputs; take the gradient of the wide network by automatic differentiation.  It may
                exceed that of the small one by the factor max(1, |α|, |1 - α|) √2, and by rounding.
Limits.      Says nothing of stability: minima may become saddles.
Source.      Zhang, Zhang, Luo, Xu 2021 (NeurIPS).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.optimize import least_squares

from numerics.data import append_bias, load
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict, at_most

# a and w (D,) of one neuron, α -> output weights (2,) and input weights (2, D) of the two
Split = Callable[[float, np.ndarray, float], tuple[np.ndarray, np.ndarray]]
SHARES = (0.5, 0.25, -1.0, 1.7)
CASES = (("line", "tanh", 2), ("line", "sigmoid", 1), ("line", "x*tanh(x)", 1), ("line", "x**2*tanh(x)", 1))
SMALL = 1e-9  # the gradient of what counts as a critical point
EPS = np.finfo(float).eps


def splitting(a: float, w: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The law."""
    return np.array([share * a, (1 - share) * a]), np.array([w, w])


@cache
def _critical(data: str, name: str, neurons: int, seed: int):
    """x, y and a critical point a (m,), w (m, D) of a small network."""
    loaded, sigma = load(data), witness.sigma_of(name)
    x, y = append_bias(loaded.x), loaded.y
    generator = Run(seed=seed).generator("embedding", data, name)

    def split(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return theta[:neurons], theta[neurons:].reshape(neurons, -1)

    def residual(theta: np.ndarray) -> np.ndarray:
        return witness.output(sigma, x, *split(theta)) - y

    def jacobian(theta: np.ndarray) -> Any:
        a, w = split(theta)
        z = torch.as_tensor(x @ w.T)
        inner = a * sigma.derivative(z).numpy()
        return np.column_stack([sigma.value(z).numpy(), (inner[:, :, None] * x[:, None]).reshape(len(x), -1)])

    solve: Any = least_squares  # its stub knows no callable Jacobian
    for _ in range(20):
        start = generator.standard_normal(neurons * (1 + x.shape[1]))
        theta = solve(residual, start, jacobian, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=200).x
        theta = _polished(sigma, x, y, theta, neurons)
        # A minimum at infinity is none, and a neuron that is not there proves nothing.
        there = np.max(np.abs(theta)) < 50 and np.min(np.abs(theta[:neurons])) > 1e-2
        if there and np.linalg.norm(_gradient(sigma, x, y, *split(theta))) < SMALL:
            break
    return x, y, *split(theta)


def _polished(sigma, x: np.ndarray, y: np.ndarray, theta: np.ndarray, neurons: int) -> np.ndarray:
    """θ after a few Newton steps on the risk, its Hessian by automatic differentiation."""
    inputs, goal = torch.as_tensor(x), torch.as_tensor(y)

    def risk(flat: torch.Tensor) -> torch.Tensor:
        a, w = flat[:neurons], flat[neurons:].reshape(neurons, -1)
        return 0.5 * ((sigma.value(inputs @ w.T) @ a - goal) ** 2).mean()

    for _ in range(6):
        here = torch.tensor(theta)
        gradient = torch.func.grad(risk)(here).numpy()
        theta = theta - np.linalg.lstsq(torch.func.hessian(risk)(here).numpy(), gradient, rcond=1e-12)[0]
    return theta


def _gradient(sigma, x: np.ndarray, y: np.ndarray, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """∂R/∂(a, w), flat, by automatic differentiation."""
    outer, inner = torch.tensor(a, requires_grad=True), torch.tensor(w, requires_grad=True)
    f = sigma.value(torch.as_tensor(x) @ inner.T) @ outer
    (0.5 * ((f - torch.as_tensor(y)) ** 2).mean()).backward()
    assert outer.grad is not None
    assert inner.grad is not None
    return np.concatenate([outer.grad.numpy(), inner.grad.numpy().ravel()])


def _embeds(law: Split, run: Run) -> Outcome:
    checks, worst = [], 0.0
    for data, name, neurons in CASES[: run.pick(3, None)]:
        x, y, a, w = _critical(data, name, neurons, run.seed)
        sigma = witness.sigma_of(name)
        small = float(np.linalg.norm(_gradient(sigma, x, y, a, w)))
        probe = run.generator("probe", data).standard_normal((200, x.shape[1]))
        before = witness.output(sigma, probe, a, w)
        size = float(np.sum(np.abs(a)) * np.max(np.abs(sigma.value(torch.as_tensor(probe @ w.T)).numpy())))
        # Rounding of the sums over neurons and data, in units of the largest term of the gradient.
        term = float(np.max(np.abs(x)) * max(1.0, np.max(np.abs(a))) * np.max(np.abs(y)))
        for share in SHARES:
            two, inputs = law(float(a[0]), w[0], share)
            wide_a, wide_w = np.concatenate([two, a[1:]]), np.concatenate([inputs, w[1:]])
            factor = max(1.0, abs(share), abs(1 - share))
            change = float(np.max(np.abs(witness.output(sigma, probe, wide_a, wide_w) - before)))
            gradient = float(np.linalg.norm(_gradient(sigma, x, y, wide_a, wide_w)))
            worst = max(worst, gradient)
            bound = np.sqrt(2) * factor * small + 64 * len(x) * EPS * factor * term
            for what, seen, allowed, why in (
                (
                    "change of the output on new inputs",
                    change,
                    64 * EPS * factor * size,
                    "rounding of the sum",
                ),
                ("gradient of the wide network", gradient, bound, f"that of the small one is {small:.1e}"),
            ):
                checks.append(
                    Check(
                        name=f"{what}: {name} on {data}, α = {share}",
                        predicted=0.0,
                        observed=seen,
                        tolerance=allowed,
                        verdict=at_most(seen, allowed) if small < SMALL else Verdict.INCONCLUSIVE,
                        why=why,
                    )
                )
    return Outcome(f"outputs kept to rounding, gradients of the wide networks ≤ {worst:.1e}", tuple(checks))


CLAIM = Claim(
    id="R.embedding",
    title="embedding principle: a split neuron keeps output, risk and criticality",
    statement=r"(a, w) \mapsto (\alpha a, w), ((1-\alpha) a, w):"
    r"\quad f, R \text{ unchanged},\ \nabla R = 0 \mapsto \nabla R = 0",
    hypotheses=("two-layer network, σ differentiable", "any real α"),
    source="Zhang, Zhang, Luo, Xu 2021",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.NONE,
    law=splitting,
    validate=_embeds,
    mutants={
        "α and 1 + α": lambda a, w, s: (np.array([s * a, (1 + s) * a]), np.array([w, w])),
        "√α and √(1-α)": lambda a, w, s: (
            np.sqrt(np.abs([s, 1 - s])) * a,
            np.array([w, w]),
        ),
        "input weights split": lambda a, w, s: (np.array([a, a]), np.array([s * w, (1 - s) * w])),
        "both split": lambda a, w, s: (np.array([s * a, (1 - s) * a]), np.array([s * w, (1 - s) * w])),
    },
)
