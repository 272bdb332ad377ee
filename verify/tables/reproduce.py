"""What `condense reproduce` prints for people."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from verify.report.verdict import Verdict
from verify.reproduce.finding import Reproduction
from verify.reproduce.index import FIGURES
from verify.tables.report import _COLOURS, _console


def print_reproduction(result: Reproduction) -> None:
    """One table a figure, then where the pictures and the page lie."""
    console = _console()
    for figure in dict.fromkeys(each.figure for each in result.findings):
        rows = [each for each in result.findings if each.figure == figure]
        about = FIGURES[figure][2] if figure in FIGURES else ""
        table = Table(
            title=f"{figure}: {about}", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0)
        )
        for head in ("case", "dynamics", "the paper", "theory", "observed", "paper", "theory"):
            table.add_column(head, overflow="fold")
        for each in rows:
            table.add_row(
                each.case, each.dynamics, each.claimed, each.predicted, each.observed,
                _mark(each.paper), _mark(each.theory),
            )  # fmt: skip
        console.print(table)
        for each in rows:
            if Verdict.REFUTED in (each.paper, each.theory):
                console.print(Text(f"  {each.case}, {each.dynamics}: {each.why}", style="dim"))
        console.print()
    total = sum(result.seconds.values())
    console.print(
        Text(
            f"{len(result.images)} pictures, reproduction.md and .json in {result.run_dir}   {total:.0f} s",
            style="dim",
        )
    )


def _mark(verdict: Verdict | None) -> Text:
    return Text("-", style="dim") if verdict is None else Text(verdict.value, style=_COLOURS[verdict])
