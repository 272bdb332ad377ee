"""Arrays and figures of a run on the smooth leading-order flow."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from theory import neurons_at
from theory.forms.vectors import angle, unit
from verify.figures.against_time import angle_figure
from verify.regimes.common.angles import chance_angle
from verify.regimes.common.evidence import Drawing
from verify.regimes.common.figures import class_arrays, main_drawings, rose_of, run_arrays, title_of
from verify.regimes.smooth.evidence import SmoothEvidence


def smooth_arrays(evidence: SmoothEvidence) -> dict[str, np.ndarray]:
    """What a run on the smooth flow leaves on disk."""
    return (
        run_arrays(evidence)
        | class_arrays(evidence.destinations)
        | {
            "signal": evidence.prediction.signal,
            "blow_up_times": evidence.expected.blow_up_times,
            "order_epsilons": evidence.accuracy.epsilons,
            "order_errors": evidence.accuracy.errors,
        }
    )


def smooth_drawings(evidence: SmoothEvidence) -> tuple[Drawing, ...]:
    """Cosine matrix, order of accuracy, angle against time, and the rose for D = 2."""
    title = title_of(evidence)
    drawings = main_drawings(evidence, evidence.accuracy, evidence.destinations, title)
    if evidence.dimension > 1:
        drawings.append(("angle", lambda: _angle(evidence, title)))
    if evidence.dimension == 2:
        drawings.append(("rose", lambda: rose_of(evidence, partial(_power, evidence), title)))
    return tuple(drawings)


def _power(evidence: SmoothEvidence, u: np.ndarray) -> np.ndarray:
    """c P(u) for orientations u (n, 2)."""
    return evidence.prediction.coefficient * evidence.prediction.force.tensor.value(u)


def _angle(evidence: SmoothEvidence, title: str) -> Figure:
    """Angles of the neurons of network 0 to their destinations along the way, and what the leading flow gives."""
    prediction, trained, expected = evidence.prediction, evidence.trained, evidence.expected
    goals = expected.destinations[0]
    growing = np.linalg.norm(goals, axis=-1) > 0
    way = trained.path_times[:, 0] <= trained.times[0]
    times, states = trained.path_times[way, 0], trained.path_w[way, 0][:, growing]
    measured = angle(unit(states), goals[growing])
    grid = np.linspace(0, 0.999 * min(float(expected.times[0]), float(expected.blow_up_times[0].min())), 80)
    a0, w0 = trained.a0[0][growing], trained.w0[0][growing]
    if prediction.driving_order == 1:
        rate = 2 * prediction.linear.rate
        followed = np.array([prediction.linear.angles(t, a0, w0) for t in grid])
        scale, unit_name = rate, r"units of $1/2\gamma$"
    else:
        followed = np.array([angle(neurons_at(prediction.force, a0, w0, t).u, goals[growing]) for t in grid])
        power = int(np.floor(np.log10(expected.times[0])))
        scale, unit_name = 10.0**-power, rf"units of $10^{{{power}}}$, gradient-flow time"
    return angle_figure(
        scale * times,
        measured,
        scale * grid,
        followed,
        horizon=scale * float(expected.times[0]),
        chance=chance_angle(evidence),
        title=title,
        unit=unit_name,
    )
