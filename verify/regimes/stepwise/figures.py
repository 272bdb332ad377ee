"""Arrays and figures of a run whose leading order is followed step for step."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from theory.forms.vectors import angle, unit
from verify.figures.against_time import angle_figure
from verify.regimes.common.angles import chance_angle
from verify.regimes.common.evidence import Drawing
from verify.regimes.common.figures import class_arrays, main_drawings, rose_of, run_arrays, title_of
from verify.regimes.stepwise.gather import StepwiseEvidence


def stepwise_arrays(evidence: StepwiseEvidence) -> dict[str, np.ndarray]:
    """What such a run leaves on disk."""
    return run_arrays(evidence) | class_arrays(evidence.destinations)


def stepwise_drawings(evidence: StepwiseEvidence) -> tuple[Drawing, ...]:
    """Cosine matrix, order, confusion table, angle against time, and the rose for D = 2 and one output."""
    title = title_of(evidence)
    drawings = main_drawings(evidence, evidence.accuracy, evidence.destinations, title)
    if evidence.dimension > 1:
        drawings.append(("angle", lambda: _angle(evidence, title)))
    if evidence.dimension == 2 and evidence.trained.a.ndim == 2:
        drawings.append(("rose", lambda: rose_of(evidence, evidence.prediction.stepped.value, title)))
    return tuple(drawings)


def _angle(evidence: StepwiseEvidence, title: str) -> Figure:
    """Angles of the growing neurons of network 0 to their destinations along the way."""
    trained, expected = evidence.trained, evidence.expected
    leading, goals = expected.leading, expected.destinations[0]
    growing = np.linalg.norm(goals, axis=-1) > 0
    factor = float(expected.times[0] / leading.times[0])
    unit_of_time = 2 * expected.rate
    way, before = trained.path_times[:, 0] < trained.times[0], leading.path_times < leading.times[0]
    return angle_figure(
        unit_of_time * trained.path_times[way, 0],
        np.maximum(angle(unit(trained.path_w[way, 0][:, growing]), goals[growing]), 1e-9),
        unit_of_time * factor * leading.path_times[before],
        np.maximum(angle(unit(leading.path_w[before, 0][:, growing]), goals[growing]), 1e-9),
        horizon=unit_of_time * float(expected.times[0]),
        chance=chance_angle(evidence),
        title=title,
        unit=r"units of $1/2\gamma$",
    )
