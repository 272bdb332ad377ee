"""Evidence on the smooth leading-order flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import Destinations, Expected, Neurons, SmoothPrediction
from verify.order import OrderResult
from verify.regimes.common.confusion import Confusion
from verify.regimes.common.evidence import Evidence, Trained


@dataclass(frozen=True)
class TwoFlows:
    """Every neuron followed to its end by both rooms: theory's autonomous flow (`ours`), numerics' Cartesian one.

    `theirs` are unit vectors (N, D), `fates` (N,) in theory's terms; `decided` (N,) says for which neurons both came to an
    end that the errors of their steps cannot have changed.
    """

    ours: Destinations
    theirs: np.ndarray
    fates: np.ndarray
    decided: np.ndarray


@dataclass(frozen=True)
class Conserved:
    """The largest relative drift of the invariant along numerics' leading flow, its local error and its steps."""

    drift: float
    local_error: float
    steps: int
    attempts: int


@dataclass(frozen=True, kw_only=True)
class SmoothEvidence(Evidence):
    """Evidence on the smooth leading-order flow, σ(0) = 0.

    `scales` are further trainings from other scales beside what is expected of them; `destinations` is the confusion table
    of the trained neurons; `flows` both leading flows to the end, for orders above 1; `followed` theory's neurons at the
    times at which training stopped, one entry a network, for orders above 1; `accuracy` the measured order of accuracy and
    `competing` the sizes of the terms that compete for it.
    """

    prediction: SmoothPrediction
    scales: tuple[tuple[Trained, Expected], ...]
    destinations: Confusion
    flows: TwoFlows | None
    followed: tuple[Neurons, ...]
    conserved: Conserved
    accuracy: OrderResult
    competing: dict[int, float]

    @property
    def growing(self) -> np.ndarray:
        """The neurons (B, m) that grow."""
        return np.linalg.norm(self.expected.destinations, axis=-1) > 0
