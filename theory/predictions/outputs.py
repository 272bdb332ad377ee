"""The regime of several outputs: smooth, σ(0) = 0, K outputs, under gradient descent.

m = 1   right singular vectors of mean(s xᵀ), as eigenvectors of the exact matrix Σ_k g_k g_kᵀ; in closed form
m >= 2  critical points of Σ_k (T_k u^m)² (theory.orientations.outputs); no horizon is derived
m is the first order at which one of the K tensors T_k = mean(s_k x^{⊗m}) counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np

from theory.beyond.leading_order import Drive, drive
from theory.fields.outputs import LinearOutputs, OutputsField
from theory.forms.moment_tensor import MomentTensor
from theory.forms.stability import Kind
from theory.orientations import OrientationSet, find_orientations
from theory.orientations.outputs import only_growing, output_orientations
from theory.orientations.result import Orientation
from theory.predictions.stepwise import StepwisePrediction
from theory.problem import Network, Optimizer
from theory.systems import LeadingSystem
from theory.systems.outputs import outputs_system


@final
@dataclass(frozen=True, eq=False)
class OutputsPrediction(StepwisePrediction):
    """What theory says of a smooth two-layer network with σ(0) = 0 and K outputs."""

    @classmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """One hidden layer, smooth, σ(0) = 0, targets (n, K), gradient descent with or without momentum."""
        sigma = network.layers[0]
        plain = sigma.is_smooth and sigma.value_at_zero == 0
        return network.depth == 1 and plain and several_outputs and not optimizer.coordinatewise

    @classmethod
    def derive(cls, network: Network, several_outputs: bool = True) -> LeadingSystem:
        """See `theory.systems.outputs`."""
        return outputs_system(network.layers[0])

    @property
    def force(self) -> OutputsField:
        """(a, w) -> (a', w') by the moment tensors, with potential and invariant."""
        return OutputsField.of(self.problem.activation, self.problem.x, self.problem.signal)

    @cached_property
    def driven(self) -> Drive:
        """What drives the flow; raises TheoryError where the moments of all orders that theory covers vanish."""
        return drive(self.problem.activation, self.problem.x, self.problem.signal)

    @cached_property
    def orientations(self) -> OrientationSet:
        """Those of the order that drives the flow."""
        if self.driven.order == 1:
            return self._singular_vectors()
        found = output_orientations(
            self.problem.x,
            self.problem.signal,
            self.driven.order,
            bias=self.problem.network.bias,
            max_paths=self.search.max_paths,
            seed=self.search.seed,
        )
        return replace(found, notes=(*self.driven.notes, *found.notes))

    def _singular_vectors(self) -> OrientationSet:
        x, signal = self.problem.x, self.problem.signal
        rows = [MomentTensor.from_data(x, column, 1).coefficients for column in signal.T]
        g = np.empty((len(rows), x.shape[1]), dtype=object)
        for k, row in enumerate(rows):
            g[k] = row
        ones = np.full(len(rows), len(rows), dtype=object)
        found = find_orientations(
            MomentTensor.from_data(g, ones, 2), bias=self.problem.network.bias, seed=self.search.seed
        )
        return replace(
            found,
            multiplicity=1,
            bound_2p=2,
            orientations=tuple(_for_outputs(o) for o in found.orientations),
            continua=tuple(only_growing(c) for c in found.continua),
            notes=(
                f"{len(rows)} outputs: right singular vectors of mean(s xᵀ), P(u) = Σ_k mean(s_k u·x)²; neurons grow along "
                "the first, with output weights along its left partner, so that no sign of a is listed",
                *found.notes,
            ),
        )

    @cached_property
    def modes(self) -> LinearOutputs:
        """The closed form; raises TheoryError where the first moments do not drive the flow."""
        self.require_linear()
        if self.driven.order != 1:
            raise self.refused(
                f"where neurons are that moments of order {self.driven.order} drive ({'; '.join(self.driven.notes)})",
                "data with mean(s xᵀ) ≠ 0; `condense orientations` treats these",
            )
        matrix = self.signal.T @ self.problem.x / self.problem.samples
        return LinearOutputs(matrix, float(self.problem.activation.leading_coefficient))

    @property
    def rate(self) -> float:
        """γ, the largest singular value of c mean(s xᵀ)."""
        return float(self.modes.rates[0])

    def ends(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """± the first right singular vector."""
        return self.modes.signs(a, w)[:, None] * self.modes.direction

    def vanish(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """None does."""
        return np.zeros(len(w), dtype=bool)


def _for_outputs(o: Orientation) -> Orientation:
    """In the space of (a, w) every singular pair but the first is left along the first: nothing dies."""
    kind = o.kind if o.kind in (Kind.ATTRACTOR, Kind.DEGENERATE) else Kind.SADDLE
    return replace(o, kind=kind, neuron_sign=None)
