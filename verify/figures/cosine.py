"""The matrix of cosines D(u, v) between neurons, before and after training, in one order."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from numerics.measure import clusters, cosine_order
from numerics.training.runs import Trained
from theory.forms.vectors import unit


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
