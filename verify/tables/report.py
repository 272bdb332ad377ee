"""What the command line prints for people: tables on standard output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.report.verdict import Check, Verdict

if TYPE_CHECKING:
    from theory import Activation, BasinShares, OrientationSet
    from verify.bridge.experiment import Experiment
    from verify.report.report import Report

_COLOURS = {Verdict.CONFIRMED: "green", Verdict.REFUTED: "red", Verdict.INCONCLUSIVE: "yellow"}


def _console() -> Console:
    # Files and layers have names with brackets, which would be taken for markup.
    console = Console(markup=False)
    # A pipe has no width of its own: 80 columns would cut what a reader of the log needs.
    return console if console.is_terminal else Console(width=118, markup=False)


def print_report(report: Report) -> None:
    """One table for each experiment, then the verdict and the run folder."""
    console = _console()
    for label, experiment in zip(report.labels, report.experiments, strict=True):
        own = [c for c in report.checks if c.experiment == label]
        print_data(experiment)
        table = Table(
            title=_heading(label, experiment),
            title_justify="left",
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        table.add_column("check", overflow="fold", ratio=5)
        table.add_column("predicted", justify="right", ratio=3)
        table.add_column("observed", justify="right", ratio=3)
        table.add_column("tolerance", justify="right", ratio=2)
        table.add_column("verdict", no_wrap=True)
        for check in own:
            name = check.name if check.source is None else f"{check.name}\n  [{check.source}]"
            table.add_row(
                Text(name),
                show(check.predicted),
                show(check.observed),
                show(check.tolerance),
                _verdict(check),
            )
        console.print(table)
        for check in own:
            if check.source is None and check.verdict is not Verdict.CONFIRMED:
                console.print(Text(f"  {check.name}: {check.why}", style="dim"))
        console.print()
    for note in report.notes:
        console.print(Text(f"note: {note}", style="dim"))
    verdict = report.verdict
    where = f"   {report.run_dir}" if report.run_dir else ""
    console.print(
        Text.assemble(
            (verdict.value, f"bold {_COLOURS[verdict]}"), (f"   {report.seconds:.1f} s{where}", "dim")
        ),
        soft_wrap=True,
    )


def print_data(experiment: Experiment) -> None:
    """What the data are, above the table of a command that reads some."""
    _console().print(Text(experiment.data_line, style="dim"), soft_wrap=True)


def _heading(label: str, experiment: Any) -> Text:
    d = experiment
    return Text(
        f"{label}: width {d.width}, {d.loss}, {d.optimizer}, {d.seeds} networks, seed {d.seed}", style="bold"
    )


def _verdict(check: Check) -> Text:
    style = _COLOURS[check.verdict] if check.source is None else f"dim {_COLOURS[check.verdict]}"
    return Text(check.verdict.value, style=style)


def show(value: Any) -> str:
    """A number, text or short list as a reader wants it."""
    if value is None:
        return ""
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if 1 > value > 0.9999:
            return f"1 - {1 - value:.2g}"
        if value == 0 or 1e-3 <= abs(value) < 1e5:
            return f"{value:.4g}"
        return f"{value:.2e}"
    if isinstance(value, (list, tuple)):
        return ", ".join(show(item) for item in value)
    return str(value)


def readable(text: str) -> str:
    """Exact text for the screen: whole numbers of more than 24 digits as 1e400 where that is exact, 2.65613…e95 otherwise.

    Documents (--json, --latex) keep every digit.
    """

    def shortened(match: re.Match[str]) -> str:
        digits = match[0]
        head, tail = digits[:6], digits[6:]
        mantissa = f"{head[0]}.{head[1:]}".rstrip("0").rstrip(".") if not tail.strip("0") else None
        return f"{mantissa or f'{head[0]}.{head[1:]}…'}e{len(digits) - 1}"

    return re.sub(r"(?<![\d.])\d{25,}(?![\d.])", shortened, text)


def print_multiplicity(activation: Activation) -> None:
    """The expansion of an activation, a line each; the two sides of 0 by themselves where they differ."""
    console, document = _console(), activation.to_json()
    sides = document.pop("sides", {})
    if not document.get("smooth"):
        for name, where in (("plus", "for z > 0"), ("minus", "for z < 0, in |z|")):
            if side := sides.get(name):
                document[where] = _expansion(side)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for key, value in document.items():
        shown = "none" if value is None else show(value)
        table.add_row(key.replace("_", " "), Text(shown if key == "activation" else readable(shown)))
    console.print(table)


def _expansion(side: dict[str, Any]) -> str:
    if side["order"] is None:
        return "0"
    after = (
        "" if side["next_order"] is None else f" + ({side['next_coefficient']}) z^{side['next_order']} + ..."
    )
    return f"({side['coefficient']}) z^{side['order']}{after}"


def print_orientations(found: OrientationSet) -> None:
    """Every fixed orientation with its kind."""
    console = _console()
    shown = "all" if found.complete else "not proved complete"
    console.print(
        f"order {found.multiplicity}, D = {found.dimension}: {found.lines_found} lines found"
        + (f" of {found.lines_expected}" if found.lines_expected is not None else "")
        + f" ({shown}, {found.method}); {len(found.attractors)} growing, {len(found.dying)} dying;"
        + f" 2p = {found.bound_2p}"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("kind", "P(u)", "sign of a·c", "radius", "certified", "u"):
        table.add_column(column, justify="left" if column in ("kind", "u") else "right")
    ranked = sorted(found.orientations, key=lambda o: (str(o.kind.value), -abs(o.value)))
    for o in ranked[:60]:
        sign = "" if o.neuron_sign is None else f"{o.neuron_sign:+d}"
        table.add_row(
            o.kind.value,
            f"{o.value:.6g}",
            sign,
            f"{o.radius:.1e}",
            "yes" if o.certified else "no",
            " ".join(f"{v:+.4f}" for v in o.u[:8]) + (" ..." if len(o.u) > 8 else ""),
        )
    console.print(table)
    if len(ranked) > 60:
        console.print(Text(f"... and {len(ranked) - 60} more; --json lists all", style="dim"))
    for note in found.notes:
        console.print(Text(f"note: {note}", style="dim"))


def print_basins(shares: BasinShares) -> None:
    """What share of Gaussian neurons each orientation collects."""
    console = _console()
    table = Table(
        title=f"share of Gaussian neurons, by {shares.method.value} "
        + (f"({shares.confidence:.0%} interval)" if shares.confidence < 1 else "(error bound)"),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for column in ("fate", "share", "interval", "u"):
        table.add_column(column, justify="left" if column in ("fate", "u") else "right")
    for s in sorted(shares.shares, key=lambda s: (s.fate.name, -s.share))[:60]:
        table.add_row(
            s.fate.name.lower(),
            f"{100 * s.share:.2f} %",
            f"{100 * s.low:.2f}-{100 * s.high:.2f} %",
            " ".join(f"{v:+.4f}" for v in s.orientation.u[:8]) + (" ..." if len(s.orientation.u) > 8 else ""),
        )
    console.print(table)
    console.print(Text(f"elsewhere: {100 * shares.elsewhere:.2f} %", style="dim"))


def print_order(document: dict[str, Any]) -> None:
    """Predicted and measured order with the errors behind them."""
    console = _console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("ε", justify="right")
    table.add_column("relative distance", justify="right")
    for epsilon, error in zip(document["epsilons"], document["errors"], strict=True):
        table.add_row(f"{epsilon:.2e}", "not finite" if error is None else f"{error:.3e}")
    console.print(table)
    measured, interval = document["measured_order"], document["interval"]
    shown = "not resolved" if measured is None else f"{measured:.3f}  [{interval[0]:.3f}, {interval[1]:.3f}]"
    console.print(f"order of accuracy: predicted {document['predicted_order']}, measured {shown}")
    verdict = Verdict(document["verdict"])
    console.print(Text(f"{verdict.value}   {document['why']}", style=_COLOURS[verdict]))
