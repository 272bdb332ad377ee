"""The one way to the screen: width, columns, colours of verdicts, numbers as a reader wants them."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.verdict import Verdict

COLOURS = {Verdict.CONFIRMED: "green", Verdict.REFUTED: "red", Verdict.INCONCLUSIVE: "yellow"}
# A pipe has no width of its own: 80 columns would cut what a reader of the log needs.
PIPE_WIDTH = 118


def screen(*, pipe_width: int = PIPE_WIDTH) -> Console:
    """Standard output; `pipe_width` columns where it is no terminal."""
    # Files and layers have names with brackets, which would be taken for markup.
    console = Console(markup=False, highlight=False)
    return console if console.is_terminal else Console(width=pipe_width, markup=False, highlight=False)


def columns(
    *names: str, left: tuple[str, ...] = (), title: str | Text | None = None, header: bool = True
) -> Table:
    """A table without lines: the columns `left` hold words, the others numbers, set to the right."""
    table = Table(
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=header,
    )
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", overflow="fold")
    return table


def verdict_text(verdict: Verdict | None, *, dim: bool = False) -> Text:
    """A verdict in its colour; `dim` for what decides nothing, a dash for none."""
    if verdict is None:
        return Text("-", style="dim")
    return Text(verdict.value, style=("dim " if dim else "") + COLOURS[verdict])


def dim(text: str) -> Text:
    """A line that may be passed over."""
    return Text(text, style="dim")


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
