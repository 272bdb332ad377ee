"""C2: "training data change the orientations, not their maximal number".  True for inputs of a fixed dimension only.

Setting.     The leading-order flow of multiplicity p on data of input dimension d, D = d + 1.
Statement.   Over data with d = 1 the orientations vary and their largest number is 2p, whatever the number of points and
             their place.  Over data of different dimension the maximum differs too: for p = 3 it is 6 at d = 1 and 8 at
             d = 2.
Steps.       1. d = 1: P1b.  The three families below (few points, many points, points far off the origin) all attain it.
             2. d = 2: C1.space.
Limits.      The number on given data is at most the maximum, and varies with the data.
Source.      Zhou et al. 2022 (observation); the part of the dimension: condense.

C6: low-frequency data condense on fewer orientations.  True of p = 3, false of p = 2.

Setting.     Inputs uniform in [-4, 2]^d, targets Σ_k 3.5 sin(f x_k + 1) at the paper's frequencies f = 5 and 2, n = 80; the
             growing orientations of the leading flow, certified, over random draws of the inputs.
Statement.   On average over draws with d = 1 there are fewer growing orientations at f = 2 than at f = 5 for p = 3, and
             more for p = 2.
Steps.       1. Draw inputs, enumerate and certify the growing orientations at both frequencies.
             2. The interval of the mean difference (Student, at the level that the ledger allows) decides its sign.
Limits.      A statement about these targets and the mean over draws; single draws go either way.  At the paper's d = 5,
             p = 3, the means of 200 draws were 3.20 and 3.71: too close to decide at the level that the ledger allows.
Source.      Zhou et al. 2022, from one draw; the averages and p = 2: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from scipy.stats import t as student

from numerics.data import append_bias
from numerics.data.generators import sines
from theory import MomentTensor, find_orientations
from theory.forms.vectors import angle
from verify.claims.forms import Sample, arrangement, star, xor
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict

Maximum = Callable[[int, int], int]


def _families(p: int) -> dict[str, Sample]:
    """Data of d = 1 that attain the maximum: as few points as can, the same points twice as far apart, and more points."""
    few = star(p)
    # P(u1, u2) -> P(k u1, u2): still p lines, at other places.
    wide = Sample("wider", few.x * np.array([3, 1]), few.s, p)
    moved = Sample("moved", few.x + np.array([2, 0]) * few.x[:, 1:], few.s, p)
    # n points that change nothing: each pair cancels.
    extra = np.repeat([[7, 1], [-5, 1], [4, 1]], 2, axis=0)
    many = Sample("more points", np.vstack([few.x, extra]), np.concatenate([few.s, [1, -1] * 3]), p)
    return {"few points": few, "three times wider": wide, "moved": moved, "more points": many}


@cache
def _counts() -> tuple[dict[tuple[int, int], list[int]], float]:
    """Certified numbers of fixed (d = 1) and growing (d = 2) orientations by (p, d); the spread of the orientations."""
    found: dict[tuple[int, int], list[int]] = {}
    spread = np.inf
    for p in (1, 2, 3, 4):
        sets = [find_orientations(s.tensor()) for s in _families(p).values()]
        found[p, 1] = [len(f.orientations) for f in sets]
        if p == 1:
            continue  # this line is ± (1, 0) wherever the points are
        # Each of the moved data's orientations from the nearest of the others; the farthest one says that they differ.
        u, v = (np.array([o.u for o in found_set.orientations]) for found_set in (sets[0], sets[2]))
        spread = min(spread, float(np.max(angle(v[:, None], u[None]).min(axis=1))))
    for sample in (xor(), arrangement(4, 3)):
        found[sample.order, 2] = [len(find_orientations(sample.tensor()).attractors)]
    return found, spread


def _validate(law: Maximum, run: Run, *, dimensions: tuple[int, ...]) -> Outcome:
    found, spread = _counts()
    checks = [
        Check(
            name=f"largest number of orientations over data sets, p = {p}, input dimension {d}",
            predicted=law(p, d),
            observed=max(counts),
            tolerance=0,
            verdict=Verdict.CONFIRMED if max(counts) == law(p, d) else Verdict.REFUTED,
            why=f"certified, on {len(counts)} data sets",
        )
        for (p, d), counts in found.items()
        if d in dimensions
    ]
    checks.append(
        Check(
            name="turn of an orientation when the points are moved, rad (least over p)",
            predicted="> 0",
            observed=spread,
            tolerance=None,
            verdict=Verdict.CONFIRMED if spread > 1e-3 else Verdict.REFUTED,
            why="the data do change the orientations",
        )
    )
    sample = xor()
    document = {**sample.document(), "growing": found[3, 2][0], "maximum_for_one_input": max(found[3, 1])}
    shown = ", ".join(f"{max(n)} at p = {p}, d = {d}" for (p, d), n in found.items() if d in dimensions)
    return Outcome(
        f"largest numbers: {shown}; moving the points turns them by {spread:.2g} rad",
        tuple(checks),
        document,
    )


def of_the_multiplicity(p: int, d: int) -> int:
    """2p, whatever the data."""
    return 2 * p


def of_the_dimension_too(p: int, d: int) -> int:
    """2p for d = 1, p² - p + 2 for d = 2."""
    return 2 * p if d == 1 else p * p - p + 2


_claim = partial(
    Claim,
    source="Zhou et al. 2022",
    method=Method.CERTIFIED,
    about=About.GROWING,
    reading=Reading.NONE,
    dynamics=Dynamics.LEADING_FLOW,
)
ALL = _claim(
    id="C2",
    title="training data change the orientations, not the maximal number",
    statement=r"\max \#\{\text{growing}\} \text{ depends on } p \text{ alone}",
    hypotheses=("σ smooth, σ(0) = 0, one output",),
    law=of_the_multiplicity,
    validate=partial(_validate, dimensions=(1, 2)),
    expected=Verdict.REFUTED,
    corrected=of_the_dimension_too,
    mutants={
        "2p in the space too": of_the_multiplicity,
        "the space's number in the plane": lambda p, d: p * p - p + 2,
        "p pairs counted once": lambda p, d: of_the_dimension_too(p, d) // 2,
    },
)
LINE = _claim(
    id="C2.line",
    title="the same among data of one input dimension, d = 1",
    statement=r"d = 1:\ \max \#\{\text{growing}\} = 2p, \text{ whatever the points}",
    hypotheses=("σ smooth, σ(0) = 0, one output", "one-dimensional input with bias"),
    law=of_the_multiplicity,
    validate=partial(_validate, dimensions=(1,)),
    mutants={
        "p orientations": lambda p, d: p,
        "a line more": lambda p, d: 2 * p + 2,
        "p + 1, the number of points": lambda p, d: p + 1,
    },
)


ALARM = 1e-5
HIGH, LOW = 5.0, 2.0


@cache
def _counts_by_frequency(p: int, d: int, draws: int, seed: int) -> np.ndarray:
    """Growing orientations (draws, 2) at the high and the low frequency."""
    words = np.random.SeedSequence([seed, 6, p, d]).generate_state(draws)
    return np.array([[_growing(int(word), p, d, f) for f in (HIGH, LOW)] for word in words])


def _growing(seed: int, p: int, d: int, frequency: float) -> int:
    x, y = sines(seed, dimension=d, frequency=frequency)
    return len(find_orientations(MomentTensor.from_data(append_bias(x), y, p)).attractors)


def decide(difference: np.ndarray, alarm: float) -> tuple[int, float, float]:
    """The sign of a mean difference, 0 where the Student interval holds 0, the mean, and half the interval's length."""
    draws, mean = len(difference), float(difference.mean())
    half = float(student.isf(alarm / 2, draws - 1) * difference.std(ddof=1) / np.sqrt(draws))
    return (0 if abs(mean) <= half else int(np.sign(mean))), mean, half


