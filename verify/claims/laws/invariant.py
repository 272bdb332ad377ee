r"""L.invariant: K = ‖w‖² - p a² of every neuron is conserved by the leading flow, and by the full one up to ε^{q-p}.

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

import numpy as np

from numerics.data.datasets import append_bias, load
from numerics.flow import leading_flow, moments
from theory import activation
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.slopes import exponent_check
from verify.report.verdict import Check, at_most

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
