"""Evidence: everything that both rooms say about one experiment, gathered once and handed to every check; and the
examination that comes of it, in a form that needs no knowledge of its theory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from numerics.training.runs import Trained
from numerics.training.stopping import Rate, RescaledTime
from theory import Activation, Expected, OrientationSet
from verify.bridge.experiment import Experiment
from verify.verdict import Check

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One experiment, where its neurons are predicted to go, the networks trained with steps h and h/2, and what theory
    expected of them.  `driving_order` is the exponent p of the amplitude |a| ‖w‖^p."""

    experiment: Experiment
    resolved: Resolved | None = None
    activation: Activation
    driving_order: int
    orientations: OrientationSet
    fraction: float
    trained: Trained
    refined: Trained
    expected: Expected

    @property
    def dimension(self) -> int:
        """D, the bias counted."""
        return self.trained.w.shape[-1]

    @property
    def targets(self) -> np.ndarray:
        """The growing orientations (A, D)."""
        return np.array([o.u for o in self.orientations.attractors]).reshape(-1, self.dimension)

    def expectations(self, b: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """What theory expects of network b: orientations (m, D) and amplitudes (m,) of its neurons, once for each of its
        approximations."""
        return [(self.expected.u[b], self.expected.amplitudes(self.driving_order)[b])]

    def limit(self) -> Trained:
        """The training extrapolated to zero step size: every optimiser here is of first order, 2 θ(h/2) - θ(h)."""
        coarse, fine = self.trained, self.refined
        return replace(
            fine,
            a=2 * fine.a - coarse.a,
            w=2 * fine.w - coarse.w,
            b=2 * fine.b - coarse.b,
            times=2 * fine.times - coarse.times,
            reached=fine.reached & coarse.reached,
        )


Drawing = tuple[str, Callable[[], "Figure"]]


@dataclass(frozen=True)
class Resolved:
    """What a regime took for the fields that an experiment may leave open.

    `lr` is None where the learning rate is no constant; `schedule` then says what it is.  `fraction` is None where
    training ends at a time instead of a fall of the loss.
    """

    init_std: float
    fraction: float | None
    lr: float | None
    schedule: dict[str, Any] | None

    @classmethod
    def taken(cls, std: float, fraction: float, rate: Rate) -> Resolved:
        """From the scale, the fall of the loss (nan where training ends at a time) and the rate of the first training."""
        lr, schedule = None, None
        if not isinstance(rate, RescaledTime):
            lr = _number(rate)
        elif rate.multiplicity == 1:
            lr = rate.eta / _number(rate.rate)
        else:
            schedule = {
                "lr": "step / (rate * (largest norm of a neuron)**(multiplicity - 1))",
                "step": rate.eta,
                "multiplicity": rate.multiplicity,
                "rate": _number(rate.rate),
            }
        fall = float(fraction) if math.isfinite(fraction) else None
        return cls(init_std=float(std), fraction=fall, lr=lr, schedule=schedule)


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Checks with their verdicts, notes for the reader, arrays for the run folder, and figures yet to be drawn.

    `drawings` are (name, function that draws): they are called after the numbers are on disk.
    """

    experiment: Experiment
    resolved: Resolved
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    drawings: tuple[Drawing, ...]

    @property
    def settled(self) -> Experiment:
        """The experiment with the values that were taken where it left them open."""
        taken = self.resolved
        return self.experiment.settled(init_std=taken.init_std, fraction=taken.fraction, lr=taken.lr)

    @property
    def details(self) -> dict[str, Any]:
        """What the fields of the experiment cannot say: the shapes of the data, and a learning rate that is no constant."""
        data = self.experiment.dataset
        return {
            "data_shape": [list(data.x.shape), list(data.y.shape)],
            "learning_rate": self.resolved.lr if self.resolved.schedule is None else self.resolved.schedule,
        }


def _number(value: object) -> float:
    return float(np.asarray(value, dtype=float).item())  # one for all networks
