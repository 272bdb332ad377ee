"""C1: is 2p the maximal number of condensed orientations?  Its exact frontier.

Setting.     The leading-order flow a' = c P(w), w' = c a ∇P(w), P(u) = mean(s (u·x)^p), x in R^D with the bias counted.
             Growing orientations: strict maxima of |P| on the sphere, P ≠ 0; dying ones: strict minima of |P|, P ≠ 0.
Hypotheses.  σ(0) = 0, smooth, one output; finitely many fixed orientations, non-degenerate for D ≥ 3.
Statement.   The maximal number of growing orientations (and of growing and dying ones together) over all data is
                 2p              for D = 2, and for p ≤ 2 in any D         C1 holds,
                 p² - p + 2      for D = 3                                 C1 fails for every p ≥ 3,
                 at least 2 Σ_{k<D} C(p-1, k) > 2p for p ≥ 3, D ≥ 3        C1 fails; the maximum is unknown for D ≥ 4.
Steps.       1. D = 2: P1b.  p = 1: ± g.  p = 2: the largest and the smallest eigenvalue, 2 orientations each.
             2. D = 3, at most: a generic T has p² - p + 1 complex fixed lines (Cartwright, Sturmfels 2013), so at most
                2N ≤ 2(p² - p + 1) critical points on S².  M extrema and S saddles have M - S = χ(S²) = 2, M + S = 2N:
                M = N + 1 ≤ p² - p + 2.
             3. D = 3, attained: P = Π l_k, p linear forms in general position.  The planes l_k = 0 cut S² into
                p² - p + 2 regions, on each |P| > 0 inside and = 0 on the edge, and log|P| = Σ log|l_k| has one maximum
                there: every region holds a growing orientation.
             4. Any D: the same product has 2 Σ_{k<D} C(p-1, k) regions.  It exceeds 2p iff p ≥ 3 and D ≥ 3.
             5. p + 1 or more points with a bias realise any form (verify.claims.forms).  The smallest: XOR, p = 3,
                P = 6 u₁u₂u₃, the eight (±1, ±1, ±1)/√3.
             6. D = 4, p = 3, at most: 15 lines, on S³ c₀ = c₃, c₁ = c₂ by antipody, c₁ ≥ c₀ - 1: growing ≤ 2 c₀ ≤ 16.
Limits.      It speaks of the leading flow; what real networks do with it is condensation.all and condensation.growing.
Source.      Zhou et al. 2022 for the conjecture; frontier, proof and counterexamples: condense.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from numerics.flow import LeadingStatus, leading_flow, moments
from theory import find_orientations
from theory.forms.vectors import angle
from theory.orientations import OrientationSet
from verify.claims.forms import Sample, arrangement, random_sample, star, xor
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict

Maximum = Callable[[int, int], int | None]
_SOURCE = "Zhou et al. 2022"


def two_p(p: int, dimension: int) -> int | None:
    """The conjecture."""
    return 2 * p


def frontier(p: int, dimension: int) -> int | None:
    """The maximal number where it is known, None where nobody knows."""
    if dimension == 2 or p <= 2:
        return 2 * p
    return p * p - p + 2 if dimension == 3 else None


@cache
def _attaining() -> tuple[tuple[Sample, OrientationSet], ...]:
    """Data that attain the maximum in D = 2, 3 and for p ≤ 2 elsewhere."""
    indefinite = np.random.default_rng(np.random.SeedSequence(21))
    samples = [star(p) for p in range(1, 7)] + [xor()]
    samples += [arrangement(p, 3) for p in (4, 5)] + [random_sample(indefinite, 1, d) for d in (3, 4)]
    # An indefinite matrix has a maximum P > 0 and a minimum P < 0, both growing: 4 orientations.
    for dimension in (3, 4, 5):
        while len(_certified(sample := random_sample(indefinite, 2, dimension)).attractors) < 4:
            pass
        samples.append(sample)
    return tuple((sample, _certified(sample)) for sample in samples)


@cache
def _random(seed: int, draws: int) -> tuple[tuple[Sample, OrientationSet], ...]:
    generator = Run(seed=seed).generator("C1")
    kinds = [(2, 2), (3, 2), (4, 2), (5, 2), (2, 3), (2, 4), (3, 3), (4, 3)]
    samples = [random_sample(generator, p, d) for _ in range(draws) for p, d in kinds]
    return tuple((sample, _certified(sample)) for sample in samples)


def _certified(sample: Sample) -> OrientationSet:
    return find_orientations(sample.tensor())


def _count(found: OrientationSet) -> int:
    """The certified growing and dying orientations."""
    return sum(o.certified for o in (*found.attractors, *found.dying))


@cache
def reached(seed: int, neurons: int) -> list[tuple[int, int, float]]:
    """The witness: neurons of the leading flow from anywhere, on the attaining data of p ≥ 2.

    For each data set the certified number of growing orientations, the number at which neurons ended, and the largest
    distance of an end to the certified list in units of what the flow's tolerance and the rounding of the moments allow.
    """
    generator = Run(seed=seed).generator("C1", "flow")
    out = []
    for sample, found in _attaining():
        if sample.order == 1:
            continue
        s = sample.s / np.max(np.abs(sample.s))
        a, w = generator.standard_normal(neurons), generator.standard_normal((neurons, sample.dimension))
        force = moments(sample.x.astype(float), s.astype(float), sample.order, 1.0)
        ends = leading_flow(force, a, w)
        u = ends.orientation[ends.status == LeadingStatus.GROWING]
        listed = np.array([o.u for o in found.attractors])
        distance = angle(u[:, None], listed[None])
        nearest = distance.argmin(axis=1)
        share = distance.min(axis=1) / _resolution(sample, s, listed, force.bound)[nearest]
        out.append((len(listed), len(np.unique(nearest)), float(share.max())))
    return out


def _resolution(sample: Sample, s: np.ndarray, listed: np.ndarray, bound: float) -> np.ndarray:
    """How far the computed zero of the tangential force may lie from each exact one: its error over its slope μ."""
    x, p = sample.x.astype(float), sample.order
    size = float(np.mean(np.abs(s) * np.linalg.norm(x, axis=1) ** p))
    z = listed @ x.T
    slopes = []
    for along, u in zip(z, listed, strict=True):
        radial = float(np.mean(s * along**p))
        hessian = (p - 1) * np.einsum("n,ni,nj->ij", s * along ** (p - 2), x, x) / len(x)
        tangent = np.linalg.svd(u[None])[2][1:]
        slopes.append(
            np.abs(np.linalg.eigvalsh(tangent @ hessian @ tangent.T - radial * np.eye(len(tangent)))).min()
        )
    # The flow's step tolerance 1e-10 blurs a direction by a few of it, the force by p - 1 times its bound (leading_flow).
    error = 4e-10 * max(p - 1, 1) * bound + 2**p * np.finfo(float).eps * size
    return error / np.array(slopes)


def _validate(law: Maximum, run: Run, *, region: Callable[[int, int], bool]) -> Outcome:
    """The largest certified count over the data for every (p, D) of the region must be the law's."""
    everything = [*_attaining(), *_random(run.seed, run.pick(3, 25))]
    everything = [(s, f) for s, f in everything if region(s.order, s.dimension) and f.complete]
    best: dict[tuple[int, int], tuple[int, Sample, OrientationSet]] = {}
    for sample, found in everything:
        key, count = (sample.order, sample.dimension), _count(found)
        if key not in best or count > best[key][0]:
            best[key] = (count, sample, found)
    checks, worst = [], None
    for (p, d), (count, sample, found) in sorted(best.items()):
        predicted = law(p, d)
        if predicted is None:
            continue
        holds = count == predicted
        checks.append(
            Check(
                name=f"largest number of attracting orientations, p = {p}, D = {d}",
                predicted=predicted,
                observed=count,
                tolerance=0,
                verdict=Verdict.CONFIRMED if holds else Verdict.REFUTED,
                why=f"certified, complete list, on {sample.name}; the law must be neither exceeded nor out of reach",
            )
        )
        if count > predicted and (worst is None or len(sample.x) < len(worst[0].x)):
            worst = (sample, found)
    flows = reached(run.seed, run.pick(300, 2000))
    listed, ends = [n for n, _, _ in flows], [n for _, n, _ in flows]
    same = ends == listed and max(share for *_, share in flows) <= 1
    checks.append(
        Check(
            name="growing orientations that neurons of the leading flow reach, data set by data set",
            predicted=listed,
            observed=ends,
            tolerance=0,
            verdict=Verdict.CONFIRMED if same else Verdict.REFUTED,
            why="integrated by numerics, which knows no certificate; every end within its tolerance and rounding",
        )
    )
    if worst is None:
        known = ", ".join(f"{n} at ({p},{d})" for (p, d), (n, *_) in sorted(best.items()))
        return Outcome(f"maximal counts at (p, D): {known}", tuple(checks))
    sample, found = worst
    return Outcome(
        f"{sample.name}, p = {sample.order}, D = {sample.dimension}: {len(found.attractors)} certified growing "
        f"orientations > 2p = {2 * sample.order}; the leading flow reaches them all",
        tuple(checks),
        _document(sample, found),
    )


