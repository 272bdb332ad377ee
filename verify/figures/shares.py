"""The share of neurons that have turned away from the common orientation, against time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from verify.figures.style import CHANCE, OBSERVED, PREDICTED


def shares_figure(
    times: np.ndarray,
    observed: np.ndarray,
    predicted: np.ndarray,
    *,
    splits: np.ndarray,
    share: float,
    title: str,
) -> Figure:
    """Draw the observed (S, B) and predicted (S, B) shares of turned neurons of B networks; `splits` (B,) predicted."""
    figure = Figure(figsize=(5.4, 3.2), layout="constrained")
    ax = figure.add_subplot()
    for b in range(observed.shape[1]):
        ax.plot(
            times,
            100 * observed[:, b],
            color=OBSERVED,
            linewidth=1.6,
            alpha=0.5,
            label=None if b else "trained",
        )
        ax.plot(
            times,
            100 * predicted[:, b],
            "--",
            color=PREDICTED,
            linewidth=0.9,
            label=None if b else "offset system",
        )
    finite = splits[np.isfinite(splits) & (splits > 0)]
    ax.plot(
        finite,
        np.full(len(finite), 100 * share),
        "o",
        color=PREDICTED,
        markersize=4,
        label="predicted split",
    )
    ax.axhline(50, color=CHANCE, linewidth=0.8)
    ax.annotate(
        "half and half",
        (1.0, 50),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7,
        color=CHANCE,
    )
    ax.set_ylim(-2, 60)
    ax.set_xlabel(r"time (units of $1/\gamma$)")
    ax.set_ylabel("turned round (%)")
    ax.legend(loc="upper center")
    ax.set_title(title)
    return figure
