"""Theorem: p = 1 has a closed form, destinations and horizon included.

Setting.     a' = c g·w, w' = c a g with g = mean(s x): the leading-order flow for multiplicity 1.
Statement.   With γ = |c| ‖g‖, ĝ = sign(c) g/‖g‖ and w∥ = w·ĝ,

                 a(t) = a0 cosh γt + w∥0 sinh γt,   w∥(t) = w∥0 cosh γt + a0 sinh γt,   w⊥(t) = w⊥0,

             so u → sign(a0 + w∥0) ĝ, at the angle arctan(‖w⊥0‖/|w∥(t)|) from it.
Horizon.     Once the growing mode dominates, f(x) = c S ĝ·x with S = Σ_j ((a_j + w∥_j)/2)² at t = 0, and
             R = R0 - γ S + κ S²/2 with κ = ℓ'' c² ĝᵀ mean(x xᵀ) ĝ; gradient flow gives S' = 2 S (γ - κ S).  The risk
             has fallen by δ R0 at S_δ = (γ - √(γ² - 2κδR0))/κ, that is at the logistic time in `linear_horizon`, where
             the decaying mode D = Σ_j ((a_j - w∥_j)/2)² at t = 0 is still counted: Σ a w∥ = S - D S(0)/S.
             It is exact for a quadratic loss up to the tilt of the signal, O(δ) in 2γt.
Tilt.        The signal changes to s - ℓ'' f, so g(t) leaves its line by -ℓ'' c S (mean(x xᵀ) ĝ)⊥.  Integrating
             w⊥' = c a g⊥(t) with a ∝ e^{γt}, S ∝ e^{2γt} turns every growing neuron by the same first-order amount,
             u = ±(ĝ + τ), τ = -ℓ'' c² S (mean(x xᵀ) ĝ)⊥ / (3γ): the angle at which alignment stops improving.  That is
             the late form of the whole first-order answer to the output, Duhamel's integral in `response`.
Next term.   c' z^q acts on neuron j with the relative force F_j = q c' r_j^{q-1} mean(s ζ^{q-1} x)/(c g·ĝ), ζ = ĝ·x (times
             sign^{q-1} at -ĝ), growing as r^{q-1}.  It tilts the neuron by F⊥/q, and with e_j = F_j·ĝ brings the horizon
             forward by 2ē/(q-1) in 2γt, ē the mean of e_j over the growing mode: the growth of a_j r_j contributes
             (q+1)/(q(q-1)), the output itself 1/q.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Real

from theory.errors import TheoryError

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(
    4
)  # chosen because in panels of half an e-fold it is good to 1e-7
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]
_BLOCK = 4096  # neurons: chosen because a few of these rows of D numbers stay in the second-level cache


@dataclass(frozen=True)
class LinearFlow:
    """The flow for p = 1: g (D,) = mean(s x) and the leading coefficient c.  Raises TheoryError where c g = 0.

    >>> import numpy as np
    >>> flow = LinearFlow(np.array([3.0, 4.0]), -2.0)
    >>> flow.rate, flow.direction.tolist()
    (10.0, [-0.6, -0.8])
    >>> a, w = flow.at(0.1, np.array([1.0]), np.zeros((1, 2)))  # cosh 1, sinh 1 along the direction
    >>> a.round(6).tolist(), w.round(6).tolist()
    ([1.543081], [[-0.705121, -0.940161]])
    """

    g: Real[np.ndarray, "D"]
    coefficient: float

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise TheoryError(
                "mean(s x) = 0: with multiplicity 1 no neuron moves at leading order; data with a non-zero mean(s x) "
                "or an activation of higher multiplicity would be accepted"
            )

    @property
    def rate(self) -> float:
        """γ, the growth rate in 1/time."""
        return float(abs(self.coefficient) * np.linalg.norm(self.g))

    @property
    def direction(self) -> Float64[np.ndarray, "D"]:
        """ĝ (D,), the orientation of the neurons that end with a > 0."""
        return np.sign(self.coefficient) * self.g / np.linalg.norm(self.g)

    def at(
        self, time: float, a0: Real[np.ndarray, "N"], w0: Real[np.ndarray, "N D"]
    ) -> tuple[Float64[np.ndarray, "N"], Float64[np.ndarray, "N D"]]:
        """a (N,) and w (N, D) at a gradient-flow time, from a0 (N,), w0 (N, D).

        Cost: less than three copies of the neurons; they are treated in blocks that stay in the cache.
        """
        a0, w0 = np.asarray(a0, dtype=float), np.asarray(w0, dtype=float)
        cosh, sinh, direction = np.cosh(self.rate * time), np.sinh(self.rate * time), self.direction
        a, w = np.empty_like(a0), np.empty_like(w0)
        for start in range(0, len(a0), _BLOCK):
            rows = slice(start, start + _BLOCK)
            before, along = w0[rows], w0[rows] @ direction
            a[rows] = a0[rows] * cosh + along * sinh
            moved = along * (cosh - 1) + a0[rows] * sinh
            for k, component in enumerate(direction):
                np.add(before[:, k], moved * component, out=w[rows, k])
        return a, w

    def signs(
        self, a0: Real[np.ndarray, "*B N"], w0: Real[np.ndarray, "*B N D"]
    ) -> Float64[np.ndarray, "*B N"]:
        """+1 for the neurons that end at ĝ, -1 at -ĝ, 0 on the boundary; shape (N,), or (B, N) of B networks."""
        return np.sign(a0 + w0 @ self.direction)

    def angles(
        self, time: float, a0: Real[np.ndarray, "*B N"], w0: Real[np.ndarray, "*B N D"]
    ) -> Float64[np.ndarray, "*B N"]:
        """The angle (N,) or (B, N) in radians of each neuron to its destination at a gradient-flow time."""
        along = w0 @ self.direction
        across = np.linalg.norm(w0 - np.multiply.outer(along, self.direction), axis=-1)
        later = along * np.cosh(self.rate * time) + a0 * np.sinh(self.rate * time)
        return np.arctan2(across, self.signs(a0, w0) * later)

    def mode(self, a0: Real[np.ndarray, "N"], w0: Real[np.ndarray, "N D"]) -> float:
        """S = Σ_j ((a_j + w∥_j)/2)², the strength of the growing mode at the start."""
        return float(np.sum(((a0 + w0 @ self.direction) / 2) ** 2))

    def next_force(
        self,
        x: Real[np.ndarray, "n D"],
        s: Real[np.ndarray, "n"],
        q: int,
        c_next: float,
        w: Real[np.ndarray, "N D"],
    ) -> Float64[np.ndarray, "N D"]:
        """The relative force F (N, D) of the next Taylor term c' z^q on neurons w (N, D) that point along ±ĝ."""
        along = x @ self.direction
        force = (
            q
            * c_next
            * ((s * along ** (q - 1)) @ x / len(x))
            / (self.coefficient * (self.g @ self.direction))
        )
        size = w @ self.direction
        return np.multiply.outer(np.sign(size) ** (q - 1) * np.abs(size) ** (q - 1), force)

    def tilt(self, x: Real[np.ndarray, "n D"], mode: float, curvature: float) -> Float64[np.ndarray, "D"]:
        """τ (D,), the first-order turn of ĝ by the change of the signal, when the mode has the strength S = `mode`.

        x (n, D) with the bias column, `curvature` = ∂²ℓ/∂f² at f = 0.
        """
        turned = (x @ self.direction) @ x / len(x)
        across = turned - (turned @ self.direction) * self.direction
        return -curvature * self.coefficient**2 * mode / (3 * self.rate) * across

    def response(
        self,
        time: float,
        a0: Float64[np.ndarray, "N"],
        w0: Float64[np.ndarray, "N D"],
        second: Float64[np.ndarray, "D D"],
    ) -> tuple[Float64[np.ndarray, "N"], Float64[np.ndarray, "N D"]]:
        """What the output changes of a (N,) and w (N, D) at a gradient-flow time, to first order.

        The output lowers the signal, so that g becomes g - c C M with M = Σ_j a_j w_j and C = `second` = mean(ℓ'' x xᵀ)
        (D, D): forces that the linear flow carries on, ∫ e^{A(t-s)} F(s) ds (Duhamel).  `tilt` is what it turns ĝ by
        once the growing mode rules; early, the decaying mode and the output across ĝ are part of it.
        """
        panels = max(1, int(np.ceil(2 * self.rate * time)))
        edges = np.linspace(0.0, time, panels + 1)
        change_a, change_w = np.zeros_like(a0), np.zeros_like(w0)
        for begin, end in pairwise(edges):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                at = begin + (end - begin) * node
                a, w = self.at(at, a0, w0)
                lowered = -self.coefficient * (second @ (a @ w))
                forces = self.coefficient * (w @ lowered), self.coefficient * np.multiply.outer(a, lowered)
                later_a, later_w = self.at(time - at, *forces)
                change_a += (end - begin) * weight * later_a
                change_w += (end - begin) * weight * later_w
        return change_a, change_w


