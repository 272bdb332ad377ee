"""When a member stops (loss fraction, time, alignment, step budget; any number of rules together), and at which learning
rate it goes: a number, one per member, or one that follows the rescaled time of the leading flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from numbers import Real

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from numerics.errors import NumericsError
from numerics.nets import Network, Parameters


class Status(Enum):
    """Why a member's training ended; the value says it in words."""

    RUNNING = "still running"
    LOSS_FRACTION = "the loss fell by the requested fraction of its value at zero output"
    TIME = "the requested time was reached"
    ALIGNED = "the requested share of amplitude is aligned"
    BUDGET = "the step budget is used up"
    DIVERGED = "the loss is not finite"


@dataclass(frozen=True)
class LossFraction:
    """Stop when the loss is ≤ (1 - delta) R0, R0 its value at zero output (the paper's 70 % rule is delta =
    0.3)."""

    delta: float

    def __post_init__(self) -> None:
        if not isinstance(self.delta, Real) or not 0 < self.delta < 1:
            raise NumericsError(f"LossFraction needs 0 < delta < 1, not {self.delta!r}")


@dataclass(frozen=True)
class Time:
    """Stop at this gradient-flow time Σ lr, exactly: the last step is shortened."""

    end: float

    def __post_init__(self) -> None:
        if not isinstance(self.end, Real) or not 0 < self.end < np.inf:
            raise NumericsError(f"Time needs a positive finite end, not {self.end!r}")


@dataclass(frozen=True)
class Steps:
    """Stop after this many steps."""

    budget: int

    def __post_init__(self) -> None:
        if not isinstance(self.budget, int | np.integer) or self.budget < 0:
            raise NumericsError(f"Steps needs a whole budget ≥ 0, not {self.budget!r}")


@dataclass(frozen=True, eq=False)
class Alignment:
    """Stop when neurons with cosine ≥ `cosine` to one of `orientations` (k, D) carry the `share` of all
    amplitude.

    Two-layer networks; amplitude is |a|‖w‖ (‖a‖ for K outputs). Looked at every `every` steps.
    """

    orientations: NDArray[np.float64]
    cosine: float = 0.95
    share: float = 0.9
    every: int = 10

    def __post_init__(self) -> None:
        try:
            rows = np.atleast_2d(np.asarray(self.orientations, dtype=np.float64))
        except (TypeError, ValueError):
            rows = np.zeros((1, 1))
        shares = 0 < self.cosine <= 1 and 0 < self.share <= 1
        whole = isinstance(self.every, int | np.integer) and self.every >= 1
        if rows.ndim != 2 or not (np.linalg.norm(rows, axis=1) > 0).all() or not (shares and whole):
            raise NumericsError(
                "Alignment needs non-zero orientations, 0 < cosine ≤ 1, 0 < share ≤ 1, every ≥ 1"
            )


Rule = LossFraction | Time | Steps | Alignment


@dataclass(frozen=True)
class Stopping:
    """The rules of one run, sorted by kind: the smallest of each kind decides."""

    budget: int
    delta: float | None = None
    end: float | None = None
    alignment: Alignment | None = None


def combine(stop: Rule | Iterable[Rule]) -> Stopping:
    """One `Stopping` from one rule or several; raises NumericsError where no step budget bounds the run."""
    rules = [stop] if isinstance(stop, Rule) else list(stop) if isinstance(stop, Iterable) else []
    budgets = [rule.budget for rule in rules if isinstance(rule, Steps)]
    if not budgets:
        raise NumericsError("stop has no step budget: add Steps(...) so that the run ends whatever happens")
    aligned = [rule for rule in rules if isinstance(rule, Alignment)]
    if len(aligned) > 1:
        raise NumericsError("stop holds several Alignment rules: give one, with all its orientations")
    return Stopping(
        min(budgets),
        min((rule.delta for rule in rules if isinstance(rule, LossFraction)), default=None),
        min((rule.end for rule in rules if isinstance(rule, Time)), default=None),
        aligned[0] if aligned else None,
    )


@dataclass(frozen=True)
class RescaledTime:
    """lr(t) = eta / (rate · max_j ρ_j^{p-1}), the same for every parameter of a member.

    ρ_j = ‖(a_j, w_j)‖ over all neurons of all hidden layers (incoming weights and bias, outgoing weights).
    The leading flow of multiplicity p has gradients of order rate · ρ^p, so a step moves the largest neuron
    by about the fraction eta of its size, whatever the scale; `rate` (a number, or one per member) is that of
    the data, |c| ‖T‖. For p = 1 the learning rate is constant.
    """

    eta: float
    multiplicity: int = 1
    rate: float | NDArray[np.float64] = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.eta < np.inf and self.multiplicity >= 1 and (np.asarray(self.rate) > 0).all()):
            raise NumericsError("RescaledTime needs eta > 0, multiplicity ≥ 1 and rate > 0")


Rate = float | Sequence[float] | NDArray[np.float64] | RescaledTime


class LearningRate:
    """A learning rate for the members still running; `keep` follows their compaction."""

    def __init__(self, network: Network, rate: Rate, members: int, device: torch.device) -> None:
        self.network = network
        self.power = rate.multiplicity - 1 if isinstance(rate, RescaledTime) else 0
        base = rate.eta / np.asarray(rate.rate, dtype=np.float64) if isinstance(rate, RescaledTime) else rate
        try:
            numbers = np.asarray(base, dtype=np.float64)
        except (TypeError, ValueError):
            numbers = np.array(np.nan)
        if numbers.shape not in ((), (members,)) or not (np.isfinite(numbers) & (numbers > 0)).all():
            raise NumericsError(
                f"lr must be a positive number, one for each of {members} members, or RescaledTime"
            )
        self.base = torch.as_tensor(np.broadcast_to(numbers, (members,)).copy(), device=device)

    def __call__(self, parameters: Parameters) -> Tensor:
        """The learning rates (B,) in float64 at these parameters; eta/rate where every weight is zero: nothing
        moves.
        """
        if self.power == 0:
            return self.base
        size = self._largest_amplitude(parameters)
        return self.base / torch.where(size > 0, size, torch.ones_like(size)).pow(self.power)

    def keep(self, rows: Tensor) -> None:
        self.base = self.base[rows]

    def _largest_amplitude(self, parameters: Parameters) -> Tensor:
        names = list(self.network.shapes)
        largest = []
        for inner, outer in pairwise(names):
            incoming = parameters[inner].double()
            width = incoming.shape[1]
            outgoing = parameters[outer].double().square().sum(1)
            outgoing = outgoing[:, :-1] if self.network.bias_of(outer) else outgoing
            outgoing = outgoing.reshape(outgoing.shape[0], width, -1).sum(-1)  # positions of a convolution
            largest.append((incoming.square().sum(-1) + outgoing).amax(-1))
        return torch.stack(largest).amax(0).sqrt()
