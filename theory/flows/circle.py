"""Theorem: basin shares on the circle (D = 2) are one-dimensional integrals.

Setting.     The smooth leading-order flow, D = 2, p ≥ 2; a ~ N(0, α²), w ~ N(0, β² I) independent, ρ = α/β.  All fixed
             orientations are strict extrema of P on the circle with P ≠ 0.
Statement.   Let ς = sign(a c).  On the arc from an extremum o to the next e towards which ς P rises, a neuron at θ
             moves towards e.  While ς P < 0 its amplitude falls, d(log r)/dθ = p P/P', so up to the zero z of P it
             falls by the factor e^{-Δ}, Δ(θ) = ∫_θ^z |p P/P'| dθ (Δ = ∞ if ς P < 0 up to e, Δ = 0 if ς P(θ) ≥ 0).
             With K = r² - p a² it turns back, a having changed its sign, iff r² e^{-2Δ} < K, that is
             p a²/r² < t = 1 - e^{-2Δ}; it then grows to o.  If not, it grows to e, or dies there if ς P(e) < 0.
             Given θ and ς the chance of turning is √(t/(t + p ρ²)): (r/β)² is exponential of mean 2 and
             E exp(-p a²/(2 t β²)) = (1 + p ρ²/t)^{-1/2}.  θ is uniform and ς = ±1 with 1/2 each.
Steps.       1. Arcs between consecutive extrema; z by bisection.
             2. θ = the tanh-sinh map of both ends of [o, z], where P' and P vanish like powers; Δ by Gauss-Legendre
                between its nodes, the outer integral by the trapezoidal rule, exponentially accurate for such ends
                (Takahasi and Mori, Publ. RIMS 9 (1974) 721-741).
Accuracy.    The result with half as many nodes differs by the bound that is returned.
Source.      condense; tested against destinations().
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theory.fields import SmoothField
from theory.flows.smooth import Fate
from theory.orientations import Orientation

NODES = 400  # panels of the outer rule on each arc: chosen because half of them agree with it to 1e-9
REACH = 3.0  # tanh-sinh abscissae in ±REACH: chosen because the ends are met to 2e-14 of the arc then
ROUNDING = 1e-9  # derived from P': it loses 1e-16/δ at the distance δ from its zero, over a share δ

Part = tuple[Orientation, Fate, float]


def planar_shares(
    field: SmoothField, orientations: Sequence[Orientation], ratio: float
) -> tuple[list[Part], float]:
    """The share of every orientation, with its fate, and a bound of their error; milliseconds an arc.

    `orientations` are all fixed ones of D = 2, strict extrema with P ≠ 0; `ratio` = std(a)/std(w).
    """
    fine, coarse = (_shares(field, orientations, ratio, nodes) for nodes in (NODES, NODES // 2))
    error = max((abs(fine[key] - coarse[key]) for key in fine), default=0.0) + ROUNDING
    parts = [(orientations[k], fate, share) for (k, fate), share in fine.items()]
    return sorted(parts, key=lambda part: (part[1] is not Fate.GROWS, -part[2])), error


def _shares(
    field: SmoothField, orientations: Sequence[Orientation], ratio: float, nodes: int
) -> dict[tuple[int, Fate], float]:
    angles = np.array([math.atan2(o.u[1], o.u[0]) for o in orientations])
    order = np.argsort(angles)
    out: dict[tuple[int, Fate], float] = {}
    for left, right in zip(order, np.roll(order, -1), strict=True):
        start, end = float(angles[left]), float(angles[right])
        end += 2 * math.pi if end <= start else 0.0
        rises = orientations[right].value > orientations[left].value
        for sign in (1, -1):
            # With s = sign(a c) = `sign`, s P rises towards the right end iff P rises and s > 0, or falls and s < 0.
            origin, goal = (left, right) if rises == (sign > 0) else (right, left)
            ends = (start, end) if origin == left else (end, start)
            turned, whole = _turning(field, ends, orientations[goal].value * sign, sign, ratio, nodes)
            grows = orientations[goal].value * sign > 0
            for k, fate, share in (
                (int(origin), Fate.GROWS, turned),
                (int(goal), Fate.GROWS if grows else Fate.DIES, whole - turned),
            ):
                if share > 0 or (k, fate) in out:
                    out[k, fate] = out.get((k, fate), 0.0) + share
    return out


def _turning(
    field: SmoothField, ends: tuple[float, float], goal_value: float, sign: int, ratio: float, nodes: int
) -> tuple[float, float]:
    """The shares of all neurons that turn back on one arc with one sign of a c, and of all that start there."""
    p = field.tensor.order
    origin, goal = ends
    whole = abs(goal - origin) / (2 * math.pi) / 2
    weight = p * ratio**2
    if sign * _form(field, np.array([origin + 1e-9 * (goal - origin)]))[0][0] >= 0:
        return 0.0, whole  # s P rises from a value above 0: r never falls
    if goal_value < 0:
        return whole * math.sqrt(1 / (1 + weight)), whole
    zero = _zero(field, origin, goal)
    # x in [-REACH, REACH]; fraction f of the way from origin to zero.
    x = np.linspace(-REACH, REACH, nodes + 1)
    gauss, shares = np.polynomial.legendre.leggauss(8)
    inner = (x[:-1, None] + (gauss + 1) / 2 * (x[1] - x[0])).ravel()
    length = zero - origin
    value, slope = _form(field, origin + length * _fraction(inner)[0])
    rate = np.abs(p * value / slope) * abs(length) * _fraction(inner)[1]
    panel = (rate.reshape(nodes, 8) @ shares) * (x[1] - x[0]) / 2
    fall = np.concatenate([np.cumsum(panel[::-1])[::-1], [0.0]])
    t = -np.expm1(-2 * fall)
    chance = np.sqrt(t / (t + weight))
    density = chance * _fraction(x)[1]
    turned = float(np.sum(density) - (density[0] + density[-1]) / 2) * (x[1] - x[0])
    return turned * abs(length) / (2 * math.pi) / 2, whole


def _fraction(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tanh-sinh map of the real line to (0, 1), and its derivative."""
    inner = math.pi / 2 * np.sinh(x)
    return 1 / (1 + np.exp(-2 * inner)), math.pi / 4 * np.cosh(x) / np.cosh(inner) ** 2


def _form(field: SmoothField, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P and dP/dθ at angles (N,)."""
    u = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    across = np.stack([-np.sin(angle), np.cos(angle)], axis=-1)
    gradient = field.tensor.gradient(u)
    return (gradient * u).sum(axis=-1), field.tensor.order * (gradient * across).sum(axis=-1)


def _zero(field: SmoothField, low: float, high: float) -> float:
    """The one zero of P between two extrema of opposite sign, by bisection."""
    sign = _form(field, np.array([high]))[0][0]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _form(field, np.array([middle]))[0][0] * sign > 0 else (middle, high)
    return (low + high) / 2
