"""Do the neurons condense?  By neuron count they do not for p ≥ 2; those that grow do, on the attractors.

Setting.     Two-layer networks, p = 2 and 3, gradient descent from small weights until the loss has fallen by 1 %.
Hypotheses.  σ(0) = 0, σ smooth, T_p ≠ 0, the attractors isolated; the learning rate follows the leading neuron.
Statement.   Counting neurons, no more of them lie near the growing orientations than would by chance plus a few: "the
             neurons condense" is false.  Weighing them by amplitude |a| ‖w‖^p, at least 90 % of each network lies within
             cosine 0.95 of the growing orientations, where chance puts the share that a random vector has.
Steps.       1. Neurons blow up one by one; when the first has lowered the loss by 1 % the others have hardly moved.
             2. The leader has grown by r/r_0, so its angle has fallen as (r/r_0)^{-μ/|P|} (theory notes, section 4).
             3. P(random vector within cosine 0.95 of one of k orientations) is the chance level (verify.statistics).
Limits.      Adam moves all neurons at the same speed and is another matter (P1a.adam).
Source.      Zhou et al. 2022 for the condensation of all neurons; the two readings: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from numerics.data import append_bias, load
from numerics.training.stopping import RescaledTime
from theory import MomentTensor, find_orientations
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.statistics import StatisticalTest, near_any_chance
from verify.verdict import Verdict

ALARM = 1e-5
COSINE, SHARE, FALL = 0.95, 0.9, 0.01
CASES = (("x*tanh(x)", 2, 1e-3), ("x**2*tanh(x)", 3, 1e-2))


def by_count(nets: witness.Nets, order: int) -> np.ndarray:
    """Every neuron the same weight."""
    return np.ones(nets.a.shape)


def by_amplitude(nets: witness.Nets, order: int) -> np.ndarray:
    """|a| ‖w‖^p: a neuron's share in the output."""
    return nets.amplitudes(order)


def attractors(x: np.ndarray, s: np.ndarray, order: int) -> np.ndarray:
    """The growing orientations (k, D) of the moments of this order."""
    return np.array([o.u for o in find_orientations(MomentTensor.from_data(x, s, order)).attractors])


@dataclass(frozen=True)
class Condensed:
    """Which neurons condense (a weight for each), and on what: orientations (k, D) from the data x, s and the order."""

    weights: Callable[[witness.Nets, int], np.ndarray]
    targets: Callable[[np.ndarray, np.ndarray, int], np.ndarray] = attractors


@cache
def trained(name: str, order: int, std: float, seed: int, networks: int) -> witness.Nets:
    """Networks of 50 neurons on `line`, by gradient descent in rescaled time, to a fall of the loss by 1 %."""
    data = load("line")
    clock = RescaledTime(
        0.02, multiplicity=order, rate=order * witness.rate(append_bias(data.x), data.y, order)
    )
    each = [
        int(s.generate_state(1, np.uint64)[0]) for s in np.random.SeedSequence([seed, order]).spawn(networks)
    ]
    return witness.networks(data.x, data.y, name, std=std, lr=clock, fraction=FALL, seeds=each)


def _validate(law: Condensed, run: Run) -> Outcome:
    networks = run.pick(32, 64)
    checks, shown, details = [], [], {}
    for name, order, std in CASES:
        nets = trained(name, order, std, run.seed, networks)
        targets = law.targets(nets.x, nets.y, order)
        near = np.max(nets.u @ targets.T, axis=-1) >= COSINE if len(targets) else np.zeros(nets.a.shape, bool)
        weights = law.weights(nets, order)
        share = np.sum(weights * near, axis=1) / np.sum(weights, axis=1)
        test = StatisticalTest(
            f"share of networks with {SHARE:.0%} of that weight within cosine {COSINE} of the orientations: {name}",
            threshold=0.9,
            effect=0.5,
            n=networks,
            alpha=ALARM / len(CASES),
        )
        checks.append(test.check(share >= SHARE))
        chance = near_any_chance(targets, COSINE).value if len(targets) else 0.0
        shown.append(f"p = {order}: median share {np.median(share):.3f}, chance {chance:.3f}")
        details[name] = {
            "share_by_count": float(np.mean(near)),
            "median_share": float(np.median(share)),
            "chance": chance,
            "std": std,
            "steps": nets.steps,
        }
    document = {
        "data": "line",
        "activation": [c[0] for c in CASES],
        "width": 50,
        "fraction": FALL,
        "seed": run.seed,
    }
    return Outcome("; ".join(shown), tuple(checks), document, details)


_claim = partial(
    Claim,
    hypotheses=(
        "σ smooth, σ(0) = 0, p = 2 and 3",
        "T_p ≠ 0, isolated attractors",
        "small weights, loss down by 1 %",
    ),
    method=Method.STATISTICAL,
    about=About.GROWING,
    dynamics=Dynamics.GRADIENT_DESCENT,
    validate=_validate,
    false_alarm=ALARM,
)
_MUTANTS = {
    "counted, not weighed": Condensed(by_count),
    "the signal's square": Condensed(by_amplitude, lambda x, s, p: attractors(x, s**2, p)),
    "the gradient, whatever p": Condensed(by_amplitude, lambda x, s, p: attractors(x, s, 1)),
    "a rotation by a right angle": Condensed(
        by_amplitude, lambda x, s, p: attractors(x, s, p) @ [[0, 1], [-1, 0]]
    ),
}

ALL = _claim(
    id="condensation.all",
    title="all neurons condense, p = 2 and 3",
    statement=r"\#\{j : \max_u \cos(w_j, u) \ge 0.95\} \ge 0.9\, m, \quad u \text{ growing}",
    source="Zhou et al. 2022",
    reading=Reading.NEURON_COUNT,
    law=Condensed(by_count),
    expected=Verdict.REFUTED,
    corrected=Condensed(by_amplitude),
    mutants=_MUTANTS,
)
GROWING = _claim(
    id="condensation.growing",
    title="the growing neurons condense on the attractors, p = 2 and 3",
    statement=r"\sum_{j : \max_u \cos(w_j, u) \ge 0.95} |a_j| \|w_j\|^p \ge 0.9 \sum_j |a_j| \|w_j\|^p,\ u \text{ growing}",
    source="condense",
    reading=Reading.AMPLITUDE,
    law=Condensed(by_amplitude),
    mutants=_MUTANTS,
)
