"""The one-sided regime: a kink at 0 (ReLU, leaky ReLU, |z|, ELU, softsign), σ(0) = 0, under gradient descent.

Neurons climb ± G(u) = mean(s σ_p(u·x)), kinks included (theory.orientations.one_sided).  With multiplicity 1 and one output
their end is followed event by event (theory.flows.one_sided); K outputs have a system and an order of accuracy, and no
list of orientations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from theory.errors import TheoryError
from theory.fields.one_sided import OneSidedField
from theory.flows.one_sided import OneSidedDestinations, OneSidedFate, one_sided_destinations
from theory.forms.one_sided import OneSidedForm, one_sided_form
from theory.orientations.one_sided import find_extremal_orientations
from theory.orientations.one_sided.open_saddles import ends_at_saddles
from theory.orientations.result import OrientationSet
from theory.predictions.stepwise import SAME, StepwisePrediction
from theory.problem import Network, Optimizer
from theory.systems import LeadingSystem
from theory.systems.one_sided import one_sided_system
from theory.systems.outputs import outputs_system


@final
@dataclass(frozen=True, eq=False)
class OneSidedPrediction(StepwisePrediction):
    """What theory says of a two-layer network whose σ has a power of its own on each side of 0."""

    @classmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """One hidden layer, a kink at 0, σ(0) = 0, any outputs, gradient descent with or without momentum."""
        sigma = network.layers[0]
        kinked = not sigma.is_smooth and sigma.value_at_zero == 0
        return network.depth == 1 and kinked and not optimizer.coordinatewise

    @classmethod
    def derive(cls, network: Network, several_outputs: bool = False) -> LeadingSystem:
        """See `theory.systems.one_sided`, and `theory.systems.outputs` for K outputs."""
        return (outputs_system if several_outputs else one_sided_system)(network.layers[0])

    @property
    def force(self) -> OneSidedField:
        """(a, w) -> (a', w'), with potential and invariant."""
        return self.stepped

    @cached_property
    def orientations(self) -> OrientationSet:
        """The fixed orientations of G with their kinds; raises TheoryError for several outputs."""
        if self.problem.several_outputs:
            raise self.refused(
                "which orientations collect its neurons",
                "one output, or a smooth activation such as tanh or xtanh",
            )
        return find_extremal_orientations(
            self.problem.x,
            self.signal,
            self.problem.activation,
            bias=self.problem.network.bias,
            seed=self.search.seed,
        )

    @cached_property
    def form(self) -> OneSidedForm:
        """G, exactly."""
        return one_sided_form(self.problem.x, self.signal, self.problem.activation)[0]

    @property
    def rate(self) -> float:
        """γ = max |G| over the orientations that collect growing neurons."""
        self.require_linear()
        found = self.orientations
        heights = [abs(o.value) for o in (*found.attractors, *found.open_saddles)]
        if not found.attractors:
            raise TheoryError(
                f"σ = {self.problem.activation.text}: no orientation grows on these data; other data would be accepted"
            )
        return max(heights)

    def ends(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """By the exact flow of straight lines."""
        there = self._followed(a, w)
        return np.where((there.fates == OneSidedFate.GROWS)[:, None], there.u, 0.0)

    def vanish(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Those that die in finite time, and those whose flow is not unique from some point on."""
        there = self._followed(a, w)
        return (there.fates == OneSidedFate.DIES) | (there.fates == OneSidedFate.UNDECIDED)

    def ends_open(self, goals: np.ndarray) -> np.ndarray:
        """See `theory.orientations.one_sided.open_saddles`."""
        unlisted = (self._class_of(goals) == len(self.listed)) & np.any(goals != 0, axis=1)
        out = np.zeros(len(goals), dtype=bool)
        out[unlisted] = ends_at_saddles(self.form, goals[unlisted], SAME)
        return out

    def _followed(self, a: np.ndarray, w: np.ndarray) -> OneSidedDestinations:
        return one_sided_destinations(self.form, a, w)
