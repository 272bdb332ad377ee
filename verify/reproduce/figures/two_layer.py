"""Figure 3, its low-frequency variant and ReLU: one activation at a time, Adam as in the paper and gradient flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.data import Dataset
from numerics.training.runs import Path
from numerics.training.stopping import Rate, RescaledTime
from theory import SmoothPrediction, TheoryError, activation, predict
from theory.forms.vectors import unit
from verify.reproduce.counting import PAPER_THRESHOLD, Counts, closeness, count, in_words
from verify.reproduce.finding import Finding, interval, majority, share
from verify.reproduce.setting import (
    Predicted,
    Setting,
    adam_orientations,
    adam_path,
    flow_orientations,
    flow_path,
    with_bias,
)
from verify.reproduce.workspace import Workspace

EARLY = 0.01  # the fall of the loss at which the leading order is looked at, of what the fitted mean leaves for σ(0) ≠ 0


@dataclass(frozen=True)
class Case:
    """Both paths of one activation, and what theory says of each."""

    setting: Setting
    data: Dataset
    adam: Path
    flow: Path
    for_adam: Predicted
    for_flow: Predicted


def run_case(work: Workspace, setting: Setting, data: Dataset) -> Case:
    """Train and predict."""
    seeds = min(work.seeds, 8) if work.quick else work.seeds
    rate, budget = _flow_rate(setting, data), 1500 if work.quick else 6000
    return Case(
        setting,
        data,
        adam_path(work, setting, data, seeds=work.seeds),
        flow_path(work, setting, data, rate, seeds=seeds, budget=budget, every=max(budget // 60, 1)),
        adam_orientations(setting, data),
        flow_orientations(setting, data),
    )


def _flow_rate(setting: Setting, data: Dataset) -> Rate:
    """Steps of 2 % of the largest neuron; for σ(0) ≠ 0 and ReLU a learning rate far below the stiffness of the mean."""
    prediction = smooth_prediction(setting, data)
    if prediction is not None:
        return RescaledTime(0.02, multiplicity=prediction.driving_order, rate=prediction.clock_rate)
    # The stiffest direction is the fitted output: λ <= mean‖∇f‖², at unit slope Σ_j (σ² + a²‖x‖²) = O(m).
    return 0.25 / setting.widths[0]


def smooth_prediction(setting: Setting, data: Dataset) -> SmoothPrediction | None:
    """The smooth theory's prediction where it applies."""
    try:
        prediction = predict(data.x, data.y, setting.activations[0])
    except TheoryError:
        return None
    return prediction if isinstance(prediction, SmoothPrediction) else None


def findings(work: Workspace, case: Case) -> list[Finding]:
    """The rows of one activation: Adam as in the paper, and gradient flow from the same start."""
    return [_adam(work, case), _flow(work, case)]


def _adam(work: Workspace, case: Case) -> Finding:
    setting, path = case.setting, case.adam
    w, amplitude = path.w[-1], path.amplitude(setting.multiplicity)[-1]
    counts = count(w, amplitude, seed=work.seed)
    orientations, lines, _ = counts.at()
    near = _near(work, w, None, case.for_adam)
    other = _near(work, w, None, case.for_flow)
    bound = 2 * setting.multiplicity
    above = orientations > bound
    paper = None if setting.claimed_lines is None else majority(lines == setting.claimed_lines)
    hits = None if setting.claimed_lines is None else share(lines == setting.claimed_lines)
    why = "" if hits is None else f"{setting.claimed_lines} line(s) in {hits}; "
    why += f"more than 2p = {bound} orientations in {share(above)}"
    if near is not None:
        why += f"; neurons within cosine {PAPER_THRESHOLD} of {case.for_adam.label}: {_words(near)}"
    if other is not None:
        why += f"; of {case.for_flow.label}: {_words(other)}"
    return Finding(
        figure=setting.figure,
        case=setting.case,
        dynamics="Adam",
        claimed="-" if setting.claimed_lines is None else _lines(setting.claimed_lines),
        predicted=case.for_adam.text,
        observed=f"{in_words(orientations)} orientations, {in_words(lines)} lines",
        paper=paper,
        theory=None if near is None else majority(near["by_seed"] > 0.5),
        why=why,
        numbers={
            "counts": counts.to_json(),
            "loss": path.losses[-1],
            "above_2p": above,
            "above_2p_interval": interval(above),
            "near_adam_orientations": near,
            "near_flow_orientations": other,
            "adam_orientations": case.for_adam.u,
            "flow_orientations": case.for_flow.u,
            "notes": case.for_adam.notes,
        },
    )


