"""One call from experiments to a report: predict, simulate, train, compare, write down."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from theory import Prediction, TheoryError, predict
from verify.checks.agreement import agreement
from verify.checks.amplitude import amplitude
from verify.checks.count import bound_2p, counts
from verify.checks.destination import destination
from verify.checks.horizon import horizon
from verify.checks.invariant import invariant
from verify.checks.order import order
from verify.checks.scaling import scaling
from verify.checks.shadow import shadow
from verify.evidence import Evidence
from verify.expect import expect
from verify.experiment import Experiment
from verify.folder import write_run
from verify.formula import torch_activation
from verify.order import OrderResult, measure_order
from verify.progress import Progress, Silent
from verify.report import Report
from verify.store import versions
from verify.training import train_networks
from verify.verdict import Check, Verdict

_CHECKS = (agreement, destination, amplitude, shadow, counts, bound_2p, invariant, horizon, scaling)

# These compare networks at the end of the initial stage, where the leading order must still lead.
_AT_HORIZON = (amplitude, shadow, counts, horizon, scaling)


def default_experiments() -> tuple[Experiment, ...]:
    """What `condense verify` runs on its own: one activation of each multiplicity 1, 2 and 3."""
    return (
        Experiment(data="sine5", activation="tanh"),
        Experiment(data="line", activation="xtanh"),
        Experiment(data="line", activation="x2tanh"),
    )


def run(
    experiments: Experiment | Iterable[Experiment],
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify one or more experiments.

    `out` is the folder under which a run folder is written; None writes nothing.  Raises TheoryError, NumericsError or
    UsageError for an experiment that cannot be carried out.
    """
    wanted = (experiments,) if isinstance(experiments, Experiment) else tuple(experiments)
    watch = progress if progress is not None else Silent()
    began = time.perf_counter()
    evidences, orders, checks, notes = [], [], [], []
    for experiment in wanted:
        evidence, result, found = examine(experiment, watch)
        evidences.append(evidence)
        orders.append(result)
        checks += found
        notes += [
            f"{experiment.name}: {note}"
            for note in (*evidence.prediction.notes, *evidence.prediction.orientations.notes)
        ]
    report = Report(
        experiments=wanted,
        checks=tuple(checks),
        versions=versions(),
        notes=tuple(notes),
        seconds=time.perf_counter() - began,
    )
    if out is None:
        return report
    watch.stage("figures and run folder")
    return write_run(report, evidences, orders, out, began)


def examine(experiment: Experiment, watch: Progress) -> tuple[Evidence, OrderResult, list[Check]]:
    """Gather the evidence of one experiment and put every check to it."""
    watch.stage(f"{experiment.name}: predict")
    prediction = _predict(experiment)
    sigma = torch_activation(prediction.activation)
    std = experiment.init_std or (1e-5 if prediction.order == 1 else 1e-3)
    fraction = experiment.fraction or (0.001 if prediction.order == 1 else 0.01)
    scales = tuple(std * 10.0**k for k in (2, 1)) if prediction.order == 1 else ()

    def trained(scale: float, step: float):
        watch.stage(f"{experiment.name}: train {experiment.seeds} networks from std {scale:g}, step {step:g}")
        return train_networks(experiment, prediction, sigma, std=scale, fraction=fraction, step=step)

    coarse, fine = trained(std, experiment.step), trained(std, experiment.step / 2)
    watch.stage(f"{experiment.name}: expect")
    evidence = Evidence(
        experiment=experiment,
        prediction=prediction,
        fraction=fraction,
        trained=coarse,
        refined=fine,
        expected=expect(prediction, coarse.a0, coarse.w0, fraction=fraction),
        scales=tuple(trained(scale, experiment.step) for scale in scales),
    )
    watch.stage(f"{experiment.name}: order of accuracy")
    started = time.perf_counter()
    result = measure_order(
        prediction, sigma.value, sigma.derivative, loss=experiment.loss, seed=experiment.seed
    )
    seconds = time.perf_counter() - started
    checks = [check.timed(seconds, experiment.name) for check in order(evidence, result)]
    for check in _CHECKS:
        watch.stage(f"{experiment.name}: {check.__name__.replace('_', ' ')}")
        started = time.perf_counter()
        found = check(evidence)
        if check in _AT_HORIZON and not evidence.within_reach:
            found = [_out_of_reach(each, evidence) for each in found]
        seconds = (time.perf_counter() - started) / max(len(found), 1)
        checks += [each.timed(seconds, experiment.name) for each in found]
    return evidence, result, checks


def _predict(experiment: Experiment) -> Prediction:
    data = experiment.dataset
    if experiment.optimizer != "gd":
        raise TheoryError(
            f"--optimizer {experiment.optimizer}: condense predicts gradient flow so far; accepted: gd"
        )
    return predict(
        data.x,
        data.y,
        experiment.activation,
        loss_function=experiment.loss,
        bias=experiment.bias,
        max_paths=experiment.max_paths,
        seed=experiment.seed,
    )


def _out_of_reach(check: Check, evidence: Evidence) -> Check:
    size = float(np.max(evidence.expected.perturbation))
    return replace(
        check,
        verdict=Verdict.INCONCLUSIVE,
        why=f"when the loss has fallen by {100 * evidence.fraction:g} % the forces beyond leading order are {size:.2g} of "
        "the leading one: these data leave the initial stage earlier; a smaller fraction would be conclusive",
    )
