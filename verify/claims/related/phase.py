r"""R.phase: how far the input weights of a wide ReLU network move in training: the three regimes of its phase diagram.

Setting.     f = m^{-γ} Σ_j a_j ReLU(w_j·x), a, w ~ N(0, 1) (κ = m^{-γ}, κ' = 1, so γ' = 0); one-dimensional input with
             bias, gradient flow to a fixed fall of the loss; RD = ‖w - w(0)‖/‖w(0)‖ over all neurons.
Statement.   RD ~ m^e with e = γ - 1 for γ ≤ 1 and (γ - 1)/2 for γ > 1: to 0 in the linear regime, constant in the critical,
             to ∞ in the condensed.
Steps.       1. ReLU is homogeneous of degree 1: the same as f = Σ a_j ReLU(w_j·x) with std m^{-γ/2} (a, w and time scaled).
             2. γ ≤ 1: the output changes by O(1), its Jacobian has the norm m^{1/2-γ}, hence ‖Δw‖ ~ m^{γ-1/2}, of √m.
             3. γ > 1: the weights grow to m^{-γ} m r² = O(1), r ~ m^{(γ-1)/2}.
             4. Train networks of several widths; the slope of log RD, mean over a small group of seeds, against log m, for
                each of many groups.
Limits.      Finite widths: slopes within 0.1 are counted as the law's (threshold declared).
Source.      Luo, Xu, Ma, Zhang 2021 (JMLR 22(71)); they report -0.506, 0.007, 0.372 at γ = 0.5, 1, 1.75, m ≤ 40000.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.statistics import StatisticalTest

Exponent = Callable[[float], float]  # of γ
GAMMAS = (0.5, 1.0, 1.75, 0.75, 1.5)
ALARM = 1e-5
WITHIN = 0.1
FALL = 0.95
GROUPS = 40
X = np.array([[-1.0], [-1 / 3], [1 / 3], [1.0]])
Y = np.array([0.5, -0.5, 0.3, 1.0])


def regimes(gamma: float) -> float:
    """The law."""
    return gamma - 1 if gamma <= 1 else 0.5 * (gamma - 1)


@cache
def _slopes(gamma: float, widths: tuple[int, ...], group: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (GROUPS,) of log RD against log m, its mean over a group of seeds, and the mean log RD of each width (W,)."""
    spawned = np.random.SeedSequence([seed, 7]).spawn(GROUPS * group)
    each = [int(s.generate_state(1, np.uint64)[0]) for s in spawned]
    moved = []
    for width in widths:
        std = width ** (-gamma / 2)
        # Half of what is stable: the curvature is at most mean ‖x‖² Σ (a² + ‖w‖²), first or once the data are fitted.
        lr = 0.5 / (3 * width * std**2 + 4)
        nets = witness.networks(
            X, Y, "relu", std=std, lr=lr, fraction=FALL, seeds=each, width=width, budget=40_000
        )
        assert np.all(nets.reached), f"γ = {gamma}, m = {width}: the loss did not fall by {FALL}"
        step = np.linalg.norm(nets.w - nets.w0, axis=(1, 2)) / np.linalg.norm(nets.w0, axis=(1, 2))
        moved.append(np.log(step).reshape(GROUPS, group).mean(axis=1))
    logs = np.array(moved)
    return np.polyfit(np.log(widths), logs, 1)[0], logs.mean(axis=1)


def _regimes(law: Exponent, run: Run) -> Outcome:
    checks, shown = [], []
    gammas = GAMMAS[: run.pick(3, 5)]
    for gamma in gammas:
        widths, group = run.pick((50, 400), (100, 400, 1600)), run.pick(3, 4)
        slopes, logs = _slopes(gamma, widths, group, run.seed)
        test = StatisticalTest(
            f"slopes within {WITHIN} of {law(gamma):.4g} (share): γ = {gamma}, m = {widths[0]} to {widths[-1]}",
            threshold=0.5,
            effect=0.4,
            n=GROUPS,
            alpha=ALARM / len(gammas),
        )
        checks.append(test.check(np.abs(slopes - law(gamma)) <= WITHIN))
        spread = np.std(slopes, ddof=1) / np.sqrt(GROUPS)
        shown.append(f"{slopes.mean():.3f} ± {2 * spread:.3f}")
        checks[-1].details.update(
            {"median_slope": float(np.median(slopes)), "log_rd": logs, "widths": widths}
        )
    return Outcome(f"slopes {', '.join(shown)} at γ = {', '.join(f'{g:g}' for g in gammas)}", tuple(checks))


CLAIM = Claim(
    id="R.phase",
    title="ReLU phase diagram: relative change of the input weights with the width",
    statement=r"\mathrm{RD}(w) \sim m^{\gamma - 1}\ (\gamma \le 1),\quad m^{(\gamma-1)/2}\ (\gamma > 1),\quad \gamma' = 0",
    hypotheses=("two-layer ReLU network, f = m^{-γ} Σ a σ(w·x)", "γ' = 0, one-dimensional data, n fixed"),
    source="Luo, Xu, Ma, Zhang 2021",
    method=Method.STATISTICAL,
    about=About.OTHER,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.GRADIENT_DESCENT,
    law=regimes,
    validate=_regimes,
    mutants={
        "one line through all": lambda gamma: gamma - 1,
        "half everywhere": lambda gamma: 0.5 * (gamma - 1),
        "transition at γ = 1/2": lambda gamma: gamma - 0.5,
        "std for γ: f = m^{-γ/2}": lambda gamma: regimes(gamma / 2),
        "constant": lambda gamma: 0.0,
    },
    false_alarm=ALARM,
)
