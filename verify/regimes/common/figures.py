"""What every run leaves on disk, and the title of its figures."""

from __future__ import annotations

import numpy as np

from verify.regimes.common.confusion import Confusion
from verify.regimes.common.evidence import Evidence


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
