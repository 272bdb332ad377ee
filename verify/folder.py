"""The run folder: `run.json`, `arrays.npz` and the figures."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from numerics.orientation import clusters, cosine_order
from theory import neurons_at
from verify.checks.amplitude import chance_angle
from verify.evidence import Evidence, angle, unit
from verify.figures.angle import angle_figure
from verify.figures.cosine import cosine_figure
from verify.figures.order import order_figure
from verify.figures.rose import rose_figure
from verify.figures.style import save, style
from verify.order import OrderResult
from verify.report import Report
from verify.store import new_run, write_arrays, write_json


def write_run(
    report: Report,
    evidences: Sequence[Evidence],
    orders: Sequence[OrderResult],
    out: str | Path,
    began: float,
) -> Report:
    """Write the run and return the report with its folder; numbers first, so that a failing figure loses none."""
    names = [re.sub(r"[^A-Za-z0-9]+", "-", experiment.name).strip("-") for experiment in report.experiments]
    folder = new_run(out, names[0] if len(names) == 1 else "verify")
    report = replace(report, run_dir=str(folder))
    write_json(folder / "run.json", report.to_json())
    arrays: dict[str, np.ndarray] = {}
    for name, evidence, result in zip(names, evidences, orders, strict=True):
        arrays |= {f"{name}/{key}": value for key, value in _arrays(evidence, result).items()}
    write_arrays(folder / "arrays.npz", arrays)
    with style():
        for name, evidence, result in zip(names, evidences, orders, strict=True):
            _figures(folder, name, evidence, result)
    report = replace(report, seconds=time.perf_counter() - began)
    write_json(folder / "run.json", report.to_json())
    return report


def _arrays(evidence: Evidence, result: OrderResult) -> dict[str, np.ndarray]:
    data, trained, fine, expected = (
        evidence.experiment.dataset,
        evidence.trained,
        evidence.refined,
        evidence.expected,
    )
    return {
        "x": data.x, "y": data.y, "signal": evidence.prediction.signal,
        "orientations": np.array([o.u for o in evidence.prediction.orientations.orientations]),
        "a0": trained.a0, "w0": trained.w0, "a": trained.a, "w": trained.w, "times": trained.times,
        "a_half_step": fine.a, "w_half_step": fine.w, "times_half_step": fine.times,
        "path_times": trained.path_times, "path_a": trained.path_a, "path_w": trained.path_w,
        "expected_a": expected.a, "expected_w": expected.w, "expected_times": expected.times,
        "destinations": expected.destinations, "blow_up_times": expected.blow_up_times,
        "order_epsilons": result.epsilons, "order_errors": result.errors,
    }  # fmt: skip


def _figures(folder: Path, name: str, evidence: Evidence, result: OrderResult) -> None:
    experiment, prediction, trained = evidence.experiment, evidence.prediction, evidence.trained
    title = f"{experiment.dataset.name}, {experiment.activation}, std {trained.std:g}"
    amplitudes = trained.amplitudes(prediction.order)[0]
    u0, u = unit(trained.w0[0]), trained.u[0]
    save(
        cosine_figure(
            u0, u, cosine_order(u, clusters(u).labels), title=title, shares=amplitudes / amplitudes.sum()
        ),
        folder,
        f"{name}-cosine",
    )
    save(order_figure(result, title=title), folder, f"{name}-order")
    if u.shape[1] > 1:
        save(_angle(evidence, title), folder, f"{name}-angle")
    if u.shape[1] == 2:
        theta = np.linspace(0, 2 * np.pi, 721)[:-1]
        circle = np.column_stack([np.cos(theta), np.sin(theta)])
        listed = [
            (float(np.arctan2(o.u[1], o.u[0])), o.kind.value, o.neuron_sign)
            for o in prediction.orientations.orientations
        ]
        power = prediction.coefficient * prediction.field.tensor.value(circle)
        # All networks in one rose: each neuron relative to the largest of its own network.
        relative = trained.amplitudes(prediction.order)
        relative = relative / relative.max(axis=1, keepdims=True)
        save(
            rose_figure(
                listed,
                np.arctan2(trained.u[..., 1], trained.u[..., 0]).ravel(),
                relative.ravel(),
                np.sign(trained.a).ravel(),
                (theta, power),
                title=title,
            ),
            folder,
            f"{name}-rose",
        )


def _angle(evidence: Evidence, title: str):
    """Angles of the neurons of network 0 to their destinations along the way, and what the leading flow gives."""
    prediction, trained, expected = evidence.prediction, evidence.trained, evidence.expected
    goals = expected.destinations[0]
    growing = np.linalg.norm(goals, axis=-1) > 0
    way = trained.path_times[:, 0] <= trained.times[0]
    times, states = trained.path_times[way, 0], trained.path_w[way, 0][:, growing]
    measured = angle(unit(states), goals[growing])
    grid = np.linspace(0, 0.999 * min(float(expected.times[0]), float(expected.blow_up_times[0].min())), 80)
    a0, w0 = trained.a0[0][growing], trained.w0[0][growing]
    if prediction.order == 1:
        rate = 2 * prediction.linear.rate
        followed = np.array([prediction.linear.angles(t, a0, w0) for t in grid])
        scale, unit_name = rate, r"units of $1/2\gamma$"
    else:
        followed = np.array([angle(neurons_at(prediction.field, a0, w0, t).u, goals[growing]) for t in grid])
        power = int(np.floor(np.log10(expected.times[0])))
        scale, unit_name = 10.0**-power, rf"units of $10^{{{power}}}$, gradient-flow time"
    return angle_figure(
        scale * times,
        measured,
        scale * grid,
        followed,
        horizon=scale * float(expected.times[0]),
        chance=chance_angle(evidence),
        title=title,
        unit=unit_name,
    )
