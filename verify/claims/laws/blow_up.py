r"""L.blow-up, L.blow-up.bounds: when a neuron blows up, p ≥ 2, in closed form on an orientation, between bounds anywhere.

Setting.     The smooth leading flow, p ≥ 2; K = r² - p a², C = |c P(u)|, A = ±|a| (+ iff a c P(u) > 0), H = c a P(w).
Statement.   On a fixed orientation t* = (1/C) ∫_A^∞ (p a² + K)^{-p/2} da (never for K ≤ 0 ≥ A).  Anywhere, with ρ² = a² +
             r² and H_max = |c| max|P| p^{p/2}/(p+1)^{(p+1)/2},
                 ρ^{1-p}/((p²-1) H_max) ≤ t* ≤ ρ²/((p²-1) H)   (upper for H > 0),
             and both are attained by balanced neurons on the strongest orientation.  Times are ∝ ε^{1-p}.
Steps.       1. Integrate neurons in Cartesian form until they blow up (numerics), on orientations and off them.
             2. Compare with the closed form; hold the bounds against every neuron, the balanced aligned ones included,
                where a bound that is too tight by any factor fails.
Limits.      Leading flow; the full flow leaves it when r = O(1).
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.flow import leading_flow, moments
from theory import MomentTensor, OrientationSet, SmoothField, aligned_blow_up_time, find_orientations
from theory.times.blow_up import blow_up_bounds
from verify.claims.forms import Sample, random_sample
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, at_most

# C, A (signed), r, p -> t*
Time = Callable[[float, np.ndarray, np.ndarray, int], np.ndarray]
# field, a, w, its orientations -> lower and upper bound
Bounds = Callable[..., tuple[np.ndarray, np.ndarray]]
CASES = ((2, 3), (3, 2), (3, 3), (4, 3))
RTOL = 1e-11
TOLERANCE = 1e-7  # relative: RTOL over at most 1e4 steps


def _strongest(p: int, dimension: int, seed: int):
    """Data whose strongest orientation is certified, the field, all orientations."""
    sample = random_sample(Run(seed=seed).generator("blow-up", p, dimension), p, dimension)
    found = find_orientations(sample.tensor())
    return sample, found


@cache
def _aligned(p: int, dimension: int, seed: int, neurons: int):
    """C (N,), signed A (N,), r (N,) and the observed blow-up times of neurons on attracting orientations."""
    sample, found = _strongest(p, dimension, seed)
    generator = Run(seed=seed).generator("aligned", p, dimension)
    u = np.array([o.u for o in found.attractors])[generator.integers(0, len(found.attractors), neurons)]
    value = np.mean(sample.s * (u @ sample.x.T) ** p, axis=1)
    a, r = generator.standard_normal(neurons), np.abs(generator.standard_normal(neurons)) + 0.05
    # Scales from 1e-3 to 1, for the exponent; some nearly balanced.
    scale = 10.0 ** -generator.uniform(0, 3, neurons)
    r[::3] = np.sqrt(p) * np.abs(a[::3]) * (1 + 1e-3 * generator.standard_normal(len(r[::3])))
    # K ≤ 0 ≥ A never blows up; a neuron with A < 0 is repelled by the orientation, by rounding only if K is not small.
    signed = np.abs(a) * np.where(r**2 > 2 * p * a**2, np.sign(a), 1.0)
    out = leading_flow(
        moments(sample.x, sample.s, p, 1.0),
        scale * signed * np.sign(value),
        (scale * r)[:, None] * u,
        rtol=RTOL,
    )
    return np.abs(value), scale * signed, scale * r, out.blowup_time


def _times(law: Time, run: Run) -> Outcome:
    checks = []
    for p, dimension in CASES[: run.pick(3, 4)]:
        rate, a, r, seen = _aligned(p, dimension, run.seed, run.pick(60, 400))
        said = np.array(
            [float(law(c, np.array(x), np.array(y), p)) for c, x, y in zip(rate, a, r, strict=True)]
        )
        error = float(np.max(np.abs(said / seen - 1)))
        checks.append(
            Check(
                name=f"relative error of t* on orientations, worst of {len(a)} neurons: p = {p}, D = {dimension}",
                predicted=0.0,
                observed=error if np.isfinite(error) else None,
                tolerance=TOLERANCE,
                verdict=at_most(min(error, 1e9), TOLERANCE),
                why=f"integrator at {RTOL:g} a step; amplitudes over three decades, balances of both signs",
            )
        )
    worst = max(np.inf if c.observed is None else c.observed for c in checks)
    return Outcome(f"closed form within {worst:.1e} of the integrated blow-up", tuple(checks))


@cache
def _anywhere(p: int, dimension: int, seed: int, neurons: int):
    """The field, all orientations, neurons (the last balanced and on the strongest orientation), blow-up times."""
    sample, found = _strongest(p, dimension, seed)
    assert found.complete
    field = SmoothField(MomentTensor.from_data(sample.x, sample.s, p), 1.0)
    generator = Run(seed=seed).generator("anywhere", p, dimension)
    a, w = generator.standard_normal(neurons), generator.standard_normal((neurons, dimension))
    top = max(found.attractors, key=lambda o: abs(o.value))
    a[-1], w[-1] = np.sign(top.value), np.sqrt(p) * np.array(top.u)
    return field, found, a, w, _blow_up(sample, p, a, w)


def _blow_up(sample: Sample, p: int, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    return leading_flow(moments(sample.x, sample.s, p, 1.0), a, w, rtol=RTOL).blowup_time


def _bounded(law: Bounds, run: Run) -> Outcome:
    checks, tight = [], 0.0
    for p, dimension in CASES[: run.pick(3, 4)]:
        field, found, a, w, seen = _anywhere(p, dimension, run.seed, run.pick(300, 3000))
        low, high = law(field, a, w, found)
        over, under = float(np.max(low / seen)) - 1, float(np.max(_ratio(seen, high))) - 1
        tight = max(tight, abs(over), abs(under))
        for name, excess in (("lower bound over t*", over), ("t* over upper bound", under)):
            checks.append(
                Check(
                    name=f"{name}, largest of {len(a)} neurons: p = {p}, D = {dimension}",
                    predicted="≤ 1",
                    observed=1 + excess,
                    tolerance=TOLERANCE,
                    verdict=at_most(min(excess, 1e9), TOLERANCE),
                    why="the balanced neuron on the strongest orientation attains 1",
                )
            )
    return Outcome(f"both bounds hold and are attained within {tight:.1e}", tuple(checks))


def _ratio(seen: np.ndarray, high: np.ndarray) -> np.ndarray:
    """seen/high, 0 where there is no upper bound."""
    return np.divide(seen, high, out=np.zeros_like(seen), where=np.isfinite(high))


def _balanced(rate, a, r, p):
    return 1 / ((p - 1) * rate * p ** (p / 2) * np.maximum(np.abs(a), 1e-300) ** (p - 1))


def _scaled(low: Callable[[int], float], high: Callable[[int], float]) -> Bounds:
    """The bounds times factors of p."""

    def bounds(field: SmoothField, a: np.ndarray, w: np.ndarray, found: OrientationSet):
        below, above = blow_up_bounds(field, a, w, found)
        return low(field.tensor.order) * below, high(field.tensor.order) * above

    return bounds


TIME = Claim(
    id="L.blow-up",
    title="blow-up time on an orientation, p ≥ 2",
    statement=r"t^* = \frac1C \int_A^\infty (p a^2 + K)^{-p/2}\,da,\quad C = |c P(u)|,\ K = r^2 - p a^2",
    hypotheses=("σ smooth, σ(0) = 0, p ≥ 2", "leading flow, on a growing orientation"),
    source="condense",
    method=Method.ORDER,
    about=About.GROWING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.LEADING_FLOW,
    law=aligned_blow_up_time,
    validate=_times,
    mutants={
        "balanced formula for all": _balanced,
        "a without its sign": lambda c, a, r, p: aligned_blow_up_time(c, np.abs(a), r, p),
        "p C in place of C": lambda c, a, r, p: aligned_blow_up_time(p * c, a, r, p),
        "ε^{-p}": lambda c, a, r, p: aligned_blow_up_time(c, a, r, p) / np.hypot(a, r),
        "order p + 1": lambda c, a, r, p: aligned_blow_up_time(c, a, r, p + 1),
    },
)

BOUNDS = Claim(
    id="L.blow-up.bounds",
    title="bounds of every blow-up time, p ≥ 2, attained",
    statement=r"\frac{\rho^{1-p}}{(p^2-1) H_{\max}} \le t^* \le \frac{\rho^2}{(p^2-1) H}",
    hypotheses=("σ smooth, σ(0) = 0, p ≥ 2", "leading flow", "upper bound: H(0) > 0"),
    source="condense",
    method=Method.ORDER,
    about=About.GROWING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.LEADING_FLOW,
    law=_scaled(lambda p: 1, lambda p: 1),
    validate=_bounded,
    mutants={
        "lower bound one per cent larger": _scaled(lambda p: 1.01, lambda p: 1),
        "upper bound one per cent smaller": _scaled(lambda p: 1, lambda p: 0.99),
        "p - 1 for p² - 1": _scaled(lambda p: p + 1, lambda p: p + 1),
        "p² for p² - 1": _scaled(lambda p: 1 - p**-2, lambda p: 1 - p**-2),
    },
)