def _document(sample: Sample, found: OrientationSet) -> dict:
    return {
        **sample.document(),
        "certificate": {
            "complete": found.complete,
            "lines_found": found.lines_found,
            "lines_expected": found.lines_expected,
            "attractors": [o.to_json() for o in found.attractors],
        },
    }


def _claim(
    id: str,
    title: str,
    statement: str,
    hypotheses: tuple[str, ...],
    region,
    law=frontier,
    mutants=None,
    **more,
):
    return Claim(
        id=id,
        title=title,
        statement=statement,
        hypotheses=("σ smooth with σ(0) = 0, one output", *hypotheses),
        source=_SOURCE,
        method=Method.CERTIFIED,
        about=About.GROWING,
        reading=Reading.NONE,
        dynamics=Dynamics.LEADING_FLOW,
        law=law,
        validate=partial(_validate, region=region),
        mutants=mutants
        or {
            "two orientations more": lambda p, d: (n := frontier(p, d)) and n + 2,
            "two orientations less": lambda p, d: (n := frontier(p, d)) and n - 2,
            "lines counted once": lambda p, d: (n := frontier(p, d)) and n // 2,
        },
        **more,
    )


GENERAL = _claim(
    "C1",
    "the maximal number of condensed orientations is 2p",
    r"\max_{x, s} \#\{\text{strict maxima of } |T u^p| \text{ on } S^{D-1}\} = 2p",
    ("any multiplicity p and dimension D",),
    lambda p, d: True,
    law=two_p,
    expected=Verdict.REFUTED,
    corrected=frontier,
    mutants={
        "2p beyond the plane too": two_p,
        "a wrong Euler characteristic": lambda p, d: p * p - p if d == 3 and p > 2 else frontier(p, d),
        "all critical points counted": lambda p, d: (
            2 * (p * p - p + 1) if d == 3 and p > 2 else frontier(p, d)
        ),
    },
)
PLANAR = _claim(
    "C1.planar",
    "C1 for one-dimensional input: 2p",
    r"D = 2:\ \max \#\{\text{growing}\} = 2p",
    ("D = 2: one-dimensional input with bias",),
    lambda p, d: d == 2,
)
SPECTRAL = _claim(
    "C1.spectral",
    "C1 for p ≤ 2 in any dimension: 2p",
    r"p \le 2:\ \max \#\{\text{growing}\} = 2p",
    ("p ≤ 2, any D", "extreme eigenvalues of T simple for p = 2"),
    lambda p, d: p <= 2 and d >= 3,
)
SPACE = _claim(
    "C1.space",
    "what replaces 2p for D = 3: p² - p + 2",
    r"D = 3:\ \max \#\{\text{growing}\} = p^2 - p + 2",
    ("D = 3: two-dimensional input with bias", "non-degenerate fixed orientations"),
    lambda p, d: d == 3 and p >= 3,
    mutants={
        "2p": two_p,
        "a wrong Euler characteristic": lambda p, d: p * p - p,
        "the torus instead of the sphere": lambda p, d: p * p - p + 1,
        "all critical points counted": lambda p, d: 2 * (p * p - p + 1),
        "regions of planes not in general position": lambda p, d: 2 * p + 2 * (p - 2),
    },
)


