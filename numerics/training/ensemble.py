"""The members of one training run: those still running in compact rows, the others where they ended."""

from dataclasses import dataclass
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from numerics.errors import NumericsError
from numerics.nets import Network, Parameters, views
from numerics.nets.gradient import RiskGradient
from numerics.training.optimizers import Optimizer
from numerics.training.stopping import Alignment, LearningRate, Rate, Status, Stopping

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All members at one step, finished ones as they ended; times, decreases, losses (B,) float64."""

    step: int
    times: Array
    decreases: Array
    losses: Array
    status: tuple[Status, ...]
    parameters: Parameters


_PER_RUNNING_MEMBER = (
    "rows",
    "flat",
    "previous",
    "gradient",
    "time",
    "last_rate",
    "decrease",
    "previous_decrease",
)


class Ensemble:
    """Rows of parameters that advance together, each with its own learning rate, time and end."""

    def __init__(
        self,
        network: Network,
        flat: Tensor,
        risk: RiskGradient,
        rules: Stopping,
        optimizer: Optimizer,
        rate: Rate,
    ) -> None:
        members, device = flat.shape[0], flat.device
        if rules.alignment is not None:
            _check_alignment(network, rules.alignment)
        self.network, self.risk, self.rules, self.optimizer = network, risk, rules, optimizer
        self.rate = LearningRate(network, rate, members, device)
        self.zero_loss = float(risk.loss.value(torch.zeros_like(risk.y), risk.y).double().mean())
        self.initial_losses = risk.measure(flat)[1].double()
        # one row per member, finished or not
        self.ended_at = flat
        self.times = torch.zeros(members, dtype=torch.float64, device=device)
        self.steps = torch.zeros(members, dtype=torch.int64, device=device)
        self.status = [Status.RUNNING] * members
        # one row per running member
        self.rows = torch.arange(members, device=device)
        self.flat = flat.clone()
        self.previous = flat.clone()
        self.gradient = torch.empty_like(flat)
        self.memory = [torch.zeros_like(flat) for _ in range(optimizer.memories)]
        self.time = self.times.clone()
        self.last_rate = self.times.clone()
        self.decrease = self.times.clone()
        self.measured, self.previously = 0, 0  # the steps at which decrease and previous_decrease were seen
        self.previous_decrease = self.times.clone()
        self.finite = torch.ones(members, dtype=torch.bool, device=device)

    @property
    def running(self) -> int:
        return len(self.rows)

    def evaluate(self, risk: RiskGradient, step: int, *, last: bool = False) -> None:
        """Decrease and, unless no step follows, gradient of the running members, on all data or a mini-batch."""
        if not self.running:
            return
        decrease = risk.measure(self.flat)[0] if last else risk(self.flat, self.gradient)
        if risk is self.risk:
            self.previous_decrease, self.decrease = self.decrease, decrease.double()
            self.previously, self.measured = self.measured, step
        self.finite = torch.isfinite(decrease)

    def advance(self, step: int) -> None:
        """One step of every running member, the `step`-th counted from 1."""
        rate = self.rate(views(self.network, self.flat))
        if self.rules.end is not None:
            rate = torch.minimum(rate, self.rules.end - self.time)
        direction = self.optimizer.direction(self.flat, self.gradient, self.memory, step)
        self.flat, self.previous = self.previous, self.flat
        torch.addcmul(self.previous, direction, rate.to(self.flat.dtype)[:, None], value=-1.0, out=self.flat)
        self.time = self.time + rate
        self.last_rate = rate

    def retire_diverged(self, step: int) -> None:
        """Moves every member whose last evaluation, on a mini-batch perhaps, is not finite to where it was before."""
        if not self.running or bool(self.finite.all()):
            return
        for row in torch.nonzero(~self.finite).flatten().tolist():
            self._end(row, Status.DIVERGED, step)
        self._compact(self.finite)

    def retire(self, step: int) -> None:
        """Moves every member whose rule is met to where it ended, and compacts the rest."""
        if not self.running:
            return
        diverged = ~torch.isfinite(self.decrease)
        finished = [(Status.DIVERGED, diverged)]
        if self.rules.delta is not None:
            target = self.rules.delta * self.zero_loss
            finished.append((Status.LOSS_FRACTION, self.decrease >= target))
        if self.rules.end is not None:
            # the shortened last step reaches the end up to the rounding of one sum
            finished.append((Status.TIME, self.time >= self.rules.end * (1 - 4 * np.finfo(float).eps)))
        alignment = self.rules.alignment
        if alignment is not None and step % alignment.every == 0:
            finished.append((Status.ALIGNED, self._aligned(alignment)))
        if step >= self.rules.budget:
            finished.append((Status.BUDGET, torch.ones_like(diverged)))
        stopped = torch.stack([mask for _, mask in finished]).any(0)
        if not bool(stopped.any()):
            return
        for row in torch.nonzero(stopped).flatten().tolist():
            self._end(row, next(status for status, mask in finished if mask[row]), step)
        self._compact(~stopped)

    def _end(self, row: int, status: Status, step: int) -> None:
        member = int(self.rows[row])
        back = 0.0
        if status is Status.DIVERGED:
            back = 1.0
        elif status is Status.LOSS_FRACTION and self.measured - self.previously == 1:  # else an epoch apart
            back = 1.0 - self._crossing(row)
        state = self.flat[row] if back == 0 else self.previous[row]
        if 0 < back < 1:
            state = torch.lerp(self.flat[row], self.previous[row], back)
        self.ended_at[member] = state
        self.times[member] = self.time[row] - back * self.last_rate[row]
        self.steps[member] = max(step - (status is Status.DIVERGED), 0)
        self.status[member] = status

    def _crossing(self, row: int) -> float:
        """The share of the last step after which the loss fraction was reached: the decrease grows
        exponentially.
        """
        before, after = float(self.previous_decrease[row]), float(self.decrease[row])
        target = (self.rules.delta or 0.0) * self.zero_loss
        if before >= target:
            return 1.0
        return (
            log(target / before) / log(after / before) if before > 0 else (target - before) / (after - before)
        )

    def _compact(self, kept: Tensor) -> None:
        self.rate.keep(kept)
        self.memory = [tensor[kept] for tensor in self.memory]
        for name in _PER_RUNNING_MEMBER:
            setattr(self, name, getattr(self, name)[kept])

    def _aligned(self, rule: Alignment) -> Tensor:
        weights = views(self.network, self.flat)
        w = weights["w1"].double()
        norms = w.norm(dim=-1)
        amplitude = weights["a"].double()[..., : w.shape[1]].norm(dim=1) * norms
        target = torch.as_tensor(np.atleast_2d(rule.orientations), dtype=torch.float64, device=w.device)
        cosine = (w @ (target / target.norm(dim=1, keepdim=True)).T).amax(-1) / norms
        total = amplitude.sum(-1)
        return (total > 0) & ((amplitude * (cosine >= rule.cosine)).sum(-1) >= rule.share * total)

    def snapshot(self, step: int) -> Snapshot:
        """A copy of the present state of every member."""
        flat, times = self.ended_at.clone(), self.times.clone()
        flat[self.rows], times[self.rows] = self.flat, self.time
        decreases, losses = self.risk.measure(flat)
        return Snapshot(
            step,
            times.cpu().numpy(),
            decreases.double().cpu().numpy(),
            losses.double().cpu().numpy(),
            tuple(self.status),
            views(self.network, flat),
        )


def _check_alignment(network: Network, rule: Alignment) -> None:
    if network.depth != 1 or network.convolution is not None:
        raise NumericsError("the Alignment rule is defined for two-layer networks only")
    width, dimension = np.atleast_2d(rule.orientations).shape[1], network.shapes["w1"][1]
    if width != dimension:
        raise NumericsError(
            f"Alignment orientations have {width} coordinates; this network's have {dimension}"
        )
