"""One call from experiments to a report: predict, simulate, train, compare, write down."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from theory import loss
from verify.errors import UsageError
from verify.examination import Examination
from verify.experiment import Experiment
from verify.folder import write_run
from verify.progress import Progress, Silent
from verify.regimes.choose import choose
from verify.report import Report
from verify.store import versions, writable

COPIES = 40  # arrays of the size of all parameters that a run holds at once, snapshots included


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
    if isinstance(experiments, Experiment):
        wanted: tuple[Experiment, ...] = (experiments,)
    else:
        wanted = tuple(experiments) if isinstance(experiments, Iterable) else ()
    if not wanted or not all(isinstance(each, Experiment) for each in wanted):
        raise UsageError(
            "run takes experiments: verify.run(verify.Experiment(data='line')), or a list of them"
        )
    watch = progress if progress is not None else Silent()
    began = time.perf_counter()
    for experiment in wanted:  # before the first minute is spent
        _check(experiment)
    if out is not None:
        writable(out)
    examinations = [examine(experiment, watch) for experiment in wanted]
    report = Report(
        experiments=tuple(found.experiment for found in examinations),
        checks=tuple(check for found in examinations for check in found.checks),
        versions=versions(),
        notes=tuple(f"{found.experiment.name}: {note}" for found in examinations for note in found.notes),
        seconds=time.perf_counter() - began,
    )
    if out is None:
        return report
    watch.stage("figures and run folder")
    return write_run(report, examinations, out, began)


def examine(experiment: Experiment, watch: Progress) -> Examination:
    """Examine one experiment in its regime: what drives the neurons × how they are stepped."""
    return choose(experiment)(experiment, watch)


def _check(experiment: Experiment) -> None:
    """Refuse a device that is not there, networks that no memory holds, and a loss of which no fraction can fall."""
    import torch

    from numerics import memory

    try:
        torch.empty(0, device=experiment.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UsageError(
            f"--device {experiment.device!r}: {reason}; accepted: cpu, or a device that torch finds"
        ) from None
    x = experiment.dataset.x
    parameters = experiment.seeds * (experiment.width or 0) * (x.shape[1] + 1 + experiment.outputs)
    # Start, end and way of several runs, and as many again for what theory expects of them.
    needed = COPIES * parameters * np.dtype(float).itemsize
    what = f"verifying {experiment.seeds} networks of width {experiment.width}"
    memory.require(needed, torch.device(experiment.device), what)
    start = float(np.mean(loss(experiment.loss).value_at_zero(experiment.targets)))
    if not start > 0:
        raise UsageError(
            f"loss {experiment.loss!r} is {start:g} at zero output on {experiment.dataset.name}: a fall by a fraction of "
            "it means nothing; accepted: a loss that is positive there, such as (f - y)**2"
        )
