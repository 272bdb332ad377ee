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

L.order.decay and L.order.outputs: the leading flow with weight decay, and with K outputs, to the same order as without.

Setting.     A two-layer network from scale ε, with weight decay λ = λ̂ ε^{p-1}, or with K outputs.
Hypotheses.  σ(0) = 0, moments that do not vanish, ∂²ℓ/∂f² ≠ 0.
Statement.   θ' = F(θ) - λ θ, F the leading field without decay; and a_k' = c T_k w^p, w' = p c Σ_k a_k T_k w^{p-1}: the
             full flow follows both up to Θ(ε^{min(q-p, p+1)}).
Steps.       1. Integrate the real network with decay, or with its K outputs, over decades of ε.
             2. Integrate the law's field from the same start; a wrong part stays a fixed distance away.
Limits.      Decay of any other order in ε is weaker or stronger than growth and decides nothing here.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np

from numerics.data import load
from theory import activation, predict
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check
from verify.order import OrderResult, order_of
from verify.order.cases import Case, case_of
from verify.order.fields import Weights

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


DECAY = 0.4
# The field of theory without decay, θ, the decay of θ and the case -> θ'
Leading = Callable[[Weights], Weights]
Field = Callable[[Leading, Weights, float], Weights]
ACTIVATIONS = ("tanh", "x*tanh(x)", "silu", "x**2*tanh(x)")


@cache
def _case(name: str, outputs: int, decay: float, seed: int) -> Case:
    if outputs == 1:
        data = load("line")
        return case_of(predict(data.x, data.y, name, weight_decay=decay), seed=seed)
    generator = Run(seed=seed).generator("two outputs")
    x = generator.standard_normal((12, 2))
    y = np.column_stack([x[:, 0] + 0.3, np.sin(2 * x[:, 1]) + x[:, 0] ** 2])
    return case_of(predict(x, y, name), seed=seed)


@cache
def _reached(name: str, outputs: int, decay: float, seed: int):
    """The case, and its full flow, integrated once for each (ε, τ) that is asked for."""
    case = _case(name, outputs, decay, seed)
    flow, seen = case.flow(), {}

    def remembered(epsilons: np.ndarray, tau: float):
        key = (tuple(epsilons.tolist()), tau)
        if key not in seen:
            seen[key] = flow(epsilons, tau)
        return seen[key]

    return case, remembered


def _field_orders(outputs: int, decay: float, law: Field, run: Run) -> Outcome:
    checks = []
    for name in ACTIVATIONS[: run.pick(2, None)]:
        case, full = _reached(name, outputs, decay, run.seed)
        bare = _case(name, outputs, 0.0, run.seed).leading
        sigma = activation(name)
        p, q = sigma.multiplicity, sigma.next_order
        assert q is not None
        wrong = replace(case, leading=lambda theta, f=bare: law(f, theta, decay))
        found = wrong.measure(full, extend=False)
        checks.append(
            exponent_check(
                f"order of accuracy: {name}, p = {p}, q = {q}",
                min(q - p, p + 1),
                found.epsilons,
                found.errors,
                found.floor,
                why="full gradient flow of the network against the law's field",
            )
        )
    shown = ", ".join(f"{c.observed:.3f}" for c in checks if c.observed is not None)
    return Outcome(f"measured orders {shown}", tuple(checks))


def decayed(field: Leading, theta: Weights, decay: float) -> Weights:
    """The law with decay."""
    return {name: rate - decay * theta[name] for name, rate in field(theta).items()}


def summed(field: Leading, theta: Weights, decay: float) -> Weights:
    """The law of K outputs: theory's field, whose w' sums over the outputs."""
    return field(theta)


def _first_output(field: Leading, theta: Weights, decay: float) -> Weights:
    one = {"a": theta["a"] * np.array([1.0, 0.0])[:, None], "w1": theta["w1"]}
    return {"a": field(theta)["a"], "w1": field(one)["w1"]}


def _swapped(field: Leading, theta: Weights, decay: float) -> Weights:
    out = field(theta)
    return {"a": out["a"][..., ::-1, :], "w1": out["w1"]}


def _averaged(field: Leading, theta: Weights, decay: float) -> Weights:
    out = field(theta)
    return {"a": out["a"], "w1": out["w1"] / theta["a"].shape[-2]}


def _only(name: str) -> Field:
    def law(field: Leading, theta: Weights, decay: float) -> Weights:
        out = field(theta)
        return {k: v - decay * theta[k] * (k == name) for k, v in out.items()}

    return law


_field_claim = partial(
    Claim,
    source="condense",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.GRADIENT_FLOW,
)

WITH_DECAY = _field_claim(
    id="L.order.decay",
    title="weight decay enters the leading flow as it is, at the same order of accuracy",
    statement=r"\dot\theta = F(\theta) - \lambda\theta,\ \lambda = \hat\lambda\varepsilon^{p-1}:\quad k = \min(q-p,\ p+1)",
    hypotheses=("σ smooth, σ(0) = 0", "λ = λ̂ ε^{p-1}", "rescaled time fixed, before blow-up"),
    law=decayed,
    validate=partial(_field_orders, 1, DECAY),
    mutants={
        "no decay": lambda f, theta, decay: f(theta),
        "twice the decay": lambda f, theta, decay: decayed(f, theta, 2 * decay),
        "growth": lambda f, theta, decay: decayed(f, theta, -decay),
        "input weights only": _only("w1"),
        "output weights only": _only("a"),
    },
)
OUTPUTS = _field_claim(
    id="L.order.outputs",
    title="K outputs: a neuron feels the sum over its outputs, at the same order of accuracy",
    statement=r"\dot a_k = c\,T_k w^p,\ \dot w = p c \sum_k a_k T_k w^{p-1}:\quad k = \min(q-p,\ p+1)",
    hypotheses=("σ smooth, σ(0) = 0, K outputs", "some T_k ≠ 0", "rescaled time fixed, before blow-up"),
    law=summed,
    validate=partial(_field_orders, 2, 0.0),
    mutants={
        "the first output alone": _first_output,
        "outputs swapped": _swapped,
        "mean over the outputs": _averaged,
    },
)
