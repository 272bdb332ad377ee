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
             the split comes later than the closed form says, or never.  `theory.flows.offset` follows the offset system
             itself.  p ≥ 2: a keeps the sign of ā (|a| ≫ r, so r² - p a² < 0) and neurons go to the orientations that
             collect that sign; they do not split.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import sympy

from theory.errors import TheoryError
from theory.fields.offset import OffsetField
from theory.forms.data_rounding import is_rounded
from theory.forms.moment_tensor import MomentTensor
from theory.losses.signal import fitted_output
from theory.problem import Problem

# Shares of the neurons whose turn is called the time of the split.  Both are Φ(-1), one standard deviation of Gaussian
# weights: chosen because the first neuron's turn hangs on the tail of the draw.
TYPICAL_SHARE = 0.1587
SHARE = 0.16

# ∂s/∂y of the losses whose signal is exact and carries the rounding of y; derived from s = y - f and s = 2 (y - f).
_SLOPES = {"half-mse": 1.0, "mse": 2.0}
_BISECTIONS = 80  # chosen because a bracket of 1/γ is then below the last bit of a time
_CONTRACTIONS = (
    200  # of the iteration for the typical time; chosen because it converges by the factor 1/γt or faster
)
_CONVERGED = 1e-14  # relative; chosen because it is a few roundings
_SHIFT = 1e-4  # of the output, for the central difference; chosen because its error is 1e-8 of ∂²ℓ/∂f²


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


@dataclass(frozen=True, eq=False)
class MeanFit:
    """The network once its mean is fitted: one output, σ smooth at 0.

    `field` is the offset system; `fitted` is f*, `signal` (n,) is s*, `tensor` its moment tensor of order p, exact;
    `curvature` is mean ∂²ℓ/∂f² at f*.  What a mutant changes is a field.
    """

    problem: Problem
    field: OffsetField
    fitted: float
    signal: np.ndarray
    curvature: float
    tensor: MomentTensor

    @classmethod
    def of(cls, problem: Problem, field: OffsetField) -> MeanFit:
        """Raises TheoryError for a loss without a best constant, and where the moments that are left are 0 or no larger
        than the rounding of the data as written.  Cost: linear in n."""
        x, act = problem.x, problem.activation
        fit = fitted_output(problem.loss, problem.y)
        tensor = MomentTensor.from_data(x, fit.signal, act.multiplicity)
        if problem.loss.name in _SLOPES:
            tensor = _rounded_as_targets(tensor, problem.y, _SLOPES[problem.loss.name])
        if tensor.is_zero or tensor.within_rounding:
            size = "= 0" if tensor.is_zero else "is within the rounding of the data and may be 0"
            raise TheoryError(
                f"once the mean is fitted, mean(s x^{act.multiplicity}) {size}: no orientation is preferred at the order "
                f"of {act.text!r}; accepted: other data, or another activation"
            )
        fitted = float(fit.value)
        return cls(
            problem=problem,
            field=field,
            fitted=fitted,
            signal=np.array([float(sympy.Rational(int(s.p), int(s.q))) for s in fit.signal]),
            curvature=_mean_curvature(field, fitted),
            tensor=tensor,
        )

    @property
    def x(self) -> np.ndarray:
        """Inputs (n, D), the bias column last."""
        return self.problem.x

    @property
    def order(self) -> int:
        """p, the multiplicity: the order of the moments that drive the neurons."""
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
    def start_moment(self) -> np.ndarray:
        """g0 = mean(s x) at zero output (D,): the orientation of a theory that knows nothing of the fit of the mean."""
        return self.field.signal(np.zeros(len(self.x)), self.field.y) @ self.x / len(self.x)

    def amplitude(self, width: int) -> float:
        """ā = f*/(s0 m), the output weight that every neuron has once the mean is fitted."""
        return self.fitted / (self.field.constant * width)

    def mean_rate(self, width: int) -> float:
        """ρ = s0² m mean(ℓ''), the rate in 1/time at which the mean is fitted."""
        return self.field.constant**2 * width * self.curvature

    def delay(self, width: int) -> float:
        """t0, the start of the linear growth."""
        rho, g = self.mean_rate(width), self._moment()
        turn = abs(self.coefficient) * float((self.start_moment - g) @ g) / float(np.linalg.norm(g))
        return 1.0 / rho - turn / (2 * self.rate * rho)

    def loading(self, strength: float, common: float) -> float:
        """κ c² strength ĝᵀ cov(x) ĝ/γ + |c ĝ·mean(x)| common/|s0|, strength = |Σ a w·ĝ| and common = |W|."""
        along = self.x @ self._growing()
        weaker = self.curvature * self.coefficient**2 * strength * float(np.var(along)) / self.rate
        return weaker + abs(self.coefficient * float(along.mean()) * common / self.field.constant)

    def typical_split(self, width: int, scale: float, share: float = TYPICAL_SHARE) -> float:
        """The gradient-flow time at which `share` (< 1/2) of Gaussian neurons of standard deviation `scale` has turned.

        0 where ε is so large that the neurons never share one sign.
        """
        if not 0 < share < 0.5:
            raise TheoryError(
                f"share is {share!r}: at most half of the neurons turn; accepted: 0 < share < 0.5"
            )
        quantile = -NormalDist().inv_cdf(share)
        ratio = np.sqrt(2.0) * abs(self.amplitude(width)) / (quantile * scale)
        delay = self.rate * self.delay(width)
        # e^X = ratio (X - delay): the larger root, by its contracting iteration from above the tangent point.
        if ratio <= np.exp(1.0 + delay):
            return 0.0
        exponent = np.log(ratio) + 1.0
        for _ in range(_CONTRACTIONS):
            exponent, last = np.log(ratio * (exponent - delay)), exponent
            if abs(exponent - last) <= _CONVERGED * exponent:
                break
        return float(exponent / self.rate)

    def split(self, a0: np.ndarray, w0: np.ndarray, *, share: float | None = None) -> Split:
        """The split of these very neurons, a0 (m,), w0 (m, D), in closed form; `share` defaults to the first neuron.

        Cost: one pass over the weights and a bisection.
        """
        along, width = w0 @ self.direction, len(a0)
        amplitude, gamma, delay = abs(self.amplitude(width)), self.rate, self.delay(width)
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
        for _ in range(_BISECTIONS):
            middle = np.where(some, 0.5 * (low + high), 0.0)
            ahead = position(middle) > 0
            low, high = np.where(ahead, middle, low), np.where(ahead, high, middle)
        turns = np.where(some, 0.5 * (low + high), turns)
        time, share = reached(turns, share)
        deviations = float(alpha @ omega) if not np.isfinite(time) else _product(alpha, omega, gamma * time)
        common = 0.0 if not np.isfinite(time) else amplitude * gamma * time
        return Split(time, share, turns, self.loading(width * amplitude * common + deviations, common), False)

    def _moment(self) -> np.ndarray:
        if self.order != 1:
            raise TheoryError(
                f"the split is a matter of multiplicity 1, this activation has {self.order}: its neurons keep the "
                "sign of a; accepted: an activation such as sigmoid or softplus"
            )
        return self.tensor.gradient(np.zeros(self.x.shape[1]))

    def _growing(self) -> np.ndarray:
        g = self._moment()
        return np.sign(self.coefficient) * g / np.linalg.norm(g)


