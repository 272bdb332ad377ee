"""Figures of what was compared: full and leading flow at each scale, predicted and observed destinations."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from verify.figures import CHANCE, OBSERVED, PREDICTED
from verify.order import OrderResult
from verify.regimes.common.confusion import Confusion


def order_figure(result: OrderResult, *, title: str) -> Figure:
    """Draw errors against ε with the predicted slope, the fitted window and the floor of the integration."""
    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    ax = figure.add_subplot()
    shown = np.isfinite(result.errors)
    eps, errors, floor = result.epsilons[shown], result.errors[shown], result.floor[shown]
    low, high = result.slope.window
    inside = (eps >= low * 0.999) & (eps <= high * 1.001)
    ax.loglog(eps, errors, "o", color=OBSERVED, markersize=4, markerfacecolor="white", label="measured")
    ax.loglog(
        eps[inside],
        errors[inside],
        "o",
        color=OBSERVED,
        markersize=4,
        label=f"fitted: slope {result.slope.value:.3f}",
    )
    if inside.any():
        anchor = int(np.flatnonzero(inside)[-1])
        ax.loglog(
            eps,
            errors[anchor] * (eps / eps[anchor]) ** result.predicted,
            "--",
            color=PREDICTED,
            linewidth=1,
            label=rf"predicted: $\varepsilon^{{{result.predicted}}}$",
        )
    ax.loglog(eps, floor, color=CHANCE, linewidth=0.8, label="floor of the integration")
    if len(eps):
        ax.set_ylim(0.3 * min(errors.min(), floor.min()), 3 * max(errors.max(), 1e-3))
    ax.set_xlabel(r"initialisation scale $\varepsilon$")
    ax.set_ylabel("relative distance of the flows")
    ax.legend(loc="upper left")
    ax.set_title(title)
    return figure


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
