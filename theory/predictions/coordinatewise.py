"""The coordinatewise regime: sign descent and Adam on one hidden layer, smooth, σ(0) = 0, one output.

The optimiser decides the orientation: it moves each weight by the sign of its gradient, not in proportion to it.  Theory
trains the leading order with the same rule, step for step (`theory.flows.leading_training`).  m = 1: every neuron ends on
± sign(c g)/√D, for sign descent and for Adam alike.  m ≥ 2: sign descent ends at maxima of |P| on the cube; of Adam nothing
is derived there.

Trapped neurons.  Under discrete sign descent a neuron whose a and c g·w come to 0 within the same step, a share of about
lr/std of them, jumps to and fro between the same two states for ever; theory's discrete training shows the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from theory.beyond.coordinatewise import GradientChange
from theory.beyond.leading_order import LeadingOrder
from theory.fields import SmoothField
from theory.flows.coordinatewise import PerturbedLinear, SignFlow
from theory.flows.leading_training import (
    AdamRule,
    Ascent,
    LeadingTraining,
    Rule,
    SignRule,
    leading_ascent,
    leading_training,
    power_output,
)
from theory.orientations.cube import sign_descent_orientations
from theory.orientations.result import OrientationSet
from theory.predictions.prediction import Expected, Prediction, Search, refusal
from theory.predictions.smooth import SmoothPrediction
from theory.problem import Network, Optimizer, Problem
from theory.systems import LeadingSystem
from theory.systems.smooth import smooth_system

# A neuron is trapped where it has moved by less than this share of the median one; chosen because the others have moved
# alike, one lr a step, and a trapped one by about a step.
_FREE = 0.5
_SMOOTH = "a smooth activation with σ(0) = 0"


@dataclass(frozen=True, kw_only=True)
class CoordinatewiseExpected(Expected):
    """B networks at the wanted fall under sign descent or Adam; a, w are those of `training`, at leading order.

    `changed` (B, D) is the relative change ρ_k of each entry of the leader's gradient by then; `tilt` (B,) by how many
    radians it may turn an aligned neuron, `clock` (B,) the relative uncertainty of `times`: theory.beyond.coordinatewise.
    """

    training: LeadingTraining
    changed: np.ndarray
    tilt: np.ndarray
    clock: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class CoordinatewisePrediction(Prediction):
    """What theory says of sign descent or Adam from small weights.  `leading` is the leading order whose gradient they see:
    a mutant's is another one."""

    leading: LeadingOrder

    regime = "coordinatewise"

    @classmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """Every network under such an optimiser; what is not derived is refused by `of`."""
        return optimizer.coordinatewise

    @classmethod
    def derive(cls, network: Network, several_outputs: bool = False) -> LeadingSystem:
        """The equations whose right-hand side is the ascent direction that the optimiser sees: those of gradient flow."""
        return smooth_system(network.layers[0])

    @classmethod
    def of(cls, problem: Problem, search: Search) -> CoordinatewisePrediction:
        """Raises TheoryError for σ(0) ≠ 0, a kink, several outputs, further layers, weight decay, vanishing moments."""
        _refuse(problem)
        return cls(problem, search, _gradient_flow(problem, search).leading)

    def changed(self, **parts: Any) -> CoordinatewisePrediction:
        """With another `order`, `coefficient` or `signal` in the leading order: a wrong theory, to be refuted."""
        return replace(self, leading=self.leading.changed(**parts))

    @cached_property
    def gradient_flow(self) -> SmoothPrediction:
        """What theory says of gradient flow on the same data."""
        return _gradient_flow(self.problem, self.search)

    @property
    def equations(self) -> LeadingSystem:
        """Those of gradient flow on these data: the optimiser sees their right-hand side."""
        return self.gradient_flow.equations

    @property
    def order(self) -> int:
        """Refused: an order of accuracy is one of gradient flow."""
        what = f"how fast training by {self.problem.optimizer.value} comes near to its leading order"
        raise self.refused(what, "optimizer gd or momentum")

    @property
    def driving_order(self) -> int:
        """m, the order of the moments that drive the neurons."""
        return self.leading.order

    @property
    def force(self) -> SmoothField:
        """(a, w) -> the ascent direction that the optimiser sees, before it takes signs."""
        return self.leading.field

    @cached_property
    def orientations(self) -> OrientationSet:
        """The orientations that collect neurons under sign descent, and for m = 1 under Adam."""
        found = sign_descent_orientations(
            self.leading.tensor, bias=self.problem.network.bias, seed=self.search.seed
        )
        if self.problem.optimizer is not Optimizer.ADAM:
            return found
        return replace(found, notes=(_adam_note(self.leading.order), *found.notes))

    @property
    def notes(self) -> tuple[str, ...]:
        """On the order that drives the neurons, and on terms that vanish on the data."""
        return self.gradient_flow.notes

    def expect(self, a0: np.ndarray, w0: np.ndarray, **how: Any) -> CoordinatewiseExpected:
        """B networks a0 (B, m), w0 (B, m, D) when their risk has fallen by `fraction`, stepped at the learning rate `lr`.

        Times are learning rate × steps.  Cost: one evaluation of the leading gradient a step.
        """
        return self._expect(a0, w0, **how)

    def _expect(
        self, a0: np.ndarray, w0: np.ndarray, *, fraction: float, lr: float
    ) -> CoordinatewiseExpected:
        leading, optimizer = self.leading, self.problem.optimizer
        trained = leading_training(
            self._ascent,
            power_output(leading.x, leading.coefficient, leading.order, leading.next_term),
            a0,
            w0,
            _rule(optimizer),
            lr=lr,
            s=leading.signal,
            risk=self.problem.risk,
            curvature=leading.curvatures,
            fraction=fraction,
        )
        change = GradientChange.of(leading, trained.a, trained.w)
        tilt = change.tilt(optimizer, leading.order, fraction)
        return CoordinatewiseExpected(
            times=trained.times,
            uncertainty=trained.times * change.along,
            a=trained.a,
            w=trained.w,
            destinations=self._destinations(trained.w, w0),
            blow_up_times=np.full(trained.a.shape, np.inf),
            perturbation=change.along,
            spread=np.broadcast_to(tilt[:, None], trained.a.shape),
            training=trained,
            changed=change.relative,
            tilt=tilt,
            clock=change.clock(leading.order, fraction, lr, trained.times),
        )

    @property
    def _ascent(self) -> Ascent:
        """For m = 1 with the first order of what lies beyond the leading one."""
        leading = self.leading
        if leading.order > 1:
            return leading_ascent(leading.field)
        return PerturbedLinear.of(
            leading.x, leading.signal, leading.coefficient, leading.curvatures, leading.next_term
        )

    def _destinations(self, w: np.ndarray, w0: np.ndarray) -> np.ndarray:
        """Where neurons w0 that came to w, both (B, m, D), are going: known for m = 1; 0 for trapped ones and above."""
        if self.leading.order > 1:
            return np.zeros_like(w)
        flow = SignFlow(self.leading.linear.g, self.leading.coefficient)
        # Adam's steps are not all of size lr: which sign wins is read from the leading-order training itself.
        moved = (w - w0) @ flow.direction
        free = np.abs(moved) > _FREE * np.median(np.abs(moved), axis=1, keepdims=True)
        return (np.sign(moved) * free)[..., None] * flow.direction

    def __repr__(self) -> str:
        n, dimension = self.leading.x.shape
        lines = [
            f"Prediction: σ = {self.problem.activation.text} under {self.problem.optimizer.value}, loss "
            f"{self.problem.loss.name}, {n} samples, D = {dimension}"
            + (" (bias counted)" if self.problem.network.bias else ""),
            f"  order {self.leading.order}: σ leads with {self.leading.coefficient:.6g} z^{self.leading.order}",
            *(f"  note: {note}" for note in self.notes),
            *(f"  {line}" for line in repr(self.orientations).splitlines()),
        ]
        return "\n".join(lines)


