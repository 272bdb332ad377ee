"""Orders of accuracy for people: the errors in all, then each group of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from theory.systems.deep.powers import GroupPowers
from verify.tables.report import print_order


def print_orders(document: dict[str, Any]) -> None:
    """Predicted and measured order with the errors behind them; for deep networks group by group."""
    groups = document["groups"]
    console = Console(highlight=False, soft_wrap=True)
    if groups:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("group", "gradient order", "measured", "accuracy", "measured", "verdict"):
            table.add_column(column, justify="right" if column not in ("group", "verdict") else "left")
        for name, group in groups.items():
            table.add_row(
                name,
                str(group["predicted_gradient_order"]),
                _number(group["measured_gradient_order"]),
                str(group["predicted_order"]),
                _number(group["measured_order"]),
                group["verdict"],
            )
        console.print(table)
        console.print()
    print_order(document)
    for note in document["notes"]:
        console.print(Text(f"note: {note}", style="dim"))


def print_groups(groups: Mapping[str, GroupPowers]) -> None:
    """What theory derives for each group: gradient order, its accuracy, and how far the group moves."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("group", "gradient", "up to a relative", "moves by", "up to a relative"):
        table.add_column(column)
    for name, g in groups.items():
        moves = "its own size" if g.lag == 0 else f"ε^{g.lag} of its size"
        table.add_row(name, f"O(ε^{g.degree})", f"O(ε^{g.gap})", moves, f"O(ε^{g.accuracy})")
    Console(highlight=False, soft_wrap=True).print(table)


def _number(value: float | None) -> str:
    return "not resolved" if value is None else f"{value:.3f}"
