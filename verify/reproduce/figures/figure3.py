"""Figure 3: 5-50-1 networks of five activations on the sine data; the low-frequency variant; ReLU beside them."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from verify.reproduce.counting import along, count
from verify.reproduce.figures.two_layer import Case, findings, first_moments, run_case
from verify.reproduce.finding import LEVEL, Finding, majority
from verify.reproduce.plots import cosine_grid, count_grid, draw, time_grid
from verify.reproduce.setting import FIGURE_3, LOW_FREQUENCY, RELU, Setting, adam_path, sine5, sine_draw
from verify.reproduce.workspace import Workspace
from verify.verdict import Verdict


def figure_3(work: Workspace) -> list[Finding]:
    """Five activations, Adam as in the paper and gradient flow from the same start, then fresh draws of the data."""
    cases = [run_case(work, setting, sine5()) for setting in FIGURE_3]
    rows = [row for case in cases for row in findings(work, case)]
    _pictures(work, "figure-3", "Figure 3", cases)
    rows.append(draws_of_the_data(work))
    return [_with_epochs(row, cases) for row in rows]


def low_frequency(work: Workspace) -> list[Finding]:
    """The preprint's low-frequency data, x² tanh x."""
    case = run_case(work, LOW_FREQUENCY, sine_draw(work.seed, frequency=2.0))
    _pictures(work, "preprint-low", "Preprint, low frequency", [case])
    return findings(work, case)


def relu(work: Workspace) -> list[Finding]:
    """ReLU in the setting of figure 3, against the extremal orientations."""
    case = run_case(work, RELU, sine5())
    _pictures(work, "relu", "ReLU in the setting of figure 3", [case])
    return findings(work, case)


def draws_of_the_data(work: Workspace) -> Finding:
    """Does tanh condense on one line whatever the data?  One network on each of many fresh draws."""
    tanh = FIGURE_3[0]
    number = 16 if work.quick else 64
    two = []
    for draw_seed in range(number):
        path = adam_path(work, tanh, sine_draw(draw_seed), seeds=1, snapshots=1)
        counts = count(path.w[-1], path.amplitude(1)[-1], seed=work.seed, draws=1)
        two.append(counts.at()[0][0] == 2)
    hits = np.array(two)
    found = binomtest(int(hits.sum()), number).proportion_ci(LEVEL, method="wilson")
    return Finding(
        figure="3",
        case="tanh, fresh draws of the data",
        dynamics="Adam",
        claimed="1 line",
        predicted="2 (sign-descent orientations)",
        observed=f"2 orientations on {hits.sum()} of {number} draws",
        paper=majority(hits),
        theory=majority(hits),
        why=f"share of the draws with two orientations, 99 % interval {found.low:.2f}-{found.high:.2f}",
        numbers={"share": float(hits.mean()), "interval": [found.low, found.high], "two": hits},
    )


def _pictures(work: Workspace, name: str, title: str, cases: list[Case]) -> None:
    ends = [(f"{c.setting.case}\nAdam", c.adam.w[-1, 0]) for c in cases]
    flows = [(f"{c.setting.case}\ngradient flow", c.flow.w[-1, 0]) for c in cases]
    draw(work, f"{name}-cosines", cosine_grid, ends + flows, title=f"{title}: cosines of all pairs, first seed",
         columns=len(cases) if len(cases) > 1 else 2)  # fmt: skip
    panels = []
    for dynamics in ("adam", "flow"):
        for case in cases:
            path = getattr(case, dynamics)
            counts = count(path.w[-1], path.amplitude(case.setting.multiplicity)[-1], seed=work.seed)
            label = "Adam" if dynamics == "adam" else "gradient flow, end"
            panels.append(
                (
                    f"{case.setting.case}\n{label}",
                    counts.thresholds,
                    counts.orientations,
                    counts.chance,
                    None if case.setting is RELU else 2.0 * case.setting.multiplicity,
                )
            )
    draw(work, f"{name}-counts", count_grid, panels, title=f"{title}: orientations by neuron count",
         columns=len(cases) if len(cases) > 1 else 2)  # fmt: skip
    times = [(f"{c.setting.case}, Adam", c.adam.steps, c.adam.losses, along(c.adam.w)) for c in cases]
    draw(work, f"{name}-time", time_grid, times, title=f"{title}: condensation against time (threshold 0.9)")


def _with_epochs(row: Finding, cases: list[Case]) -> Finding:
    """Add to an Adam row the epoch at which the paper's initial stage ends, found from the loss."""
    from dataclasses import replace

    case = next((c for c in cases if c.setting.case == row.case and row.dynamics == "Adam"), None)
    if case is None:
        return row
    epochs = first_moments(case.adam)
    ended = epochs[epochs >= 0]
    when = f"epoch {int(np.median(ended))}" if len(ended) else "later than the stated epoch"
    return replace(
        row,
        why=f"{row.why}; the initial stage (70 % of the loss) ends at {when}",
        numbers={**row.numbers, "initial_stage_epochs": epochs},
    )


__all__ = ["Setting", "Verdict", "figure_3", "low_frequency", "relu"]
