"""Gradient flow from the start of the paper's networks on one-dimensional data, for figures 5 and 6."""

from __future__ import annotations

from numerics.training.runs import Path
from numerics.training.schedules import RescaledTime
from theory import predict
from verify.reproduce.paths import flow_path
from verify.reproduce.setting import Setting, line
from verify.reproduce.workspace import Workspace


def early_flow(work: Workspace, setting: Setting) -> Path:
    """Gradient flow from the same start, until the loss has fallen by a tenth or the budget is used up."""
    data = line()
    prediction = predict(data.x, data.y, setting.activations[0])
    rate = RescaledTime(0.02, multiplicity=prediction.driving_order, rate=prediction.clock_rate)
    budget = 1500 if work.quick else 4000
    seeds = min(work.seeds, 8) if work.quick else work.seeds
    return flow_path(work, setting, data, rate, seeds=seeds, budget=budget, every=budget, fraction=0.1)
