"""Figure 4: a residual network of five hidden layers with five activations, layer by layer."""

from __future__ import annotations

import numpy as np

from numerics.training.runs import Path
from verify.reproduce.counting import along, count, in_words
from verify.reproduce.finding import Finding, majority, share
from verify.reproduce.plots import cosine_grid, count_grid, draw, time_grid
from verify.reproduce.setting import FIGURE_4, adam_path, flow_path, sine_draw
from verify.reproduce.workspace import Workspace

CLAIMED = (3, 2, 1, 1, 1)
EPOCHS = (1000, 900, 900, 1400, 1400)
MULTIPLICITIES = (3, 2, 1, 1, 1)
NO_THEOREM = "no theorem"
REASON = (
    "layers 3 and 5 have σ(0) ≠ 0 and every layer adds its input: no leading-order theorem covers this network; "
    "the paper's rule, one-dimensional in each layer, would give at most 2p orientations"
)


def figure_4(work: Workspace) -> list[Finding]:
    """One row a layer and dynamics, at the epochs of the paper's single run."""
    data = sine_draw(work.seed, dimension=3, amplitude=4.0, frequency=12.0)
    adam = adam_path(work, FIGURE_4, data, seeds=work.seeds)
    budget = 2000 if work.quick else 10_000
    # The stiffness of the output is at most Σ h² over the last layer, of order its width, while weights are small.
    flow = flow_path(
        work,
        FIGURE_4,
        data,
        0.2 / FIGURE_4.widths[-1],
        seeds=min(work.seeds, 8) if work.quick else work.seeds,
        budget=budget,
        every=budget // 50,
    )
    rows = [_row(work, adam, layer, "Adam") for layer in range(5)]
    rows += [_row(work, flow, layer, "gradient flow") for layer in range(5)]
    panels = []
    for name, path in (("Adam", adam), ("gradient flow", flow)):
        for layer in range(5):
            moment = path.moment(EPOCHS[layer]) if name == "Adam" else -1
            heading = f"layer {layer + 1}, {FIGURE_4.activations[layer]}\n{name}"
            panels.append((heading, path.parameters[f"w{layer + 1}"][moment, 0]))
    draw(work, "figure-4-cosines", cosine_grid, panels, title="Figure 4: cosines of all pairs, first seed")
    counted = []
    for name, path in (("Adam", adam), ("gradient flow, end", flow)):
        for k in range(5):
            moment = path.moment(EPOCHS[k]) if name == "Adam" else -1
            w = path.parameters[f"w{k + 1}"][moment]
            found = count(w, np.linalg.norm(w, axis=-1), seed=work.seed)
            heading = f"layer {k + 1}, {FIGURE_4.activations[k]}\n{name}"
            counted.append(
                (heading, found.thresholds, found.orientations, found.chance, 2.0 * MULTIPLICITIES[k])
            )
    draw(work, "figure-4-counts", count_grid, counted, title="Figure 4: orientations by neuron count")
    times = [
        (
            f"layer {k + 1}, {FIGURE_4.activations[k]}",
            adam.steps,
            adam.losses,
            along(adam.parameters[f"w{k + 1}"]),
        )
        for k in range(5)
    ]
    draw(
        work,
        "figure-4-time",
        time_grid,
        times,
        title="Figure 4, Adam: condensation against time (threshold 0.9)",
    )
    return rows


def _row(work: Workspace, path: Path, layer: int, dynamics: str) -> Finding:
    adam = dynamics == "Adam"
    moment = path.moment(EPOCHS[layer]) if adam else len(path.steps) - 1
    w = path.parameters[f"w{layer + 1}"][moment]
    counts = count(w, np.linalg.norm(w, axis=-1), seed=work.seed)
    orientations, lines, _ = counts.at()
    claimed = CLAIMED[layer]
    return Finding(
        figure="4",
        case=f"layer {layer + 1}, {FIGURE_4.activations[layer]}",
        dynamics=dynamics,
        claimed=f"{claimed} line" + ("s" if claimed > 1 else "") if adam else "-",
        predicted=NO_THEOREM,
        observed=f"{in_words(orientations)} orientations, {in_words(lines)} lines",
        paper=majority(lines == claimed) if adam else None,
        theory=None,
        why=(
            f"{claimed} line(s) in {share(lines == claimed)}"
            if adam
            else f"loss {np.median(path.losses[-1]):.2f}"
        )
        + f"; random vectors give {counts.chance[2, 0]:.1f} orientations; {REASON}",
        numbers={"counts": counts.to_json(), "loss": path.losses[moment], "2p": 2 * MULTIPLICITIES[layer]},
    )
