"""Arrays and figures of a run with an output bias."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from theory.forms.vectors import angle, unit
from verify.figures.against_time import rivals_figure
from verify.regimes.common.evidence import Drawing
from verify.regimes.common.figures import class_arrays, main_drawings, rose_of, run_arrays, title_of
from verify.regimes.output_bias.evidence import OutputBiasEvidence

CARRIES = (
    0.05  # of a network's amplitude, from which on a neuron is shown; derived from the count by amplitude
)
TOLD_APART = 1e-3  # rad between the two orientations, below which there is nothing to show; chosen because it is unseen


def output_bias_arrays(evidence: OutputBiasEvidence) -> dict[str, np.ndarray]:
    """What a run with an output bias leaves on disk."""
    path, trained = evidence.expected.path, evidence.trained
    return (
        run_arrays(evidence)
        | class_arrays(evidence.destinations)
        | {
            "b0": trained.b0, "b": trained.b, "b_half_step": evidence.refined.b, "path_b": trained.path_b,
            "expected_b": path.b, "whole_a": path.whole_a, "whole_b": path.whole_b, "whole_w": path.whole_w,
            "naive_orientations": evidence.naive,
        }
    )  # fmt: skip


def output_bias_drawings(evidence: OutputBiasEvidence) -> tuple[Drawing, ...]:
    """Cosine matrix, order, destinations, the angles to the orientations that are claimed, and in the plane the rose."""
    title = f"{title_of(evidence)}, output bias"
    drawings = main_drawings(evidence, evidence.accuracy, evidence.destinations, title)
    if evidence.dimension > 1 and _apart(evidence) > TOLD_APART:
        drawings.append(("rivals", lambda: _rivals(evidence, title)))
    if evidence.dimension == 2:
        inner = evidence.prediction.followable
        drawings.append(("rose", lambda: rose_of(evidence, inner.leading.tensor.value, title)))
    return tuple(drawings)


def _apart(evidence: OutputBiasEvidence) -> float:
    """The angle between the orientations of the two signals."""
    return float(np.min(angle(evidence.corrected[:, None], evidence.naive[None])))


def _rivals(evidence: OutputBiasEvidence, title: str) -> Figure:
    trained, rate = evidence.trained, evidence.prediction.mean_rate
    # Above order 1 most neurons sleep: those are shown that carry the output.
    carried = trained.amplitudes(evidence.driving_order)[0]
    shown = (
        carried >= CARRIES * carried.sum()
        if evidence.driving_order > 1
        else np.ones(len(carried), dtype=bool)
    )
    seen = unit(trained.path_w[:, 0, shown])
    corrected, naive = evidence.corrected, evidence.naive
    return rivals_figure(
        rate * trained.path_times[:, 0],
        {
            "signal at the best constant": _to_nearest(seen, corrected),
            "signal at zero output": _to_nearest(seen, naive),
        },
        predicted=(rate * evidence.way_times, _to_nearest(evidence.way[:, shown], corrected)),
        apart=_apart(evidence),
        title=title,
        unit=r"$\kappa t$",
    )


def _to_nearest(u: np.ndarray, listed: np.ndarray) -> np.ndarray:
    """Angles (S, m) of unit vectors (S, m, D) to the nearest of the listed ones."""
    return np.min(angle(u[..., None, :], listed), axis=-1)
