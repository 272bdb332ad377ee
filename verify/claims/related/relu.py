r"""R.relu: small ReLU networks turn to the local maxima (a > 0) and minima (a < 0) of G(u) = mean(s ReLU(u·x)), kinks too.

Setting.     f(x) = Σ_j a_j ReLU(w_j·x), ε → 0, s the signal at f = 0; a' = G(w), w' ∈ a ∂G(w).
Statement.   A neuron that grows ends at a strict local maximum of G with a > 0 or at a strict local minimum with a < 0;
             these are the corners and the smooth extrema of a piecewise linear G on the sphere.
Steps.       1. Follow neurons in Cartesian form from kink to kink (numerics) to their ends.
             2. Enumerate the extrema exactly, face by face, with a proof that none is missing (theory).
             3. Every grown neuron must be at a listed one that collects its sign of a, and every listed one must be reached
                by neurons that start near it with that sign.
Limits.      Leading order (ε → 0); neurons that die or rest in a dead cone collect nowhere.
Source.      Maennel, Bousquet, Gelly 2018; the enumeration: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.data import append_bias, load
from numerics.flow import LeadingStatus, leading_flow, one_sided_moments
from theory import MomentTensor, find_extremal_orientations, find_orientations
from theory.forms.vectors import angle
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict, at_most

# x (n, D), s (n,) -> growing orientations (N, D), the sign of a that each collects (N,), and whether all are listed
Law = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, bool]]
TOLERANCE = 1e-6  # rad; straight lines from kink to kink, to rounding, stopped when aligned to 1e-10
NEAR = 1e-4


def extrema(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """The law."""
    found = find_extremal_orientations(x, s, "relu")
    return (
        np.array([o.u for o in found.attractors]),
        np.array([o.neuron_sign for o in found.attractors]),
        found.complete,
    )


@cache
def _data(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if name in ("line", "xor"):
        loaded = load(name)
        return append_bias(loaded.x), loaded.y
    generator = Run(seed=seed).generator("relu", name)
    dimension, n = {"three": (3, 20), "four": (4, 14)}[name]
    return append_bias(generator.standard_normal((n, dimension - 1))), generator.standard_normal(n)


def _follow(x: np.ndarray, s: np.ndarray, a: np.ndarray, w: np.ndarray):
    out = leading_flow(one_sided_moments(x, s, 1, 1.0, 0.0), a, w)
    return out.status == LeadingStatus.GROWING, out.orientation, np.sign(out.a)


@cache
def _ends(name: str, seed: int, neurons: int):
    x, s = _data(name, seed)
    generator = Run(seed=seed).generator("relu start", name)
    return _follow(x, s, generator.standard_normal(neurons), generator.standard_normal((neurons, x.shape[1])))


def _collects(law: Law, run: Run) -> Outcome:
    checks, shown = [], []
    for name in ("line", "three", "xor", "four")[: run.pick(3, None)]:
        x, s = _data(name, run.seed)
        u, sign, complete = law(x, s)
        grown, ends, signs = _ends(name, run.seed, run.pick(200, 1500))
        if not len(u):
            u, sign = np.zeros((1, x.shape[1])), np.zeros(1)  # nobody is at an empty list
        apart = np.where(signs[grown][:, None] == sign[None], angle(ends[grown][:, None], u[None]), np.pi)
        away = float(np.max(np.min(apart, axis=1)))
        generator = run.generator("relu near", name)
        start = u + NEAR * generator.standard_normal(u.shape)
        near_grown, near, near_signs = _follow(x, s, sign * 2.0, start)
        moved = angle(near, u)
        stays = float(np.max(np.where(near_grown & (near_signs == sign), moved, np.pi)))
        for what, seen in (
            (f"angle of {int(grown.sum())} grown neurons to an extremum of their sign (largest)", away),
            (f"angle from each of the {len(u)} extrema of neurons that start near it (largest)", stays),
        ):
            checks.append(
                Check(
                    name=f"{what}: {name}, D = {x.shape[1]}, n = {len(s)}",
                    predicted=0.0,
                    observed=seen,
                    tolerance=TOLERANCE,
                    verdict=at_most(seen, TOLERANCE) if complete else Verdict.INCONCLUSIVE,
                    why=f"{len(grown) - int(grown.sum())} neurons died or rest; the list is proved complete",
                )
            )
        shown.append(str(len(u)))
    return Outcome(f"all grown neurons at one of {', '.join(shown)} extrema", tuple(checks))


def _smooth(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    found = find_orientations(MomentTensor.from_data(x, s, 1))
    if not found.attractors:
        return np.eye(x.shape[1])[:1], np.ones(1), True
    return (
        np.array([o.u for o in found.attractors]),
        np.array([o.neuron_sign for o in found.attractors]),
        True,
    )


def _turned(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    u, sign, complete = extrema(x, s)
    return u, -sign, complete


def _maxima(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    u, sign, complete = extrema(x, s)
    return u[sign > 0], sign[sign > 0], complete


def _no_kinks(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    u, sign, complete = extrema(x, s)
    smooth = np.min(np.abs(u @ x.T), axis=1) > 1e-9
    return u[smooth], sign[smooth], complete


def _centred(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    return extrema(x, s - s.mean() + 0.1)


CLAIM = Claim(
    id="R.relu",
    title="ReLU: neurons go to the local maxima and minima of mean(s ReLU(u·x))",
    statement=r"a > 0: u \to \operatorname{loc\,max},\ a < 0: u \to \operatorname{loc\,min}\ \text{ of }\ "
    r"G(u) = \langle s \max(0, u\cdot x)\rangle,\ \|u\| = 1",
    hypotheses=("ReLU, ε → 0", "neurons that grow"),
    source="Maennel, Bousquet, Gelly 2018",
    method=Method.CERTIFIED,
    about=About.GROWING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.LEADING_FLOW,
    law=extrema,
    validate=_collects,
    mutants={
        "± mean(s x), as if smooth": _smooth,
        "signs of a turned": _turned,
        "maxima only": _maxima,
        "without the kinks": _no_kinks,
        "another mean of the signal": _centred,
    },
)
