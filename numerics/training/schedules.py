"""Learning rates: a number, one per member, or one that follows the rescaled time of the leading flow."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from numerics.errors import NumericsError
from numerics.nets.networks import Network, Parameters


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