def fallen_mode(
    flow: LinearFlow, x: Real[np.ndarray, "n D"], *, fraction: float, risk: float, curvature: float
) -> float:
    """S_δ, the strength of the growing mode when the risk has fallen by `fraction` of its value `risk` at zero output.

    Raises TheoryError when the linear model cannot lower the risk that far: fraction must be below γ²/(2κR0).
    """
    kappa = _stiffness(flow, x, curvature)
    limit = flow.rate**2 / (2 * kappa * risk) if kappa > 0 else np.inf
    if not 0 < fraction < limit:
        raise TheoryError(
            f"the linear model cannot lower the risk by the fraction {fraction:g}; accepted: 0 < fraction < {limit:.3g}"
        )
    # The rationalised root: no cancellation when κδR0 is small.
    return 2 * fraction * risk / (flow.rate + np.sqrt(flow.rate**2 - 2 * kappa * fraction * risk))


def _stiffness(flow: LinearFlow, x: np.ndarray, curvature: float) -> float:
    """κ = ℓ'' c² ĝᵀ mean(x xᵀ) ĝ."""
    return curvature * flow.coefficient**2 * float(np.mean((x @ flow.direction) ** 2))


def linear_horizon(
    flow: LinearFlow,
    a0: Real[np.ndarray, "N"],
    w0: Real[np.ndarray, "N D"],
    x: Real[np.ndarray, "n D"],
    *,
    fraction: float,
    risk: float,
    curvature: float,
) -> float:
    """The gradient-flow time at which the risk has fallen by `fraction` of its value `risk` at zero output.

    a0 (N,), w0 (N, D), x (n, D) with the bias column, `curvature` = ∂²ℓ/∂f² at f = 0.  Raises TheoryError when the
    linear model cannot lower the risk that far: fraction must be below γ²/(2κR0).  Cost: one pass over the weights.

    >>> import numpy as np
    >>> flow, x = LinearFlow(np.array([1.0]), 1.0), np.array([[1.0]])  # the signal is 1, the risk 1/2
    >>> time = linear_horizon(flow, np.array([1e-3]), np.array([[1e-3]]), x, fraction=0.19, risk=0.5, curvature=1.0)
    >>> round(time, 6), round(float(np.log(0.1 * (1 - 1e-6) / (1e-6 * 0.9))) / 2, 6)  # S from 1e-6 to 1 - √(1 - δ)
    (5.809142, 5.809142)
    """
    gamma, kappa = flow.rate, _stiffness(flow, x, curvature)
    start = flow.mode(a0, w0)
    fallen = fallen_mode(flow, x, fraction=fraction, risk=risk, curvature=curvature)
    # The output is that of Σ a w∥ = S - D e^{-2γt}, e^{-2γt} = S(0)/S: at the end S - D S(0)/S must be S_δ.
    decaying = float(np.sum(((a0 - w0 @ flow.direction) / 2) ** 2))
    end = 0.5 * (fallen + np.sqrt(fallen**2 + 4 * decaying * start))
    if not (start < end and kappa * end < gamma):
        raise TheoryError(
            f"the initial weights are so large that the loss can have fallen by the fraction {fraction:g} at the start: "
            "there is no initial stage; smaller initial weights would be accepted"
        )
    return float(np.log(end * (gamma - kappa * start) / (start * (gamma - kappa * end))) / (2 * gamma))
