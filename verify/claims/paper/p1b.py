"""P1b: one-dimensional input with a bias has at most 2p fixed orientations, if they are isolated.

Setting.     The leading-order flow of multiplicity p for inputs x = (ξ, 1), D = 2.  A fixed orientation u has
             T u^{p-1} = P(u) u, P(u) = T u^p = mean(s (u·x)^p); u and -u are two.
Hypotheses.  The fixed orientations are isolated.  The paper does not say so, and without it the count is infinite.
Statement.   There are at most p fixed lines, 2p fixed orientations; for every p some data have exactly 2p, all of them
             growing.
Steps.       1. With u = (cos θ, sin θ), dP/dθ = F(u), F = u₁ ∂₂P - u₂ ∂₁P: u is fixed iff F(u) = 0.
             2. F is a binary form of degree p, so it has at most p lines of zeros unless it vanishes identically.
             3. F = 0 iff P is constant on the circle: p even and P = C (u₁² + u₂²)^{p/2}.  Then every orientation is
                fixed: the degenerate case.
             4. P = cos pθ has the 2p zeros of -p sin pθ, at each |P| = 1 is a maximum; p + 1 points realise it.
Limits.      It bounds the fixed orientations of the leading flow; D ≥ 3 is C1.
Source.      Zhou et al. 2022, Proposition (informal), without the hypothesis; attainment and step 3: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import sympy

from theory import find_orientations
from verify.claims.forms import Sample, forms, random_sample, realise, star
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict

Bound = Callable[[int, bool], float]
ORDERS = range(1, 7)
GRID = 20_000


@cache
def _degrees() -> list[int]:
    """Steps 1-2: the degree in u of the derivative of a generic form along the circle, from P alone."""
    found = []
    theta = sympy.Symbol("θ", real=True)
    u = forms(2)
    circle = {u[0]: sympy.cos(theta), u[1]: sympy.sin(theta)}
    for p in ORDERS:
        c = sympy.symbols(f"c:{p + 1}", real=True)
        form = sympy.Add(*(c[k] * u[0] ** (p - k) * u[1] ** k for k in range(p + 1)))
        along = sympy.expand(u[0] * sympy.diff(form, u[1]) - u[1] * sympy.diff(form, u[0]))
        difference = sympy.diff(form.xreplace(circle), theta) - along.xreplace(circle)
        if sympy.expand(difference) != 0:
            raise AssertionError("the derivative along the circle must be u₁ ∂₂P - u₂ ∂₁P")
        found.append(sympy.Poly(along, *u).homogeneous_order())
    return found


def degenerate(p: int) -> Sample:
    """Data on which P is constant on the circle, (u₁² + u₂²)^{p/2}, p even."""
    u = forms(2)
    return realise(sympy.Poly(sympy.expand((u[0] ** 2 + u[1] ** 2) ** (p // 2)), *u), f"(u₁²+u₂²)^{p // 2}")


def sign_changes(sample: Sample) -> float:
    """The witness: zeros of the tangential force on a grid of angles, from the data; inf if it vanishes throughout."""
    theta = (np.arange(GRID) + 0.5) * (2 * np.pi / GRID) + 0.1234567 / GRID
    u = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    across = np.stack([-np.sin(theta), np.cos(theta)], axis=1)
    x, s = sample.x.astype(float), sample.s.astype(float)
    terms = s * (u @ x.T) ** (sample.order - 1) * (across @ x.T)
    force = terms.sum(axis=1)
    if np.all(np.abs(force) <= 64 * np.finfo(float).eps * np.abs(terms).sum(axis=1)):
        return np.inf
    return int(np.sum(np.sign(force) != np.sign(np.roll(force, 1))))


@cache
def _counts(seed: int, draws: int) -> dict[str, list]:
    """For each p: certified and grid counts of the attaining data and of random data with simple, separate zeros."""
    generator = Run(seed=seed).generator("P1b")
    rows: dict[str, list] = {"p": [], "sample": [], "certified": [], "grid": []}
    for p in ORDERS:
        for sample in [star(p), *(random_sample(generator, p, 2) for _ in range(draws))]:
            found = find_orientations(sample.tensor())
            if not found.complete or found.lines_found < p:
                continue  # degenerate or with a multiple line, which has no change of sign
            angles = np.sort([np.arctan2(o.u[1], o.u[0]) for o in found.orientations])
            if len(angles) > 1 and np.min(np.diff(angles, append=angles[0] + 2 * np.pi)) < 4 * np.pi / GRID:
                continue  # two zeros within a cell of the grid: the witness cannot tell
            rows["p"].append(p)
            rows["sample"].append(sample)
            rows["certified"].append(len(found.orientations))
            rows["grid"].append(sign_changes(sample))
    return rows


def _validate(law: Bound, run: Run, *, isolated_only: bool) -> Outcome:
    """Step 1-2 against the law, then the largest count over data, certified and on the grid, then the degenerate data."""
    rows = _counts(run.seed, run.pick(10, 100))
    predicted = [law(p, True) for p in ORDERS]
    degrees = [2 * d for d in _degrees()]
    largest = [max(n for q, n in zip(rows["p"], rows["certified"], strict=True) if q == p) for p in ORDERS]
    agree = sum(a == b for a, b in zip(rows["certified"], rows["grid"], strict=True))
    checks = [
        _exact(
            "zeros of a form of the degree of dP/dθ, p = 1..6",
            predicted,
            degrees,
            "derived for a generic form",
        ),
        _exact(
            "largest number of isolated fixed orientations over the data, p = 1..6",
            predicted,
            largest,
            f"certified on {len(rows['p'])} data sets; the bound must hold and be attained",
        ),
        _exact(
            "certified counts that a scan of the circle finds too", len(rows["p"]), agree, f"{GRID} angles"
        ),
    ]
    counterexample = None
    if not isolated_only:
        sample = degenerate(2)
        continuum = find_orientations(sample.tensor())
        infinite = not continuum.complete and sign_changes(sample) == np.inf
        bound = law(2, False)
        checks.append(
            Check(
                name="fixed orientations where P is constant on the circle, p = 2",
                predicted=f"at most {bound:g}",
                observed="all of the circle" if infinite else sign_changes(sample),
                tolerance=0,
                verdict=Verdict.REFUTED if infinite and np.isfinite(bound) else Verdict.CONFIRMED,
                why="exact: T is a multiple of the identity; the scan of the circle finds no force",
            )
        )
        counterexample = {**sample.document(), "certificate": list(continuum.notes)} if infinite else None
    sharp = ", ".join(str(n) for n in largest)
    beyond = "" if isolated_only else "; P constant on the circle: every orientation is fixed"
    summary = f"largest counts over {len(rows['p'])} data sets, p = 1..6: {sharp}{beyond}"
    return Outcome(summary, tuple(checks), counterexample)


def _exact(name: str, predicted, observed, why: str) -> Check:
    return Check(
        name, predicted, observed, 0, Verdict.CONFIRMED if predicted == observed else Verdict.REFUTED, why
    )


def at_most_2p(p: int, isolated: bool) -> float:
    """The paper's bound, whatever the data."""
    return 2 * p


