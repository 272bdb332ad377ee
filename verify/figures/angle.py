"""Angle to the predicted destination against time, measured and predicted."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from verify.figures.style import CHANCE, OBSERVED, PREDICTED


def angle_figure(
    times: np.ndarray,
    measured: np.ndarray,
    predicted_times: np.ndarray,
    predicted: np.ndarray,
    *,
    horizon: float,
    chance: float,
    title: str,
    unit: str,
) -> Figure:
    """Draw quantiles (10, 50, 90 %) of measured angles (S, N) and predicted ones (P, N) in radians.

    Times are in `unit`; `horizon` is the predicted end of the initial stage, `chance` the median angle of random
    vectors to the nearest predicted orientation.
    """
    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    ax = figure.add_subplot()
    low, middle, high = np.quantile(measured, [0.1, 0.5, 0.9], axis=1)
    ax.fill_between(times, low, high, color=OBSERVED, alpha=0.18, linewidth=0, label="trained, 10-90 %")
    ax.plot(times, middle, color=OBSERVED, label="trained, median")
    for quantile, line in ((0.1, ":"), (0.5, "--"), (0.9, ":")):
        ax.plot(
            predicted_times,
            np.quantile(predicted, quantile, axis=1),
            line,
            color=PREDICTED,
            label="predicted, median" if quantile == 0.5 else None,
        )
    ax.axhline(chance, color=CHANCE, linewidth=0.8)
    ax.annotate(
        "random vectors",
        (times[0], chance),
        xytext=(2, 2),
        textcoords="offset points",
        fontsize=7,
        color=CHANCE,
    )
    ax.axvline(horizon, color=PREDICTED, linewidth=0.8)
    ax.annotate(
        "predicted horizon",
        (horizon, 0.02),
        xycoords=("data", "axes fraction"),
        rotation=90,
        fontsize=7,
        xytext=(-9, 2),
        textcoords="offset points",
        color=PREDICTED,
    )
    ax.set_yscale("log")
    ax.set_xlabel(f"time ({unit})")
    ax.set_ylabel("angle to the destination (rad)")
    ax.legend(loc="lower left")
    ax.set_title(title)
    return figure
