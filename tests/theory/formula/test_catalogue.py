"""Every named activation: hand-known expansions, mpmath, and PyTorch's own functions."""

import mpmath
import numpy as np
import pytest
import sympy
import torch
import torch.nn.functional as F
from sympy import Rational as Q
from sympy import log, pi, sqrt

from theory.errors import TheoryError
from theory.formula import catalogue
from theory.formula.activation import activation
from theory.formula.expansion import Source

LAMBDA, ALPHA = Q("1.0507009873554804934193349852946"), Q("1.6732632423543772848170429916717")

# name: σ(0), p, c, q, c', (c₊, c₋), smooth, order of accuracy; from tables of Taylor series.
KNOWN = {
    "identity": (0, 1, 1, None, 0, (1, -1), True, 2),
    "tanh": (0, 1, 1, 3, -Q(1, 3), (1, -1), True, 2),
    "xtanh": (0, 2, 1, 4, -Q(1, 3), (1, 1), True, 2),
    "x2tanh": (0, 3, 1, 5, -Q(1, 3), (1, -1), True, 2),
    "sigmoid": (Q(1, 2), 1, Q(1, 4), 3, -Q(1, 48), (Q(1, 4), -Q(1, 4)), True, 3),
    "logsigmoid": (-log(2), 1, Q(1, 2), 2, -Q(1, 8), (Q(1, 2), -Q(1, 2)), True, 2),
    "softplus": (log(2), 1, Q(1, 2), 2, Q(1, 8), (Q(1, 2), -Q(1, 2)), True, 2),
    "relu": (0, 1, 1, None, 0, (1, 0), False, 2),
    "leaky_relu": (0, 1, 1, None, 0, (1, -Q(1, 100)), False, 2),
    "relu2": (0, 2, 1, None, 0, (1, 0), False, 3),
    "relu6": (0, 1, 1, None, 0, (1, 0), False, 2),
    "elu": (0, 1, 1, 2, Q(1, 2), (1, -1), False, 1),
    "selu": (0, 1, LAMBDA, 2, LAMBDA * ALPHA / 2, (LAMBDA, -LAMBDA * ALPHA), False, 1),
    "celu": (0, 1, 1, 2, Q(1, 2), (1, -1), False, 1),
    "gelu": (0, 1, Q(1, 2), 2, 1 / sqrt(2 * pi), (Q(1, 2), -Q(1, 2)), True, 1),
    "gelu_tanh": (0, 1, Q(1, 2), 2, 1 / sqrt(2 * pi), (Q(1, 2), -Q(1, 2)), True, 1),
    "silu": (0, 1, Q(1, 2), 2, Q(1, 4), (Q(1, 2), -Q(1, 2)), True, 1),
    "mish": (0, 1, Q(3, 5), 2, Q(8, 25), (Q(3, 5), -Q(3, 5)), True, 1),
    "erf": (0, 1, 2 / sqrt(pi), 3, -2 / (3 * sqrt(pi)), (2 / sqrt(pi), -2 / sqrt(pi)), True, 2),
    "sin": (0, 1, 1, 3, -Q(1, 6), (1, -1), True, 2),
    "cos": (1, 2, -Q(1, 2), 4, Q(1, 24), (-Q(1, 2), -Q(1, 2)), True, 4),
    "arctan": (0, 1, 1, 3, -Q(1, 3), (1, -1), True, 2),
    "softsign": (0, 1, 1, 2, -1, (1, -1), False, 1),
    "tanhshrink": (0, 3, Q(1, 3), 5, -Q(2, 15), (Q(1, 3), -Q(1, 3)), True, 2),
    "hardtanh": (0, 1, 1, None, 0, (1, -1), True, 2),
    "hardsigmoid": (Q(1, 2), 1, Q(1, 6), None, 0, (Q(1, 6), -Q(1, 6)), True, None),
    "hardswish": (0, 1, Q(1, 2), 2, Q(1, 6), (Q(1, 2), -Q(1, 2)), True, 1),
    "abs": (0, 1, 1, None, 0, (1, 1), False, 2),
    "square": (0, 2, 1, None, 0, (1, 1), True, 3),
    "cube": (0, 3, 1, None, 0, (1, -1), True, 4),
    "expm1": (0, 1, 1, 2, Q(1, 2), (1, -1), True, 1),
    "logcosh": (0, 2, Q(1, 2), 4, -Q(1, 12), (Q(1, 2), Q(1, 2)), True, 2),
    "gaussian": (1, 2, -1, 4, Q(1, 2), (-1, -1), True, 4),
}


def test_the_table_covers_the_catalogue():
    assert set(KNOWN) == set(catalogue.CATALOGUE)
    assert len(KNOWN) >= 24


@pytest.mark.parametrize("name", KNOWN)
def test_hand_known_expansions(name):
    value, p, c, q, c_next, sides, smooth, order = KNOWN[name]
    act = activation(name)
    assert act.source is Source.EXACT
    assert (act.multiplicity, act.next_order, act.predicted_order) == (p, q, order)
    assert act.is_smooth is smooth
    exact = (act.value_at_zero, act.leading_coefficient, act.next_coefficient, *act.one_sided)
    for mine, known in zip(exact, (value, c, c_next, *sides), strict=True):
        assert sympy.simplify(mine - known) == 0


@pytest.mark.parametrize("name", [name for name in KNOWN if KNOWN[name][6]])
def test_smooth_series_agree_with_mpmath(name):
    act = activation(name)
    f = sympy.lambdify(act.symbol, act.expression.rewrite(sympy.Piecewise), "mpmath")
    with mpmath.workdps(40):
        for mine, theirs in zip(act.taylor(7), mpmath.taylor(f, 0, 7), strict=True):
            assert abs(mpmath.mpf(str(sympy.N(mine, 40))) - theirs) < mpmath.mpf(10) ** -20


TORCH = {
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "logsigmoid": F.logsigmoid, "softplus": F.softplus,
    "relu": F.relu, "leaky_relu": F.leaky_relu, "relu6": F.relu6, "elu": F.elu, "selu": F.selu,
    "celu": F.celu,
    "gelu": F.gelu, "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"), "silu": F.silu, "mish": F.mish,
    "erf": torch.erf, "sin": torch.sin, "cos": torch.cos, "arctan": torch.atan, "softsign": F.softsign,
    "tanhshrink": F.tanhshrink, "hardtanh": F.hardtanh, "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "abs": torch.abs, "square": torch.square, "expm1": torch.expm1,
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_definitions_are_pytorchs(name):
    z = np.concatenate([np.linspace(-8, 8, 61), [1e-8, -1e-5, 0.3, -0.0]])
    theirs = TORCH[name](torch.tensor(z, dtype=torch.float64)).numpy()
    # No intermediate of these formulas exceeds 1 + z², so a few roundings of that size bound PyTorch's error.
    assert np.all(np.abs(activation(name).evaluate(z) - theirs) <= 8 * 2.0**-53 * (1 + z**2))


def test_aliases_and_spelling():
    assert activation("Swish").text == "silu"
    assert activation("Leaky-ReLU").text == activation("leaky  relu").text == "leaky_relu"
    assert activation("Hard Tanh").text == "hardtanh"
    assert catalogue.find("-tanh") is catalogue.find("hard - tanh") is None
    for alias in catalogue.ALIASES:
        assert alias not in catalogue.CATALOGUE
    with pytest.raises(TheoryError, match="did you mean tanh"):
        activation("tanhh")
    with pytest.raises(TheoryError, match="unknown activation 'quux'; accepted: identity, tanh"):
        activation("quux")
