"""Training many real networks at once: every member with its own time, learning rate, stopping point and
status.

Time is gradient-flow time, the sum of a member's learning rates. What a member computes depends on its
parameters alone: blocks, compaction of finished members and the rest of the batch change nothing but the last
rounding."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from numerics.errors import NumericsError
from numerics.nets import Network, Parameters, flatten, losses
from numerics.nets.gradient import RiskGradient
from numerics.training import memory, optimizers, stopping
from numerics.training.ensemble import Ensemble, Snapshot
from numerics.training.stopping import Rate, Rule, Status

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
STEPS_BETWEEN_PROGRESS = 100


@dataclass(frozen=True, eq=False)
class History:
    """Snapshots stacked: steps (S,); times, decreases, losses (S, B); the parameters of each where kept."""

    steps: NDArray[np.int64]
    times: Array
    decreases: Array
    losses: Array
    parameters: tuple[Parameters, ...]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Where each of B members ended, when and why.

    `times`, `decreases` = R(f = 0) - R (without cancellation), `losses` = R, `initial_losses` are (B,)
    float64, `steps` (B,) integers; `zero_loss` is R(f = 0). A member stopped by its loss fraction is returned
    at the crossing, interpolated inside the step: exact up to the square of the growth in that step; with
    mini-batches, at the end of the epoch in which it was seen. A
    diverged member is returned as it was before the step that left the finite numbers.
    """

    parameters: Parameters
    status: tuple[Status, ...]
    times: Array
    steps: NDArray[np.int64]
    decreases: Array
    losses: Array
    initial_losses: Array
    zero_loss: float
    history: History


def log_spaced(budget: int, per_decade: int = 10) -> list[int]:
    """Steps from 0 to `budget`, about `per_decade` to every factor of ten."""
    if budget < 1:
        return [0]
    count = max(2, int(np.ceil(per_decade * np.log10(budget))) + 1)
    return [0, *np.unique(np.rint(np.geomspace(1, budget, count)).astype(int)).tolist()]


def train(
    network: Network,
    parameters: Parameters,
    x: Array,
    y: Array,
    *,
    lr: Rate,
    stop: Rule | Iterable[Rule],
    keep_parameters: bool = False,
    **options,
) -> TrainingResult:
    """Trains every member of `parameters` to its stopping rule; arguments and options as in `train_stepwise`.

    With `keep_parameters` the history holds the parameters of every snapshot as well.

    >>> data, network = numerics.load("line"), numerics.Network(inputs=1, widths=20)
    >>> start = numerics.initialise(network, 1e-3, 2)
    >>> stop = [numerics.LossFraction(0.01), numerics.Steps(100_000)]
    >>> end = numerics.train(network, start, data.x, data.y, lr=0.1, stop=stop)
    >>> [status.name for status in end.status]
    ['LOSS_FRACTION', 'LOSS_FRACTION']
    """
    run = train_stepwise(
        network, parameters, x, y, lr=lr, stop=stop, keep_parameters=keep_parameters, **options
    )
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def train_stepwise(
    network: Network,
    parameters: Parameters,
    x: Array,
    y: Array,
    *,
    lr: Rate,
    stop: Rule | Iterable[Rule],
    loss: str | losses.Loss | losses.PerSample = "half-mse",
    optimizer: str | optimizers.Optimizer = "gd",
    weight_decay: float = 0.0,
    batch_size: int | None = None,
    batch_seed: int = 0,
    snapshots: Iterable[int] | None = None,
    keep_parameters: bool = False,
    progress: Progress | None = None,
) -> Generator[Snapshot, None, TrainingResult]:
    """Yields snapshots at log-spaced (or given) steps while it trains, and returns the `TrainingResult`.

    `x` (n, inputs) without a column of ones, `y` (n,) or (n, K). dtype and device are those of `parameters`.
    With `batch_size` the same mini-batches, drawn anew each epoch from `batch_seed`, serve all members, and
    the risk is looked at on all data once an epoch. `progress(step, running)` is called every hundred steps.
    Cost per member-step: about one forward and one backward pass; memory as `memory.training_bytes` predicts.
    Raises NumericsError for shapes that do not fit, an unbounded run, or one that cannot fit in memory.
    """
    flat = flatten(network, parameters).detach()
    if flat.dtype not in (torch.float64, torch.float32):
        raise NumericsError(f"parameters are {flat.dtype}; accepted are torch.float64 and torch.float32")
    risk = _risk(network, x, y, loss, flat)
    rules = stopping.combine(stop)
    chosen = optimizers.get(optimizer, weight_decay=weight_decay)
    planned = log_spaced(rules.budget) if snapshots is None else _planned(snapshots)
    kept = len(planned) if keep_parameters else 0
    memory.require_training(network, len(x), flat, chosen.memories, kept, batch_size)
    ensemble = Ensemble(network, flat, risk, rules, chosen, lr)
    batches = None if batch_size is None else _Batches(risk, batch_size, batch_seed, flat.shape[0])
    stored: list[Snapshot] = []
    with torch.no_grad():
        for step in range(rules.budget + 1):
            if batches is None or batches.at_epoch_start or step == rules.budget:
                ensemble.evaluate(risk, step, last=step == rules.budget)
                ensemble.retire(step)
            if (planned and step >= planned[0]) or not ensemble.running:
                planned = [later for later in planned if later > step]
                snapshot = ensemble.snapshot(step)
                stored.append(snapshot if keep_parameters else replace(snapshot, parameters={}))
                yield snapshot
                del snapshot  # its parameters are the caller's alone: none are held until the next
            if progress is not None and step % STEPS_BETWEEN_PROGRESS == 0:
                progress(step, ensemble.running)
            if not ensemble.running:
                break
            if batches is not None:
                ensemble.evaluate(batches.draw(), step)
                ensemble.retire_diverged(step)
            if ensemble.running:
                ensemble.advance(step + 1)
        last = stored[-1]
        return TrainingResult(
            last.parameters or ensemble.snapshot(last.step).parameters,
            last.status,
            last.times,
            ensemble.steps.cpu().numpy(),
            last.decreases,
            last.losses,
            ensemble.initial_losses.cpu().numpy(),
            ensemble.zero_loss,
            _history(stored),
        )


