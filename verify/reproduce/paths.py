"""Training paths of many networks from the same start: with the paper's Adam, and along gradient flow (figures 5 and 6)."""

from __future__ import annotations

import numpy as np

from numerics.data import Dataset
from numerics.training import log_spaced
from numerics.training.runs import Path, Start, train_path
from numerics.training.stopping import LossFraction, Rate, RescaledTime, Steps
from theory import SmoothPrediction, predict
from verify.reproduce.setting import Setting, line
from verify.reproduce.workspace import Arrays, Workspace

INITIAL_STAGE = 0.3  # the paper's end of the initial stage: the loss has fallen to 70 %


def adam_path(work: Workspace, setting: Setting, data: Dataset, *, seeds: int, snapshots: int = 12) -> Path:
    """The paper's training: Adam with its learning rate, full batch, for the stated number of epochs."""
    steps = sorted({*log_spaced(setting.epochs, snapshots), 1, setting.epochs})
    return _path(work, setting, data, "adam", setting.lr, steps, [Steps(setting.epochs)], seeds)


def flow_path(
    work: Workspace,
    setting: Setting,
    data: Dataset,
    rate: Rate,
    *,
    seeds: int,
    budget: int,
    every: int,
    fraction: float = INITIAL_STAGE,
) -> Path:
    """Gradient descent with small steps from the same start, until the initial stage ends or the budget is used up."""
    steps = list(range(0, budget + 1, every))
    return _path(work, setting, data, "gd", rate, steps, [LossFraction(fraction), Steps(budget)], seeds)


def _path(
    work: Workspace,
    setting: Setting,
    data: Dataset,
    optimizer: str,
    rate: Rate,
    steps: list[int],
    stop,
    seeds: int,
) -> Path:
    configuration = setting.configuration(
        data=data.name,
        optimizer=optimizer,
        rate=str(rate),
        stop=str(stop),
        steps=steps,
        seed=work.seed,
        seeds=seeds,
    )

    def compute() -> Arrays:
        start = Start.draw(setting.network, setting.std, work.spawn(seeds))
        options = {"optimizer": optimizer, "lr": rate, "stop": stop}
        return _stored(train_path(start, data.x, data.y, snapshots=steps, **options))

    name = f"{setting.figure}-{setting.case.replace(' ', '-')}-{data.name.split('(')[0]}-{optimizer}"
    return _path_of(work.piece(name, configuration, compute))


def _stored(path: Path) -> Arrays:
    parameters = {f"p_{name}": value.astype(np.float32) for name, value in path.parameters.items()}
    return {"steps": path.steps, "times": path.times, "losses": path.losses, **parameters}


def _path_of(arrays: Arrays) -> Path:
    named = {name[2:]: value.astype(float) for name, value in arrays.items() if name.startswith("p_")}
    return Path(arrays["steps"], arrays["times"], arrays["losses"], named)


def early_flow(work: Workspace, setting: Setting) -> Path:
    """Gradient flow from the same start, until the loss has fallen by a tenth or the budget is used up."""
    data = line()
    prediction = predict(data.x, data.y, setting.activations[0])
    assert isinstance(prediction, SmoothPrediction)
    rate = RescaledTime(0.02, multiplicity=prediction.driving_order, rate=prediction.clock_rate)
    budget = 1500 if work.quick else 4000
    seeds = min(work.seeds, 8) if work.quick else work.seeds
    return flow_path(work, setting, data, rate, seeds=seeds, budget=budget, every=budget, fraction=0.1)
