"""Which regime a problem is in: the one place that decides, for every command."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from theory.errors import TheoryError
from theory.formula.activation import Activation
from theory.predictions.coordinatewise import CoordinatewisePrediction
from theory.predictions.deep import DeepPrediction
from theory.predictions.offset import OffsetPrediction
from theory.predictions.one_sided import OneSidedPrediction
from theory.predictions.output_bias import OutputBiasPrediction
from theory.predictions.outputs import OutputsPrediction
from theory.predictions.prediction import Prediction, Search
from theory.predictions.smooth import SmoothPrediction
from theory.problem import Network, Optimizer, Problem
from theory.systems import LeadingSystem
from theory.systems.decay import decay_system
from theory.systems.deep.powers import Kept

__all__ = ["REGIMES", "derive", "predict"]


# The first regime that covers a network is taken.  A new one is a file, its import and its line here;
# one that is a special case of another stands before it.
REGIMES: tuple[type[Prediction], ...] = (
    OutputBiasPrediction,
    CoordinatewisePrediction,
    SmoothPrediction,
    OneSidedPrediction,
    OutputsPrediction,
    OffsetPrediction,
    DeepPrediction,
)


def predict(
    problem: Any,
    y: Any = None,
    sigma: str | Activation = "tanh",
    *,
    max_paths: int = 20_000,
    seed: int = 0,
    **description: Any,
) -> Prediction:
    """What theory says of a `Problem`, or of data x (n, d), y (n,) or (n, K) with the description that `Problem.of` takes.

    `max_paths` and `seed` are those of the search for fixed orientations, which runs when they are first asked for.  Raises
    TheoryError where no theorem applies, in one line that names the hypothesis that fails.

    >>> predict([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], [1.0, -1.0, -1.0, 1.0], "z**3").driving_order
    3
    """
    if not isinstance(problem, Problem):
        problem = Problem.of(problem, y, sigma, **description)
    elif y is not None or description:
        raise TheoryError(
            "a Problem is described already; accepted: predict(problem), or data x, y with a description"
        )
    regime = _regime(problem.network, problem.several_outputs, problem.optimizer)
    return regime.of(problem, Search(max_paths=max_paths, seed=seed))


def derive(
    network: Network,
    *,
    several_outputs: bool = False,
    keeping: Kept = Kept.STRICT,
    vanishing_moments: Collection[int] = (),
) -> LeadingSystem:
    """The leading-order equations of a network under gradient flow, on any data.

    `keeping` and `vanishing_moments` (the d with mean(s x^{⊗d}) = 0) are about networks with further hidden layers.
    Raises TheoryError where no leading order is derived.
    """
    regime = _regime(network, several_outputs, Optimizer.GRADIENT_DESCENT)
    if issubclass(regime, DeepPrediction):
        return regime.derive(network, several_outputs, keeping=keeping, vanishing_moments=vanishing_moments)
    if keeping is not Kept.STRICT or vanishing_moments:
        raise TheoryError(
            "the parts that are kept and the moments that vanish are about further hidden layers; accepted: a network "
            "with more than one"
        )
    system = regime.derive(network, several_outputs)
    return decay_system(network.layers[0], system) if network.weight_decay else system


def _regime(network: Network, several_outputs: bool, optimizer: Optimizer) -> type[Prediction]:
    for regime in REGIMES:
        if regime.covers(network, several_outputs, optimizer):
            return regime
    names = ", ".join(sigma.text for sigma in network.layers)
    raise TheoryError(
        f"no leading order is derived for {names} under {optimizer.value}; accepted: smooth activations under gd"
    )
