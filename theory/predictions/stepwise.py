"""What the regimes share in which the leading order is followed step for step: multiplicity 1, neurons that decouple.

Setting.     σ(0) = 0 under gradient descent, one-sided (`one_sided`) or with K outputs (`outputs`).  No closed form has the
             horizon: theory trains the leading order with the same discrete steps from the same weights; where neurons go
             in the end is told by the leading flow itself.
Statement.   What is left out of a neuron's motion is the share of the forces beyond the leading ones at the end
             (theory.beyond.stepwise): it grows as e^{2γt} at most, so over the last 1/2γ, against a turn that takes 1/γ.
Source.      condense; Maennel, Bousquet, Gelly 2018 for ReLU.
"""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from theory.beyond.stepwise import GrownNetwork, exponent
from theory.errors import TheoryError
from theory.fields.one_sided import OneSidedField
from theory.flows.leading_training import MAX_STEPS, GradientRule, LeadingTraining, leading_training
from theory.forms.vectors import angle, nearest, unit
from theory.losses.signal import signal_function
from theory.predictions.prediction import NEGLECTED, Expected, Prediction, Search
from theory.problem import Problem

FRACTION = (
    0.001  # the fall of the loss that ends the initial stage; chosen as for a smooth σ of multiplicity 1
)
DECADES = 4  # a tenth, hundredth, ... of it where that is too much; chosen because weights are ε = 1e-5 or so
PATH_EVERY = (
    20  # steps; chosen because a figure then has as many states as the training that it is drawn beside
)
DRAWS = 16  # of the directions in which a start may be off; chosen because 15 of 16 find a boundary that is half around
# rad, between an end in binary64 and the orientation that it is; chosen far above their errors: kinks are met with 1e-14,
# ends are known to 1e-13 or so.
SAME = 1e-5
# rad: neurons are counted as one orientation at cosine 0.95, 0.32 rad; chosen because what turns by a third of it is
# counted alike.
UNTOLD = 0.1


@dataclass(frozen=True, kw_only=True)
class StepwiseExpected(Expected):
    """B networks after leading-order training by the same steps, to a fall of the loss by `fraction`.

    `leading` is that training at the learning rate, `leading_half` at half of it; `rate` γ is the largest growth rate,
    `growth` (B,) the rate at which the fall of the risk grows at the end, `fall_error` (B,) how far the counted fall is
    from the real one, relative to it; what is left out grows as e^{`exponent` γ t}.  `signal_change` is the root mean
    square over networks of what the output changes of the signal by the end, (n,) or (n, K).  `to_saddles` (B, m) are the
    neurons that flow into a saddle, which not all around it flows into; `untold` (B, m) are these and those that such a
    change of the signal, had it been there from the start, would turn: near a kink that the force hardly crosses.
    """

    fraction: float
    rate: float
    leading: LeadingTraining
    leading_half: LeadingTraining
    growth: np.ndarray
    fall_error: np.ndarray
    exponent: int
    signal_change: np.ndarray
    to_saddles: np.ndarray
    untold: np.ndarray

    @property
    def neglected(self) -> float:
        """The share of a neuron's motion that is left out, in the worst network."""
        return float(np.max(self.perturbation))

    @property
    def untold_share(self) -> np.ndarray:
        """The share of the amplitude of each network (B,) of the neurons of which is not told where they are."""
        weights = self.amplitudes(1)
        return np.sum(np.where(self.untold, weights, 0.0), axis=1) / np.sum(weights, axis=1)

    def lateness(self, stride: np.ndarray, untold: np.ndarray | float = 0.0) -> np.ndarray:
        """How far the time of the fall may be off, in units of 1/2γ (B,), with steps of `stride` (B,) in those units.

        `untold` (B,) is the share of the fall by neurons of which is not told where they go: it may be there or not.

        A sum over steps of h exceeds the integral by 2γh at most, and the fall, an exponential, is interpolated linearly
        within a step on either side: wrong by (2γh)²/8 at most.  The fall grows at the rate of those that carry it, which
        need not be the fastest.
        """
        size = self.perturbation
        share = (2 * size / self.exponent + self.fall_error) * (1 + size + stride) + stride**2 / 4
        return (share + untold) * 2 * self.rate / self.growth


