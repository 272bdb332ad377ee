r"""L.dying: which neurons can die, and what is left of them.

Setting.     The smooth leading flow a' = c P(w), w' = c a ∇P(w), K = ‖w‖² - p a², H = c a P(w).
Statement.   A neuron that dies (w → 0 along an orientation) has K < 0 and H < 0 at the start, and keeps a² = a(0)² -
             ‖w(0)‖²/p.  None dies for p = 1.  K < 0 > H is necessary, not sufficient: others turn back and grow.
Steps.       1. K is conserved: w → 0 leaves K = -p a² ≤ 0, and a = √(-K/p).
             2. H never falls (H' = ‖∇H‖²) and tends to 0 with w.
             3. Follow neurons to their ends and look at the dead.
Limits.      Boundaries of basins, of measure zero.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy

from numerics.flow import LeadingStatus, leading_flow, moments
from verify.claims.forms import Sample, forms, random_sample, realise
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict, at_most


def _possible(k: np.ndarray, h: np.ndarray) -> np.ndarray:
    return (k < 0) & (h < 0)


@dataclass(frozen=True)
class Dying:
    """Whether a neuron with invariant K and potential H may die, and the a² that is left of (a0², r0², p)."""

    possible: Callable[[np.ndarray, np.ndarray], np.ndarray] = _possible
    left: Callable[[np.ndarray, np.ndarray, int], np.ndarray] = lambda a2, r2, p: a2 - r2 / p
    first_order: int = 0  # how many die for p = 1


@cache
def _followed(name: str, seed: int, neurons: int):
    """p, a0, w0, K, H at the start, who died, and a at the end."""
    sample = _data(name, seed)
    generator = Run(seed=seed).generator("dying", name)
    a0, w0 = generator.standard_normal(neurons), generator.standard_normal((neurons, sample.dimension))
    p = sample.order
    out = leading_flow(moments(sample.x, sample.s, p, 1.0), a0, w0)
    value = (sample.x @ w0.T) ** p
    h = a0 * (sample.s @ value) / len(sample.s)
    k = np.sum(w0 * w0, axis=1) - p * a0 * a0
    died = out.status == LeadingStatus.DYING
    return p, a0, w0, k, h, died, out.a, np.linalg.norm(out.w, axis=1)


def _data(name: str, seed: int) -> Sample:
    u = forms(3)
    if name == "cubes":
        return realise(sympy.Poly(sum(v**3 for v in u), *u), "cubes")
    if name == "squares":
        return realise(sympy.Poly(u[0] ** 2 + 2 * u[1] ** 2 + 3 * u[2] ** 2, *u), "squares")
    if name == "quartic":
        return realise(sympy.Poly(sum(v**4 for v in u), *u), "quartic")
    return random_sample(Run(seed=seed).generator("dying data"), 1, 3)


def _deaths(law: Dying, run: Run) -> Outcome:
    checks, shown = [], []
    for name in ("cubes", "squares", "quartic"):
        p, a0, w0, k, h, died, a, r = _followed(name, run.seed, run.pick(500, 4000))
        outside = int(np.sum(died & ~law.possible(k, h)))
        checks.append(
            Check(
                name=f"dying neurons outside the condition: {name}, p = {p}",
                predicted=0,
                observed=outside,
                tolerance=0,
                verdict=at_most(outside, 0) if died.any() else Verdict.INCONCLUSIVE,
                why=f"{int(died.sum())} of {len(died)} neurons died, {int(np.sum(_possible(k, h)))} fulfil K < 0 > H",
            )
        )
        left = law.left(a0**2, np.sum(w0**2, axis=1), p)
        error = np.abs(a**2 - left)[died] / a0[died] ** 2
        # K is exact: what remains of r at the end, and a hundred steps of 1e-10 relative to the neuron's size.
        size = (a0**2 + np.sum(w0**2, axis=1))[died] / a0[died] ** 2
        bound = r[died] ** 2 / p / a0[died] ** 2 + 1e-8 * size
        worst = int(np.argmax(error / bound)) if died.any() else 0
        checks.append(
            Check(
                name=f"a² of the dead, relative error: {name}, p = {p}",
                predicted=0.0,
                observed=float(error[worst]) if died.any() else None,
                tolerance=float(bound[worst]) if died.any() else None,
                verdict=at_most(float(np.max(error / bound)), 1.0) if died.any() else Verdict.INCONCLUSIVE,
                why="what is left of r² at the end of the integration, and a hundred steps at 1e-10 of ρ²",
            )
        )
        shown.append(f"{100 * died.mean():.1f} %")
    died = _followed("linear", run.seed, 500)[5]
    checks.append(
        Check(
            name="dying neurons for p = 1",
            predicted=law.first_order,
            observed=int(died.sum()),
            tolerance=0,
            verdict=Verdict.CONFIRMED if int(died.sum()) == law.first_order else Verdict.REFUTED,
            why=f"of {len(died)} neurons",
        )
    )
    return Outcome(f"{', '.join(shown)} of Gaussian neurons die, all with K < 0 > H", tuple(checks))


CLAIM = Claim(
    id="L.dying",
    title="a dying neuron has K < 0 and H < 0, and keeps a² - r²/p",
    statement=r"w(t) \to 0 \Rightarrow K < 0,\ H(0) < 0,\ a(t)^2 \to a(0)^2 - \|w(0)\|^2/p",
    hypotheses=("σ smooth, σ(0) = 0", "leading flow, outside basin boundaries"),
    source="condense",
    method=Method.ORDER,
    about=About.DYING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.LEADING_FLOW,
    law=Dying(),
    validate=_deaths,
    mutants={
        "K > 0": Dying(possible=lambda k, h: (k > 0) & (h < 0)),
        "H > 0": Dying(possible=lambda k, h: (k < 0) & (h > 0)),
        "a² - r²": Dying(left=lambda a2, r2, p: a2 - r2),
        "a² - p r²": Dying(left=lambda a2, r2, p: a2 - p * r2),
        "a² + r²/p": Dying(left=lambda a2, r2, p: a2 + r2 / p),
        "some for p = 1": Dying(first_order=1),
    },
)
