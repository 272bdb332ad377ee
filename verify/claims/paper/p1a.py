"""P1a: for p = 1 every neuron turns to ± mean(s x), whatever the input dimension; and what Adam makes of it.

Setting.     f(x) = Σ_j a_j σ(w_j·x), small weights, gradient flow of ½ mean (f - y)²; s_i = y_i are the residuals at f = 0.
Hypotheses.  p = 1, σ(0) = 0, mean(s x) ≠ 0.
Statement.   The only fixed orientations are ± g/‖g‖, g = mean(s x), the same line for every neuron of the layer.  A neuron
             approaches it as sin angle = ‖w⊥(0)‖/‖w(t)‖.
Steps.       1. T u^{p-1} = g for p = 1, so T u^{p-1} = P(u) u says u ∥ g.
             2. w' = c a g changes w only along g: w⊥ is constant and the angle falls as ‖w‖ grows.
             3. Beyond the leading order the relative force is δ = max |σ(z)/(cz) - 1| + rms f / rms y, growing to the end,
                so that w⊥ gains at most δ ‖w(t)‖ times the elapsed time in units of 1/γ (Gronwall).
Adam.        The paper's experiments use Adam.  While every gradient entry is well above its epsilon, Adam moves each
             coordinate by ± lr: the line is ± sign(g), entry by entry, not ± g.
Limits.      Time before the loss falls; the turn of g by the changing signal is the tilt of theory.flows.linear.
Source.      Zhou et al. 2022, Proposition 1 (informal); the sharp angle and Adam's orientation: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.data import load
from theory import MomentTensor, find_orientations
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.statistics import StatisticalTest
from verify.verdict import Check, Verdict, at_most

Direction = Callable[[np.ndarray, np.ndarray], np.ndarray]
TIME = 9.0  # in units of 1/γ: neurons have grown by e^9/2
ALARM = 1e-5
DATA = (("line", "tanh"), ("sine5", "sin"), ("digits", "arctan"))


def mean_of_signal(x: np.ndarray, s: np.ndarray) -> np.ndarray:
    """g = mean(s x)."""
    return s @ x / len(s)


def signs(x: np.ndarray, s: np.ndarray) -> np.ndarray:
    """sign(g), entry by entry."""
    return np.sign(mean_of_signal(x, s))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def _flow(law: Direction, run: Run) -> Outcome:
    """Neurons of the full gradient flow against the law's line, neuron by neuron, in units of step 2."""
    checks, drift = [], 0.0
    for data, name in DATA[: run.pick(2, 3)]:
        seen = witness.flow(data, name, order=1, times=(TIME,), epsilons=(1e-9,), seed=run.seed)
        line = _unit(law(seen.x, seen.y))
        w, w0 = seen.w[0, 0], seen.w0
        across = np.linalg.norm(w - np.outer(w @ line, line), axis=1)
        ratio = float(np.max(across / np.linalg.norm(w0, axis=1)))
        z = seen.epsilons[0] * np.max(np.abs(seen.x @ w.T))
        beyond = z**2 + np.sqrt(np.mean(seen.output(0, 0) ** 2) / np.mean(seen.y**2))
        tolerance = 1 + beyond * TIME * float(np.max(np.linalg.norm(w, axis=1) / np.linalg.norm(w0, axis=1)))
        drift = max(
            drift, float(np.max(np.abs(across / np.linalg.norm(w0 - np.outer(w0 @ line, line), axis=1) - 1)))
        )
        checks.append(
            Check(
                name=f"‖w⊥(t)‖/‖w(0)‖, largest of {len(w)} neurons: {name} on {data}, D = {len(line)}",
                predicted="≤ 1",
                observed=ratio,
                tolerance=tolerance - 1,
                verdict=at_most(ratio, tolerance),
                why="w⊥ is conserved; the tolerance is the force beyond leading order over the time (Gronwall)",
            )
        )
        found = find_orientations(MomentTensor.from_data(seen.x, seen.y, 1))
        apart = min(float(np.linalg.norm(np.array(o.u) - line)) for o in found.orientations)
        bound = max(o.radius for o in found.orientations) + 64 * len(seen.y) * np.finfo(float).eps
        checks.append(
            Check(
                name=f"distance of the certified fixed orientations to the line: {data}",
                predicted=0.0,
                observed=apart,
                tolerance=bound,
                verdict=at_most(apart, bound),
                why=f"{len(found.orientations)} certified, complete; radius of the certificate and rounding of the mean",
            )
        )
    return Outcome(
        f"w moves along the line only: w⊥ is kept within {drift:.1e} while w grows by e^{TIME:g}",
        tuple(checks),
    )


