r"""L.outputs: K outputs and p = 1: every neuron turns to ± the first right singular vector of mean(s xᵀ).

Setting.     f(x) = Σ_j a_j σ(w_j·x) in R^K, gradient flow from scale ε; M = mean(s xᵀ) (K, D), singular values σ₁ > σ₂.
Hypotheses.  p = 1, σ(0) = 0, σ₁ > σ₂.
Statement.   w/‖w‖ → ± v₁; at the time ϑ ln(1/ε)/(|c| σ₁), at which r = Θ(ε^{1-ϑ}), the angle is Θ(ε^{ϑ(1 - σ₂/σ₁)}).
Steps.       1. a' = c M w, w' = c Mᵀ a: along the k-th singular pair everything grows as e^{c σ_k t}.
             2. The angle is the second component over the first, e^{-c(σ₁-σ₂)t}, unless a neuron has none of it.
             3. Full gradient flows over decades of ε, each to its own time; the median angle over the neurons.
Limits.      ϑ < 1, so that the output is still small.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from numerics.flow import gradient_flow
from theory.forms.vectors import angle
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check

EPSILONS = 10.0 ** -np.arange(5.0, 12.1, 0.25)
SHARE = 0.5  # ϑ
RATIOS = (0.5, 0.3, 0.7)


@dataclass(frozen=True)
class Singular:
    """The orientation, of x (n, D) and s (n, K), and the exponent of the angle, of σ₂/σ₁."""

    orientation: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda x, s: np.linalg.svd(s.T @ x)[2][0]
    exponent: Callable[[float], float] = lambda ratio: SHARE * (1 - ratio)


@cache
def _angles(ratio: float, name: str, seed: int):
    """x, s of three outputs with σ₂/σ₁ = `ratio`, and w (E, m, D) at each scale's own time."""
    generator = Run(seed=seed).generator("outputs", name)
    x = np.column_stack([generator.standard_normal((30, 3)), np.ones(30)])
    left = np.linalg.qr(generator.standard_normal((3, 3)))[0]
    right = np.linalg.qr(generator.standard_normal((4, 4)))[0][:3]
    matrix = (left * [1.0, ratio, 0.5 * ratio]) @ right
    # s with mean(s xᵀ) = matrix, and a part that has no moments of order 1.
    s = 30 * np.linalg.pinv(x).T @ matrix.T + 0.3 * _orthogonal(x, generator.standard_normal((30, 3)))
    a0, w0 = generator.standard_normal((12, 3)), generator.standard_normal((12, 4))
    sigma = witness.sigma_of(name)
    times = SHARE * np.log(1 / EPSILONS)
    out = gradient_flow(
        sigma.value, sigma.derivative, x, s, a0, w0, epsilons=EPSILONS, multiplicity=1, tau=times, rtol=1e-11
    )
    diagonal = np.arange(len(EPSILONS))
    return x, s, out.w[diagonal, diagonal]


def _orthogonal(x: np.ndarray, s: np.ndarray) -> np.ndarray:
    return s - x @ np.linalg.lstsq(x, s, rcond=None)[0]


def _turns(law: Singular, run: Run) -> Outcome:
    checks = []
    for ratio, name in zip(RATIOS[: run.pick(2, 3)], ("tanh", "sin", "arctan"), strict=False):
        x, s, w = _angles(ratio, name, run.seed)
        line = law.orientation(x, s)
        u = w / np.linalg.norm(w, axis=-1, keepdims=True)
        sizes = np.median(np.minimum(angle(u, line), angle(u, -line)), axis=1)
        checks.append(
            exponent_check(
                f"exponent in ε of the median angle, σ₂/σ₁ = {ratio}: {name}, 3 outputs, D = 4",
                law.exponent(ratio),
                EPSILONS,
                sizes,
                floor=1e-9,
                why=f"full gradient flow, each scale to {SHARE} ln(1/ε)/σ₁",
            )
        )
    shown = ", ".join(f"{c.observed:.3f}" for c in checks if c.observed is not None)
    return Outcome(f"the angle to ± v₁ falls with the exponents {shown}", tuple(checks))


def _row(x: np.ndarray, s: np.ndarray) -> np.ndarray:
    g = s.sum(axis=1) @ x
    return g / np.linalg.norm(g)


CLAIM = Claim(
    id="L.outputs",
    title="K outputs, p = 1: ± the first right singular vector of mean(s xᵀ)",
    statement=r"u \to \pm v_1(\langle s x^T\rangle),\quad \angle = \Theta(\varepsilon^{\vartheta(1 - \sigma_2/\sigma_1)})"
    r"\text{ at } \vartheta\ln(1/\varepsilon)/(|c|\sigma_1)",
    hypotheses=("p = 1, σ(0) = 0, K outputs", "σ₁ > σ₂"),
    source="condense",
    method=Method.ORDER,
    about=About.ATTRACTING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=Singular(),
    validate=_turns,
    mutants={
        "the second singular vector": Singular(lambda x, s: np.linalg.svd(s.T @ x)[2][1]),
        "sum over the outputs": Singular(_row),
        "the largest row": Singular(lambda x, s: (lambda m: m[0] / np.linalg.norm(m[0]))(s.T @ x)),
        "squared singular values": Singular(exponent=lambda ratio: SHARE * (1 - ratio**2)),
        "as for one output": Singular(exponent=lambda ratio: SHARE),
    },
)
