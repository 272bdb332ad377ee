"""Pictures of a reproduction: sorted cosine matrices, counts over thresholds, condensation against time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from numerics.measure import clusters, cosine_order
from theory.forms.vectors import unit
from verify.figures import CHANCE, OBSERVED, PREDICTED, save, style
from verify.reproduce.workspace import Workspace


def draw(work: Workspace, name: str, make, *arguments, **options) -> None:
    """Draw one figure into the workspace as PNG and SVG and note its files."""
    with style():
        paths = save(make(*arguments, **options), Path(work.folder), name)
    work.images.extend(str(path.relative_to(work.folder)) for path in paths)


def cosine_grid(panels: Sequence[tuple[str, np.ndarray]], *, title: str, columns: int = 5) -> Figure:
    """Sorted cosine matrices of neurons (m, D), one panel each with its heading."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.75 * columns + 0.6, 1.95 * rows + 0.4), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    image = None
    for ax, (heading, w) in zip(axes, panels, strict=False):
        u = unit(w[np.any(w != 0, axis=1)])
        order = cosine_order(u, clusters(u, cosine=0.9).labels)
        image = ax.imshow(
            np.clip(u[order] @ u[order].T, -1, 1), vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest"
        )
        ax.set_title(heading, fontsize=8)
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(True)
    for ax in axes[len(panels) :]:
        ax.axis("off")
    assert image is not None
    figure.colorbar(image, ax=axes.tolist(), shrink=0.8, pad=0.02).set_label(r"$D(u,v)=u\cdot v$")
    figure.suptitle(title, fontsize=10)
    return figure


def count_grid(
    panels: Sequence[tuple[str, tuple[float, ...], np.ndarray, np.ndarray, float | None]],
    *,
    title: str,
    columns: int = 5,
) -> Figure:
    """Numbers of orientations over thresholds: every seed, the median, the chance level and 2p.

    A panel is (heading, thresholds (T,), counts (T, S), chance (T, 3), 2p or None).
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.75 * columns + 0.6, 1.95 * rows + 0.5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
    for ax, (heading, thresholds, counts, chance, bound) in zip(axes, panels, strict=False):
        place = np.arange(len(thresholds))
        shift = np.linspace(-0.28, 0.28, counts.shape[1]) if counts.shape[1] > 1 else np.zeros(1)
        ax.fill_between(place, chance[:, 1], chance[:, 2], color=CHANCE, alpha=0.3, linewidth=0)
        ax.plot(place, chance[:, 0], color=CHANCE, linewidth=1, label="random vectors")
        ax.plot(place[:, None] + shift, counts, ".", color=OBSERVED, markersize=3, alpha=0.7)
        ax.plot(place, np.median(counts, axis=1), color=OBSERVED, label="median of the seeds")
        if bound is not None:
            ax.axhline(bound, color=PREDICTED, linestyle="--", linewidth=1, label="2p")
        ax.set_xticks(place, [f"{t:g}" for t in thresholds], rotation=60, fontsize=7)
        ax.set_title(heading, fontsize=8)
        ax.set_xlabel("cosine")
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    for ax in axes[len(panels) :]:
        ax.axis("off")
    axes[0].set_ylabel("orientations")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle(title, fontsize=10)
    return figure


def time_grid(
    panels: Sequence[tuple[str, np.ndarray, np.ndarray, np.ndarray]], *, title: str, columns: int = 3
) -> Figure:
    """Condensation against time.  A panel is (heading, epochs (T,), loss (T, S), orientations (T, S))."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.2 * rows + 0.4), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for ax, (heading, steps, losses, counts) in zip(axes, panels, strict=False):
        x = np.maximum(steps, 0.5)
        ax.semilogx(x, np.median(counts, axis=1), color=OBSERVED)
        ax.fill_between(x, counts.min(axis=1), counts.max(axis=1), color=OBSERVED, alpha=0.15, linewidth=0)
        ax.set_ylabel("orientations", color=OBSERVED)
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        other = ax.twinx()
        other.semilogx(x, np.median(losses, axis=1), color=PREDICTED, linewidth=1)
        other.axhline(0.7, color=PREDICTED, linestyle=":", linewidth=1)
        other.set_ylim(0, 1.05)
        other.set_ylabel("loss / loss of zero output", color=PREDICTED)
        other.spines["right"].set_visible(True)
        ax.set_title(heading, fontsize=8)
        ax.set_xlabel("epoch")
    for ax in axes[len(panels) :]:
        ax.axis("off")
    figure.suptitle(title, fontsize=10)
    return figure