def reached(turns: np.ndarray, share: float | None) -> tuple[float, float]:
    """The time by which the share (None: one neuron) of neurons with these times (m,) has turned, and the share."""
    m = len(turns)
    share = 1.0 / m if share is None else float(share)
    if not 0 < share <= 1:
        raise TheoryError(f"share is {share!r}; accepted: 0 < share <= 1, or None for the first neuron")
    return float(np.sort(turns)[int(np.ceil(share * m - 1e-9)) - 1]), share


def split_times(grid: np.ndarray, turned: np.ndarray, share: float = SHARE) -> np.ndarray:
    """When the share of turned neurons (S, B) at times `grid` (S,) passes `share` for the last time: (B,), inf where it
    ends below it, 0 where it never was below.

    Before the mean is fitted signs are those of the draw: that the share is large then is no split.
    """
    out = np.empty(turned.shape[1])
    for b, column in enumerate(turned.T):
        below = np.flatnonzero(column < share)
        if not len(below):
            out[b] = 0.0
        elif below[-1] == len(grid) - 1:
            out[b] = np.inf
        else:
            k = below[-1]
            part = (share - column[k]) / (column[k + 1] - column[k])
            out[b] = grid[k] + part * (grid[k + 1] - grid[k])
    return out


def _rounded_as_targets(tensor: MomentTensor, y: np.ndarray, slope: float) -> MomentTensor:
    """The tensor of s = slope (y - mean y) with the rounding of the targets (n,): half a unit in the last place of y_i, and
    the mean of that, which may be far above the rounding of numbers as small as the deviations are."""
    assert tensor.data is not None
    x, s = tensor.data
    rounded = np.abs(y) * is_rounded(y)
    if not rounded.any():
        return tensor
    carried = np.abs(s) + slope * (rounded + rounded.mean())
    # A last bit that is set: these numbers stand for rounded ones, whatever their sums are.
    return replace(tensor, data=(x, np.nextafter(carried, np.inf)))


def _product(alpha: np.ndarray, omega: np.ndarray, exponent: float) -> float:
    """Σ α ω after the time exponent/γ."""
    cosh, sinh = np.cosh(exponent), np.sinh(exponent)
    return float((alpha * cosh + omega * sinh) @ (omega * cosh + alpha * sinh))


def _mean_curvature(field: OffsetField, output: float) -> float:
    """mean ∂²ℓ/∂f² at a constant output, by a central difference of the signal (relative error 1e-8)."""
    h = _SHIFT * max(1.0, abs(output))
    below, above = (np.mean(field.signal(np.full(len(field.y), output + d), field.y)) for d in (-h, h))
    return float(below - above) / (2 * h)
