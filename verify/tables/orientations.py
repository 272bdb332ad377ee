"""What `condense orientations` and `condense multiplicity` print for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from verify.tables import columns, dim, readable, screen, show

if TYPE_CHECKING:
    from theory import Activation, BasinShares, OrientationSet

SHOWN = 60  # orientations; chosen because two screens are the most that is read


def print_multiplicity(activation: Activation) -> None:
    """The expansion of an activation, a line each; the two sides of 0 by themselves where they differ."""
    console, document = screen(), activation.to_json()
    sides = document.pop("sides", {})
    if not document.get("smooth"):
        for name, where in (("plus", "for z > 0"), ("minus", "for z < 0, in |z|")):
            if side := sides.get(name):
                document[where] = _expansion(side)
    table = columns("name", "value", left=("name", "value"), header=False)
    table.columns[0].style = "dim"
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
    console = screen()
    shown = "all" if found.complete else "not proved complete"
    console.print(
        f"order {found.multiplicity}, D = {found.dimension}: {found.lines_found} lines found"
        + (f" of {found.lines_expected}" if found.lines_expected is not None else "")
        + f" ({shown}, {found.method}); {len(found.attractors)} growing, {len(found.dying)} dying;"
        + f" 2p = {found.bound_2p}"
    )
    table = columns("kind", "P(u)", "sign of a·c", "radius", "certified", "u", left=("kind", "u"))
    ranked = sorted(found.orientations, key=lambda o: (str(o.kind.value), -abs(o.value)))
    for o in ranked[:SHOWN]:
        sign = "" if o.neuron_sign is None else f"{o.neuron_sign:+d}"
        table.add_row(
            o.kind.value,
            f"{o.value:.6g}",
            sign,
            f"{o.radius:.1e}",
            "yes" if o.certified else "no",
            _components(o.u),
        )
    console.print(table)
    if len(ranked) > SHOWN:
        console.print(dim(f"... and {len(ranked) - SHOWN} more; --json lists all"))
    for note in found.notes:
        console.print(dim(f"note: {note}"))


def print_basins(shares: BasinShares) -> None:
    """What share of Gaussian neurons each orientation collects."""
    console = screen()
    title = f"share of Gaussian neurons, by {shares.method.value} "
    title += f"({shares.confidence:.0%} interval)" if shares.confidence < 1 else "(error bound)"
    table = columns("fate", "share", "interval", "u", left=("fate", "u"), title=title)
    for s in sorted(shares.shares, key=lambda s: (s.fate.name, -s.share))[:SHOWN]:
        table.add_row(
            s.fate.name.lower(),
            f"{100 * s.share:.2f} %",
            f"{100 * s.low:.2f}-{100 * s.high:.2f} %",
            _components(s.orientation.u),
        )
    console.print(table)
    console.print(dim(f"elsewhere: {100 * shares.elsewhere:.2f} %"))


def _components(u: Sequence[float]) -> str:
    return " ".join(f"{v:+.4f}" for v in u[:8]) + (" ..." if len(u) > 8 else "")
