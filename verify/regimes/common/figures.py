"""What every run leaves on disk, the title of its figures, and the figures that several regimes have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from verify.figures.neurons import neurons_figure, rose_figure
from verify.figures.order import confusion_figure, order_figure
from verify.order import OrderResult
from verify.regimes.common.confusion import Confusion
from verify.regimes.common.evidence import Drawing, Evidence


def run_arrays(evidence: Evidence) -> dict[str, np.ndarray]:
    """The arrays that every run has: data, orientations, the networks and what was expected of them."""
    trained, fine, expected = evidence.trained, evidence.refined, evidence.expected
    return {
        "x": evidence.experiment.dataset.x, "y": evidence.experiment.dataset.y,
        "orientations": np.array([o.u for o in evidence.orientations.orientations]),
        "a0": trained.a0, "w0": trained.w0, "a": trained.a, "w": trained.w, "times": trained.times,
        "a_half_step": fine.a, "w_half_step": fine.w, "times_half_step": fine.times,
        "path_times": trained.path_times, "path_a": trained.path_a, "path_w": trained.path_w,
        "expected_a": expected.a, "expected_w": expected.w, "expected_times": expected.times,
        "destinations": expected.destinations,
    }  # fmt: skip


def class_arrays(found: Confusion) -> dict[str, np.ndarray]:
    """Predicted and observed class of every neuron, in the order of the table, and why it disagrees."""
    return {
        "predicted_class": found.predicted,
        "observed_class": found.observed,
        "reason": found.reasons,
    }


def title_of(evidence: Evidence) -> str:
    """The title of every figure of a run."""
    experiment = evidence.experiment
    optimiser = "" if experiment.optimizer == "gd" else f", {experiment.optimizer}"
    return f"{experiment.dataset.name}, {experiment.activation}{optimiser}, std {evidence.trained.std:g}"


def main_drawings(evidence: Evidence, accuracy: OrderResult, found: Confusion, title: str) -> list[Drawing]:
    """Cosine matrix, order of accuracy, and predicted against observed classes."""
    return [
        ("cosine", lambda: neurons_figure(evidence.trained, evidence.driving_order, title=title)),
        ("order", lambda: order_figure(accuracy, title=title)),
        ("destinations", lambda: confusion_figure(found, title=title)),
    ]


def rose_of(evidence: Evidence, potential: Callable[[np.ndarray], np.ndarray], title: str) -> Figure:
    """Predicted and found orientations in the plane (D = 2), with the potential of orientations u (n, 2) as a curve."""
    trained = evidence.trained
    theta = np.linspace(0, 2 * np.pi, 721)[:-1]
    listed = [
        (float(np.arctan2(o.u[1], o.u[0])), o.kind.value, o.neuron_sign)
        for o in evidence.orientations.orientations
    ]
    # All networks in one rose: each neuron relative to the largest of its own network.
    relative = trained.amplitudes(evidence.driving_order)
    relative = relative / relative.max(axis=1, keepdims=True)
    return rose_figure(
        listed,
        np.arctan2(trained.u[..., 1], trained.u[..., 0]).ravel(),
        relative.ravel(),
        np.sign(trained.a).ravel(),
        (theta, potential(np.column_stack([np.cos(theta), np.sin(theta)]))),
        title=title,
    )
