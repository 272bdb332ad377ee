r"""R.alignment: orthogonally separable labels: a small balanced ReLU network has sorted its neurons by the time log n/√μ.

Setting.     f(x) = Σ_j a_j ReLU(w_j·x), |a_j| = ‖w_j‖, ε → 0, gradient flow of Σ_i ℓ(y_i f(x_i)) (a sum, no mean) with
             ℓ' = -1 at f = 0, y_i = ± 1, ‖x_i‖ = 1.
Hypotheses.  cos(y_i x_i, y_k x_k) ≥ μ > 0 for all pairs: same labels point together, different ones apart.  No neuron
             starts within 0.3 rad of where all its wrong points pull exactly against it (a rest, left as log(1/angle)).
Statement.   From a time t₁ = O(log n/√μ) on, whatever ε, every neuron with a > 0 is active on all x_i with y_i = 1 and on
             no other, or on none at all (dead); for a < 0 the other way round.
Steps.       1. The force on u is Σ y_i x_i over the active i: its length is at least √μ times their number.
             2. Follow balanced neurons in Cartesian form, from kink to kink, and note when each is sorted for good.
             3. The latest of them must be earlier than the law's time.  The source's constant is not used; the constant is
                declared to be 2, for n ≥ 4.
Limits.      Leading order: ε below what the loss's own change needs (the source: exponentially small in n).
Source.      Min, Mallada, Vidal 2024 (ICLR).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.flow import leading_flow, one_sided_moments
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict, at_most

Bound = Callable[[int, float], float]  # of n and μ
CASES = ((8, 0.5), (16, 0.1), (32, 0.02), (64, 0.25), (4, 0.1), (16, 0.9))
GRID = 400
APART = 0.3  # rad
CONSTANT = 2.0  # a neuron with one active point alone needs about log(1/μ), 1.7 log n/√μ at n = 4, μ = 0.1
LARGEST = 200.0  # exponent of the largest growth, n times the time of the sum


def last_time(n: int, mu: float) -> float:
    """To when neurons are followed, in the time of the summed loss."""
    return min(source(n, mu), LARGEST / n)


def source(n: int, mu: float) -> float:
    """The law, with the declared constant."""
    return CONSTANT * float(np.log(n) / np.sqrt(mu))


@cache
def _sorted(n: int, mu: float, seed: int, neurons: int) -> tuple[float, np.ndarray]:
    """The smallest cosine, and the time (N,) from which on each neuron is sorted; inf for never."""
    generator = Run(seed=seed).generator("alignment", n)
    # y_i x_i = √μ e_0 + √(1-μ) e_i have the cosine μ; a rotation.
    z = np.column_stack([np.full(n, np.sqrt(mu)), np.sqrt(1 - mu) * np.eye(n)])
    z = z @ np.linalg.qr(generator.standard_normal((n + 1, n + 1)))[0]
    y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    x = y[:, None] * z
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    smallest = float(np.min((unit @ unit.T)[~np.eye(n, dtype=bool)]))
    sign = np.where(np.arange(neurons) % 2 == 0, 1.0, -1.0)
    rest = np.array([-z[y != s].sum(axis=0) for s in sign])
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    w = generator.standard_normal((neurons, n + 1))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    # A quarter of them, and all that are closer, start at the angle APART from where they would rest for ever.
    across = w - np.sum(w * rest, axis=1, keepdims=True) * rest
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    close = (np.sum(w * rest, axis=1) > np.cos(APART)) | (np.arange(neurons) < neurons // 4)
    w = np.where(close[:, None], np.cos(APART) * rest + np.sin(APART) * across, w)
    a = sign * np.linalg.norm(w, axis=1)
    times = np.linspace(0, last_time(n, mu), GRID + 1)[1:]
    # numerics averages over the data: its time is n times that of the sum.
    out = leading_flow(one_sided_moments(x, y, 1, 1.0, 0.0), a, w, times=n * times)
    # A neuron that dies stops on its last kink, up to rounding.
    active = out.w @ x.T > 1e-12 * np.linalg.norm(out.w, axis=-1, keepdims=True)
    right = (y > 0) == (a > 0)[:, None]
    done = np.all(active == right, axis=2) | ~np.any(active, axis=2)
    settled = np.flip(np.logical_and.accumulate(np.flip(done, 0), 0), 0)
    first = np.argmax(settled, axis=0)
    return smallest, np.where(settled[-1], times[first], np.inf)


def _aligned(law: Bound, run: Run) -> Outcome:
    checks, worst = [], 0.0
    for n, mu in CASES[: run.pick(3, None)]:
        last = last_time(n, mu)
        smallest, seen = _sorted(n, mu, run.seed, run.pick(100, 400))
        bound, latest = law(n, smallest), float(np.max(seen))
        if np.isinf(latest):
            verdict = Verdict.INCONCLUSIVE if bound > last else Verdict.REFUTED
        else:
            verdict = at_most(latest, bound)
        worst = max(worst, latest / source(n, smallest))
        checks.append(
            Check(
                name=f"time from which all {len(seen)} neurons are sorted: n = {n}, μ = {smallest:.3g}",
                predicted=f"at most {bound:.3g}",
                observed=latest if np.isfinite(latest) else None,
                tolerance=0.0,
                verdict=verdict,
                why=f"time of the summed loss, resolved to {last / GRID:.2g}; followed to {last:.3g}",
                details={"median": float(np.median(seen))},
            )
        )
    return Outcome(f"sorted by {CONSTANT * worst:.2f} log n/√μ at the latest", tuple(checks))


CLAIM = Claim(
    id="R.alignment",
    title="orthogonally separable labels: neurons are sorted by O(log n/√μ)",
    statement=r"t \ge t_1 = O(\log n/\sqrt\mu):\ a_j > 0 \Rightarrow w_j \in S_+ \cup S_{\rm dead},\ "
    r"a_j < 0 \Rightarrow w_j \in S_- \cup S_{\rm dead}",
    hypotheses=(
        "ReLU, balanced, ε → 0, summed loss",
        "cos(y_i x_i, y_k x_k) ≥ μ > 0",
        "constant declared: 2",
    ),
    source="Min, Mallada, Vidal 2024",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.LEADING_FLOW,
    law=source,
    validate=_aligned,
    mutants={
        "time of the averaged loss": lambda n, mu: source(n, mu) / n,
        "μ log n": lambda n, mu: CONSTANT * float(np.log(n) * mu),
        "√μ/√n": lambda n, mu: float(np.sqrt(mu / n)),
    },
)
