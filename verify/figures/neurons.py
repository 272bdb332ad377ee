"""Neurons in one picture: the matrix of cosines D(u, v) before and after training, in one order, and for D = 2 the rose of
predicted orientations and basins with the neurons on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.projections.polar import PolarAxes

from numerics.measure import clusters, cosine_order
from numerics.training.runs import Trained
from theory.forms.vectors import unit
from verify.figures import NEGATIVE, OBSERVED, POSITIVE, PREDICTED


def neurons_figure(trained: Trained, order: int, *, title: str) -> Figure:
    """The cosine figure of network 0, its neurons sorted by cluster at the end."""
    amplitudes = trained.amplitudes(order)[0]
    before, after = unit(trained.w0[0]), trained.u[0]
    return cosine_figure(
        before,
        after,
        cosine_order(after, clusters(after).labels),
        title=title,
        shares=amplitudes / amplitudes.sum(),
    )


def cosine_figure(
    before: np.ndarray, after: np.ndarray, order: np.ndarray, *, title: str, shares: np.ndarray
) -> Figure:
    """Draw cosines of unit vectors before (m, D) and after (m, D), both sorted by `order` (m,).

    `shares` (m,) are the neurons' shares of the total amplitude after training, shown below: a neuron that is not
    drawn there takes no part in the output.
    """
    figure = Figure(figsize=(6.6, 3.9), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[1, 0.16])
    image = None
    for column, (u, name) in enumerate(((before, "at initialisation"), (after, "end of the initial stage"))):
        ax = figure.add_subplot(grid[0, column])
        u = u[order]
        image = ax.imshow(np.clip(u @ u.T, -1, 1), vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
        ax.set_title(name)
        ax.set_xlabel("neuron")
        if column == 0:
            ax.set_ylabel("neuron")
        for spine in ax.spines.values():
            spine.set_visible(True)
        below = figure.add_subplot(grid[1, column])
        below.set_xlim(-0.5, len(order) - 0.5)
        if column == 1:
            below.bar(np.arange(len(order)), 100 * shares[order], width=1.0, color="0.25")
            below.set_ylabel("share %")
            below.set_xticks([])
        else:
            below.axis("off")
    assert image is not None
    bar = figure.colorbar(image, ax=figure.axes[::2], shrink=0.8, pad=0.02)
    bar.set_label(r"$D(u,v)=u\cdot v$")
    figure.suptitle(title, fontsize=10)
    return figure


def rose_figure(
    orientations: Sequence[tuple[float, str, int | None]],
    angles: np.ndarray,
    amplitudes: np.ndarray,
    signs: np.ndarray,
    potential: tuple[np.ndarray, np.ndarray],
    *,
    title: str,
) -> Figure:
    """Draw neurons at `angles` (m,) with `amplitudes` (m,) relative to the largest, on the predicted orientations.

    `orientations` lists (angle, kind, neuron sign) of each fixed orientation; `potential` is (θ (G,), c P(θ) (G,)).
    The ring at radius 1 shows the basins: the colour is the sign of a c P, that is the sign of a that grows there.
    """
    figure = Figure(figsize=(4.6, 4.9), layout="constrained")
    ax = figure.add_subplot(projection="polar")
    assert isinstance(ax, PolarAxes)
    theta, power = potential
    step = theta[1] - theta[0]
    floor = 1e-12 * np.max(np.abs(power))  # below it a cone is dead: nothing grows there
    colours = [POSITIVE if v > floor else NEGATIVE if v < -floor else "none" for v in power]
    strength = np.abs(power) / np.max(np.abs(power))
    ax.bar(theta, 0.12 * np.ones_like(theta), width=step, bottom=1.06, color=colours, alpha=0.25, linewidth=0)
    ax.bar(theta, 0.12 * strength, width=step, bottom=1.06, color=colours, alpha=0.9, linewidth=0)
    styles = {"attractor": ("-", 1.8), "dying": (":", 1.4), "repeller": ("--", 0.8), "saddle": ("--", 0.8)}
    for angle, kind, _ in orientations:
        line, width = styles.get(kind, ("-.", 0.8))
        ax.plot([angle, angle], [0, 1.04], line, color=PREDICTED, linewidth=width, alpha=0.9, zorder=2)
    # Amplitudes span many decades: the radius is linear in their logarithm over the last eight.
    relative = np.clip(1 + np.log10(np.maximum(amplitudes / np.max(amplitudes), 1e-8)) / 8, 0.02, 1)
    ax.scatter(
        angles,
        relative,
        s=16,
        c=[POSITIVE if s > 0 else NEGATIVE for s in signs],
        edgecolor=OBSERVED,
        linewidth=0.4,
        zorder=3,
        alpha=0.85,
    )
    ax.set_ylim(0, 1.2)
    ax.set_yticks(
        [0.25, 0.5, 0.75, 1.0], labels=["$10^{-6}$", "$10^{-4}$", "$10^{-2}$", "1"], color="0.4", fontsize=7
    )
    ax.set_rlabel_position(22.5)
    ax.grid(color="0.85", linewidth=0.5)
    ax.spines["polar"].set_visible(False)
    figure.suptitle(title, fontsize=10)
    handles = [
        Line2D([], [], color=PREDICTED, linewidth=1.8, label="predicted, growing"),
        Line2D([], [], color=PREDICTED, linewidth=0.8, linestyle="--", label="predicted, other"),
        Line2D(
            [], [], marker="o", linestyle="", color=POSITIVE, markeredgecolor=OBSERVED, label="neuron, $a>0$"
        ),
        Line2D(
            [], [], marker="o", linestyle="", color=NEGATIVE, markeredgecolor=OBSERVED, label="neuron, $a<0$"
        ),
        Patch(color=POSITIVE, alpha=0.6, label="$a>0$ grows here"),
        Patch(color=NEGATIVE, alpha=0.6, label="$a<0$ grows here"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7)
    return figure
