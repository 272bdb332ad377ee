"""What `condense claims` prints for people: the ledger by source, a line of evidence for each claim."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text

from verify.claims.ledger import Entry
from verify.tables import COLOURS, columns, screen, show
from verify.verdict import Verdict

LEDGER_WIDTH = 150  # columns in a pipe; chosen because the evidence of a claim is a sentence


def print_ledger(entries: Sequence[Entry], seconds: float) -> None:
    """One table for each source, then the count of verdicts."""
    console = screen(pipe_width=LEDGER_WIDTH)
    source = lambda entry: entry.claim["source"].split(";")[0]  # noqa: E731
    order = list(dict.fromkeys(source(entry) for entry in entries))
    for name, group in groupby(sorted(entries, key=lambda e: order.index(source(e))), key=source):
        table = columns(title=Text(name, style="bold"))
        table.add_column("claim", no_wrap=True)
        table.add_column("says", overflow="fold", ratio=5)
        table.add_column("of", overflow="fold", ratio=2)
        table.add_column("verdict", no_wrap=True)
        table.add_column("evidence", overflow="fold", ratio=6)
        for entry in group:
            claim = entry.claim
            parts = (claim["about"], claim["dynamics"], claim["reading"])
            scope = ", ".join(p for p in parts if p not in ("other", "none", "not applicable"))
            note = " (unexpected)" if entry.surprising else ""
            table.add_row(
                claim["id"],
                Text(claim["title"]),
                Text(scope, style="dim"),
                Text(entry.verdict.value + note, style=COLOURS[entry.verdict]),
                Text(entry.evidence["summary"]),
            )
        console.print(table)
        console.print()
    counts = {v: sum(entry.verdict is v for entry in entries) for v in Verdict}
    shown = ", ".join(f"{n} {v.value}" for v, n in counts.items() if n)
    console.print(Text(f"{len(entries)} claims: {shown}   {seconds:.1f} s"))


def print_claim(entry: Entry) -> None:
    """One claim in full: statement, hypotheses, every check, counterexample."""
    console = screen()
    claim = entry.claim
    console.print(Text(f"{claim['id']}: {claim['title']}", style="bold"))
    console.print(Text(claim["statement"]))
    for hypothesis in claim["hypotheses"]:
        console.print(Text(f"  if {hypothesis}", style="dim"))
    console.print(Text(f"{claim['source']}; {claim['method']}", style="dim"))
    console.print()
    for check in entry.evidence["checks"]:
        colour = COLOURS[Verdict(check["verdict"])]
        console.print(
            Text.assemble(
                (check["verdict"], colour),
                f"  {check['name']}: predicted {show(check['predicted'])}, observed {show(check['observed'])}",
                f", tolerance {show(check['tolerance'])}" if check["tolerance"] is not None else "",
                (f"\n    {check['why']}", "dim"),
            )
        )
    if entry.counterexample is not None:
        shown = {key: value for key, value in entry.counterexample.items() if key != "certificate"}
        console.print(
            Text(
                f"counterexample: {shown}"
                + ("" if shown == entry.counterexample else " (certificate: --json)")
            )
        )
    console.print()
    note = f" (expected: {claim['expected']})" if entry.surprising else ""
    console.print(
        Text.assemble(
            (entry.verdict.value, f"bold {COLOURS[entry.verdict]}"),
            f"{note}   {entry.evidence['summary']}",
            (f"   {entry.seconds:.1f} s, seed {entry.evidence['seed']}", "dim"),
        )
    )
