"""What `condense hunt` prints for people: the data found, their orientations, the certificate, what was tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.hunt.model import Find
from verify.tables import columns, dim, screen


def print_find(find: Find, console: Console | None = None) -> None:
    """The outcome of a hunt; a counterexample with everything needed to check it by hand."""
    console = console or screen()
    console.print(Text.assemble((find.claim, "bold"), f"  {find.statement}"))
    if find.counterexample is None or find.certificate is None:
        console.print(Text("no counterexample found", style="yellow"))
        console.print(dim(_effort(find)))
        return
    console.print(Text.assemble(("counterexample", "bold red"), f"  {find.certificate.summary}"))
    console.print()
    console.print(_data(find.counterexample))
    console.print(Text.assemble(("activation", "dim"), f"  {find.counterexample['activation']}"))
    document = find.certificate.document
    if document.get("form", "0") != "0":
        console.print(
            Text(f"P(u) = Σ y (u·x)^{find.counterexample['multiplicity']} ∝ {document['form']}", style="cyan")
        )
    console.print()
    if document.get("orientations"):
        console.print(_orientations(document))
        console.print()
    for line in _proof(document):
        console.print(Text(line))
    console.print(dim(_effort(find)))


def _data(example: Mapping[str, Any]) -> Table:
    """One column a point, so that a find reads like a matrix."""
    table = columns("name", *("" for _ in example["y"]), left=("name",), header=False)
    table.columns[0].style = "dim"
    inputs = len(example["x"][0])
    for k in range(inputs):
        table.add_row(f"x{k + 1}", *(f"{row[k]:g}" for row in example["x"]))
    table.add_row(f"x{inputs + 1} (bias)", *("1" for _ in example["y"]), style="dim")
    table.add_row("y", *(f"{v:g}" for v in example["y"]), style="bold")
    return table


def _orientations(document: Mapping[str, Any]) -> Table:
    """The orientations that the claim counts: the growing ones, or all."""
    listed, witness = document["orientations"], document["witness"]
    every = document["counted"] == "fixed"
    if not every:
        listed = [o for o in listed if o["kind"] == "attractor"]
    # The shares are those of the growing ones, which stand first.
    shares = [f"{100 * share:.1f} %" for share in witness["shares"]] if witness else []
    names = ["", *(["kind"] if every else []), "u", "sign of a·c", "P(u)", "error below"]
    table = columns(*names, *(["random neurons"] if witness else []), left=("u", "kind"))
    for k, o in enumerate(listed):
        cells = [str(k + 1), *([o["kind"]] if every else []), " ".join(f"{v:+.5f}" for v in o["u"])]
        cells.append("" if o["neuron_sign"] is None else f"{o['neuron_sign']:+d}")
        cells += [f"{o['value']:+.5g}", f"{o['radius']:.0e}", *shares[k : k + 1]]
        table.add_row(*cells)
    return table


def _proof(document: Mapping[str, Any]) -> list[str]:
    lines = []
    if document["orientations"]:
        counts = f"{document['growing']} growing, {document['dying']} dying, {document['fixed']} fixed in all"
        scope = (
            f"all {document['lines_expected']} complex lines enclosed, so none is missed"
            if document["complete"]
            else "a search: more may exist"
        )
        lines.append(f"certified ({document['method']}): {counts}; {scope}")
    if document["witness"]:
        w = document["witness"]
        lines.append(
            f"second witness: {w['starts']} random neurons climb on the data points alone; "
            f"{100 * sum(w['shares']):.1f} % of them end on the orientations above"
            + (f", {100 * w['dying']:.1f} % die aligned" if w["dying"] else "")
            + (f", {100 * w['elsewhere']:.1f} % elsewhere" if w["elsewhere"] else "")
        )
    return lines + [f"note: {note}" for note in document["notes"]]


def _effort(find: Find) -> str:
    tried = find.tried
    text = f"{tried.get('search', 0)} candidates searched"
    if find.first is not None and find.counterexample is not None:
        before, after = (_weight(e) for e in (find.first, find.counterexample))
        text += f", {tried.get('shrinking', 0)} more to shrink {before} to {after}"
    text += f"; {tried.get('certifications', 0)} sent to be certified"
    return f"{text}; seed {find.seed}, {find.seconds:.1f} s"


def _weight(example: Mapping[str, Any]) -> str:
    """How large an example is: its points and its largest number."""
    largest = max(abs(v) for v in [*example["y"], *(v for row in example["x"] for v in row)])
    return f"{len(example['y'])} points with numbers up to {largest:g}"
