"""Training paths of many networks from the same start: with the paper's Adam, and along gradient flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numerics.data.datasets import Dataset
from numerics.nets.initial import initialise
from numerics.training.schedules import Rate
from numerics.training.stopping import LossFraction, Steps
from numerics.training.train import log_spaced, train
from verify.reproduce.setting import Setting
from verify.reproduce.workspace import Arrays, Workspace

INITIAL_STAGE = 0.3  # the paper's end of the initial stage: the loss has fallen to 70 %


@dataclass(frozen=True)
class Path:
    """S networks at T moments: `steps` (T,), `times` (T, S), `losses` (T, S) relative to that of zero output, and the
    parameters of every layer, (T, S, fan out, fan in) with the bias as last column."""

    steps: np.ndarray
    times: np.ndarray
    losses: np.ndarray
    parameters: dict[str, np.ndarray]

    @property
    def w(self) -> np.ndarray:
        """Input weights of the first layer, (T, S, m, D)."""
        return self.parameters["w1"]

    @property
    def a(self) -> np.ndarray:
        """Output weights of one output, (T, S, m)."""
        return self.parameters["a"][:, :, 0, : self.parameters[f"w{self.depth}"].shape[2]]

    @property
    def depth(self) -> int:
        """Hidden layers."""
        return len(self.parameters) - 1

    def amplitude(self, multiplicity: int) -> np.ndarray:
        """|a| ‖w‖^p of a two-layer network, (T, S, m)."""
        return np.abs(self.a) * np.linalg.norm(self.w, axis=-1) ** multiplicity

    def moment(self, step: int) -> int:
        """The index of the first snapshot at or after a step; the last one where there is none."""
        return int(min(np.searchsorted(self.steps, step), len(self.steps) - 1))

    def fallen(self, fraction: float) -> np.ndarray:
        """For each network the index of the first snapshot at which the loss has fallen by `fraction`, -1 if never."""
        low = self.losses <= 1 - fraction
        return np.where(low.any(axis=0), np.argmax(low, axis=0), -1)

    def at(self, moments: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters of each network at its own snapshot (S,): (S, fan out, fan in)."""
        return {name: each[moments, np.arange(each.shape[1])] for name, each in self.parameters.items()}

    @classmethod
    def of(cls, arrays: Arrays) -> Path:
        """Read back what `to_arrays` gave."""
        named = {name[2:]: value.astype(float) for name, value in arrays.items() if name.startswith("p_")}
        return cls(arrays["steps"], arrays["times"], arrays["losses"], named)

    def to_arrays(self) -> Arrays:
        """For storing."""
        parameters = {f"p_{name}": value for name, value in self.parameters.items()}
        return {"steps": self.steps, "times": self.times, "losses": self.losses, **parameters}


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
        network = setting.network
        start = initialise(network, setting.std, work.spawn(seeds))
        result = train(
            network,
            start,
            data.x,
            data.y,
            optimizer=optimizer,
            lr=rate,
            stop=stop,
            snapshots=steps,
            keep_parameters=True,
        )
        history = result.history
        return Path(
            steps=history.steps,
            times=history.times,
            losses=history.losses / result.zero_loss,
            parameters={
                name: np.stack([each[name].numpy() for each in history.parameters]).astype(np.float32)
                for name in network.shapes
            },
        ).to_arrays()

    name = f"{setting.figure}-{setting.case.replace(' ', '-')}-{data.name.split('(')[0]}-{optimizer}"
    return Path.of(work.piece(name, configuration, compute))