def _gradient_flow(problem: Problem, search: Search) -> SmoothPrediction:
    return SmoothPrediction.of(problem.with_optimizer(Optimizer.GRADIENT_DESCENT), search)


def _rule(optimizer: Optimizer) -> Rule:
    return AdamRule() if optimizer is Optimizer.ADAM else SignRule()


def _refuse(problem: Problem) -> None:
    """Refuse what the theorem does not cover; gradient descent is named where it covers the problem."""
    sigma, network = problem.activation, problem.network
    decayed = " under weight decay" if network.weight_decay else ""
    what = f"where {problem.optimizer.value} takes its neurons{decayed}"
    needed = []
    if sigma.value_at_zero != 0 or not sigma.is_smooth:
        needed.append(_SMOOTH)
    if problem.several_outputs:
        needed.append("one output")
    if network.depth > 1:
        needed.append("one hidden layer")
    if network.weight_decay:
        needed.append("no weight decay")
    if not needed:
        return
    further = all(each.is_smooth and each.value_at_zero == 0 for each in network.layers[1:])
    by_flow = len(needed) == 1 and (sigma.value_at_zero == 0 or sigma.is_smooth) and further
    raise refusal(problem, what, ("optimizer gd or momentum, or " if by_flow else "") + " and ".join(needed))


def _adam_note(order: int) -> str:
    if order == 1:
        return (
            "Adam's step is that of sign descent for p = 1, whatever it remembers, while every gradient entry is far above "
            "its epsilon"
        )
    return (
        "orientations of sign descent: for p ≥ 2 Adam's gradients change by orders of magnitude within its memory, and "
        "nothing is claimed of it"
    )
