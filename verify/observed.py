"""What `condense observe` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from verify.table import _console

if TYPE_CHECKING:
    from numerics.observe import LayerObservation

SHOWN = 6  # clusters a layer


def print_observation(name: str, found: list[LayerObservation]) -> None:
    """One row a hidden layer, then its largest orientations and, where asked for, the chance level."""
    console = _console()
    first = found[0]
    table = Table(title=f"{name}: clusters at cosine ≥ {first.threshold:g}", title_justify="left", box=None)
    for head in ("layer", "kind", "D", "neurons", "zero", "orientations", "by amplitude", "condensed", "eff. width",
                 "median cosine"):  # fmt: skip
        table.add_column(head, justify="left" if head in ("layer", "kind") else "right")
    for each in found:
        middle = "-" if each.cosine_quantiles is None else f"{each.cosine_quantiles[2]:.3f}"
        table.add_row(
            each.layer,
            each.kind,
            str(each.dimension),
            str(each.neurons),
            str(each.zero_neurons),
            str(each.orientations),
            str(each.orientations_by_amplitude),
            f"{100 * each.condensed_neurons / each.neurons:.0f} %",
            f"{each.effective_width:.3g}",
            middle,
        )
    console.print(table)
    for each in found:
        console.print()
        console.print(
            Text(f"{each.layer}: largest orientations (neurons, share of {each.amplitude}, centre)")
        )
        for cluster in each.clusters[:SHOWN]:
            centre = ", ".join(f"{c:+.3f}" for c in cluster.centre[: 5 if each.dimension > 6 else 6])
            centre += f", …, {cluster.centre[-1]:+.3f}" if each.dimension > 6 else ""
            console.print(Text(f"  {cluster.neurons:>6}  {100 * cluster.share:5.1f} %  ({centre})"))
        hidden = len(each.clusters) - SHOWN
        if hidden > 0 or not each.clusters:
            console.print(Text(f"  and {hidden} more" if hidden > 0 else "  none", style="dim"))
        for row in each.counts:
            console.print(
                Text(
                    f"  cosine ≥ {row['cosine']:<4g}: {row['count']} orientations; random vectors "
                    f"{row['chance_mean']:.1f} ({row['chance_low']:g} to {row['chance_high']:g})",
                    style="dim",
                )
            )
