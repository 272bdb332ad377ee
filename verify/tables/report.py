"""What `condense verify` and `condense reproduce` print for people: a table for each experiment, then the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from verify.reproduce.finding import FIGURES, Reproduction
from verify.tables import COLOURS, columns, dim, screen, show, verdict_text
from verify.verdict import Verdict

if TYPE_CHECKING:
    from verify.bridge.experiment import Experiment
    from verify.report import Report


def print_report(report: Report) -> None:
    """One table for each experiment, then the verdict and the run folder."""
    console = screen()
    for label, experiment in zip(report.labels, report.experiments, strict=True):
        own = [c for c in report.checks if c.experiment == label]
        print_data(experiment)
        table = columns(title=_heading(label, experiment))
        for name, ratio in (("check", 5), ("predicted", 3), ("observed", 3), ("tolerance", 2)):
            table.add_column(
                name, justify="left" if name == "check" else "right", overflow="fold", ratio=ratio
            )
        table.add_column("verdict", no_wrap=True)
        for check in own:
            name = check.name if check.source is None else f"{check.name}\n  [{check.source}]"
            table.add_row(
                Text(name),
                show(check.predicted),
                show(check.observed),
                show(check.tolerance),
                verdict_text(check.verdict, dim=check.source is not None),
            )
        console.print(table)
        for check in own:
            if check.source is None and check.verdict is not Verdict.CONFIRMED:
                console.print(dim(f"  {check.name}: {check.why}"))
        console.print()
    for note in report.notes:
        console.print(dim(f"note: {note}"))
    verdict = report.verdict
    where = f"   {report.run_dir}" if report.run_dir else ""
    console.print(
        Text.assemble(
            (verdict.value, f"bold {COLOURS[verdict]}"), (f"   {report.seconds:.1f} s{where}", "dim")
        ),
        soft_wrap=True,
    )


def print_data(experiment: Experiment) -> None:
    """What the data are, above the table of a command that reads some."""
    screen().print(dim(experiment.data_line), soft_wrap=True)


def _heading(label: str, experiment: Any) -> Text:
    d = experiment
    return Text(
        f"{label}: width {d.width}, {d.loss}, {d.optimizer}, {d.seeds} networks, seed {d.seed}", style="bold"
    )


def print_reproduction(result: Reproduction) -> None:
    """One table a figure, then where the pictures and the page lie."""
    console = screen()
    for figure in dict.fromkeys(each.figure for each in result.findings):
        rows = [each for each in result.findings if each.figure == figure]
        about = FIGURES[figure][2] if figure in FIGURES else ""
        heads = ("case", "dynamics", "the paper", "theory", "observed", "paper", "theory")
        table = columns(*heads, left=heads, title=f"{figure}: {about}")
        for each in rows:
            table.add_row(
                each.case, each.dynamics, each.claimed, each.predicted, each.observed,
                verdict_text(each.paper), verdict_text(each.theory),
            )  # fmt: skip
        console.print(table)
        for each in rows:
            if Verdict.REFUTED in (each.paper, each.theory):
                console.print(dim(f"  {each.case}, {each.dynamics}: {each.why}"))
        console.print()
    total = sum(result.seconds.values())
    console.print(
        dim(f"{len(result.images)} pictures, reproduction.md and .json in {result.run_dir}   {total:.0f} s")
    )