@dataclass(frozen=True, eq=False)
class StepwisePrediction(Prediction):
    """A problem whose leading order is followed step for step."""

    regime = "stepwise"

    @classmethod
    def of(cls, problem: Problem, search: Search) -> StepwisePrediction:
        """Raises TheoryError for a signal that is 0 for every sample."""
        _ = problem.signal
        return cls(problem=problem, search=search)

    @property
    def notes(self) -> tuple[str, ...]:
        """None beside those of the orientations."""
        return ()

    @property
    @abstractmethod
    def rate(self) -> float:
        """γ, the largest growth rate of a neuron; raises TheoryError where none grows."""

    @abstractmethod
    def ends(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """The unit vectors (N, D) to which neurons a (N,) or (N, K), w (N, D) go, 0 where they do not grow."""

    @abstractmethod
    def vanish(self, a: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Which neurons (N,) come to w = 0 in finite time, where all cells meet, or to another point where the flow is not
        unique: the last step decides how they go on."""

    @cached_property
    def signal(self) -> np.ndarray:
        """s at zero output as numbers, (n,) or (n, K)."""
        return self.problem.signal.astype(float)

    def signal_at(self, output: np.ndarray) -> np.ndarray:
        """The signal at any output, both (n,) or (n, K)."""
        return signal_function(self.problem.loss)(output, self.problem.y)

    @property
    def curvature(self) -> float | np.ndarray:
        """∂²ℓ/∂f² at zero output, one a sample; with several outputs their mean: softmax couples the outputs, and the mean
        stands for a matrix, as the size of what is left out."""
        bends = self.problem.curvature
        return float(np.mean(bends)) if self.problem.several_outputs else bends

    @cached_property
    def stepped(self) -> OneSidedField:
        """The leading order as sums over the samples, which is what is stepped, for one output or K."""
        return OneSidedField.of(self.problem.activation, self.problem.x, self.signal)

    @property
    def listed(self) -> np.ndarray:
        """The growing orientations (A, D)."""
        return np.array([o.u for o in self.orientations.attractors]).reshape(-1, self.problem.dimension)

    def expect(self, a0: np.ndarray, w0: np.ndarray, **how: Any) -> StepwiseExpected:
        """B networks a0 (B, m) or (B, m, K), w0 (B, m, D) at the fall of the loss that ends the initial stage.

        `lr` and `momentum` are those of the steps; `fraction` None: 0.1 %, or the first tenth, hundredth, ... of it at
        which the leading order still leads.  Raises TheoryError for a multiplicity above 1, for weight decay, and where the
        leading order does not lower the risk so far.  Cost: one evaluation of the field a step, up to six trainings.
        """
        self.require_linear()
        if self.problem.network.weight_decay:
            raise self.refused("where its neurons go under weight decay", "no weight decay")
        return self._expect(a0, w0, **how)

    def require_linear(self) -> None:
        """Raises TheoryError where neurons do not grow as exponentials: there is no growth rate and no horizon."""
        p = self.problem.activation.multiplicity
        if p != 1:
            raise self.refused(
                f"where its neurons of multiplicity {p} are at the end of the initial stage",
                "multiplicity 1, such as relu or tanh; `condense orientations` and `condense order` treat this one",
            )

    def _expect(
        self,
        a0: np.ndarray,
        w0: np.ndarray,
        *,
        lr: float,
        fraction: float | None = None,
        momentum: float = 0.0,
    ) -> StepwiseExpected:
        memory = 1 / (1 - momentum)
        wanted = [fraction] if fraction else [round(FRACTION * 10.0**-k, 12) for k in range(DECADES)]
        found, grown = None, []
        for each in wanted:
            fraction = each
            found = self.follow(a0, w0, lr=lr, fraction=each, momentum=momentum)
            if not found.reached.all():
                continue
            grown = [self._grown(*network) for network in zip(found.a, found.w, strict=True)]
            if max(network.perturbation for network in grown) <= NEGLECTED:
                break
        if found is None or fraction is None or not found.reached.all():
            raise TheoryError(
                f"the leading order does not lower the risk by the fraction {fraction:g}: a smaller --fraction, or data "
                "whose first moments are larger, would be accepted"
            )
        perturbation = np.array([network.perturbation for network in grown])
        flat = self.ends(a0.reshape(-1, *a0.shape[2:]), w0.reshape(-1, w0.shape[-1]))
        goals, to_saddles = flat.reshape(w0.shape), self.ends_open(flat).reshape(w0.shape[:2])
        how = {"lr": lr, "fraction": fraction, "momentum": momentum}
        turned = np.array(
            [
                self._turned(a0[[b]], w0[[b]], found.w[b], network.signal_change, float(found.times[b]), how)
                for b, network in enumerate(grown)
            ]
        )
        return StepwiseExpected(
            times=memory * found.times,
            uncertainty=perturbation / self.rate,
            a=found.a,
            w=found.w,
            destinations=goals,
            blow_up_times=np.full(w0.shape[:2], np.inf),
            perturbation=perturbation,
            spread=np.broadcast_to(perturbation[:, None], w0.shape[:2]),
            fraction=fraction,
            rate=self.rate,
            leading=found,
            leading_half=self.follow(a0, w0, lr=lr / 2, fraction=fraction, momentum=momentum),
            growth=np.array([network.growth for network in grown]),
            fall_error=np.array([network.fall_error for network in grown]),
            exponent=exponent(self.problem.activation),
            signal_change=np.sqrt(np.mean([network.signal_change**2 for network in grown], axis=0)),
            to_saddles=to_saddles,
            untold=to_saddles | (turned > UNTOLD),
        )

    def outside(self, expected: StepwiseExpected) -> str | None:
        """Why the leading order does not describe networks at the end, with the remedy; None where it does."""
        if expected.neglected <= NEGLECTED:
            return None
        return (
            f"when the loss has fallen by {100 * expected.fraction:g} % the forces beyond leading order are "
            f"{expected.neglected:.2g} of the leading one, above {NEGLECTED:g}: these data leave the initial stage "
            "earlier; a smaller --fraction, with a smaller --init-std, would be conclusive"
        )

    def follow(
        self,
        a0: np.ndarray,
        w0: np.ndarray,
        *,
        lr: float,
        fraction: float,
        momentum: float = 0.0,
        max_steps: int = MAX_STEPS,
    ) -> LeadingTraining:
        """Leading-order training of B networks at a learning rate to a fall of the loss by `fraction`."""
        field = self.stepped

        def ascent(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            on_a, on_w = field(a.reshape(-1, *a.shape[2:]), w.reshape(-1, w.shape[-1]))
            return on_a.reshape(a.shape), on_w.reshape(w.shape)

        def output(a: np.ndarray, w: np.ndarray) -> np.ndarray:
            return field.form.value(field.x @ w.T) @ a

        # A quadratic loss that cannot fall so far lets the leading order run away: it then does not reach the fall.
        with np.errstate(over="ignore", invalid="ignore"):
            return leading_training(
                ascent,
                output,
                a0,
                w0,
                GradientRule(momentum),
                lr=lr,
                s=self.signal,
                risk=self.problem.risk,
                curvature=self.curvature,
                fraction=fraction,
                max_steps=max_steps,
                every=PATH_EVERY,
            )

    def _turned(
        self,
        a0: np.ndarray,
        w0: np.ndarray,
        w: np.ndarray,
        change: np.ndarray,
        time: float,
        how: dict[str, float],
    ) -> np.ndarray:
        """By how much (m,) the neurons w (m, D) of one network are turned where the signal has changed, either way, from
        the start on by what it has changed by at the end."""
        steps = 2 * int(np.ceil(time / how["lr"]))  # it grows by a tenth faster or slower
        there = (
            self.with_signal(self.signal + sign * change).follow(a0, w0, **how, max_steps=steps).w[0]
            for sign in (1, -1)
        )
        return np.max([angle(unit(other), unit(w)) for other in there], axis=0)

    def _grown(self, a: np.ndarray, w: np.ndarray) -> GrownNetwork:
        return GrownNetwork(self.problem.activation, self.stepped, self.signal_at, self.curvature, a, w)

    def near_boundary(
        self, a0: np.ndarray, w0: np.ndarray, expected: StepwiseExpected, generator: np.random.Generator
    ) -> np.ndarray:
        """Which neurons (N,) a change of their weights, or of the signal, by what is left out may send elsewhere; those
        that vanish, or that end where a step aside leads away, are among them."""
        if not len(w0):
            return np.zeros(0, dtype=bool)
        goals = self.ends(a0, w0)
        out = self.vanish(a0, w0) | self.ends_open(goals)
        for _ in range(DRAWS):
            moved = w0 + expected.neglected * np.linalg.norm(w0, axis=1, keepdims=True) * unit(
                generator.standard_normal(w0.shape)
            )
            out |= self._class_of(self.ends(a0, moved)) != self._class_of(goals)
        # The signal decides on a kink that the force hardly crosses.
        for _ in range(DRAWS):
            change = expected.signal_change * generator.standard_normal(self.signal.shape)
            ends = self.with_signal(self.signal + change).ends(a0, w0)
            # The orientations move with the signal.
            out |= self._nearest_of(ends) != self._nearest_of(goals)
        return out

    def with_signal(self, signal: np.ndarray) -> StepwisePrediction:
        """The same with another signal at zero output, shaped as it is: for its flow, not for its orientations."""
        new = copy(self)
        for name in ("form", "modes", "stepped"):
            vars(new).pop(name, None)
        vars(new)["signal"] = signal
        return new

    def _nearest_of(self, u: np.ndarray) -> np.ndarray:
        return np.where(np.any(u != 0, axis=1), nearest(u, self.listed, np.pi), len(self.listed))

    def ends_open(self, goals: np.ndarray) -> np.ndarray:
        """Which of the ends (N, D) do not attract all around them: saddles into which an open set of neurons flows."""
        return np.zeros(len(goals), dtype=bool)

    def _class_of(self, u: np.ndarray) -> np.ndarray:
        return nearest(u, self.listed, SAME)

    def changed(self, **parts: Any) -> StepwisePrediction:
        """With another `problem` or `search`: a wrong theory, to be refuted."""
        return replace(self, **parts)