def verdict(law: int, sign: int) -> Verdict:
    """What an observed sign, 0 for undecided, says of the law."""
    if sign == law:
        return Verdict.CONFIRMED
    return Verdict.INCONCLUSIVE if sign == 0 else Verdict.REFUTED


def _validate_frequency(law: int, run: Run, *, p: int) -> Outcome:
    """`law` is the sign of the mean difference, low less high frequency; 0 is no difference."""
    sets = [(1, run.pick(400, 2000))]
    checks, shown = [], []
    for d, draws in sets:
        counts = _counts_by_frequency(p, d, draws, run.seed)
        difference = counts[:, 1] - counts[:, 0]
        sign, mean, half = decide(difference, ALARM / len(sets))
        checks.append(
            Check(
                name=f"growing orientations at frequency {LOW:g} less those at {HIGH:g}, mean over draws: p = {p}, d = {d}",
                predicted={-1: "below 0", 0: "0", 1: "above 0"}[law],
                observed=mean,
                tolerance=half,
                verdict=verdict(law, sign),
                why=f"{draws} draws; interval of the mean at false alarm {ALARM / len(sets):g}",
                details={"mean_high": counts[:, 0].mean(), "mean_low": counts[:, 1].mean()},
            )
        )
        shown.append(f"d = {d}: {counts[:, 1].mean():.2f} against {counts[:, 0].mean():.2f}")
    document = {"targets": "Σ 3.5 sin(f x_k + 1)", "frequencies": [HIGH, LOW], "p": p, "seed": run.seed}
    return Outcome(
        f"mean number at low and high frequency, p = {p}, {'; '.join(shown)}", tuple(checks), document
    )


_frequency_claim = partial(
    Claim,
    statement=r"\mathbb E\, \#\{\text{growing}\}_{f = 2} < \mathbb E\, \#\{\text{growing}\}_{f = 5}",
    source="Zhou et al. 2022",
    method=Method.STATISTICAL,
    about=About.GROWING,
    reading=Reading.NONE,
    dynamics=Dynamics.LEADING_FLOW,
    law=-1,
    false_alarm=ALARM,
)
CUBIC = _frequency_claim(
    id="C6",
    title="low-frequency data condense on fewer orientations, p = 3, d = 1",
    hypotheses=("targets Σ 3.5 sin(f x_k + 1), inputs uniform in [-4, 2]", "p = 3"),
    validate=partial(_validate_frequency, p=3),
    mutants={"more orientations": 1, "as many": 0},
)
SQUARE = _frequency_claim(
    id="C6.p2",
    title="low-frequency data condense on fewer orientations, p = 2, d = 1",
    hypotheses=("targets Σ 3.5 sin(f x_k + 1), inputs uniform in [-4, 2]", "p = 2"),
    validate=partial(_validate_frequency, p=2),
    expected=Verdict.REFUTED,
    corrected=1,
    mutants={"fewer orientations": -1, "as many": 0},
)