def _flow(work: Workspace, case: Case) -> Finding:
    setting, path = case.setting, case.flow
    p = setting.multiplicity
    end = count(path.w[-1], path.amplitude(p)[-1], seed=work.seed)
    left = _left_by_the_mean(case)
    early = path.fallen(1 - left * (1 - EARLY))
    early = np.where(early < 0, len(path.steps) - 1, early)
    networks = np.arange(path.w.shape[1])
    w, amplitude = path.w[early, networks], path.amplitude(p)[early, networks]
    counts = count(w, amplitude, seed=work.seed)
    orientations, lines, heavy = counts.at()
    near = _near(work, w, amplitude, case.for_flow)
    reached = path.fallen(0.3) >= 0
    why = f"when the loss has fallen by {100 * EARLY:g} %" + (
        "" if left == 1 else " of what the fitted mean leaves"
    )
    if near is not None:
        why += f", share of the amplitude within cosine {PAPER_THRESHOLD} of {case.for_flow.label}: {_words(near)}"
    why += f"; by the end ({100 * (1 - np.median(path.losses[-1])):.0f} % fallen) {in_words(end.at()[0])} by count"
    return Finding(
        figure=setting.figure,
        case=setting.case,
        dynamics="gradient flow",
        claimed="-",
        predicted=case.for_flow.text,
        observed=f"{in_words(orientations)} by count, {in_words(heavy)} by amplitude",
        paper=None,
        theory=None if near is None else majority(near["by_seed"] > 0.5),
        why=why,
        numbers={
            "counts_early": counts.to_json(),
            "counts_end": end.to_json(),
            "loss_end": path.losses[-1],
            "reached_seventy_percent": reached,
            "near_flow_orientations": near,
            "lines": lines,
            "notes": case.for_flow.notes,
        },
    )


def _left_by_the_mean(case: Case) -> float:
    """The share of the loss that remains when σ(0) ≠ 0 has fitted the mean, 1 for σ(0) = 0."""
    if float(activation(case.setting.activations[0]).value_at_zero) == 0:
        return 1.0
    return float(np.var(case.data.y) / np.mean(case.data.y**2))


def _near(work: Workspace, w: np.ndarray, weights: np.ndarray | None, predicted: Predicted) -> dict | None:
    """Shares of neurons (or of amplitude) of each network near a predicted orientation; None without a prediction."""
    if not len(predicted.u):
        return None
    cosine = (unit(w) @ predicted.u.T).max(axis=-1)
    inside = cosine >= PAPER_THRESHOLD
    share_of = np.ones_like(cosine) if weights is None else weights
    by_seed = np.sum(inside * share_of, axis=1) / np.sum(share_of, axis=1)
    overall = closeness(w, predicted.u, seed=work.seed)
    return {
        "by_seed": by_seed,
        "median_share": float(np.median(by_seed)),
        "median_cosine": float(np.median(cosine)),
        "chance_share": overall.chance_share,
        "chance_median_cosine": overall.chance_median,
    }


def _words(near: dict) -> str:
    return f"{100 * near['median_share']:.0f} % (chance {100 * near['chance_share']:.2g} %)"


def _lines(number: int) -> str:
    return f"{number} line" + ("s" if number > 1 else "")


def first_moments(path: Path, thresholds: Counts | None = None) -> np.ndarray:
    """The epoch at which each network's loss first is at most 70 % of its start, -1 if never."""
    moments = path.fallen(0.3)
    return np.where(moments >= 0, path.steps[np.maximum(moments, 0)], -1)


__all__ = ["Case", "findings", "first_moments", "run_case", "smooth_prediction", "with_bias"]
