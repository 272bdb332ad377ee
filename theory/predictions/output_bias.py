"""Networks with an output bias: it fits the mean first, and the neurons then follow the signal at the best constant.

Orientations are those of the regime that the network is in without the bias, on the centred loss (theory.losses.signal).
What neurons do from their start is followed with the bias (theory.beyond.output_bias): for p = 1 they move while it fits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from theory.beyond.output_bias import Followed, Pursuit
from theory.errors import TheoryError
from theory.fields.output_bias import OutputBiasField
from theory.forms.vectors import angle, unit
from theory.orientations import OrientationSet
from theory.predictions.one_sided import OneSidedPrediction
from theory.predictions.outputs import OutputsPrediction
from theory.predictions.prediction import NEGLECTED, Expected, Prediction, Search, hypotheses
from theory.predictions.smooth import FIRST_FALL, SmoothPrediction
from theory.problem import Network, Optimizer, Problem
from theory.systems import LeadingSystem
from theory.systems.output_bias import output_bias_system

# The regimes of the network without the bias: the first that covers it is taken.
INNER: tuple[type[Prediction], ...] = (SmoothPrediction, OneSidedPrediction, OutputsPrediction)
_NEWTON = (
    1.5  # of a Newton step, what it leaves at most and itself; chosen because its square is small where it is
)
_NAIVE = "naive: the signal at zero output, as if the output bias did not fit the mean first"


@dataclass(frozen=True, kw_only=True)
class OutputBiasExpected(Expected):
    """B networks when the risk has fallen below that at the best constant, or at given times.

    `path` has the leading system and all of theory's forces; `a`, `w` and `b` (B,) are those of the leading system,
    `spread` is how far all forces turn each neuron from there.
    """

    path: Followed

    @property
    def b(self) -> np.ndarray:
        """The output bias."""
        return self.path.b


@dataclass(frozen=True, eq=False, repr=False)
class OutputBiasPrediction(Prediction):
    """What theory says of a two-layer network with an output bias, started from small weights.

    `inner` is the prediction without the bias on the centred loss.  `assumed` stands in place of the derived `field`: a
    wrong theory, to be refuted.
    """

    inner: Prediction
    assumed: OutputBiasField | None = None

    regime = "output_bias"

    @classmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """Any network with an output bias: no other regime has one."""
        return network.output_bias

    @classmethod
    def of(cls, problem: Problem, search: Search) -> OutputBiasPrediction:
        """Raises TheoryError for coordinatewise optimisers, further layers, weight decay, σ(0) ≠ 0, a loss without a best
        constant, and data on which nothing moves once the mean is fitted."""
        network = problem.network
        if problem.optimizer.coordinatewise:
            raise TheoryError(
                f"{hypotheses(problem)}: an output bias takes steps of the size of all others there and does not fit the "
                "mean first; which orientation leads is not derived; accepted: --optimizer gd or momentum, or no output "
                "bias"
            )
        if network.depth > 1 or network.weight_decay:
            what = "further hidden layers" if network.depth > 1 else "weight decay"
            raise TheoryError(
                f"{hypotheses(problem)}: an output bias with {what} is not derived; accepted: one hidden layer, no "
                "weight decay"
            )
        if problem.activation.value_at_zero != 0:
            raise TheoryError(
                f"{hypotheses(problem)}: with σ(0) ≠ 0 the neurons fit the mean beside the output bias, which is not "
                "derived; accepted: no output bias, with the same orientations, or σ(0) = 0"
            )
        centred = problem.at_best_constant
        bare = centred.network
        regime = next(r for r in INNER if r.covers(bare, problem.several_outputs, problem.optimizer))
        return cls(problem, search, regime.of(centred, search))

    @classmethod
    def derive(cls, network: Network, several_outputs: bool = False) -> LeadingSystem:
        """See `theory.systems.output_bias`; raises TheoryError for what that does not cover."""
        if network.depth > 1 or several_outputs:
            names = ", ".join(sigma.text for sigma in network.layers)
            what = "further hidden layers" if network.depth > 1 else "several outputs"
            raise TheoryError(
                f"σ = {names}: no leading system is derived for an output bias with {what}; accepted: one hidden layer and "
                "one output"
            )
        return output_bias_system(network.layers[0])

    def changed(self, **parts: Any) -> OutputBiasPrediction:
        """With another `signal`, `form` or `y` in the leading field: a wrong theory, to be refuted."""
        return replace(self, assumed=replace(self.force, **parts))

    @property
    def followable(self) -> SmoothPrediction:
        """The regime without the bias, where neurons can be followed from their start; refuses others."""
        if not isinstance(self.inner, SmoothPrediction):
            raise self.refused(
                "what its neurons do from their start with an output bias",
                "its orientations, one output and a smooth activation, or no output bias",
            )
        if self.inner.driving_order != self.problem.activation.multiplicity:
            # The first term of σ drives nothing once the mean is fitted, and all before.
            first, drives = self.problem.activation.multiplicity, self.inner.driving_order
            raise TheoryError(
                f"{hypotheses(self.problem)}: once the mean is fitted the moments of order {first} vanish and those of "
                f"order {drives} drive the neurons; what these do from their start is not derived; accepted: other data, "
                "or no output bias"
            )
        return self.inner

    @property
    def force(self) -> OutputBiasField:
        """(b, a, w) -> (b', a', w') of networks, whose neurons the output couples."""
        _ = self.followable
        return self.assumed or OutputBiasField.of(self.problem)

    @property
    def orientations(self) -> OrientationSet:
        """The fixed orientations of the signal that is left once the bias has fitted the mean."""
        found = self.inner.orientations
        return replace(found, notes=tuple(dict.fromkeys((self._said, *found.notes))))

    @cached_property
    def naive_orientations(self) -> OrientationSet:
        """Those of the signal at zero output, as the source paper has them; their notes say so."""
        bare = replace(self.problem, network=replace(self.problem.network, output_bias=False))
        found = type(self.inner).of(bare, self.search).orientations
        return replace(found, notes=(_NAIVE, *found.notes))

    @property
    def _said(self) -> str:
        constants = np.atleast_1d(self.problem.at_best_constant.loss.constant)  # type: ignore[attr-defined]
        shown = ", ".join(f"{c:.6g}" for c in constants[:8]) + (", ..." if len(constants) > 8 else "")
        return f"the output bias fits the mean first, by the constant output {shown}; the signal is that after it"

    @property
    def notes(self) -> tuple[str, ...]:
        """On the fit of the mean, and what the regime without the bias says."""
        return (self._said, *self.inner.notes)

    @property
    def fitted(self) -> float:
        """f*, the constant output that fits the data best; one output."""
        return float(self.problem.at_best_constant.loss.constant)  # type: ignore[attr-defined]

    @property
    def fitted_risk(self) -> float:
        """The mean loss at the best constant, of which a fraction is to fall."""
        return self.inner.risk

    @property
    def mean_rate(self) -> float:
        """κ, the rate in 1/time at which the bias fits the mean: the larger of mean ∂²ℓ/∂f² at 0 and at f*."""
        ends = (self.problem.curvature, self.problem.at_best_constant.curvature)
        return max(float(np.mean(each)) for each in ends)

    @property
    def natural_time(self) -> float:
        """A time in which the bias has gone most of its way and neurons of order 1 have not grown by more than e."""
        inner = self.followable
        return 1.0 / (self.mean_rate + (inner.linear.rate if inner.driving_order == 1 else 0.0))

    @property
    def driving_order(self) -> int:
        """The order of the moments that drive the neurons once the mean is fitted."""
        return self.followable.driving_order

    def growth_rate(self, expected: Expected) -> float:
        """The rate at which the largest neurons grow at the end of the initial stage."""
        inner = self.followable
        size = float(np.max(np.hypot(expected.a, np.linalg.norm(expected.w, axis=-1))))
        return inner.clock_rate * size ** (inner.driving_order - 1)

    def expect(self, a0: np.ndarray, w0: np.ndarray, **how: Any) -> OutputBiasExpected:
        """B networks b0 (B,), a0 (B, m), w0 (B, m, D) when their risk has fallen by `fraction` below that at the best
        constant; or at gradient-flow times `times` (B,)."""
        pursuit = self.pursuit(how["b0"], a0, w0, how.get("fraction", 0.01))
        if how.get("times") is None:
            return self._expected(pursuit.until())
        after = how.get("after")
        return self._expected(pursuit.at(how["times"], None if after is None else after.path.before))

    def pursuit(self, b0: np.ndarray, a0: np.ndarray, w0: np.ndarray, fraction: float) -> Pursuit:
        """What follows B networks b0 (B,), a0 (B, m), w0 (B, m, D), on the leading system and beside it."""
        return Pursuit(self.problem, self.force, self.fitted_risk, fraction, b0, a0, w0)

    def initial_stage(
        self, b0: np.ndarray, a0: np.ndarray, w0: np.ndarray, fraction: float | None = None
    ) -> tuple[float, OutputBiasExpected]:
        """The fall that ends the initial stage, in units of the risk at the best constant, and what is expected there.

        Without a wish: 0.1 % for order 1 and 1 % above, as without the bias.
        """
        if not self.fitted_risk > 0:
            raise TheoryError(
                "the best constant fits the data without any loss: nothing is left to the neurons; accepted: other targets"
            )
        fall = fraction or FIRST_FALL[self.driving_order == 1]
        return fall, self.expect(a0, w0, b0=b0, fraction=fall)

    def _expected(self, path: Followed) -> OutputBiasExpected:
        inner = self.followable
        spread = angle(unit(path.w), unit(path.whole_w))
        u, listed = unit(path.w), inner.orientations.attractors
        goals = np.zeros_like(u)
        if inner.driving_order == 1:
            goals = inner.linear.signs(path.a, path.w)[..., None] * inner.linear.direction
        elif listed:
            targets = np.array([o.u for o in listed])
            signs = np.array([o.neuron_sign or 0 for o in listed])
            # The nearest that collects neurons of this sign: the leaders are near it, and the others are not looked at.
            cosines = np.where(signs == np.sign(path.a)[..., None], u @ targets.T, -2.0)
            goals = targets[np.argmax(cosines, axis=-1)]
        return OutputBiasExpected(
            times=path.times,
            uncertainty=_NEWTON * np.abs(path.late),
            a=path.a,
            w=path.w,
            destinations=goals,
            blow_up_times=np.full(path.a.shape, np.inf),
            perturbation=np.zeros(len(path.a)),
            spread=spread,
            left_out=path.left_out,
            path=path,
        )

    def outside(self, expected: OutputBiasExpected, fraction: float) -> str | None:
        """Why the leading system does not describe the networks at the end of the stage, with the remedy."""
        fallen = f"{100 * fraction:g} %"
        inner = self.followable
        if expected.neglected > NEGLECTED:
            return (
                f"when the loss has fallen by {fallen} of what the mean leaves, the further Taylor terms have moved the "
                f"neurons by {expected.neglected:.2g} of their size, above {NEGLECTED:g}; a smaller --fraction, with a "
                "smaller --init-std, would be conclusive"
            )
        lasting = float(np.min(expected.times)) * inner.clock_rate
        if inner.driving_order == 1 and lasting < 1:
            return (
                f"the loss has fallen by {fallen} of what the mean leaves after {lasting:.2g}/γ, before the growing mode "
                "rules: there is no initial stage; a smaller --init-std would give one"
            )
        return None

    def __repr__(self) -> str:
        inner = repr(self.inner).splitlines()
        return "\n".join([f"{inner[0]}, an output bias", f"  note: {self._said}", *inner[1:]])
