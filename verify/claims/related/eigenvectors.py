r"""R.eigenvectors: a generic symmetric tensor of order p in D variables has ((p-1)^D - 1)/(p-2) complex eigenvector lines.

Setting.     T symmetric, real, of order p in D variables; T u^{p-1} = λ u, u a line in P^{D-1}.
Statement.   The generic number of complex lines is Σ_{i<D} (p-1)^i, that is D for p = 2 and 1 for p = 1; the real ones
             have the parity of that number, and are at least 1, for even p at least D.
Steps.       1. Data with Gaussian numbers, taken as exact binary64, give generic tensors.
             2. Find the eigenvectors by homotopy, certify each in a ball (Krawczyk, Arb) and prove that no ball holds two.
             3. Their number is the law's.  More would refute Bézout's bound; fewer are found only where paths fail.
Limits.      Non-generic tensors have fewer, multiple ones, or a continuum.
Source.      Cartwright, Sturmfels 2013; at least D for even p: Morse theory (as in Kolda, Mayo 2011 for methods).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from theory import MomentTensor, OrientationSet, find_orientations
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict, within

Count = Callable[[int, int], int]  # of p and D
CASES = (
    (1, 3), (2, 4), (3, 2), (3, 3), (4, 3), (5, 2), (3, 4), (5, 3), (4, 4), (6, 3), (3, 6), (2, 6),
)  # fmt: skip


def cartwright_sturmfels(p: int, dimension: int) -> int:
    """The law."""
    return sum((p - 1) ** i for i in range(dimension))


@cache
def _found(p: int, dimension: int, seed: int) -> OrientationSet:
    generator = Run(seed=seed).generator("eigenvectors", p, dimension)
    n = 4 * dimension**2
    x = generator.standard_normal((n, dimension))
    return find_orientations(
        MomentTensor.from_data(x, generator.standard_normal(n), p), bias=False, seed=seed
    )


def _counted(law: Count, run: Run) -> Outcome:
    checks, total = [], 0
    for p, dimension in CASES[: run.pick(8, None)]:
        for seed in range(run.seed, run.seed + run.pick(1, 3)):
            found = _found(p, dimension, seed)
            expected, real = law(p, dimension), len(found.orientations) // 2
            sure = found.complete and all(o.certified for o in found.orientations)
            checks.append(
                Check(
                    name=f"complex eigenvector lines: p = {p}, D = {dimension}, tensor {seed}",
                    predicted=expected,
                    observed=found.lines_found,
                    tolerance=0,
                    verdict=within(expected, found.lines_found, 0) if sure else Verdict.INCONCLUSIVE,
                    why=f"certified and complete: {found.method.value}" if sure else "not certified complete",
                )
            )
            least = dimension if p % 2 == 0 else 1
            good = real >= least and (real - expected) % 2 == 0
            checks.append(
                Check(
                    name=f"real lines, parity of the count, at least {least}: p = {p}, D = {dimension}, tensor {seed}",
                    predicted=f"{least} + and {'odd' if expected % 2 else 'even'}",
                    observed=real,
                    tolerance=0,
                    verdict=(Verdict.CONFIRMED if good else Verdict.REFUTED)
                    if sure
                    else Verdict.INCONCLUSIVE,
                    why="complex ones come in conjugate pairs; |P| on the sphere has its extrema",
                )
            )
            total += found.lines_found
    return Outcome(
        f"{total} complex lines of {len(checks) // 2} random tensors, all accounted for", tuple(checks)
    )


CLAIM = Claim(
    id="R.eigenvectors",
    title="number of eigenvectors of a symmetric tensor",
    statement=r"\#\{u \in \mathbb P^{D-1}: T u^{p-1} \parallel u\} = \frac{(p-1)^D - 1}{p - 2}",
    hypotheses=("T real, symmetric, generic", "p = 2: D; p = 1: 1"),
    source="Cartwright, Sturmfels 2013",
    method=Method.CERTIFIED,
    about=About.FIXED,
    reading=Reading.NONE,
    dynamics=Dynamics.NONE,
    law=cartwright_sturmfels,
    validate=_counted,
    mutants={
        "p lines": lambda p, dimension: p,
        "Bézout, (p-1)^(D-1)": lambda p, dimension: (p - 1) ** (dimension - 1),
        "p^(D-1)": lambda p, dimension: p ** (dimension - 1),
        "one term more": lambda p, dimension: cartwright_sturmfels(p, dimension + 1),
        "D lines": lambda p, dimension: dimension,
    },
)
