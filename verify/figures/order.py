"""The distance between full and leading-order flow against the initialisation scale."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from verify.figures.style import CHANCE, OBSERVED, PREDICTED
from verify.order import OrderResult


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