def at_most_2p_isolated(p: int, isolated: bool) -> float:
    """The bound with its hypothesis."""
    return 2 * p if isolated else np.inf


_MUTANTS: dict[str, Bound] = {
    "p orientations instead of p pairs": lambda p, isolated: p if isolated else np.inf,
    "one line less": lambda p, isolated: 2 * (p - 1) if isolated else np.inf,
    "one line more": lambda p, isolated: 2 * (p + 1) if isolated else np.inf,
    "the count of three dimensions": lambda p, isolated: p * p - p + 2 if isolated else np.inf,
}
_SOURCE = "Zhou et al. 2022"

ISOLATED = Claim(
    id="P1b",
    title="one-dimensional input: at most p opposite pairs, 2p isolated fixed orientations",
    statement=r"D = 2,\ \{u : T u^{p-1} = P(u)u\} \text{ finite} \Rightarrow \#\{u\} \le 2p, \text{ attained for every } p",
    hypotheses=("input of dimension 1 with bias, any multiplicity p ≥ 1", "fixed orientations isolated"),
    source=_SOURCE,
    method=Method.SYMBOLIC,
    about=About.FIXED,
    reading=Reading.NONE,
    dynamics=Dynamics.LEADING_FLOW,
    law=at_most_2p_isolated,
    validate=partial(_validate, isolated_only=True),
    mutants=_MUTANTS,
)

UNRESTRICTED = Claim(
    id="P1b.unrestricted",
    title="the same without the hypothesis that they are isolated",
    statement=r"D = 2 \Rightarrow \#\{u : T u^{p-1} = P(u)u\} \le 2p",
    hypotheses=("input of dimension 1 with bias, any multiplicity p ≥ 1",),
    source=_SOURCE,
    method=Method.CERTIFIED,
    about=About.FIXED,
    reading=Reading.NONE,
    dynamics=Dynamics.LEADING_FLOW,
    law=at_most_2p,
    validate=partial(_validate, isolated_only=False),
    expected=Verdict.REFUTED,
    corrected=at_most_2p_isolated,
    mutants={
        **_MUTANTS,
        "a finite bound for the degenerate data too": lambda p, isolated: 2 * p if isolated else 4 * p,
    },
)