def _planned(snapshots: Iterable[int]) -> list[int]:
    steps = list(snapshots) if isinstance(snapshots, Iterable) else [snapshots]
    if not all(isinstance(step, int | np.integer) and step >= 0 for step in steps):
        raise NumericsError(f"snapshots must be whole steps ≥ 0, not {steps}"[:200])
    return sorted(set(steps))


def _history(stored: list[Snapshot]) -> History:
    return History(
        np.array([entry.step for entry in stored]),
        np.stack([entry.times for entry in stored]),
        np.stack([entry.decreases for entry in stored]),
        np.stack([entry.losses for entry in stored]),
        tuple(entry.parameters for entry in stored if entry.parameters),
    )


def _risk(network: Network, x: Array, y: Array, loss: object, flat: torch.Tensor) -> RiskGradient:
    inputs, outputs = _real(x, "x"), _real(y, "y")
    if inputs.ndim != 2 or inputs.shape[1] != network.inputs or not len(inputs):
        raise NumericsError(f"x must be (n, {network.inputs}), n ≥ 1, for this network, not {inputs.shape}")
    width = 1 if outputs.ndim == 1 else outputs.shape[-1]
    if outputs.ndim not in (1, 2) or len(outputs) != len(inputs) or width != network.outputs:
        raise NumericsError(
            f"y must be ({len(inputs)}, {network.outputs}) for this network and x, not {outputs.shape}"
        )
    if not (np.isfinite(inputs).all() and np.isfinite(outputs).all()):
        raise NumericsError("x and y must be finite")
    chosen = losses.get(loss)  # type: ignore[arg-type]
    move = {"dtype": flat.dtype, "device": flat.device}
    rows = losses.targets(chosen, torch.as_tensor(outputs))
    return RiskGradient(network, torch.as_tensor(inputs, **move), rows.to(**move), chosen, flat.shape[0])


def _real(given: Any, name: str) -> Array:
    try:
        if np.iscomplexobj(given):
            raise TypeError
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise NumericsError(f"{name} must be an array of real numbers, not {type(given).__name__}") from None


class _Batches:
    """Mini-batches without replacement, reshuffled each epoch, the same for every member."""

    def __init__(self, risk: RiskGradient, size: int, seed: int, members: int) -> None:
        if not isinstance(size, int | np.integer) or not 1 <= size <= risk.x.shape[0]:
            raise NumericsError(f"batch_size must be 1 to the {risk.x.shape[0]} samples, whole, not {size!r}")
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise NumericsError(f"batch_seed must be a whole number ≥ 0, not {seed!r}")
        self.risk, self.size, self.members = risk, size, members
        self.generator = np.random.default_rng(np.random.SeedSequence(seed))
        self.left: list[np.ndarray] = []

    @property
    def at_epoch_start(self) -> bool:
        return not self.left

    def draw(self) -> RiskGradient:
        risk = self.risk
        if not self.left:
            order = self.generator.permutation(risk.x.shape[0])
            self.left = np.split(order, range(self.size, len(order), self.size))[::-1]
        chosen = torch.as_tensor(self.left.pop(), device=risk.x.device)
        return RiskGradient(risk.network, risk.x[chosen], risk.y[:, chosen], risk.loss, self.members)