@cache
def _search(seed: int, draws: int) -> tuple[int, Sample, OrientationSet]:
    """The largest certified number of growing orientations at p = 3, D = 4 over few-point integer data."""
    generator = Run(seed=seed).generator("C1.beyond")
    best = None
    for k in range(draws):
        sample = random_sample(generator, 3, 4, points=6 + k % 6)
        found = find_orientations(sample.tensor())
        count = sum(o.certified for o in found.attractors)
        if best is None or count > best[0]:
            best = (count, sample, found)
    assert best is not None
    return best


def _beyond(law: int, run: Run) -> Outcome:
    """Step 6: between the largest number found, certified, and the bound of Morse and Cartwright-Sturmfels."""
    low, sample, found = _search(run.seed, run.pick(150, 500))
    lines = sum((3 - 1) ** k for k in range(4))
    high = 2 * ((lines + 1) // 2)
    verdict = Verdict.INCONCLUSIVE if low <= law <= high else Verdict.REFUTED
    check = Check(
        name="maximal number of growing orientations, p = 3, D = 4",
        predicted=law,
        observed=f"between {low} and {high}",
        tolerance=0,
        verdict=Verdict.CONFIRMED if low == law == high else verdict,
        why=f"{low} certified on {len(sample.x)} integer points; at most {high} by {lines} lines and Morse's inequalities",
    )
    summary = f"at least {low} (certified), at most {high}: nobody knows the maximum"
    return Outcome(summary, (check,), details={"best": _document(sample, found)})


BEYOND = Claim(
    id="C1.beyond",
    title="p = 3, D = 4: the bound 16 of Morse theory is attained, as that of D = 3 is",
    statement=r"p = 3, D = 4:\ \max \#\{\text{growing}\} = 16",
    hypotheses=("σ smooth with σ(0) = 0, one output", "non-degenerate fixed orientations"),
    source="condense",
    method=Method.CERTIFIED,
    about=About.GROWING,
    reading=Reading.NONE,
    dynamics=Dynamics.LEADING_FLOW,
    law=16,
    validate=_beyond,
    expected=Verdict.INCONCLUSIVE,
    mutants={
        "2p": 6,
        "the regions of three planes": 2 * sum(math.comb(2, k) for k in range(4)),
        "every line grows": 30,
    },
)
