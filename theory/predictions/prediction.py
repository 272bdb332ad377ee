"""What every prediction answers, whatever the regime: one protocol, and one family of refusals.

A regime answers what its theorem covers and refuses the rest by name: `refused` makes the line.  Orientations are searched
for when they are first asked for, so that a question about the order of accuracy does not wait for them.  `Expected` is
what theory expects of given initial weights at the end of the initial stage.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float64, Shaped

from theory.errors import TheoryError
from theory.forms.vectors import unit
from theory.formula.activation import Activation
from theory.losses.loss import Loss
from theory.orientations.result import OrientationSet
from theory.problem import Network, Optimizer, Problem
from theory.systems import LeadingSystem
from theory.systems.decay import DecayField, decay_system


@dataclass(frozen=True)
class Search:
    """How hard fixed orientations are searched for: homotopy paths above which the search is a multistart, and a seed."""

    max_paths: int = 20_000
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Prediction(ABC):
    """What theory says of a problem in one regime; `theory.predict` finds the regime."""

    problem: Problem
    search: Search

    regime: ClassVar[str]

    @classmethod
    @abstractmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """Whether this is the regime of such a network: of two that cover it the first in `REGIMES` is taken."""

    @classmethod
    def of(cls, problem: Problem, search: Search) -> Self:
        """The prediction; raises TheoryError where the data fail a hypothesis of the theorem."""
        return cls(problem, search)

    @classmethod
    def derive(cls, network: Network, several_outputs: bool = False) -> LeadingSystem:
        """The leading-order equations of such a network on any data, weight decay left out."""
        names = ", ".join(sigma.text for sigma in network.layers)
        raise TheoryError(
            f"σ = {names}: no leading order is derived in the regime {cls.regime!r}; accepted: tanh"
        )

    @property
    def x(self) -> Float64[np.ndarray, "n D"]:
        """Inputs (n, D), the bias column last."""
        return self.problem.x

    @property
    def y(self) -> Shaped[np.ndarray, "n"] | Shaped[np.ndarray, "n K"]:
        """Targets as the loss takes them: (n,), or (n, K) for K outputs."""
        return self.problem.y

    @property
    def activation(self) -> Activation:
        """σ, of the first layer where there are several."""
        return self.problem.activation

    @property
    def loss(self) -> Loss:
        """ℓ."""
        return self.problem.loss

    @property
    def risk(self) -> float:
        """The mean loss at zero output."""
        return self.problem.risk

    @property
    def equations(self) -> LeadingSystem:
        """The leading-order equations on these data, weight decay left out."""
        return self.derive(self.problem.network, self.problem.several_outputs)

    @property
    def force(self) -> Callable[..., Any]:
        """Their right-hand side as numbers, weight decay left out."""
        raise self.refused("a leading-order flow", "smooth activations under gd")

    @property
    def system(self) -> LeadingSystem:
        """The leading-order equations, their hypotheses and their order of accuracy."""
        decay = self.problem.network.weight_decay
        return decay_system(self.problem.activation, self.equations) if decay else self.equations

    @property
    def field(self) -> Callable[..., Any]:
        """The right-hand side of the system as numbers: neurons a, w to a', w' in gradient-flow time."""
        decay = self.problem.network.weight_decay
        return DecayField.of(self.force, decay) if decay else self.force

    @property
    def orientations(self) -> OrientationSet:
        """Every fixed orientation with its kind.  Cost: that of the enumeration, at the first call."""
        raise self.refused("which orientations are fixed", "smooth activations under gd")

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the prediction on these data."""
        return ()

    @property
    def order(self) -> int:
        """k: the real gradient flow is O(ε^k) of its size away from the leading one, at a fixed rescaled time."""
        return self.system.order

    def expect(
        self,
        a0: Float64[np.ndarray, "B m"] | Float64[np.ndarray, "B m K"],
        w0: Float64[np.ndarray, "B m D"],
        **how: Any,
    ) -> Expected:
        """What B networks a0 (B, m) or (B, m, K), w0 (B, m, D) do until the end of the initial stage."""
        what = "where its neurons are at the end of the initial stage"
        raise self.refused(what, "its orientations and its order of accuracy")

    def horizon(
        self,
        a0: Float64[np.ndarray, "B m"] | Float64[np.ndarray, "B m K"],
        w0: Float64[np.ndarray, "B m D"],
        **how: Any,
    ) -> tuple[Float64[np.ndarray, "B"], Float64[np.ndarray, "B"]]:
        """The gradient-flow times (B,) at which the initial stage of these networks ends, and their uncertainty (B,)."""
        expected = self.expect(a0, w0, **how)
        return expected.times, expected.uncertainty

    def refused(self, what: str, accepted: str) -> TheoryError:
        """The refusal of one question: what is not derived for this problem, and what would be accepted."""
        return refusal(self.problem, what, accepted)


