"""Angles to two orientations that are claimed for the same neurons, against time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from verify.figures.style import CHANCE, OBSERVED, POSITIVE, PREDICTED


def rivals_figure(
    times: np.ndarray,
    measured: dict[str, np.ndarray],
    *,
    predicted: tuple[np.ndarray, np.ndarray],
    apart: float,
    title: str,
    unit: str,
    marks: dict[str, float] | None = None,
) -> Figure:
    """Draw quantiles (10, 50, 90 %) of the measured angles (S, N) in radians to each of two claimed orientations.

    `predicted` is (times (P,), angles (P, N)) to the first of them, `apart` the angle between the two; `marks` names
    times to be marked by a vertical line.
    """
    figure = Figure(figsize=(5.8, 3.9), layout="constrained")
    ax = figure.add_subplot()
    for (name, angles), colour in zip(measured.items(), (OBSERVED, POSITIVE), strict=True):
        low, middle, high = np.quantile(angles, [0.1, 0.5, 0.9], axis=1)
        ax.fill_between(times, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(times, middle, color=colour, label=f"trained, to {name}")
    grid, angles = predicted
    ax.plot(grid, np.median(angles, axis=1), "--", color=PREDICTED, label="predicted, to the first")
    ax.axhline(apart, color=CHANCE, linewidth=0.8)
    ax.annotate(
        "between the two orientations",
        (1.0, apart),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        fontsize=7,
        color=CHANCE,
        ha="right",
    )
    for name, time in (marks or {}).items():
        ax.axvline(time, color=PREDICTED, linewidth=0.8, linestyle=":")
        ax.annotate(
            name,
            (time, 0.98),
            xycoords=("data", "axes fraction"),
            rotation=90,
            va="top",
            ha="right",
            fontsize=7,
            color=PREDICTED,
        )
    ax.set_yscale("log")
    ax.set_xlabel(f"time ({unit})")
    ax.set_ylabel("angle (rad)")
    figure.legend(loc="outside lower center", ncols=2)
    ax.set_title(title)
    return figure
