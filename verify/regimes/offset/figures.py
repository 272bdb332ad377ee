"""Arrays and figures of a run with σ(0) ≠ 0."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from theory.flows.offset_split import SHARE
from theory.forms.vectors import angle, unit
from verify.figures.against_time import rivals_figure, shares_figure
from verify.regimes.common.evidence import Drawing
from verify.regimes.common.figures import class_arrays, main_drawings, run_arrays, title_of
from verify.regimes.offset.evidence import OffsetEvidence


def offset_arrays(evidence: OffsetEvidence) -> dict[str, np.ndarray]:
    """What a run with σ(0) ≠ 0 leaves on disk."""
    return (
        run_arrays(evidence)
        | class_arrays(evidence.destinations)
        | {
            "signal": evidence.prediction.signal,
            "grid": evidence.grid,
            "turned": evidence.turned,
            "expected_turned": evidence.expected.turned,
            "left_out": evidence.left_out,
        }
    )


def offset_drawings(evidence: OffsetEvidence) -> tuple[Drawing, ...]:
    """Cosine matrix, shares of the two signs, and the angles to the two orientations that are claimed."""
    title = title_of(evidence)
    drawings = main_drawings(evidence, evidence.accuracy, evidence.destinations, title)
    drawings.append(("shares", lambda: _shares(evidence, title)))
    if evidence.dimension > 1:
        drawings.append(("rivals", lambda: _rivals(evidence, title)))
    return tuple(drawings)


def _shares(evidence: OffsetEvidence, title: str) -> Figure:
    rate = evidence.prediction.rate
    return shares_figure(
        rate * evidence.grid,
        evidence.turned,
        evidence.expected.turned,
        splits=rate * evidence.expected.splits(),
        share=SHARE,
        title=title,
    )


def _rivals(evidence: OffsetEvidence, title: str) -> Figure:
    rate, corrected, naive = evidence.prediction.rate, evidence.direction, evidence.naive
    seen, flow = unit(evidence.seen_w[:, 0]), unit(evidence.expected.flow_w[:, 0])
    return rivals_figure(
        rate * evidence.grid,
        {
            r"$\pm\,\Sigma\,s^* x$, mean fitted": _to_line(seen, corrected),
            r"$\pm\,\Sigma\,s\,x$, at zero output": _to_line(seen, naive),
        },
        predicted=(rate * evidence.grid, _to_line(flow, corrected)),
        apart=float(_to_line(naive[None], corrected)[0]),
        title=title,
        unit=r"units of $1/\gamma$",
        marks={
            "checked here": rate * evidence.grid[evidence.look],
            "predicted split": rate * float(evidence.expected.splits()[0]),
        },
    )


def _to_line(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.minimum(angle(u, v), angle(u, -v))
