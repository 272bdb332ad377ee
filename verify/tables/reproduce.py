"""What `condense reproduce` prints for people."""

from __future__ import annotations

from verify.reproduce.finding import FIGURES, Reproduction
from verify.tables import columns, dim, screen, verdict_text
from verify.verdict import Verdict


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
