r"""L.cube: sign descent takes neurons to the strict local maxima of |P| on the cube ‖v‖∞ ≤ 1, not to those on the sphere.

Setting.     a' = sign(c P(w)), w_k' = sign(a c ∂_k P(w)): the leading flow seen through signs (sign descent; Adam while its
             epsilon and memory do not matter).
Hypotheses.  Isolated maxima; neurons that keep an input weight (others lose w where s c P < 0 all around 0).
Statement.   v = w/‖w‖∞ tends to a strict local maximum of |P| on the cube with sign(a c) = sign P(v): some coordinates at
             ± 1, the others sliding at T v^{p-1} = 0.  For p = 1 that is ± sign(g).
Steps.       1. Simulate sign descent from small random weights with steps h = η ‖(a, w)‖∞: along a sliding coordinate it
                chatters by one step, so v is known to a few η.
             2. Every neuron that keeps w must be near a listed point; every listed one must hold neurons started near it.
Limits.      No momentum, no epsilon.  Maxima below 5 % of the largest are looked at from outside only.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import sympy

from theory import MomentTensor, find_orientations, sign_descent_orientations
from verify.claims.forms import Sample, forms, realise
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, at_most

Law = Callable[[MomentTensor], np.ndarray]  # attractors v (N, D), ‖v‖∞ = 1
STEP = 2e-3
LATE = 5e-3  # share of the way that a neuron may have lost
WEAK = 0.05  # |P| over the largest: below, a basin may be smaller than a step
CASES = ((1, 4), (2, 3), (3, 3), (2, 4), (3, 4))


def on_the_cube(tensor: MomentTensor) -> np.ndarray:
    """The law."""
    return _scaled(np.array([o.u for o in sign_descent_orientations(tensor).attractors]))


def _scaled(v: np.ndarray) -> np.ndarray:
    return v / np.max(np.abs(v), axis=-1, keepdims=True)


def _sample(p: int, dimension: int, seed: int) -> Sample:
    """Gaussian data (integers would have ties), and a form whose maxima slide, of which corners alone are wrong."""
    if (p, dimension) == (2, 3):
        u = forms(3)
        return realise(sympy.Poly(3 * u[0] ** 2 + u[0] * u[1] + u[1] ** 2 - 2 * u[2] ** 2, *u), "sliding")
    generator = Run(seed=seed).generator("cube", p, dimension)
    x = np.column_stack([generator.standard_normal((30, dimension - 1)), np.ones(30)])
    return Sample("Gaussian data", x, generator.standard_normal(30), p)


def _descend(sample: Sample, a: np.ndarray, w: np.ndarray, growth: float) -> tuple[np.ndarray, ...]:
    """a (N,), w (N, D) after sign descent until a parameter that always grows has grown by `growth`; its size (N,)."""
    a, w, p = a.copy(), w.copy(), sample.order
    size = np.maximum(np.abs(a), np.max(np.abs(w), axis=1))
    for _ in range(int(np.log(growth) / np.log1p(STEP))):
        z = w @ sample.x.T
        slope = (z ** (p - 1) * sample.s) @ sample.x
        step = STEP * size  # every parameter by the same: the clock of the neuron, not its path, is chosen
        a, w = a + step * np.sign(np.sum(slope * w, axis=1)), w + step[:, None] * np.sign(a[:, None] * slope)
        size += step
    return a, w, size


@cache
def _ends(p: int, dimension: int, seed: int, neurons: int) -> tuple[Sample, np.ndarray, int]:
    """The data and v (N, D) of the neurons that keep their input weights, and how many do not."""
    sample = _sample(p, dimension, seed)
    generator = Run(seed=seed).generator("cube start", p, dimension)
    a, w = generator.standard_normal(neurons), generator.standard_normal((neurons, dimension))
    a, w, size = _descend(sample, a, w, 3e4)
    # A neuron that lost w, or hung near the boundary of two basins up to the last, has not grown at the full rate.
    kept = np.minimum(np.abs(a), np.max(np.abs(w), axis=1)) > (1 - LATE) * size
    return sample, _scaled(w[kept]), int(np.sum(~kept))


def _stays(sample: Sample, v: np.ndarray, generator: np.random.Generator) -> float:
    """How far neurons that start within 0.02 of the points v (N, D) end from them."""
    w = v + 0.02 * generator.uniform(-1, 1, v.shape)
    a = np.sign(np.sum(sample.s * (v @ sample.x.T) ** sample.order, axis=1))
    _, w, _ = _descend(sample, a, w, 300.0)
    return float(np.max(np.abs(_scaled(w) - v)))


def _attracts(law: Law, run: Run) -> Outcome:
    checks, shown = [], []
    for p, dimension in CASES[: run.pick(3, None)]:
        sample, v, lost = _ends(p, dimension, run.seed, run.pick(100, 400))
        listed = law(sample.tensor())
        assert len(v), "no neuron of this draw keeps its input weight"
        away = float(np.max(np.min(np.max(np.abs(v[:, None] - listed[None]), axis=2), axis=1)))
        height = np.abs(np.mean(sample.s * (listed @ sample.x.T) ** p, axis=1))
        strong = listed[height >= WEAK * height.max()]
        moved = _stays(sample, strong, run.generator("cube stays", p, dimension))
        # A chattering coordinate moves by a step each way, 2 η of ‖w‖∞, and may shift where the others switch by as
        # much; a coordinate that lost a share of the way is behind by it, or ahead as it first ran the other way.
        tolerance = 2 * dimension * STEP + 2 * LATE
        for name, seen in (
            (f"distance of {len(v)} neurons to the listed points (largest)", away),
            (f"how far neurons near the {len(strong)} of {len(listed)} listed points move", moved),
        ):
            checks.append(
                Check(
                    name=f"{name}: p = {p}, D = {dimension}, {sample.name}",
                    predicted=0.0,
                    observed=seen,
                    tolerance=tolerance,
                    verdict=at_most(seen, tolerance),
                    why=f"chattering by steps η = {STEP:g} of ‖w‖∞ in D coordinates; {lost} others lost w or hung back",
                )
            )
        shown.append(f"{len(listed)} (p = {p}, D = {dimension})")
    return Outcome(f"all neurons end at the listed points: {', '.join(shown)}", tuple(checks))


def _on_the_sphere(tensor: MomentTensor) -> np.ndarray:
    return _scaled(np.array([o.u for o in find_orientations(tensor).attractors]))


def _corners(tensor: MomentTensor) -> np.ndarray:
    return np.where(on_the_cube(tensor) >= 0, 1.0, -1.0)


def _first_axis(tensor: MomentTensor) -> np.ndarray:
    v = on_the_cube(tensor)
    return np.concatenate([v, np.eye(tensor.dimension)[:1]])


CLAIM = Claim(
    id="L.cube",
    title="sign descent: neurons go to the maxima of |P| on the cube",
    statement=r"w/\|w\|_\infty \to \text{strict local maxima of } |P| \text{ on } \|v\|_\infty \le 1",
    hypotheses=("σ smooth, σ(0) = 0", "exact signs, no momentum", "isolated maxima, neurons that keep w"),
    source="condense",
    method=Method.CERTIFIED,
    about=About.GROWING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.SIGN_DESCENT,
    law=on_the_cube,
    validate=_attracts,
    mutants={
        "maxima on the sphere": _on_the_sphere,
        "corners only": _corners,
        "one line missing": lambda tensor: on_the_cube(tensor)[:1],
        "an axis too many": _first_axis,
    },
)
