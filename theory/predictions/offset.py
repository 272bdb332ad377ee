"""The regime σ(0) ≠ 0 (sigmoid, softplus, gaussian): the mean is fitted first, then neurons follow the signal that is left.

The equations and their order of accuracy are derived for any number of outputs and one-sided σ (theory.systems.offset);
where neurons go, and when their signs split, for one output and a σ smooth at 0 (theory.flows.offset_split)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from theory.beyond.leading_order import drive
from theory.errors import TheoryError
from theory.fields.offset import OffsetField
from theory.flows.offset import integrated_split
from theory.flows.offset_split import TYPICAL_SHARE, MeanFit, Split
from theory.forms.moment_tensor import MomentTensor
from theory.formula.activation import Activation, activation
from theory.losses.loss import Loss
from theory.orientations import Orientation, OrientationSet, find_orientations
from theory.predictions.offset_expected import OffsetExpected, expect, splitting_width, time_beyond_split
from theory.predictions.prediction import Prediction, Search
from theory.problem import Network, Optimizer, Problem
from theory.systems import LeadingSystem
from theory.systems.offset import offset_system

_NAIVE = "naive: the signal at zero output, without the fit of the mean that σ(0) ≠ 0 brings about"


@dataclass(frozen=True, eq=False, repr=False)
class OffsetPrediction(Prediction):
    """What theory says of a two-layer network with σ(0) ≠ 0, started from small weights.

    `system`, `field` and `order` for any outputs; `fit` and all that rests on it for one output, a smooth σ and gradient
    descent.  `assumed` stands in place of the derived `fit`: a wrong theory, to be refuted.
    """

    assumed: MeanFit | None = None

    regime = "offset"

    @classmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """One hidden layer with σ(0) ≠ 0."""
        return network.depth == 1 and network.layers[0].value_at_zero != 0

    @classmethod
    def of(cls, problem: Problem, search: Search) -> OffsetPrediction:
        """Refuses nothing: what is not derived for this problem is refused when it is asked for."""
        return cls(problem, search)

    @classmethod
    def derive(cls, network: Network, several_outputs: bool = False) -> LeadingSystem:
        """See `theory.systems.offset`; raises TheoryError where nothing is left out, as for 1 + z²."""
        return offset_system(network.layers[0])

    def changed(self, **parts: Any) -> OffsetPrediction:
        """With another `field`, `fitted`, `signal`, `curvature` or `tensor`: a wrong theory, to be refuted."""
        return replace(self, assumed=replace(self.fit, **parts))

    @cached_property
    def force(self) -> OffsetField:
        """(a, w) -> (a', w') of one whole network, which the output couples."""
        if self.assumed is not None:
            return self.assumed.field
        problem = self.problem
        return OffsetField.of(problem.activation, problem.loss, problem.x, problem.y)

    @property
    def field(self) -> OffsetField:
        """The same; refuses weight decay, for which nothing is derived at this time scale."""
        if self.problem.network.weight_decay:
            _ = self.system
        return self.force

    @cached_property
    def fit(self) -> MeanFit:
        """The network once its mean is fitted.

        Raises TheoryError for several outputs, a kink at 0, a coordinatewise optimiser, weight decay, a loss without a
        best constant, and data on which no orientation is preferred.
        """
        if not self._one_fits:
            decay = " under weight decay" if self.problem.network.weight_decay else ""
            raise self.refused(
                f"what neurons do{decay} once the mean is fitted",
                "one output, an activation smooth at 0 such as sigmoid, --optimizer gd or momentum, no weight decay",
            )
        return self.assumed or MeanFit.of(self.problem, self.force)

    @property
    def _one_fits(self) -> bool:
        """Whether the theorem on the fit of the mean covers the problem."""
        problem = self.problem
        plain = not problem.several_outputs and problem.activation.is_smooth
        return plain and not problem.optimizer.coordinatewise and not problem.network.weight_decay

    @cached_property
    def orientations(self) -> OrientationSet:
        """The fixed orientations of the signal that is left once the mean is fitted."""
        return self._orientations(self.fit.tensor)

    @cached_property
    def naive_orientations(self) -> OrientationSet:
        """Those of the signal at zero output, as if the mean were not fitted; their notes say so."""
        if not self._one_fits:
            return self.orientations  # refuses, in the same words
        driven = drive(self.problem.activation, self.problem.x, self.problem.signal)
        found = self._orientations(driven.tensor)
        return replace(found, notes=(*driven.notes, _NAIVE, *found.notes))

    def _orientations(self, tensor: MomentTensor) -> OrientationSet:
        search, bias = self.search, self.problem.network.bias
        return find_orientations(tensor, bias=bias, max_paths=search.max_paths, seed=search.seed)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """On the fit of the mean, and on a system that has no order of accuracy; none on a problem that `fit` refuses."""
        try:
            fitted = self.fit.fitted
        except TheoryError:
            return ()
        said = [f"the mean is fitted first, by the constant output {fitted:.6g}; the signal is that after it"]
        if fitted == 0:
            said.append(
                "the data have their best constant at 0: no mean is fitted, the neurons split from the start"
            )
        try:
            _ = self.equations
        except TheoryError as exact:
            said.append(str(exact))
        return tuple(said)

    def expect(self, a0: np.ndarray, w0: np.ndarray, **how: Any) -> OffsetExpected:
        """B networks a0 (B, m), w0 (B, m, D) at the ascending gradient-flow times `times` (S,); multiplicity 1."""
        return expect(self.fit, a0, w0, **how)

    def horizon(self, a0: np.ndarray, w0: np.ndarray, **how: Any) -> tuple[np.ndarray, np.ndarray]:
        """The times (B,) at which 16 % of the neurons have turned round, inf where that is beyond `times`; and how
        uncertain they are (B,), by what is left out until then and by the spacing of `times`."""
        expected = self.expect(a0, w0, **how)
        found, grid = expected.splits(), expected.grid
        within = np.minimum(found, grid[-1])
        left, spacing = np.interp(within, grid, expected.shares_left_out), np.diff(grid, prepend=0.0)
        return found, within * left + np.interp(within, grid, spacing)

    def splitting_width(self, scale: float, seed: int = 0) -> int:
        """The least width tried at which neurons of standard deviation `scale` split before the common mode fits the
        data; `seed` draws the neurons on which that is looked for."""
        return splitting_width(self.fit, scale, seed)

    def time_beyond_split(self, width: int, scale: float, seed: int = 0) -> float:
        """A gradient-flow time at which networks of this width and standard deviation have split, on neurons drawn by
        `seed`."""
        return time_beyond_split(self.fit, width, scale, seed)

    def split(self, a0: np.ndarray, w0: np.ndarray, *, share: float | None = None) -> Split:
        """The split of these very neurons, a0 (m,), w0 (m, D), in closed form: `MeanFit.split`."""
        return self.fit.split(a0, w0, share=share)

    def integrate_split(self, a0: np.ndarray, w0: np.ndarray, **options: Any) -> Split:
        """The split of these very neurons, a0 (m,), w0 (m, D), followed: `theory.flows.offset.integrated_split`."""
        return integrated_split(self.fit, a0, w0, **options)

    def typical_split(self, width: int, scale: float, share: float = TYPICAL_SHARE) -> float:
        """The time of the split of Gaussian neurons of standard deviation `scale`: `MeanFit.typical_split`."""
        return self.fit.typical_split(width, scale, share)

    def amplitude(self, width: int) -> float:
        """ā, the output weight that every neuron has once the mean is fitted."""
        return self.fit.amplitude(width)

    def mean_rate(self, width: int) -> float:
        """ρ, the rate in 1/time at which the mean is fitted."""
        return self.fit.mean_rate(width)

    @property
    def rate(self) -> float:
        """γ, the rate in 1/time at which the neurons grow (p = 1)."""
        return self.fit.rate

    @property
    def direction(self) -> np.ndarray:
        """Where all neurons point before the split (D,), p = 1."""
        return self.fit.direction

    @property
    def collected(self) -> tuple[Orientation, ...]:
        """The orientations that neurons with the common sign of a go to."""
        sign = np.sign(self.coefficient * self.fitted * self.force.constant)
        return tuple(o for o in self.orientations.orientations if o.neuron_sign == sign)

    @property
    def driving_order(self) -> int:
        """p, the multiplicity."""
        return self.fit.order

    @property
    def coefficient(self) -> float:
        """c, of z^p."""
        return self.force.form.plus

    @property
    def fitted(self) -> float:
        """f*, the constant output that fits the data best."""
        return self.fit.fitted

    @property
    def signal(self) -> np.ndarray:
        """s* (n,), the signal at f*."""
        return self.fit.signal

    @property
    def curvature(self) -> float:
        """mean ∂²ℓ/∂f² at f*."""
        return self.fit.curvature

    @property
    def tensor(self) -> MomentTensor:
        """T* = mean(s* x^{⊗p}), exact."""
        return self.fit.tensor

    def __repr__(self) -> str:
        problem = self.problem
        n, dimension = problem.x.shape
        lines = [
            f"Prediction: σ = {problem.activation.text}, σ(0) ≠ 0, loss {problem.loss.name}, {n} samples, D = {dimension}"
            + (" (bias counted)" if problem.network.bias else ""),
            *(f"  note: {note}" for note in self.notes),
        ]
        if self.notes:
            lines += [f"  {line}" for line in repr(self.orientations).splitlines()]
        return "\n".join([*lines, "  print(prediction.system.text()): the derived flow and its hypotheses"])


def offset_prediction(
    x: Any,
    y: Any,
    sigma: str | Activation = "sigmoid",
    *,
    loss_function: str | Loss = "half-mse",
    bias: bool = True,
    max_paths: int = 20_000,
    seed: int = 0,
) -> OffsetPrediction:
    """`theory.predict` for σ(0) ≠ 0 and one output: how the network condenses on data x (n, d), y (n,).

    Raises TheoryError at once for what `OffsetPrediction.fit` refuses, and for σ(0) = 0.
    """
    act = sigma if isinstance(sigma, Activation) else activation(sigma)
    if act.value_at_zero == 0:
        raise TheoryError(
            f"activation {act.text!r} has σ(0) = 0: `predict` treats it; accepted here: σ(0) ≠ 0"
        )
    problem = Problem.of(x, y, act, loss_function=loss_function, bias=bias)
    found = OffsetPrediction.of(problem, Search(max_paths=max_paths, seed=seed))
    _ = found.fit
    return found
