"""Theorem: what neurons with σ(0) ≠ 0 do once the mean is fitted, and when their one orientation splits into two.

Setting.     The offset system (theory.systems.offset) with one output; s0 = σ(0), f* the constant that fits best.
Statement.   1. Every a_j runs to the same ā = f*/(s0 m) at the rate ρ = s0² m mean(ℓ''), while w, which moves only as
                fast as a, sleeps.  From then on s0 mean(s) is the force that keeps mean(s) = 0.
             2. The signal is then s* = s(f*), and the orientations are the fixed ones of T* = mean(s* x^{⊗p}), not of the
                signal at zero output.  p = 1: ± g*, g* = mean(s* x), for half-mse mean((y - mean y) x), with no part in
                the bias coordinate.
             3. p = 1, ĝ = sign(c) g*/‖g*‖, γ = |c| ‖g*‖.  Write a_j = ā + α_j, w_j·ĝ = W + ω_j with Σ α = Σ ω = 0.  The
                force of the constant acts on the mean of a alone, so the common mode W' = γ ā grows linearly and the
                deviations α' = γ ω, ω' = γ α exponentially:
                    w_j·ĝ = ā γ (t - t0) + W0 + ω_j cosh γt + α_j sinh γt.
                All point along sign(ā) ĝ while the linear term leads.  Those with sign(ā)(α_j + ω_j) < 0 turn round, at
                the last zero; in the end half of them have.  For Gaussian weights of standard deviation ε the share
                Φ(-ζ) has turned when ζ (ε/√2) e^{γt} = |ā| γ (t - t0).
             4. A = ā (1 - e^{-ρt}) and c g·ĝ = γ + h e^{-ρt}, h = |c| (g0 - g*)·g*/‖g*‖ with g0 = mean(s x) at f = 0, make
                ∫ A c g·ĝ dt = ā γ (t - t0) up to e^{-ρt}, with t0 = 1/ρ - h/(2γρ); exact for a quadratic loss.
Hypotheses.  ε ≪ |ā|, ρ ≫ γ, and a small `loading` κ c² (m ā W + Σ α ω) ĝᵀ cov(x) ĝ/γ + |c ĝ·mean(x)| W/s0: the relative
             change of γ by the output that has grown beyond the mean, and of ā by the part of the mean that w takes over.
Limits.      In a narrow network the common mode fits the data before the deviations have grown: the loading is not small,
             the split comes later than the closed form says, or never.  `integrate_split` follows the offset system
             itself.  p ≥ 2: a keeps the sign of ā (|a| ≫ r, so r² - p a² < 0) and neurons go to the orientations that
             collect that sign; they do not split.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.fields.offset import OffsetField
from theory.flows.stepper import next_size, step
from theory.forms.moment_tensor import MomentTensor
from theory.formula.activation import Activation, activation
from theory.losses.loss import Loss, loss
from theory.losses.signal import fitted_output
from theory.orientations import Orientation, OrientationSet, find_orientations
from theory.systems.offset import offset_system
from theory.systems.system import LeadingSystem


@dataclass(frozen=True)
class Split:
    """When one orientation becomes two.

    `time` is the gradient-flow time at which the share `share` of the neurons points away from the others, inf if it
    was not reached; `turns` (m,) each neuron's own, inf for those that stay.  `loading` is the relative change of rate
    and amplitude by then: the closed form leaves it out and is good to about that; `integrated` tells which it was.
    """

    time: float
    share: float
    turns: np.ndarray
    loading: float
    integrated: bool


@dataclass(frozen=True)
class OffsetPrediction:
    """What theory says of a two-layer network with σ(0) ≠ 0 and one output, started from small weights.

    `x` (n, D) with the bias column; `fitted` is f*, `signal` (n,) is s*, `tensor` its moment tensor of order p, exact;
    `curvature` is mean ∂²ℓ/∂f² at f*.  `orientations` are those after the mean is fitted.  `system` and `field`
    are the offset system.
    """

    x: np.ndarray
    y: np.ndarray
    activation: Activation
    loss: Loss
    bias: bool
    fitted: float
    signal: np.ndarray
    curvature: float
    tensor: MomentTensor
    orientations: OrientationSet
    system: LeadingSystem | None
    field: OffsetField
    notes: tuple[str, ...]

    @property
    def order(self) -> int:
        """p, the multiplicity."""
        return self.tensor.order

    @property
    def coefficient(self) -> float:
        """c, of z^p."""
        return self.field.form.plus

    @property
    def rate(self) -> float:
        """γ = |c| ‖g*‖, in 1/time (p = 1)."""
        return float(abs(self.coefficient) * np.linalg.norm(self._moment()))

    @property
    def direction(self) -> np.ndarray:
        """sign(c f*/s0) g*/‖g*‖ (D,): where all neurons point before the split (p = 1); sign(c) g*/‖g*‖ if f* = 0."""
        return (1.0 if self.fitted * self.field.constant >= 0 else -1.0) * self._growing()

    @property
    def collected(self) -> tuple[Orientation, ...]:
        """The orientations that neurons with the common sign of a go to."""
        sign = np.sign(self.coefficient * self.fitted * self.field.constant)
        return tuple(o for o in self.orientations.orientations if o.neuron_sign == sign)

    def amplitude(self, width: int) -> float:
        """ā = f*/(s0 m), the output weight that every neuron has once the mean is fitted."""
        return self.fitted / (self.field.constant * width)

    def mean_rate(self, width: int) -> float:
        """ρ = s0² m mean(ℓ''), the rate in 1/time at which the mean is fitted."""
        return self.field.constant**2 * width * self.curvature

    def typical_split(self, width: int, scale: float, share: float = 0.1587) -> float:
        """The gradient-flow time at which `share` (< 1/2) of Gaussian neurons of standard deviation `scale` has turned.

        0 where ε is so large that the neurons never share one sign.
        """
        if not 0 < share < 0.5:
            raise TheoryError(
                f"share is {share!r}: at most half of the neurons turn; accepted: 0 < share < 0.5"
            )
        quantile = -NormalDist().inv_cdf(share)
        ratio = np.sqrt(2.0) * abs(self.amplitude(width)) / (quantile * scale)
        delay = self.rate * self._delay(width)
        # e^X = ratio (X - delay): the larger root, by its contracting iteration from above the tangent point.
        if ratio <= np.exp(1.0 + delay):
            return 0.0
        exponent = np.log(ratio) + 1.0
        for _ in range(200):
            exponent, last = np.log(ratio * (exponent - delay)), exponent
            if abs(exponent - last) <= 1e-14 * exponent:
                break
        return float(exponent / self.rate)

    def split(self, a0: np.ndarray, w0: np.ndarray, *, share: float | None = None) -> Split:
        """The split of these very neurons, a0 (m,), w0 (m, D), in closed form; `share` defaults to the first neuron.

        Cost: one pass over the weights and a bisection.
        """
        along, width = w0 @ self.direction, len(a0)
        amplitude, gamma, delay = abs(self.amplitude(width)), self.rate, self._delay(width)
        # In units in which the common sign is +.
        a = np.sign(self.fitted * self.field.constant or 1.0) * np.asarray(a0, dtype=float)
        alpha, omega, start = a - a.mean(), along - along.mean(), along.mean()
        growing, decaying = 0.5 * (omega + alpha), 0.5 * (omega - alpha)

        def position(t: np.ndarray) -> np.ndarray:
            mode = growing * np.exp(gamma * t) + decaying * np.exp(-gamma * t)
            return amplitude * gamma * (t - delay) + start + mode

        with np.errstate(divide="ignore"):
            peak = np.log(np.maximum(amplitude / np.where(growing < 0, -growing, np.inf), 1.0)) / gamma
        turns = np.where(growing < 0, 0.0, np.inf)
        # Beyond its top, where the exponential outweighs the line, the position falls for good.
        low, high = peak, peak + 1.0 / gamma
        some = (growing < 0) & (position(np.where(growing < 0, peak, 0.0)) > 0)
        while np.any(still := some & (position(np.where(some, high, 0.0)) > 0)):
            high = np.where(still, high + 1.0 / gamma, high)
        for _ in range(80):
            middle = np.where(some, 0.5 * (low + high), 0.0)
            ahead = position(middle) > 0
            low, high = np.where(ahead, middle, low), np.where(ahead, high, middle)
        turns = np.where(some, 0.5 * (low + high), turns)
        time, share = _reached(turns, share)
        deviations = float(alpha @ omega) if not np.isfinite(time) else _product(alpha, omega, gamma * time)
        common = 0.0 if not np.isfinite(time) else amplitude * gamma * time
        return Split(
            time, share, turns, self._loading(width * amplitude * common + deviations, common), False
        )

    def integrate_split(
        self,
        a0: np.ndarray,
        w0: np.ndarray,
        *,
        share: float | None = None,
        max_time: float | None = None,
        tolerance: float = 1e-6,
        max_steps: int = 100_000,
    ) -> Split:
        """The split of these very neurons from the offset system itself, integrated until `share` has turned.

        `max_time` defaults to twice the closed form's time.  `turns` holds the times up to the end, inf after it.
        Cost: seven evaluations of the field a step, about γ t + 2 ρ t steps of m n (D + 1) operations.  Raises
        TheoryError when the steps run out.
        """
        wanted = _reached(np.zeros(len(a0)), share)[1]
        if max_time is None:
            closed = self.split(a0, w0, share=share).time
            max_time = 2 * closed if np.isfinite(closed) and closed > 0 else 40.0 / self.rate
        width, dimension, goal = len(a0), w0.shape[1], self.direction
        unit = max(float(np.max(np.abs(a0))), float(np.max(np.abs(w0))))
        begin = 2.0 / self.mean_rate(width)  # before, signs are those of the draw

        def field(y: np.ndarray) -> np.ndarray:
            a_dot, w_dot = self.field(unit * y[0, :width], unit * y[0, width:].reshape(width, dimension))
            return np.concatenate([a_dot, w_dot.ravel()])[None] / unit

        y = np.concatenate([a0, np.ravel(w0)])[None] / unit
        h, time = np.array([0.1 / self.mean_rate(width)]), 0.0
        turns, place = np.full(width, np.inf), y[0, width:].reshape(width, dimension) @ goal
        together = (
            False  # have the signs of the draw been overcome: do fewer than `share` point the other way?
        )
        for _ in range(max_steps):
            h = np.minimum(h, max_time - time)
            new, error = step(field, y, h)
            if error[0] <= tolerance:
                here = new[0, width:].reshape(width, dimension) @ goal
                crossing = time + h[0] * place / np.where(place != here, place - here, 1.0)
                turns = np.where(here >= 0, np.inf, np.where(place >= 0, crossing, np.minimum(turns, time)))
                y, place, time = new, here, time + float(h[0])
                turned = np.mean(here < 0) >= wanted - 1e-12
                if time > begin and together and turned:
                    break
                together = together or (time > begin and not turned)
                if time >= max_time * (1 - 1e-14):
                    break
            h = next_size(h, error, tolerance)
        else:
            raise TheoryError(f"the split was not reached in {max_steps} steps; pass a larger max_steps")
        reached, share = _reached(turns, share)
        a, w = unit * y[0, :width], unit * y[0, width:].reshape(width, dimension)
        along = w @ goal
        loading = self._loading(abs(float(a @ along)), abs(float(along.mean())))
        return Split(reached, share, turns, loading, True)

    def _moment(self) -> np.ndarray:
        if self.order != 1:
            raise TheoryError(
                f"the split is a matter of multiplicity 1, this activation has {self.order}: its neurons keep the sign of a"
            )
        return self.tensor.gradient(np.zeros(self.x.shape[1]))

    def _growing(self) -> np.ndarray:
        g = self._moment()
        return np.sign(self.coefficient) * g / np.linalg.norm(g)

    def _delay(self, width: int) -> float:
        """t0, the start of the linear growth."""
        rho, g = self.mean_rate(width), self._moment()
        start = self.field.signal(np.zeros(len(self.y)), self.field.y) @ self.x / len(self.x)
        turn = abs(self.coefficient) * float((start - g) @ g) / float(np.linalg.norm(g))
        return 1.0 / rho - turn / (2 * self.rate * rho)

    def _loading(self, strength: float, common: float) -> float:
        """κ c² strength ĝᵀ cov(x) ĝ/γ + |c ĝ·mean(x)| common/|s0|, strength = |Σ a w·ĝ| and common = |W|."""
        along = self.x @ self._growing()
        weaker = self.curvature * self.coefficient**2 * strength * float(np.var(along)) / self.rate
        return weaker + abs(self.coefficient * float(along.mean()) * common / self.field.constant)


def _product(alpha: np.ndarray, omega: np.ndarray, exponent: float) -> float:
    """Σ α ω after the time exponent/γ."""
    cosh, sinh = np.cosh(exponent), np.sinh(exponent)
    return float((alpha * cosh + omega * sinh) @ (omega * cosh + alpha * sinh))


def _reached(turns: np.ndarray, share: float | None) -> tuple[float, float]:
    """The time by which the share (None: one neuron) has turned, and the share."""
    m = len(turns)
    share = 1.0 / m if share is None else float(share)
    if not 0 < share <= 1:
        raise TheoryError(f"share is {share!r}; accepted: 0 < share <= 1, or None for the first neuron")
    return float(np.sort(turns)[int(np.ceil(share * m - 1e-9)) - 1]), share


def offset_prediction(
    x: np.ndarray,
    y: np.ndarray,
    sigma: str | Activation = "sigmoid",
    *,
    loss_function: str | Loss = "half-mse",
    bias: bool = True,
    max_paths: int = 20_000,
    seed: int = 0,
) -> OffsetPrediction:
    """Predict how a two-layer network with σ(0) ≠ 0 condenses on data x (n, d), y (n,).

    Raises TheoryError for σ(0) = 0, a σ not smooth at 0, several outputs, a loss without a best constant, and a
    vanishing corrected moment tensor.  Cost: that of the enumeration of the orientations.
    """
    act = sigma if isinstance(sigma, Activation) else activation(sigma)
    ell = loss_function if isinstance(loss_function, Loss) else loss(loss_function)
    x, y = np.asarray(x, dtype=float), np.asarray(y)
    if act.value_at_zero == 0:
        raise TheoryError(
            f"activation {act.text!r} has σ(0) = 0: `predict` treats it; accepted here: σ(0) ≠ 0"
        )
    if not act.is_smooth:
        raise TheoryError(
            f"activation {act.text!r} is not smooth at 0: its offset system is derived, but its orientations are not "
            "those of a tensor; accepted: a smooth activation such as sigmoid"
        )
    if y.ndim != 1 or ell.name == "cross-entropy":
        raise TheoryError(
            f"y has shape {y.shape}, loss {ell.name}: this prediction needs one output, y of shape (n,)"
        )
    if bias:
        x = np.column_stack([x, np.ones(len(x))])
    field = OffsetField.of(act, ell, x, y)
    fit = fitted_output(ell, y)
    tensor = MomentTensor.from_data(x, fit.signal, act.multiplicity)
    if tensor.is_zero:
        raise TheoryError(
            f"once the mean is fitted, mean(s x^{act.multiplicity}) = 0: no orientation is preferred at the order of "
            f"{act.text!r}; accepted: other data, or another activation"
        )
    fitted = float(fit.value)
    notes = [f"the mean is fitted first, by the constant output {fitted:.6g}; the signal is that after it"]
    if fitted == 0:
        notes.append(
            "the data have their best constant at 0: no mean is fitted, the neurons split from the start"
        )
    try:
        system = offset_system(act)
    except TheoryError as exact:
        system = None
        notes.append(str(exact))
    return OffsetPrediction(
        x=x,
        y=field.y,
        activation=act,
        loss=ell,
        bias=bias,
        fitted=fitted,
        signal=np.array([float(sympy.Rational(int(s.p), int(s.q))) for s in fit.signal]),
        curvature=_mean_curvature(field, fitted),
        tensor=tensor,
        orientations=find_orientations(tensor, bias=bias, max_paths=max_paths, seed=seed),
        system=system,
        field=field,
        notes=tuple(notes),
    )


def _mean_curvature(field: OffsetField, output: float) -> float:
    """mean ∂²ℓ/∂f² at a constant output, by a central difference of the signal (relative error 1e-8)."""
    h = 1e-4 * max(1.0, abs(output))
    below, above = (np.mean(field.signal(np.full(len(field.y), output + d), field.y)) for d in (-h, h))
    return float(below - above) / (2 * h)
