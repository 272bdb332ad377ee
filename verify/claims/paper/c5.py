"""C5: σ(0) ≠ 0 (sigmoid): one direction or two opposite ones?  First one, then two; and not the one of p = 1.

Setting.     f(x) = Σ_j a_j σ(w_j·x), σ = s0 + c z + ..., s0 ≠ 0, gradient descent from std ε, m neurons.
Hypotheses.  ε ≪ |mean y|/(s0 m) ≪ 1; half-MSE.
Statement.   The output fits the mean of y first; then every w_j moves along v = mean((y - mean y) x), not along mean(y x).
             While (ε/√2) e^{γt} < |mean y| γt/(s0 m), γ = |c| ‖v‖, all neurons share one sign ("one direction"); at that
             time t_s they split into ± v ("two opposite").
Steps.       1. a' = s0 mean(s): Σ a grows to mean y/s0 in a time 1/(s0² m); each a_j is |mean y|/(s0 m) plus ε a_j(0).
             2. w_j' = c a_j v, so the mean of w_j·v̂ is c ‖v‖ t times that a: |mean y| γt/(s0 m).
             3. Deviations from the mean follow the flow of p = 1: they grow as e^{γt} from (a + w·v̂)/2, std ε/√2.
Limits.      The signal y - mean y - f changes as the loss falls; its share is the tolerance on t_s.
Source.      Zhou et al. 2022 says "one direction" in one place and "two opposite" in another; the resolution: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from numerics.data import append_bias, load
from numerics.nets import Network
from numerics.training.runs import Start, train_path
from numerics.training.stopping import Steps, Time
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.statistics import StatisticalTest
from verify.verdict import Check, Verdict, within

ALARM = 1e-5
EPSILON, WIDTH, SHRINK, LR = 1e-5, 50, 50.0, 0.1
S0, C = 0.5, 0.25  # of the sigmoid
END = 700.0  # gradient-flow time

Direction = Callable[[np.ndarray, np.ndarray], np.ndarray]


def corrected(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """v = mean((y - mean y) x)."""
    return (y - y.mean()) @ x / len(y)


def naive(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """mean(y x), the orientation of σ(0) = 0."""
    return y @ x / len(y)


@dataclass(frozen=True)
class Split:
    """The time t_s at which (ε/√2) e^{γt} = |mean y| γt/(s0 m); the factors are what mutants change."""

    rate: float = 1.0
    mean: float = 1.0
    never: bool = False

    def time(self, x: np.ndarray, y: np.ndarray) -> float:
        """t_s, infinite where no split is predicted."""
        if self.never:
            return np.inf
        gamma = self.rate * C * float(np.linalg.norm(corrected(x, y)))
        level = self.mean * abs(float(y.mean())) / (S0 * WIDTH)
        excess = lambda t: np.log(EPSILON / np.sqrt(2)) + gamma * t - np.log(level * gamma * t)  # noqa: E731
        return float(brentq(excess, 1 / gamma, 100 / gamma))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class _Seen:
    """Snapshots of B networks: times (S,), w (S, B, m, D), the share of the variance of y fitted (S, B)."""

    x: np.ndarray
    y: np.ndarray
    times: np.ndarray
    w: np.ndarray
    fitted: np.ndarray


@cache
def _observe(seed: int, networks: int) -> _Seen:
    data = load("sine5")
    y = data.y / SHRINK  # small targets: the neurons split before they have fitted anything but the mean
    network = Network(inputs=data.x.shape[1], widths=WIDTH, activations="sigmoid")
    each = [int(s.generate_state(1, np.uint64)[0]) for s in np.random.SeedSequence([seed, 5]).spawn(networks)]
    steps = int(END / LR)
    path = train_path(
        Start.draw(network, EPSILON, each),
        data.x,
        y,
        lr=LR,
        stop=[Time(END), Steps(steps + 10)],
        snapshots=range(0, steps, steps // 70),
    )
    # The loss of zero output is mean y²/2, the variance that of y itself.
    fitted = 1 - path.losses * np.mean(y**2) / np.var(y)
    return _Seen(append_bias(data.x), y, path.times[:, 0], path.w, fitted)


def _crossing(seen: _Seen) -> tuple[np.ndarray, np.ndarray]:
    """When the spread of the neurons along their common direction passes their mean, by network, and what is fitted then.

    The direction is the observed one: the leading right singular vector of each network's weights at the end.
    """
    times, fitted = [], []
    for b in range(seen.w.shape[1]):
        v = np.linalg.svd(seen.w[-1, b], full_matrices=False)[2][0]
        along = seen.w[1:, b] @ v
        ratio = np.log(along.std(axis=1) / np.abs(along.mean(axis=1)))
        after = np.flatnonzero((ratio[:-1] < 0) & (ratio[1:] >= 0))
        k = int(after[-1]) if len(after) else -1
        t = seen.times[1:]
        crossed = t[k] + (t[k + 1] - t[k]) * ratio[k] / (ratio[k] - ratio[k + 1]) if len(after) else np.inf
        times.append(crossed)
        fitted.append(seen.fitted[1 + k, b] if len(after) else np.nan)
    return np.array(times), np.array(fitted)


def tolerance(gamma: float, time: float, networks: int) -> float:
    """How far the median crossing time of B networks may lie from the truth, passed with probability ALARM.

    The spread of m neurons is known to a relative 1/√(2(m-1)), the median of B networks to √(π/2)/√B of that (less for
    few); the median of log χ_{m-1} lies 1/(3(m-1)) below its scale (Wilson, Hilferty).  log(spread/mean) = const + γt -
    log γt turns both into a time by its slope γ - 1/t.
    """
    error = np.sqrt(np.pi / 2) / np.sqrt(2 * (WIDTH - 1) * networks)
    return float((norm.isf(ALARM / 2) * error + 1 / (3 * (WIDTH - 1))) / (gamma - 1 / time))


def _split(law: Split, run: Run) -> Outcome:
    seen = _observe(run.seed, run.pick(4, 16))
    times, fitted = _crossing(seen)
    predicted, observed = law.time(seen.x, seen.y), float(np.median(times))
    gamma = C * float(np.linalg.norm(corrected(seen.x, seen.y)))
    sampling = tolerance(gamma, observed, len(times)) if np.isfinite(observed) else np.inf
    allowed = sampling + observed * float(np.nanmax(fitted, initial=0.0))
    agrees = (
        within(predicted, observed, allowed) if np.isfinite(observed) and np.isfinite(predicted) else None
    )
    if agrees is None:
        agrees = Verdict.CONFIRMED if observed == predicted else Verdict.REFUTED
    v = corrected(seen.x, seen.y)
    minority = [np.mean(np.minimum(np.mean(side, -1), np.mean(~side, -1))) for side in (seen.w @ v > 0)]
    early, late = float(minority[int(np.searchsorted(seen.times, observed / 2))]), float(minority[-1])
    check = Check(
        name="time at which neurons of one direction split into two opposite ones (median of the networks)",
        predicted=predicted if np.isfinite(predicted) else "never",
        observed=observed,
        tolerance=allowed,
        verdict=agrees,
        why=f"sampling of the spread of {WIDTH} neurons, median of {len(times)} networks, at false alarm {ALARM:g}; "
        "and the share of the data fitted by then",
        details={
            "times": times,
            "fitted": fitted,
            "minority_at_half_the_time": early,
            "minority_at_the_end": late,
        },
    )
    document = {
        "data": f"sine5, y/{SHRINK:g}",
        "activation": "sigmoid",
        "width": WIDTH,
        "std": EPSILON,
        "lr": LR,
    }
    return Outcome(
        f"neurons of the other sign: {early:.0%} at half the time, {late:.0%} at the end; split at t = {observed:.0f}, "
        f"by the theory {Split().time(seen.x, seen.y):.0f}",
        (check,),
        {**document, "seed": run.seed},
    )


def _orientation(law: Direction, run: Run) -> Outcome:
    seen = _observe(run.seed, run.pick(4, 16))
    look = int(np.searchsorted(seen.times, 0.5 * float(np.median(_crossing(seen)[0]))))
    w = seen.w[look]
    u = w / np.linalg.norm(w, axis=-1, keepdims=True)
    cosines = {
        f.__name__: float(np.median(np.abs(u @ f(seen.x, seen.y)) / np.linalg.norm(f(seen.x, seen.y))))
        for f in (corrected, naive)
    }
    line = law(seen.x, seen.y)
    near = np.abs(u @ line) / np.linalg.norm(line) >= 0.999
    test = StatisticalTest(
        "share of neurons within cosine 0.999 of the line, half way to the split",
        threshold=0.5,
        effect=0.4,
        n=near.size,
        alpha=ALARM,
    )
    return Outcome(
        f"median cosine {cosines['corrected']:.5f} to mean((y - mean y) x), {cosines['naive']:.4f} to mean(y x)",
        (test.check(near),),
        {
            "data": f"sine5, y/{SHRINK:g}",
            "activation": "sigmoid",
            "width": WIDTH,
            "std": EPSILON,
            "seed": run.seed,
        },
        cosines,
    )


_claim = partial(
    Claim,
    hypotheses=("σ(0) ≠ 0: sigmoid, half-MSE", "ε ≪ |mean y|/(s0 m) ≪ 1"),
    method=Method.STATISTICAL,
    about=About.ATTRACTING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.GRADIENT_DESCENT,
    false_alarm=ALARM,
)
_SPLITS = {
    "no factor c in the rate": Split(rate=1 / C),
    "twice the rate": Split(rate=2),
    "the mean not shared by the width": Split(mean=WIDTH),
    "never": Split(never=True),
}
_LINES: dict[str, Direction] = {
    "no mean correction": naive,
    "the mean corrected twice": lambda x, y: naive(x, y - 2 * y.mean()),
    "inputs centred, bias lost": lambda x, y: (
        np.append(corrected(x, y)[:-1], 0.0) * np.arange(1, x.shape[1] + 1)
    ),
}
ONE = _claim(
    id="C5.one",
    title="σ(0) ≠ 0: the neurons condense on one direction",
    statement=r"\sigma(0) \ne 0:\ u_j \to v \text{ for all } j",
    source="Zhou et al. 2022",
    law=Split(never=True),
    validate=_split,
    expected=Verdict.REFUTED,
    corrected=Split(),
    mutants=_SPLITS,
)
TWO = _claim(
    id="C5.two",
    title="σ(0) ≠ 0: two opposite directions, after the time t_s",
    statement=r"\tfrac{\varepsilon}{\sqrt 2} e^{\gamma t_s} = \frac{|\langle y\rangle| \gamma t_s}{s_0 m}:\ "
    r"u_j \to v \ (t \ll t_s),\ u_j \to \pm v \ (t \gg t_s)",
    source="Zhou et al. 2022; time: condense",
    law=Split(),
    validate=_split,
    mutants=_SPLITS,
)
LINE = _claim(
    id="C5.naive",
    title="σ(0) ≠ 0: the orientation is ± mean(s x), as for σ(0) = 0",
    statement=r"\sigma(0) \ne 0,\ p = 1:\ u \to \pm \langle s x\rangle / \|\langle s x\rangle\|",
    source="Zhou et al. 2022",
    law=naive,
    validate=_orientation,
    expected=Verdict.REFUTED,
    corrected=corrected,
    mutants=_LINES,
)
MEAN = _claim(
    id="C5",
    title="σ(0) ≠ 0: the mean is fitted first, the orientation is ± mean((y - mean y) x)",
    statement=r"\sigma(0) \ne 0,\ p = 1:\ u \to \pm \langle (y - \langle y\rangle) x\rangle / \|\cdot\|",
    source="condense",
    law=corrected,
    validate=_orientation,
    mutants=_LINES,
)
