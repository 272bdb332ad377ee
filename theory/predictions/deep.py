"""The deep regime: two or more hidden layers, smooth with σ_l(0) = 0, gradient descent with or without momentum.

Groups of parameters move at different orders in ε; each has a law of its own.  See `theory.systems.deep` for the
theorem and `theory.orientations.deep` for where the first layer goes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from theory.errors import TheoryError
from theory.fields.deep import DeepField
from theory.orientations import OrientationSet
from theory.orientations.deep import FirstLayer, first_layer_of, mean_fitted_first
from theory.predictions.prediction import Prediction, Search
from theory.problem import Network, Optimizer, Problem
from theory.systems import GroupLaw, LeadingSystem
from theory.systems.deep.powers import Kept
from theory.systems.deep.system import deep_system, derived


@dataclass(frozen=True, eq=False, repr=False)
class DeepPrediction(Prediction):
    """What theory says of a deep network started from small weights.

    `leading` is the leading field on these data; its `powers` say which orders every group climbs.
    """

    leading: DeepField

    regime = "deep"

    @classmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """More than one hidden layer under gradient descent, with or without momentum."""
        return network.depth > 1 and not optimizer.coordinatewise

    @classmethod
    def derive(
        cls,
        network: Network,
        several_outputs: bool = False,
        *,
        keeping: Kept = Kept.STRICT,
        vanishing_moments: Collection[int] = (),
    ) -> LeadingSystem:
        """See `theory.systems.deep`; `vanishing_moments` are the d with T_d = mean(s x^{⊗d}) = 0."""
        _without_decay(network)
        return deep_system(
            network.layers,
            hidden_bias=network.hidden_bias,
            residual=network.residual,
            vanishing_moments=vanishing_moments,
            keeping=keeping,
        )

    @classmethod
    def of(cls, problem: Problem, search: Search) -> DeepPrediction:
        """Raises TheoryError for σ_l(0) ≠ 0, a kink at 0, weight decay, and data whose moments leave nothing to lead."""
        _without_decay(problem.network)
        return cls(problem=problem, search=search, leading=_field(problem, Kept.STRICT))

    def keeping(self, kept: Kept) -> DeepPrediction:
        """The same with each group on its own leading potential, or with all on the sum of them."""
        return replace(self, leading=_field(self.problem, kept))

    @cached_property
    def equations(self) -> LeadingSystem:
        """The derived system; moments that vanish on these data do not count."""
        return derived(self.leading.powers)

    @property
    def force(self) -> DeepField:
        """Dicts of the weights of networks to their rates."""
        return self.leading

    @property
    def groups(self) -> Mapping[str, GroupLaw]:
        """The laws of the groups a, w1, ..., wL, and b2, ..., bL with biases in the further layers."""
        return self.equations.groups

    @cached_property
    def first_layer(self) -> FirstLayer:
        """Where the first layer goes.  Raises TheoryError for K outputs and where it feels moments of several orders."""
        return first_layer_of(
            self.leading,
            self.problem.loss,
            self.problem.y,
            bias=self.problem.network.bias,
            max_paths=self.search.max_paths,
            seed=self.search.seed,
        )

    @property
    def orientations(self) -> OrientationSet:
        """Every fixed orientation of the first layer."""
        return self.first_layer.orientations

    @property
    def notes(self) -> tuple[str, ...]:
        """On moments that vanish on the data, and on the mean signal that faster groups fit first."""
        powers = self.leading.powers
        vanishing = ", ".join(map(str, sorted(powers.vanishing)))
        notes = (
            (f"the moments mean(s x^d) of the orders {vanishing} vanish on these data",) if vanishing else ()
        )
        if mean_fitted_first(powers):
            notes += (
                "the mean of the targets is fitted first: the first layer follows the signal at the best constant",
            )
        return notes

    def __repr__(self) -> str:
        names = ", ".join(sigma.text for sigma in self.problem.network.layers)
        n, dimension = self.problem.x.shape
        lines = [
            f"Prediction: σ = {names}, loss {self.problem.loss.name}, {n} samples, D = {dimension}"
            + (" (bias counted)" if self.problem.network.bias else ""),
            *(
                f"  {name}: gradient O(ε^{law.gradient_order}), moves by ε^{law.lag} of its size up to O(ε^{law.accuracy})"
                for name, law in self.groups.items()
            ),
            *(f"  note: {note}" for note in self.notes),
            "  print(prediction.system.text()): the derived flow and its hypotheses",
        ]
        return "\n".join(lines)


def _field(problem: Problem, keeping: Kept) -> DeepField:
    return DeepField.of(
        problem.network.layers,
        problem.x,
        problem.y,
        loss_function=problem.loss,
        hidden_bias=problem.network.hidden_bias,
        residual=problem.network.residual,
        keeping=keeping,
    )


def _without_decay(network: Network) -> None:
    if network.weight_decay:
        raise TheoryError(
            f"weight decay with {network.depth} hidden layers is not derived; accepted: none, or one hidden layer"
        )
