"""What neurons do against time, measured and predicted: their angle to a destination, to two that are claimed for the same
neurons, and the share that has turned away from a common orientation.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from verify.figures import CHANCE, OBSERVED, POSITIVE, PREDICTED


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
