"""Training runs as arrays: from a start that is drawn once and handed on, through snapshots, to the fall of the loss.

`train_neurons` keeps the neurons (a, w) of two-layer networks, `train_path` the weights of every layer of any network.
Both train by `numerics.training`, whose options they take.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int, Real
from numpy.typing import NDArray

from numerics.nets import Network, Parameters
from numerics.nets.initial import initialise
from numerics.training import TrainingResult, train
from numerics.training.stopping import Status

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Start:
    """B networks before their training: what is predicted from it and what is trained from it are the same weights."""

    network: Network
    parameters: Parameters
    std: float

    @classmethod
    def draw(
        cls, network: Network, std: float, seeds: int | Sequence[int], device: str | torch.device = "cpu"
    ) -> Start:
        """All weights from N(0, std²), one network for each seed: see `numerics.initialise`."""
        return cls(network, initialise(network, std, seeds, device=device), std)

    @property
    def neurons(
        self,
    ) -> tuple[Float64[np.ndarray, "B m"] | Float64[np.ndarray, "B m K"], Float64[np.ndarray, "B m D"]]:
        """a0 (B, m) or (B, m, K) and w0 (B, m, D) of two-layer networks."""
        return self.network.neurons(self.parameters)

    @property
    def output_biases(self) -> Array:
        """b0 (B,) or (B, K), 0 where the network has none."""
        return self.network.output_biases(self.parameters)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """B trained networks of m neurons: the start a0 (B, m), w0 (B, m, D), the end a, w at `times` (B,), and the way.

    a0 and a are (B, m, K) for K outputs.  `path_times` (S, B), `path_a` (S, B, m), `path_w` (S, B, m, D) are snapshots;
    `reached` (B,) says which networks came to the wanted end (a fall of the loss, a time) within the budget of steps;
    `std` and `step` are those of this run.  `b0`, `b` and `path_b` are the output biases alike, 0 where there are none.
    """

    std: float
    step: float
    a0: Float64[np.ndarray, "B m"] | Float64[np.ndarray, "B m K"]
    w0: Float64[np.ndarray, "B m D"]
    a: Float64[np.ndarray, "B m"] | Float64[np.ndarray, "B m K"]
    w: Float64[np.ndarray, "B m D"]
    times: Float64[np.ndarray, "B"]
    steps: Int[np.ndarray, "B"]
    reached: Bool[np.ndarray, "B"]
    initial_losses: Float64[np.ndarray, "B"]
    losses: Float64[np.ndarray, "B"]
    path_times: Float64[np.ndarray, "S B"]
    path_a: Float64[np.ndarray, "S B m"] | Float64[np.ndarray, "S B m K"]
    path_w: Float64[np.ndarray, "S B m D"]
    b0: Array
    b: Array
    path_b: Array

    @property
    def u(self) -> Float64[np.ndarray, "B m D"]:
        """Orientations at the end (B, m, D); zero where w is."""
        r = np.linalg.norm(self.w, axis=-1, keepdims=True)
        return np.divide(self.w, r, out=np.zeros_like(self.w), where=r > 0)

    def amplitudes(self, order: int) -> Float64[np.ndarray, "B m"]:
        """|a| ‖w‖^p of each neuron at the end (B, m), ‖a‖ for K outputs: what it contributes to the output."""
        size = np.abs(self.a) if self.a.ndim == 2 else np.linalg.norm(self.a, axis=-1)
        return size * np.linalg.norm(self.w, axis=-1) ** order


def reached(result: TrainingResult) -> Bool[np.ndarray, "B"]:
    """Which networks (B,) came to the wanted end: neither out of steps nor off to infinity."""
    return np.array([status not in (Status.BUDGET, Status.DIVERGED) for status in result.status])


def train_neurons(
    start: Start,
    x: Real[np.ndarray, "n d"],
    y: Real[np.ndarray, "n"] | Real[np.ndarray, "n K"],
    *,
    step: float = np.nan,
    snapshots: Iterable[int] = (0,),
    time_factor: float = 1.0,
    **options: Any,
) -> Trained:
    """Train two-layer networks from `start` on x (n, d), y (n,) or (n, K), by the options of `numerics.train`.

    `step` is kept as the name of this run.  Times are learning rate × steps × `time_factor`.
    """
    result = train(
        start.network, start.parameters, x, y, snapshots=snapshots, keep_parameters=True, **options
    )
    (a0, w0), (a, w) = start.neurons, start.network.neurons(result.parameters)
    path = [start.network.neurons(snapshot) for snapshot in result.history.parameters]
    return Trained(
        std=start.std,
        step=step,
        a0=a0,
        w0=w0,
        a=a,
        w=w,
        times=time_factor * np.asarray(result.times, dtype=float),
        steps=np.asarray(result.steps),
        reached=reached(result),
        initial_losses=np.asarray(result.initial_losses, dtype=float),
        losses=np.asarray(result.losses, dtype=float),
        path_times=time_factor * np.asarray(result.history.times, dtype=float),
        path_a=np.array([a for a, _ in path]),
        path_w=np.array([w for _, w in path]),
        b0=start.network.output_biases(start.parameters),
        b=start.network.output_biases(result.parameters),
        path_b=np.array([start.network.output_biases(each) for each in result.history.parameters]),
    )


@dataclass(frozen=True)
class Path:
    """B networks at S moments: `steps` (S,), `times` (S, B), `losses` (S, B) relative to that of zero output, and the
    parameters of every layer, (S, B, fan out, fan in) with the bias as last column."""

    steps: NDArray[np.int64]
    times: Array
    losses: Array
    parameters: dict[str, np.ndarray]

    @property
    def w(self) -> np.ndarray:
        """Input weights of the first layer, (S, B, m, D)."""
        return self.parameters["w1"]

    @property
    def a(self) -> np.ndarray:
        """Output weights of one output, (S, B, m)."""
        return self.parameters["a"][:, :, 0, : self.parameters[f"w{self.depth}"].shape[2]]

    @property
    def depth(self) -> int:
        """Hidden layers."""
        return len(self.parameters) - 1

    def amplitude(self, multiplicity: int) -> np.ndarray:
        """|a| ‖w‖^p of a two-layer network, (S, B, m)."""
        return np.abs(self.a) * np.linalg.norm(self.w, axis=-1) ** multiplicity

    def moment(self, step: int) -> int:
        """The index of the first snapshot at or after a step; the last one where there is none."""
        return int(min(np.searchsorted(self.steps, step), len(self.steps) - 1))

    def fallen(self, fraction: float) -> np.ndarray:
        """For each network the index of the first snapshot at which the loss has fallen by `fraction`, -1 if never."""
        low = self.losses <= 1 - fraction
        return np.where(low.any(axis=0), np.argmax(low, axis=0), -1)

    def at(self, moments: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters of each network at its own snapshot (B,): (B, fan out, fan in)."""
        return {name: each[moments, np.arange(each.shape[1])] for name, each in self.parameters.items()}


def train_path(start: Start, x: Array, y: Array, *, snapshots: Iterable[int], **options: Any) -> Path:
    """Train any networks from `start` on x (n, d), y (n,) or (n, K), by the options of `numerics.train`.

    Memory: the weights of every network at every snapshot.
    """
    result = train(
        start.network, start.parameters, x, y, snapshots=snapshots, keep_parameters=True, **options
    )
    history = result.history
    return Path(
        steps=history.steps,
        times=history.times,
        losses=history.losses / result.zero_loss,
        parameters={
            name: np.stack([each[name].cpu().numpy() for each in history.parameters])
            for name in start.network.shapes
        },
    )
