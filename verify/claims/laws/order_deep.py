r"""L.order.deep, L.order.hidden-bias, L.order.residual: the order of accuracy of two hidden layers, by powers alone.

Setting.     f = a·σ₂(V σ₁(W x) [+ b]) [+ residual], first bias inside x, all parameters of scale ε; p_l, q_l of each layer.
Hypotheses.  σ_l smooth, σ_l(0) = 0; the moments of the leading terms, mean(s) included where b is, do not vanish.
Statement.   The relative error of the leading system at a fixed rescaled time is Θ(ε^k), N = p₂(1 + p₁):
                 no upper bias       k = min(q₁ - p₁, (1 + p₁)(q₂ - p₂), 1 + N)
                 upper bias          k = min(p₁, q₂ - p₂, p₂ + 1)
                 residual, no bias   k = min(q₁ - p₁, p₁ + 1, N - p₁)
Steps.       1. Count powers of ε: the arguments of layer 1 are O(ε), of layer 2 O(ε^{1+p₁}), the output O(ε^{N+1}).
             2. With upper biases σ₂ has the argument b = O(ε): what w₁ feels comes ε^{p₁} later.
             3. Integrate the full network over decades of ε and theory's leading system beside it.
Limits.      Two hidden layers here; theory counts any depth.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from numerics.data.datasets import load
from theory import activation, predict
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.slopes import exponent_check
from verify.order import OrderResult, order_of

Exponent = Callable[[int, float, int, float], float]  # of p₁, q₁, p₂, q₂
Pairs = tuple[tuple[str, str], ...]


@cache
def _measured(first: str, second: str, bias: bool, residual: bool, seed: int) -> OrderResult:
    """Distances between the leading system and the full flow of the network, on `line`."""
    data = load("line")
    return order_of(
        predict(data.x, data.y, first, layers=(second,), hidden_bias=bias, residual=residual), seed=seed
    )


def _powers(name: str) -> tuple[int, float]:
    sigma = activation(name)
    return sigma.multiplicity, np.inf if sigma.next_order is None else sigma.next_order


def _orders(pairs: Pairs, bias: bool, residual: bool, law: Exponent, run: Run) -> Outcome:
    checks = []
    for first, second in pairs[: run.pick(2, None)]:
        (p1, q1), (p2, q2) = _powers(first), _powers(second)
        found = _measured(first, second, bias, residual, run.seed)
        checks.append(
            exponent_check(
                f"order of accuracy: {first}, then {second}; p = {p1}, {p2}, q = {q1:g}, {q2:g}",
                law(p1, q1, p2, q2),
                found.epsilons,
                found.errors,
                found.floor,
                why="full gradient flow of the network against theory's leading system on line",
            )
        )
    shown = ", ".join(f"{c.observed:.3f}" for c in checks if c.observed is not None)
    return Outcome(f"measured orders {shown}", tuple(checks))


def plain(p1: int, q1: float, p2: int, q2: float) -> float:
    """k without upper biases."""
    return min(q1 - p1, (1 + p1) * (q2 - p2), 1 + p2 * (1 + p1))


def with_bias(p1: int, q1: float, p2: int, q2: float) -> float:
    """k with upper biases."""
    return min(p1, q2 - p2, p2 + 1)


def residual(p1: int, q1: float, p2: int, q2: float) -> float:
    """k of a residual second layer without bias."""
    return min(q1 - p1, p1 + 1, p2 * (1 + p1) - p1)


_claim = partial(
    Claim,
    source="condense",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.GRADIENT_FLOW,
)
_SMOOTH = "σ smooth, σ(0) = 0, two hidden layers"

DEEP = _claim(
    id="L.order.deep",
    title="order of accuracy of two hidden layers without upper biases",
    statement=r"k = \min(q_1 - p_1,\ (1+p_1)(q_2-p_2),\ 1+N),\quad N = p_2(1+p_1)",
    hypotheses=(_SMOOTH, "no upper bias", "T_{p₁p₂} ≠ 0"),
    law=plain,
    validate=partial(
        _orders,
        (("tanh", "tanh"), ("x + x**5", "silu"), ("x - 3*x**4", "tanh"), ("silu", "x*tanh(x)")),
        False,
        False,
    ),
    mutants={
        "layers alike": lambda p1, q1, p2, q2: min(q1 - p1, q2 - p2, 1 + p2 * (1 + p1)),
        "the second layer alone": lambda p1, q1, p2, q2: (1 + p1) * (q2 - p2),
        "the first layer alone": lambda p1, q1, p2, q2: q1 - p1,
        "p₁ for 1 + p₁": lambda p1, q1, p2, q2: min(q1 - p1, p1 * (q2 - p2), 1 + p2 * p1),
    },
)
BIAS = _claim(
    id="L.order.hidden-bias",
    title="order of accuracy of two hidden layers with upper biases",
    statement=r"k = \min(p_1,\ q_2 - p_2,\ p_2 + 1)",
    hypotheses=(_SMOOTH, "upper bias, mean(s) ≠ 0"),
    law=with_bias,
    validate=partial(
        _orders,
        (("tanh", "tanh"), ("x**2*tanh(x)", "tanh"), ("x*tanh(x)", "silu"), ("x*tanh(x)", "x*tanh(x)")),
        True,
        False,
    ),
    mutants={
        "as without bias": plain,
        "without p₁": lambda p1, q1, p2, q2: min(q2 - p2, p2 + 1),
        "p₁ alone": lambda p1, q1, p2, q2: p1,
        "q₁ - p₁ too": lambda p1, q1, p2, q2: min(p1, q1 - p1, q2 - p2, p2),
    },
)
RESIDUAL = _claim(
    id="L.order.residual",
    title="order of accuracy of a residual second layer",
    statement=r"h = \sigma_2(V h_1) + h_1:\quad k = \min(q_1 - p_1,\ p_1 + 1,\ N - p_1)",
    hypotheses=(_SMOOTH, "residual, no upper bias", "T_{p₁} ≠ 0"),
    law=residual,
    validate=partial(
        _orders,
        (("tanh", "tanh"), ("tanh", "x*tanh(x)"), ("x*tanh(x)", "tanh"), ("silu", "x*tanh(x)")),
        False,
        True,
    ),
    mutants={
        "as without the skip": plain,
        "two layers only": lambda p1, q1, p2, q2: min(q1 - p1, p1 + 1),
        "N for N - p₁": lambda p1, q1, p2, q2: min(q1 - p1, p1 + 1, p2 * (1 + p1)),
        "N - p₁ alone": lambda p1, q1, p2, q2: p2 * (1 + p1) - p1,
    },
)
