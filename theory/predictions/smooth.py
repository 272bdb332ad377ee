"""The smooth regime: σ(0) = 0, one output, gradient descent with or without momentum, any multiplicity."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from theory.beyond.displacement import Displaced, displacement
from theory.beyond.leading_order import LeadingOrder
from theory.beyond.neglected import order_on_the_data
from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.linear import LinearFlow
from theory.forms.vectors import unit
from theory.orientations import OrientationSet, find_orientations
from theory.predictions.prediction import NEGLECTED, Expected, Prediction, Search
from theory.predictions.smooth_expected import expect, timed
from theory.problem import Network, Optimizer, Problem
from theory.systems import LeadingSystem
from theory.systems.smooth import smooth_system

# The fall of the loss that ends the initial stage, for orders above 1 and for order 1; chosen because what is neglected
# there, of the order of the fall, is a hundredth and a thousandth on ordinary data.
FIRST_FALL = (0.01, 0.001)
# The largest share of the fall that networks may have at the start; chosen because the rest, as much, is then the stage's.
BEGUN = 0.5
DECADES = 7  # of smaller falls that are tried; chosen because the last, 1e-9, is what training resolves


@dataclass(frozen=True, eq=False, repr=False)
class SmoothPrediction(Prediction):
    """What theory says of a smooth two-layer network with σ(0) = 0 and one output, started from small weights.

    `leading` has the order m of the moments that drive the flow, c_m, T_m and the next term; `derived` is the system, whose
    order of accuracy is that on these data: terms whose moments vanish there do not count.
    """

    leading: LeadingOrder
    derived: LeadingSystem
    remarks: tuple[str, ...]

    regime = "smooth"

    @classmethod
    def covers(cls, network: Network, several_outputs: bool, optimizer: Optimizer) -> bool:
        """One hidden layer, smooth, σ(0) = 0, one output, gradient descent with or without momentum."""
        sigma = network.layers[0]
        plain = sigma.is_smooth and sigma.value_at_zero == 0
        return network.depth == 1 and plain and not several_outputs and not optimizer.coordinatewise

    @classmethod
    def derive(cls, network: Network, several_outputs: bool = False) -> LeadingSystem:
        """See `theory.systems.smooth`."""
        return smooth_system(network.layers[0])

    @classmethod
    def of(cls, problem: Problem, search: Search) -> SmoothPrediction:
        """Raises TheoryError where the moments of all orders that the theorem covers vanish."""
        leading = LeadingOrder.of(problem)
        system = smooth_system(problem.activation, order=leading.order)
        next_term, terms, remarks = order_on_the_data(leading, system)
        return cls(
            problem=problem,
            search=search,
            leading=replace(leading, next_term=next_term),
            derived=system
            if terms is None
            else replace(system, order=min(terms.values()), order_terms=terms),
            remarks=(*leading.notes, *remarks),
        )

    def changed(self, **parts: Any) -> SmoothPrediction:
        """With another `order`, `coefficient` or `signal` in the leading order: a wrong theory, to be refuted."""
        return replace(self, leading=self.leading.changed(**parts))

    @property
    def equations(self) -> LeadingSystem:
        """The derived flow; its order is that on these data."""
        return self.derived

    @property
    def force(self) -> SmoothField:
        """(a, w) -> (a', w'), with potential and invariant."""
        return self.leading.field

    @cached_property
    def orientations(self) -> OrientationSet:
        """The fixed orientations of T = mean(s x^{⊗m}) with their kinds."""
        found = find_orientations(
            self.leading.tensor,
            bias=self.problem.network.bias,
            max_paths=self.search.max_paths,
            seed=self.search.seed,
        )
        return replace(found, notes=(*self.leading.notes, *found.notes))

    @property
    def notes(self) -> tuple[str, ...]:
        """On the order that drives the flow, and on terms that vanish on the data."""
        return self.remarks

    def expect(self, a0: np.ndarray, w0: np.ndarray, **how: Any) -> Expected:
        """B networks a0 (B, m), w0 (B, m, D) at the time when their risk has fallen by `fraction`."""
        return timed(self.leading, self._by_formula(a0, w0, **how), a0, w0, **how)

    def _by_formula(self, a0: np.ndarray, w0: np.ndarray, **how: Any) -> Expected:
        if self.problem.network.weight_decay:
            raise self.refused(
                "where its neurons are under weight decay", "no weight decay, or its order of accuracy"
            )
        return expect(self.leading, a0, w0, **how)

    def initial_stage(
        self, a0: np.ndarray, w0: np.ndarray, fraction: float | None = None
    ) -> tuple[float, Expected]:
        """The fall of the loss that ends the initial stage, and what is expected there; arguments as in `expect`.

        Without a wish: 0.1 % for order 1 and 1 % above, or the first tenth, hundredth, ... of that at which the forces
        beyond leading order are small enough for their first order to describe them.
        """
        if fraction is not None:
            return fraction, self.expect(a0, w0, fraction=fraction)
        first, refusal = FIRST_FALL[self.driving_order == 1], None
        for decade in range(DECADES):
            fraction = round(first * 10.0**-decade, 12)
            try:
                expected = self._by_formula(a0, w0, fraction=fraction)
            except TheoryError as error:
                refusal = refusal or error
                continue
            if expected.neglected <= NEGLECTED or decade == DECADES - 1:
                return fraction, timed(self.leading, expected, a0, w0, fraction)
        assert refusal is not None  # the last decade was refused, if it did not return
        raise refusal

    def displacement(
        self, a0: np.ndarray, w0: np.ndarray, times: np.ndarray, follow: np.ndarray
    ) -> Displaced:
        """How far the forces beyond leading order have carried each neuron (B, m) at the times (B,).

        `follow` (B, m): the neurons whose leading flow has not blown up by then.  Raises TheoryError where that cannot be
        followed.  See `theory.beyond.displacement`.
        """
        return displacement(self.leading, a0, w0, times, follow)

    def outside(self, expected: Expected, fraction: float) -> str | None:
        """Why the leading order does not describe the networks at this fall of the loss, with the remedy; None where it
        does: less than 10 % is neglected, and for order 1 the stage lasts 1/γ at least, so that the growing mode rules.
        For orders above 1 it is the blow-up that ends the stage.
        """
        fallen = f"{100 * fraction:g} %"
        if expected.neglected > NEGLECTED:
            return (
                f"when the loss has fallen by {fallen} the forces that the prediction leaves out are "
                f"{expected.neglected:.2g} of the leading one, above {NEGLECTED:g}: these data leave the initial "
                "stage earlier; a smaller --fraction, with a smaller --init-std, would be conclusive"
            )
        if self.driving_order > 1:
            share = float(np.max(np.abs(expected.begun)))
            if share <= BEGUN:
                return None
            return (
                f"at the start the loss differs from that of zero output by {share:.2g} of the fall by {fallen}: there is "
                "no initial stage; a larger --fraction or a smaller --init-std would give one"
            )
        lasting = float(np.min(expected.times)) * self.linear.rate
        if lasting >= 1:
            return None
        return (
            f"the loss has fallen by {fallen} after {lasting:.2g}/γ, before the growing mode rules: "
            "there is no initial stage; a smaller --init-std would give one"
        )

    @cached_property
    def clock_rate(self) -> float:
        """The rate of the leading flow at unit size, p |c| max |P|: a step of rescaled time is a share of the largest ρ."""
        if self.driving_order == 1:
            return self.linear.rate
        steepest = max((abs(o.value) for o in self.orientations.orientations), default=0.0)
        if steepest == 0:
            u = unit(np.random.default_rng(0).standard_normal((1000, self.problem.dimension)))
            steepest = float(np.max(np.linalg.norm(self.leading.tensor.gradient(u), axis=1)))
        return self.driving_order * abs(self.coefficient) * steepest

    @property
    def curvature(self) -> float:
        """The mean ∂²ℓ/∂f² at zero output."""
        return self.leading.curvature

    @property
    def signal(self) -> np.ndarray:
        """s (n,) = -∂ℓ/∂f at zero output."""
        return self.leading.signal

    @property
    def driving_order(self) -> int:
        """m, the order of the moments that drive the flow: the multiplicity, unless all its moments vanish."""
        return self.leading.order

    @property
    def coefficient(self) -> float:
        """c_m."""
        return self.leading.coefficient

    @property
    def next_term(self) -> tuple[int, float] | None:
        """(q, c_q), None for a monomial and where no further moments are left."""
        return self.leading.next_term

    @property
    def linear(self) -> LinearFlow:
        """The closed form, for order 1; raises TheoryError for others."""
        return self.leading.linear

    def __repr__(self) -> str:
        n, dimension = self.x.shape
        m = self.driving_order
        after = "none" if self.next_term is None else f"{self.next_term[1]:.6g} z^{self.next_term[0]}"
        lines = [
            f"Prediction: σ = {self.activation.text}, loss {self.loss.name}, {n} samples, D = {dimension}"
            + (" (bias counted)" if self.problem.network.bias else ""),
            f"  order {m}: σ leads with {self.coefficient:.6g} z^{m}, next term {after}; relative error O(ε^{self.order})",
            *(f"  note: {note}" for note in self.notes),
            *(f"  {line}" for line in repr(self.orientations).splitlines()),
            "  print(prediction.system.text()): the derived flow and its hypotheses",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        text = html.escape(self.system.text())
        return f"<pre>{text}</pre><ul>{notes}</ul>{self.orientations._repr_html_()}"
