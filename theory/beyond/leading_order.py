"""The leading order on given data: which moments drive smooth neurons, with which coefficient, and which term comes next.

Setting.     f = Σ_j a_j σ(w_j·x), σ = Σ_k c_k z^k smooth with σ(0) = 0, p its multiplicity, s the signal at zero output.
Statement.   The first order m ≥ p with c_m T_m ≠ 0, T_m = mean(s x^{⊗m}), drives the flow, for m ≤ 2p: the feedback of the
             output is of relative order ε^{2p+1-m}, and above that it couples the neurons at leading order.
Numbers.     T_m is exact.  It counts as 0 where it is, and where every entry is within the rounding of the data as written.
Source.      condense; for T_p ≠ 0 Zhou et al. 2022.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.linear import LinearFlow
from theory.forms.moment_tensor import MomentTensor
from theory.forms.taylor import FURTHER
from theory.formula.activation import Activation
from theory.problem import Problem


@dataclass(frozen=True)
class Drive:
    """What drives the flow: the order m of its moments, their tensor, and notes on the orders that do not count."""

    order: int
    tensor: MomentTensor
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LeadingOrder:
    """The leading order of a smooth σ on a problem's data, one output.

    `signal` (n,) is s at zero output; `order` m is that of the moments that drive the flow, `coefficient` c_m, `tensor`
    T_m; `next_term` (q, c_q) is the next term of σ, None for a monomial.  What a mutant changes is a field.
    """

    problem: Problem
    signal: np.ndarray
    order: int
    coefficient: float
    tensor: MomentTensor
    next_term: tuple[int, float] | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, problem: Problem) -> LeadingOrder:
        """Raises TheoryError where all moments that may drive the flow vanish."""
        sigma = problem.activation
        driven = drive(sigma, problem.x, problem.signal)
        m, taylor = driven.order, sigma.taylor(driven.order + FURTHER)
        q = next((k for k in range(m + 1, len(taylor)) if taylor[k] != 0), None)
        return cls(
            problem=problem,
            signal=np.array([float(s) for s in problem.signal]),
            order=m,
            coefficient=_as_float(taylor[m], m, sigma),
            tensor=driven.tensor,
            next_term=None if q is None else (q, _as_float(taylor[q], q, sigma)),
            notes=driven.notes,
        )

    def changed(self, **parts: Any) -> LeadingOrder:
        """With another `order`, `coefficient` or `signal`, and the moment tensor that belongs to them."""
        new = replace(self, **parts)
        return replace(new, tensor=MomentTensor.from_data(new.x, new.signal, new.order))

    @property
    def x(self) -> np.ndarray:
        """Inputs (n, D), the bias column last."""
        return self.problem.x

    @property
    def curvatures(self) -> np.ndarray:
        """∂²ℓ/∂f² (n,) at zero output."""
        return self.problem.curvature

    @property
    def curvature(self) -> float:
        """Their mean."""
        return float(np.mean(self.problem.curvature))

    @cached_property
    def field(self) -> SmoothField:
        """(a, w) -> (a', w'), with potential and invariant."""
        return SmoothField(self.tensor, self.coefficient)

    @property
    def linear(self) -> LinearFlow:
        """The closed form, for order 1."""
        if self.order != 1:
            raise TheoryError(f"the closed form needs order 1, these data have order {self.order}")
        return LinearFlow(
            g=self.tensor.gradient(np.zeros(self.problem.dimension)), coefficient=self.coefficient
        )

    @property
    def taylor_terms(self) -> list[tuple[int, float]]:
        """(q, c_q) of the Taylor terms above the leading order m, up to m + 8."""
        taylor = self.problem.activation.taylor(self.order + FURTHER)
        return [(q, float(taylor[q])) for q in range(self.order + 1, len(taylor)) if taylor[q] != 0]


def drive(act: Activation, x: np.ndarray, s: np.ndarray) -> Drive:
    """The first order m with c_m T_m ≠ 0 and its moment tensor; x (n, D), s (n,) exact.

    Exactly 0, or no larger in any entry than the rounding of the data as written leaves open
    (theory.orientations.result): the latter is named in `notes`.  With s (n, K), the first order at which one of the K
    tensors counts, and that tensor.  Raises TheoryError where no moments of the orders that the theorem covers do.
    """
    p = act.multiplicity
    taylor = act.taylor(2 * p)
    columns = s[:, None] if s.ndim == 1 else s
    levels: list[str] = []
    for m in range(p, 2 * p + 1):
        if taylor[m] == 0:
            continue
        noise: list[MomentTensor] = []
        for column in columns.T:
            tensor = MomentTensor.from_data(x, column, m)
            if tensor.within_rounding:
                noise.append(tensor)
            elif not tensor.is_zero:
                return Drive(m, tensor, (*levels, *_higher_order(act, m)))
        if noise:
            levels.append(_rounding_note(m, noise))
    raise TheoryError(
        f"all moments mean(s x^m) of the orders {p}..{2 * p} of {act.text!r} vanish on these data"
        + "".join(f" ({level})" for level in levels)
        + ": the output couples the neurons at leading order and no theorem here applies; another activation or other "
        "data would be accepted"
    )


def _rounding_note(order: int, noise: list[MomentTensor]) -> str:
    largest = max(abs(float(Fraction(int(c.p), int(c.q)))) for t in noise for c in t.coefficients)
    level = max(float(Fraction(int(c.p), int(c.q))) for t in noise for c in t.rounding.coefficients)  # type: ignore[union-attr]
    return (
        f"mean(s x^{order}) is within the rounding of the data: at most {largest:.1e}, where numbers correct to half a "
        f"unit in the last place leave up to {level:.1e} open; it counts as 0"
    )


def _higher_order(act: Activation, order: int) -> list[str]:
    """The note where an order above the multiplicity drives the flow."""
    p = act.multiplicity
    return [] if order == p else [f"all moments of order {p} vanish: order {order} drives the flow"]


def _as_float(value: Any, order: int, act: Activation) -> float:
    """A Taylor coefficient as binary64; TheoryError where its square, which risks need, would over- or underflow."""
    size = float(sympy.log(sympy.Abs(value), 10).evalf(15))
    if abs(size) > 150:
        raise TheoryError(
            f"σ = {act.text} has a coefficient of z^{order} of about 1e{size:+.0f}, which binary64 cannot work with; "
            "accepted: 1e-150 to 1e150; in other units of σ or of the data the theory is the same"
        )
    return float(value)
