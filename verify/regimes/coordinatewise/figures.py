"""Arrays and figures of a run with sign descent or Adam."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from theory.forms.vectors import angle, unit
from verify.figures.against_time import rivals_figure
from verify.figures.neurons import neurons_figure
from verify.figures.order import confusion_figure
from verify.regimes.common.evidence import Drawing
from verify.regimes.common.figures import class_arrays, run_arrays, title_of
from verify.regimes.coordinatewise.gather import CoordinatewiseEvidence


def coordinatewise_arrays(evidence: CoordinatewiseEvidence) -> dict[str, np.ndarray]:
    """What a run with sign descent or Adam leaves on disk."""
    classes = class_arrays(evidence.destinations) if evidence.driving_order == 1 else {}
    return (
        run_arrays(evidence)
        | classes
        | {
            "signal": evidence.prediction.leading.signal,
            "gradient_flow_orientations": np.array([o.u for o in evidence.flow_orientations.orientations]),
            "relative_change_of_gradient": evidence.expected.changed,
        }
    )


def coordinatewise_drawings(evidence: CoordinatewiseEvidence) -> tuple[Drawing, ...]:
    """Cosine matrix, and for p = 1 the angles to the two orientations that are claimed."""
    title = title_of(evidence)
    drawings: list[Drawing] = [
        ("cosine", lambda: neurons_figure(evidence.trained, evidence.driving_order, title=title))
    ]
    if evidence.driving_order == 1 and evidence.dimension > 1:
        drawings.append(("rivals", lambda: _rivals(evidence, title)))
        drawings.append(("destinations", lambda: confusion_figure(evidence.destinations, title=title)))
    return tuple(drawings)


def _rivals(evidence: CoordinatewiseEvidence, title: str) -> Figure:
    """Angles of the neurons of network 0 to ± sign(g) and to ± g along the way."""
    trained, leading = evidence.trained, evidence.expected.training
    free = evidence.growing[0]
    on_cube = evidence.expected.destinations[0][free]
    flow = evidence.prediction.leading.linear
    sphere = np.sign(on_cube @ flow.direction)[:, None] * flow.direction
    way = trained.path_times[:, 0] <= trained.times[0]
    states = unit(trained.path_w[way, 0][:, free])
    before = leading.path_times <= leading.times[0]
    return rivals_figure(
        trained.path_times[way, 0],
        {
            r"$\pm\,\mathrm{sign}(g)/\sqrt{D}$ (this optimiser)": angle(states, on_cube),
            r"$\pm\,g/\|g\|$ (gradient flow)": angle(states, sphere),
        },
        predicted=(leading.path_times[before], angle(unit(leading.path_w[before, 0][:, free]), on_cube)),
        apart=float(angle(on_cube[:1], sphere[:1])[0]),
        title=title,
        unit="learning rate × steps",
    )
