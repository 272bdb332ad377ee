"""One look for every figure, and one way to save it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from verify.report.store import write_bytes

PREDICTED = "#c1272d"
OBSERVED = "#0b4f8a"
CHANCE = "#8a8a8a"
POSITIVE = "#d97706"
NEGATIVE = "#3b6fb6"

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.4,
    "figure.dpi": 110,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "condense",
    "mathtext.fontset": "cm",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save inside this context, and nothing of the look leaks out."""
    with mpl.rc_context(_RC):
        yield


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write the figure as PNG and SVG, whole or not at all; the same figure gives the same bytes each time."""
    paths = []
    for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
        path = folder / f"{name}{suffix}"
        drawn = io.BytesIO()
        figure.savefig(drawn, format=suffix[1:], metadata=metadata, bbox_inches="tight")
        write_bytes(path, drawn.getvalue())
        paths.append(path)
    return paths
