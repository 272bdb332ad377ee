"""One call from experiments to a report: predict, simulate, train, compare, write down."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from verify.examination import Examination
from verify.experiment import Experiment
from verify.folder import write_run
from verify.progress import Progress, Silent
from verify.regimes.choose import choose
from verify.report import Report
from verify.store import versions


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
