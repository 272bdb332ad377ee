"""One call from data and a network's description to everything theory says about it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.fields.smooth import SmoothField
from theory.flows.linear import LinearFlow
from theory.forms.moment_tensor import MomentTensor
from theory.formula.activation import Activation, activation
from theory.losses.loss import Loss, loss
from theory.orientations import OrientationSet, find_orientations
from theory.systems.smooth import smooth_system
from theory.systems.system import LeadingSystem


@dataclass(frozen=True)
class Prediction:
    """What theory says of a two-layer network on given data, started from small weights.

    `x` (n, D) holds the inputs, the bias column last; `signal` (n,) is s_i = -∂ℓ/∂f at zero output; `risk` is the
    mean loss and `curvature` the mean ∂²ℓ/∂f² there.  `order` m is the order of the moments that drive the flow: the
    multiplicity, unless all its moments vanish; `coefficient` is c_m.  `next_term` is (q, c_q), None for a monomial.
    """

    x: np.ndarray
    y: np.ndarray
    activation: Activation
    loss: Loss
    bias: bool
    signal: np.ndarray
    risk: float
    curvature: float
    order: int
    coefficient: float
    next_term: tuple[int, float] | None
    system: LeadingSystem
    field: SmoothField
    orientations: OrientationSet
    notes: tuple[str, ...]

    @property
    def linear(self) -> LinearFlow:
        """The closed form, for order 1."""
        if self.order != 1:
            raise TheoryError(f"the closed form needs order 1, these data have order {self.order}")
        return LinearFlow(
            g=self.field.tensor.gradient(np.zeros(self.x.shape[1])), coefficient=self.coefficient
        )

    def __repr__(self) -> str:
        n, dimension = self.x.shape
        after = "none" if self.next_term is None else f"{self.next_term[1]:.6g} z^{self.next_term[0]}"
        lines = [
            f"Prediction: σ = {self.activation.text}, loss {self.loss.name}, {n} samples, D = {dimension}"
            + (" (bias counted)" if self.bias else ""),
            f"  order {self.order}: σ leads with {self.coefficient:.6g} z^{self.order}, next term {after}; relative error "
            f"O(ε^{self.system.order})",
            *(f"  note: {note}" for note in self.notes),
            *(f"  {line}" for line in repr(self.orientations).splitlines()),
            "  print(prediction.system.text()): the derived flow and its hypotheses",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        text = html.escape(self.system.text())
        return f"<pre>{text}</pre><ul>{notes}</ul>{self.orientations._repr_html_()}"


def predict(
    x: np.ndarray,
    y: np.ndarray,
    sigma: str | Activation = "tanh",
    *,
    loss_function: str | Loss = "half-mse",
    bias: bool = True,
    max_paths: int = 20_000,
    seed: int = 0,
) -> Prediction:
    """Predict how a two-layer network condenses on data x (n, d), y (n,).

    The order of accuracy is that on these data: terms whose moments vanish there do not count.  Raises TheoryError
    where no theorem applies, naming the hypothesis that fails.  Cost: that of the enumeration of the orientations; see
    theory.orientations.
    """
    from theory.beyond.terms import on_these_data  # which is about predictions

    act = sigma if isinstance(sigma, Activation) else activation(sigma)
    ell = loss_function if isinstance(loss_function, Loss) else loss(loss_function)
    x, y = _inputs(x), np.asarray(y)
    if y.ndim != 1:
        raise TheoryError(f"y has shape {y.shape}: this prediction needs one output, y of shape (n,)")
    if len(x) != len(y):
        raise TheoryError(f"x has {len(x)} samples and y has {len(y)}; accepted: as many targets as samples")
    if bias:
        x = np.column_stack([x, np.ones(len(x))])
    exact = moving_signal(ell, y)
    driven = drive(act, x, exact)
    order, tensor = driven.order, driven.tensor
    system = smooth_system(act, order=order)
    taylor = act.taylor(order + 8)
    q = next((k for k in range(order + 1, len(taylor)) if taylor[k] != 0), None)
    coefficient = _as_float(taylor[order], order, act)
    plain = Prediction(
        x=x,
        y=y,
        activation=act,
        loss=ell,
        bias=bias,
        signal=np.array([float(s) for s in exact]),
        risk=float(np.mean(ell.value_at_zero(y))),
        curvature=float(np.mean(ell.curvature_at_zero(y))),
        order=order,
        coefficient=coefficient,
        next_term=None if q is None else (q, _as_float(taylor[q], q, act)),
        system=system,
        field=SmoothField(tensor, coefficient),
        orientations=find_orientations(tensor, bias=bias, max_paths=max_paths, seed=seed),
        notes=driven.notes,
    )
    return on_these_data(plain)


def _inputs(x: Any) -> np.ndarray:
    """Inputs as float64 (n, d); (n,) is one input dimension."""
    try:
        if np.iscomplexobj(x):
            raise TypeError
        x = np.asarray(x, dtype=float)
    except (TypeError, ValueError):
        raise TheoryError("x must hold real numbers, of shape (n, d) or (n,)") from None
    if x.ndim not in (1, 2) or x.size == 0:
        raise TheoryError(f"x has shape {x.shape}; accepted: (n, d) or (n,), not empty")
    return x[:, None] if x.ndim == 1 else x


def _as_float(value: Any, order: int, act: Activation) -> float:
    """A Taylor coefficient as binary64; TheoryError where its square, which risks need, would over- or underflow."""
    size = float(sympy.log(sympy.Abs(value), 10).evalf(15))
    if abs(size) > 150:
        raise TheoryError(
            f"σ = {act.text} has a coefficient of z^{order} of about 1e{size:+.0f}, which binary64 cannot work with; "
            "accepted: 1e-150 to 1e150; in other units of σ or of the data the theory is the same"
        )
    return float(value)


def moving_signal(ell: Loss, y: Any) -> np.ndarray:
    """The exact signal at zero output, (n,) or (n, K).  Raises TheoryError where it is 0 for every sample."""
    signal = ell.signal(np.asarray(y))
    if not any(signal.ravel()):
        raise TheoryError(
            f"the signal -∂ℓ/∂f of the loss {ell.name[:60]!r} is 0 at zero output for every sample: nothing moves at "
            "leading order and nothing is predicted; accepted: targets that the output 0 does not fit, or another loss"
        )
    return signal


def higher_order(act: Activation, order: int) -> list[str]:
    """The note where an order above the multiplicity drives the flow."""
    p = act.multiplicity
    return [] if order == p else [f"all moments of order {p} vanish: order {order} drives the flow"]


@dataclass(frozen=True)
class Drive:
    """What drives the flow: the order m of its moments, their tensor, and notes on the orders that do not count."""

    order: int
    tensor: MomentTensor
    notes: tuple[str, ...]


def drive(act: Activation, x: np.ndarray, s: np.ndarray) -> Drive:
    """The first order m with c_m T_m ≠ 0 and its moment tensor; x (n, D), s (n,) exact.

    Exactly 0, or no larger in any entry than the rounding of the data as written leaves open
    (theory.forms.data_rounding): the latter is named in `notes`.  With s (n, K), the first order at which one of the K
    tensors counts, and that tensor.
    Raises TheoryError where no moments of the orders that the theorem covers do.
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
                return Drive(m, tensor, (*levels, *higher_order(act, m)))
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


def driving_order(act: Activation, x: np.ndarray, s: np.ndarray) -> tuple[int, MomentTensor]:
    """The order and the tensor of `drive`."""
    found = drive(act, x, s)
    return found.order, found.tensor