@cache
def _adam(seed: int, seeds: int) -> witness.Nets:
    data, std = load("sine5"), 1e-5
    each = [seed + k for k in range(seeds)]
    return witness.networks(
        data.x, data.y, "tanh", std=std, lr=std / 20, fraction=1e-3, seeds=each, optimizer="adam"
    )


def _trained_by_adam(law: Direction, run: Run) -> Outcome:
    nets = _adam(run.seed, run.pick(2, 8))
    cosine = np.abs(nets.u @ _unit(law(nets.x, nets.y)))
    own, flow = (float(np.median(np.abs(nets.u @ _unit(f(nets.x, nets.y))))) for f in (signs, mean_of_signal))
    # A median of at least 0.999 is a share of at least one half above it; neurons are decoupled before the loss falls.
    test = StatisticalTest(
        "share of neurons trained by Adam within cosine 0.999 of the line, std 1e-5, lr = std/20",
        threshold=0.5,
        effect=0.25,
        n=cosine.size,
        alpha=ALARM,
    )
    return Outcome(
        f"median cosine {own:.5f} to sign(g), {flow:.4f} to g: Adam gives every coordinate the same step, lr",
        (test.check(cosine >= 0.999),),
        {
            "data": "sine5",
            "activation": "tanh",
            "optimizer": "adam",
            "std": 1e-5,
            "lr": 5e-7,
            "seed": run.seed,
        },
        {"median_cosine_sign": own, "median_cosine_flow": flow, "reached": nets.reached, "steps": nets.steps},
    )


_MUTANTS: dict[str, Direction] = {
    "signal less its mean": lambda x, s: mean_of_signal(x, s - s.mean()),
    "bias forgotten": lambda x, s: np.append(mean_of_signal(x, s)[:-1], 0.0),
    "sign of the signal only": lambda x, s: mean_of_signal(x, np.sign(s)),
    "second moments": lambda x, s: mean_of_signal(x * np.linalg.norm(x, axis=1)[:, None], s),
}
_SOURCE = "Zhou et al. 2022"

FLOW = Claim(
    id="P1a",
    title="p = 1: every neuron turns to ± mean(s x), in any dimension",
    statement=r"p = 1:\ T u^{p-1} = P(u) u \iff u = \pm \langle s x\rangle/\|\langle s x\rangle\|",
    hypotheses=("p = 1, σ(0) = 0, one output", "mean(s x) ≠ 0", "before the loss falls"),
    source=_SOURCE,
    method=Method.CERTIFIED,
    about=About.ATTRACTING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=mean_of_signal,
    validate=_flow,
    mutants={**_MUTANTS, "sign by sign, as under Adam": signs},
)

ADAM = Claim(
    id="P1a.adam",
    title="p = 1 under Adam, as in the experiments: ± mean(s x)",
    statement=r"p = 1, \text{Adam}:\ u \to \pm \langle s x\rangle/\|\langle s x\rangle\|",
    hypotheses=("p = 1, σ(0) = 0, one output", "std 1e-5, lr = std/20", "gradient entries ≫ Adam's epsilon"),
    source=_SOURCE,
    method=Method.STATISTICAL,
    about=About.ATTRACTING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.ADAM,
    law=mean_of_signal,
    validate=_trained_by_adam,
    false_alarm=ALARM,
    expected=Verdict.REFUTED,
    corrected=signs,
    mutants={
        "g itself": mean_of_signal,
        "signs of the signal less its mean": lambda x, s: signs(x, s - s.mean()),
        "bias forgotten": lambda x, s: np.append(signs(x, s)[:-1], 0.0),
    },
)
