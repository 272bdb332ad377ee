"""Orders of accuracy for people: the errors in all, then each group of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from theory.systems import GroupLaw
from verify.tables import COLOURS, columns, dim, screen
from verify.verdict import Verdict


def print_orders(document: dict[str, Any]) -> None:
    """Predicted and measured order with the errors behind them; for deep networks group by group."""
    groups = document["groups"]
    console = screen()
    if groups:
        names = ("group", "gradient order", "measured", "accuracy", "measured", "verdict")
        table = columns(*names, left=("group", "verdict"))
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
    _print_errors(document)
    for note in document["notes"]:
        console.print(dim(f"note: {note}"))


def _print_errors(document: dict[str, Any]) -> None:
    """Predicted and measured order with the errors behind them."""
    console = screen()
    table = columns("ε", "relative distance")
    for epsilon, error in zip(document["epsilons"], document["errors"], strict=True):
        table.add_row(f"{epsilon:.2e}", "not finite" if error is None else f"{error:.3e}")
    console.print(table)
    measured, interval = document["measured_order"], document["interval"]
    shown = "not resolved" if measured is None else f"{measured:.3f}  [{interval[0]:.3f}, {interval[1]:.3f}]"
    console.print(f"order of accuracy: predicted {document['predicted_order']}, measured {shown}")
    verdict = Verdict(document["verdict"])
    console.print(Text(f"{verdict.value}   {document['why']}", style=COLOURS[verdict]))


def print_groups(groups: Mapping[str, GroupLaw]) -> None:
    """What theory derives for each group: gradient order, its accuracy, and how far the group moves."""
    names = ("group", "gradient", "up to a relative", "moves by", "up to a relative")
    table = columns(*names, left=names)
    for name, g in groups.items():
        moves = "its own size" if g.lag == 0 else f"ε^{g.lag} of its size"
        table.add_row(
            name, f"O(ε^{g.gradient_order})", f"O(ε^{g.gradient_accuracy})", moves, f"O(ε^{g.accuracy})"
        )
    screen().print(table)


def _number(value: float | None) -> str:
    return "not resolved" if value is None else f"{value:.3f}"
