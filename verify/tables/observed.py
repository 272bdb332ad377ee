"""What `condense observe` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from verify.tables import columns, dim, screen

if TYPE_CHECKING:
    from numerics.weights.observe import LayerObservation

SHOWN = 6  # clusters a layer


def print_observation(name: str, found: list[LayerObservation]) -> None:
    """One row a hidden layer, then what random vectors give, its largest orientations and, where asked for, the
    chance level over thresholds."""
    console = screen()
    first = found[0]
    heads = ("layer", "kind", "D", "neurons", "zero", "orientations", "by amplitude", "condensed", "by chance",
                 "eff. width", "median cosine")  # fmt: skip
    table = columns(*heads, left=("layer", "kind"), title=f"{name}: clusters at cosine ≥ {first.threshold:g}")
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
            _share(each.condensed_neurons, each.neurons),
            _by_chance(each),
            f"{each.effective_width:.3g}",
            middle,
        )
    console.print(table)
    for each in found:
        console.print()
        for note in each.notes:
            console.print(Text(f"{each.layer}: {note}"))
        if each.chance is not None:
            console.print(Text(f"{each.layer}: {in_words(each)}"))
        console.print(
            Text(f"{each.layer}: largest orientations (neurons, share of {each.amplitude}, centre)")
        )
        for cluster in each.clusters[:SHOWN]:
            centre = ", ".join(f"{c:+.3f}" for c in cluster.centre[: 5 if each.dimension > 6 else 6])
            centre += f", …, {cluster.centre[-1]:+.3f}" if each.dimension > 6 else ""
            console.print(Text(f"  {cluster.neurons:>6}  {100 * cluster.share:5.1f} %  ({centre})"))
        hidden = len(each.clusters) - SHOWN
        if hidden > 0 or not each.clusters:
            console.print(dim(f"  and {hidden} more" if hidden > 0 else "  none"))
        for row in each.counts:
            console.print(
                Text(
                    f"  cosine ≥ {row['cosine']:<4g}: {row['count']} orientations; random vectors "
                    f"{row['chance_mean']:.1f} ({row['chance_low']:g} to {row['chance_high']:g})",
                    style="dim",
                )
            )


def in_words(each: LayerObservation) -> str:
    """The layer beside random vectors, with a verdict."""
    chance = each.chance
    if chance is None:
        return "no neuron that is not zero"
    low, high = chance.orientations_range
    between = "" if low == high else f" ({low:g} to {high:g})"
    verdict = (
        "no more than chance" if chance.no_more else f"more than chance (p {_p(chance.p, chance.draws)})"
    )
    return (
        f"{each.orientations} orientations, {_share(each.condensed_neurons, each.neurons)} condensed: {verdict}; "
        f"{chance.neurons} random vectors in D = {chance.dimension} give {chance.orientations:.3g}{between} and "
        f"{_share(chance.condensed_neurons, chance.neurons)}"
    )


def _p(p: float, draws: int) -> str:
    return f"< {p:.1g}" if not draws else f"≤ {p:.2g}" if p * (draws + 1) < 1.5 else f"= {p:.2g}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %"


def _by_chance(each: LayerObservation) -> str:
    if each.chance is None:
        return "-"
    return f"{each.chance.orientations:.3g}, {_share(each.chance.condensed_neurons, each.chance.neurons)}"