def refusal(problem: Problem, what: str, accepted: str) -> TheoryError:
    """One line: the hypothesis that the problem fails, what is therefore not derived, and what would be accepted."""
    return TheoryError(f"{hypotheses(problem)}: {what} is not derived; accepted: {accepted}")


def hypotheses(problem: Problem) -> str:
    """What distinguishes the problem from the smooth regime, in words: σ, its kink, its value at 0, outputs, optimiser."""
    sigma = problem.activation
    said = [f"σ = {sigma.text}"]
    if sigma.value_at_zero != 0:
        said.append("σ(0) ≠ 0")
    if not sigma.is_smooth:
        said.append("a kink at 0")
    if problem.several_outputs:
        said.append(f"{problem.outputs} outputs")
    if problem.network.depth > 1:
        said.append(f"{problem.network.depth} hidden layers")
    if problem.network.output_bias:
        said.append("an output bias")
    if problem.optimizer.coordinatewise:
        said.append(f"optimizer {problem.optimizer.value}")
    return ", ".join(said)


# The largest share of the leading force that may be left out for a prediction to be a description; chosen because its
# square, what a first-order correction leaves, is then a hundredth.
NEGLECTED = 0.1


@dataclass(frozen=True)
class Expected:
    """B networks at the wanted fall of the loss.

    `times` (B,) and their `uncertainty` (B,); a (B, m) or (B, m, K), w (B, m, D) there, the first-order tilt of the
    leading neurons included; the destination of every neuron as unit vectors (B, m, D), zero where it does not grow; the
    blow-up time of every neuron (B, m).  `perturbation` (B,) is the relative size of the forces beyond leading order at
    the horizon, whose first order is in `times` and w, and whose square is what is left; `spread` (B, m) is how far in
    radians all that is left may turn each neuron.  `left_out` (B,) is the relative size of what is not in them even at
    first order.  `drift` (B, m), for order 2 and above, is how far all that may move (a, w), in units of √(a² + ‖w‖²).
    `off` (B,) is by how much theory's own series puts the horizon beyond that uncertainty as first estimated, in units of
    1/2γ for order 1 and of the time above; 0 where it does not.  `begun` (B,) is the share of the wanted fall that the
    networks have at the start.
    """

    times: Float64[np.ndarray, "B"]
    uncertainty: Float64[np.ndarray, "B"]
    a: Float64[np.ndarray, "B m"] | Float64[np.ndarray, "B m K"]
    w: Float64[np.ndarray, "B m D"]
    destinations: Float64[np.ndarray, "B m D"]
    blow_up_times: Float64[np.ndarray, "B m"]
    perturbation: Float64[np.ndarray, "B"]
    spread: Float64[np.ndarray, "B m"]
    left_out: Float64[np.ndarray, "#B"] = field(default_factory=lambda: np.zeros(1))
    drift: Float64[np.ndarray, "#B #m"] = field(default_factory=lambda: np.zeros((1, 1)))
    begun: np.ndarray = field(default_factory=lambda: np.zeros(1))
    off: np.ndarray = field(default_factory=lambda: np.zeros(1))

    @property
    def u(self) -> Float64[np.ndarray, "B m D"]:
        """Orientations at the horizon (B, m, D)."""
        return unit(self.w)

    @property
    def neglected(self) -> float:
        """The share of the leading force that is left out at the horizon, in the worst network."""
        return float(np.max(np.maximum(self.perturbation**2 + self.left_out, self.off)))

    def amplitudes(self, order: int) -> Float64[np.ndarray, "B m"]:
        """|a| ‖w‖^p of each neuron at the horizon (B, m)."""
        return sizes(self.a) * np.linalg.norm(self.w, axis=-1) ** order


def sizes(
    a: Float64[np.ndarray, "B m"] | Float64[np.ndarray, "B m K"],
) -> Float64[np.ndarray, "B m"]:
    """|a| of output weights (B, m), ‖a‖ of (B, m, K)."""
    return np.abs(a) if a.ndim == 2 else np.linalg.norm(a, axis=-1)
