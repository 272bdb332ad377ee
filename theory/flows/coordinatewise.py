"""Theorem: coordinatewise optimisers condense on the cube, not on the sphere: sign descent, and Adam for p = 1.

Setting.     f(x) = Σ_j a_j σ(w_j·x), σ = c z^p + ..., and an optimiser that treats each parameter θ_k by itself and does
             not see the size of its gradient: a step is -lr d(g_k(1), ..., g_k(t)) with d(λ g) = d(g) for λ > 0.
             Sign descent is that; Adam is, as far as its epsilon is small against every gradient entry.
Hypotheses.  The signal is that of f = 0 and p = 1.  Then the gradient of w_k at time t is -c g_k a(t), g = mean(s x).
Statement.   All coordinates with g_k ≠ 0 have one history, a(t), up to the factor |c g_k| and the sign v_k = sign(c g_k):
             w(t) = w0 + Y(t) v with one number Y for each neuron, whatever the optimiser remembers, and

                 orientation of w → ± v/‖v‖,   v = sign(c g),   not ± g/‖g‖.

             For sign descent in the time lr × steps, Y' = sign(a), a' = sign(b0 + L Y), b0 = c g·w0, L = ‖c g‖_1: a
             neuron ends with the sign of a0 + b0/L.
Signal.      As f grows, g_k changes by Δ_k.  For sign descent nothing happens while |Δ_k| < |g_k|; for Adam, a history
             known up to the factor 1 - ρ_k, ρ_k = |Δ_k/g_k|, is answered by a step known up to 1/(1 - ρ_k).
             `PerturbedLinear` has the first order of Δ_k; ρ_k times its own relative error is left.
Limits.      For p ≥ 2 the coordinates have histories of their own, which Adam's memory distorts: `leading_training`
             follows them, and no closed form is claimed.
Source.      condense; the orientation ± g/‖g‖ of gradient flow is that of Zhou et al. 2022, whose experiments use Adam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SignFlow:
    """Sign descent of p = 1 neurons in closed form: `g` (D,) = mean(s x) and the leading coefficient c."""

    g: np.ndarray
    coefficient: float

    @property
    def vertex(self) -> np.ndarray:
        """v (D,) = sign(c g): a vertex of the cube, or of a face where some g_k = 0."""
        return np.sign(self.coefficient * self.g)

    @property
    def rate(self) -> float:
        """L = ‖c g‖_1: how fast c g·w grows."""
        return float(np.sum(np.abs(self.coefficient * self.g)))

    @property
    def direction(self) -> np.ndarray:
        """v/‖v‖ (D,), the orientation of the neurons that end with a > 0."""
        return self.vertex / np.linalg.norm(self.vertex)

    def signs(self, a0: np.ndarray, w0: np.ndarray) -> np.ndarray:
        """The sign of a with which each neuron ends, 0 on the boundary."""
        return np.sign(a0 + self.coefficient * (w0 @ self.g) / self.rate)

    def at(self, time: float, a0: np.ndarray, w0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """a (N,), w (N, D) at the time lr × steps, exactly.

        While a and b = c g·w have different signs both shrink; the one that comes to 0 first changes sign and from
        then on both grow with the sign of the other.
        """
        b0 = self.coefficient * (w0 @ self.g) / self.rate  # in units of a
        end = self.signs(a0, w0)
        turning = np.where(a0 * b0 < 0, np.minimum(np.abs(a0), np.abs(b0)), 0.0)
        before, after = np.minimum(time, turning), np.maximum(time - turning, 0.0)
        # Until the turn Y follows the old sign of a, and a the old sign of b.
        moved = np.sign(a0) * before + end * after
        a = a0 + np.sign(b0) * before + end * after
        return a, w0 + np.multiply.outer(moved, self.vertex)


@dataclass(frozen=True)
class PerturbedLinear:
    """The ascent direction of p = 1 neurons with the first order of what lies beyond the leading one.

    The output changes the signal: g becomes g - κ c M Σ_j a_j w_j with M = mean(x xᵀ); the next Taylor term c' z^q acts
    on neurons that lie along v = sign(c g) already, y = w·v/‖v‖²: q c' a y^{q-1} mean(s (v·x)^{q-1} x) on w and
    c' y^q mean(s (v·x)^q) on a.  Called with a (B, m), w (B, m, D), one network a row.
    """

    g: np.ndarray
    coefficient: float
    stiffness: np.ndarray  # c mean(κ x xᵀ)
    vertex: np.ndarray
    next_order: int
    next_w: np.ndarray  # q c' mean(s (v·x)^{q-1} x)
    next_a: float  # c' mean(s (v·x)^q)

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        s: np.ndarray,
        coefficient: float,
        curvature: float | np.ndarray,
        next_term: tuple[int, float] | None,
    ) -> PerturbedLinear:
        """From data x (n, D), the signal s (n,) at zero output, c, κ (one number or one a sample) and (q, c')."""
        n, g = len(x), s @ x / len(x)
        vertex = np.sign(coefficient * g)
        q, c_next = next_term if next_term is not None else (2, 0.0)
        along = x @ vertex
        return cls(
            g=g,
            coefficient=coefficient,
            stiffness=coefficient * (x.T * curvature) @ x / n,
            vertex=vertex,
            next_order=q,
            next_w=q * c_next * (s * along ** (q - 1)) @ x / n,
            next_a=c_next * float(s @ along**q) / n,
        )

    def __call__(self, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c, q = self.coefficient, self.next_order
        moved = np.einsum("bj,bjd->bd", a, w)
        g = self.g - moved @ self.stiffness
        y = w @ self.vertex / np.sum(self.vertex**2)
        slope_a = c * np.einsum("bjd,bd->bj", w, g) + self.next_a * y**q
        push = c * g[:, None, :] + (y ** (q - 1))[..., None] * self.next_w
        return slope_a, a[..., None] * push
