"""One call from experiments to a report: predict, simulate, train, compare, write down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from theory.beyond.scales import Plan, refuse_scales
from theory.predictions.offset_expected import WIDTHS
from verify.bridge.experiment import Experiment
from verify.bridge.training import BUDGET, STEPS_PER_STD, WIDTH, initial_std
from verify.errors import UsageError
from verify.progress import Progress, Silent
from verify.regimes import examine
from verify.regimes.common.evidence import Examination
from verify.report import Report, keys, labels
from verify.report.folder import RunFolder
from verify.report.store import provenance, refuse_unwritable, versions

# Arrays of the size of all parameters that a run holds at once, snapshots included.  Chosen because several runs, each with
# its start, end and way, and what theory expects of them come to some tens: it is to refuse what no memory holds.
COPIES = 40


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

    `out` is the folder under which a run folder is written, each experiment as soon as it has been examined, into a folder
    of its own; None writes nothing.  Raises TheoryError, NumericsError or UsageError for an experiment that cannot be
    carried out; what cannot be written once they have begun is a note.
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
        refuse(experiment)
    if out is not None:
        refuse_unwritable(out)
    wanted = tuple(experiment.pinned() for experiment in wanted)
    origin, names, places = provenance(), labels(wanted), keys(wanted)
    folder = None if out is None else RunFolder.of(out, wanted)
    examinations: list[Examination] = []

    def report(numbers: Sequence[int]) -> Report:
        found = [examinations[number] for number in numbers]
        return Report(
            experiments=tuple(each.settled for each in found),
            checks=tuple(check for each in found for check in each.checks),
            versions=versions(),
            notes=tuple(
                f"{names[number]}: {note}"
                for number, each in zip(numbers, found, strict=True)
                for note in each.notes
            ),
            seconds=time.perf_counter() - began,
            asked=tuple(wanted[number] for number in numbers),
            details=tuple(
                {"experiment": names[number], "folder": places[number], **each.details}
                for number, each in zip(numbers, found, strict=True)
            ),
            provenance=origin,
        )

    for number, experiment in enumerate(wanted):
        found = examine(experiment, watch)
        # Two experiments may have one short name: what they found is told apart by the long one.
        checks = tuple(replace(check, experiment=names[number]) for check in found.checks)
        examinations.append(replace(found, checks=checks))
        if folder is not None:
            folder.add(number, examinations[number], report([number]))
    whole = report(range(len(wanted)))
    if folder is None:
        return whole
    watch.stage("figures and run folder")
    return folder.finish(whole, examinations, began)


def refuse(experiment: Experiment) -> None:
    """Refuse a device that is not there, networks that no memory holds, a loss of which no fraction can fall, and
    scales that cannot be followed."""
    import torch

    from numerics.training import memory

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
    problem = experiment.problem.at_best_constant if experiment.output_bias else experiment.problem
    start = experiment.problem.risk
    if not start > 0:
        raise UsageError(
            f"loss {experiment.loss!r} is {start:g} at zero output on {experiment.dataset.name}: a fall by a fraction of "
            "it means nothing; accepted: a loss that is positive there, such as (f - y)**2"
        )
    std = initial_std(experiment, experiment.problem.activation.multiplicity)
    offset = experiment.problem.activation.value_at_zero != 0
    plan = Plan(
        std=std,
        width=experiment.width
        or (WIDTHS[-1] if offset else WIDTH),  # the widest that the regime takes by itself
        networks=experiment.seeds,
        fraction=experiment.fraction,
        lr=experiment.lr or std / STEPS_PER_STD,
        steps=BUDGET,
        standardized=experiment.standardize,
    )
    refuse_scales(problem, plan)
