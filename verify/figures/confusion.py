"""The confusion table of destinations: predicted in rows, observed in columns."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from verify.regimes.common.confusion import Confusion


def confusion_figure(found: Confusion, *, title: str) -> Figure:
    """Draw the counts of neurons; disagreements stand off the diagonal."""
    document = found.to_json()
    table, labels = np.array(document["table"]), document["labels"]
    size = 2.2 + 0.45 * len(labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    ax = figure.add_subplot()
    ax.imshow(table / max(table.max(), 1), cmap="Blues", vmin=0, vmax=1.4)
    for i, row in enumerate(table):
        for j, count in enumerate(row):
            if count:
                ax.text(j, i, str(count), ha="center", va="center", fontsize=8)
    ticks = np.arange(len(labels))
    ax.set_xticks(ticks, labels, rotation=90 if len(labels) > 4 else 0)
    ax.set_yticks(ticks, labels)
    ax.set_xlabel("observed")
    ax.set_ylabel("predicted")
    ax.set_title(f"{title}\n{100 * found.agreeing:.4g} % agree", fontsize=9)
    return figure
