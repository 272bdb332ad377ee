"""Hypothesis strategies for everything that a claim speaks of: activations, data, initialisations, experiments.

>>> from hypothesis import given
>>> import theory
>>> from verify import strategies
>>> @given(strategies.activations())
... def check(known):
...     assert theory.activation(known.text).multiplicity == known.multiplicity
>>> check()

They shrink towards the simplest case (x**p, few points, small integers, the default experiment) and include the corners:
repeated and collinear points, a constant input, targets that are almost all zero, moments that vanish.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from flint import fmpz_mat
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from numerics.data import Dataset
from theory import activation
from theory.forms.moment_tensor import monomials
from theory.formula.catalogue import CATALOGUE
from verify.bridge.experiment import Experiment

Numbers = Literal["integers", "floats"]
_NUMBERS: tuple[Numbers, ...] = ("integers", "floats")

__all__ = [
    "KnownActivation",
    "Start",
    "activations",
    "catalogue_names",
    "datasets",
    "experiments",
    "initialisations",
    "vanishing_moments",
]


@dataclass(frozen=True)
class KnownActivation:
    """A formula whose expansion c z^p + ... is known by construction, independently of any expansion of the text."""

    text: str
    multiplicity: int
    leading_coefficient: Fraction


# Factors f(v) = c v^p + ..., as (text, p, c): building blocks of known expansion.
_FACTORS = (
    ("tanh({})", 1, Fraction(1)), ("sin({})", 1, Fraction(1)), ("arctan({})", 1, Fraction(1)),
    ("(exp({})-1)", 1, Fraction(1)), ("log1p({}**2)", 2, Fraction(1)), ("sinh({})", 1, Fraction(1)),
    ("(1-cos({}))", 2, Fraction(1, 2)), ("tanhshrink({})", 3, Fraction(1, 3)), ("({0}-sin({0}))", 3, Fraction(1, 6)),
    ("asinh({})", 1, Fraction(1)), ("logcosh({})", 2, Fraction(1, 2)), ("silu({})", 1, Fraction(1, 2)),
)  # fmt: skip
# Even factors that are not zero at zero, as (text, f(0)): they change the higher orders only.
_UNITS = (
    ("exp(-{}**2)", Fraction(1)), ("sigmoid({})", Fraction(1, 2)), ("cos({})", Fraction(1)),
    ("(1+{}**2)", Fraction(1)), ("exp({})", Fraction(1)), ("softplus({})/log(2)", Fraction(1)),
)  # fmt: skip


@st.composite
def _products(draw: DrawFn, multiplicity: int, variable: str) -> tuple[str, Fraction]:
    """A product of factors of total order `multiplicity`, as text and leading coefficient."""
    left, parts, coefficient = multiplicity, [], Fraction(1)
    while left:
        power = draw(st.integers(0, left).map(lambda k, left=left: left - k))
        if power:  # first choice: all of it as a power
            parts.append(variable if power == 1 else f"{variable}**{power}")
            left -= power
        if left:
            usable = [factor for factor in _FACTORS if factor[1] <= left]
            text, order, value = draw(st.sampled_from(usable))
            scale = draw(st.sampled_from([1, 2, -1, -3]))
            inner = variable if scale == 1 else f"({scale}*{variable})"
            parts.append(text.format(inner))
            coefficient *= value * Fraction(scale) ** order
            left -= order
    for text, value in draw(st.lists(st.sampled_from(_UNITS), max_size=2)):
        parts.append(text.format(variable))
        coefficient *= value
    return "*".join(parts), coefficient


@st.composite
def activations(draw: DrawFn, multiplicity: int | None = None, *, most: int = 4) -> KnownActivation:
    """Smooth formulas with σ(0) = 0 of known multiplicity (given, or 1 to `most`) and leading coefficient.

    Sums of products of elementary and catalogue functions in a variable of any name; simplest: x**p.
    """
    p = draw(st.integers(1, most)) if multiplicity is None else multiplicity
    variable = draw(st.sampled_from(["x", "z", "t", "Z_1"]))
    text, coefficient = draw(_products(p, variable))
    factor = draw(st.sampled_from(["", "-", "2*", "-0.5*", "1e-3*"]))
    value = {"": 1, "-": -1, "2*": 2, "-0.5*": Fraction(-1, 2), "1e-3*": Fraction(1, 1000)}[factor]
    text, coefficient = factor + text, coefficient * value
    for _ in range(draw(st.integers(0, 2))):
        extra, _ = draw(_products(p + draw(st.integers(1, 3)), variable))
        text += draw(st.sampled_from([" + ", " - "])) + extra
    # A word of several letters alone would be looked up in the catalogue.
    return KnownActivation(f"({text})" if text == "Z_1" else text, p, coefficient)


def catalogue_names(*, smooth: bool | None = None, zero_at_zero: bool | None = None) -> SearchStrategy[str]:
    """Names of the catalogue; only those that are smooth at 0 (or not), with σ(0) = 0 (or not), where asked."""

    def wanted(name: str) -> bool:
        act = activation(name)
        return (smooth is None or act.is_smooth == smooth) and (
            zero_at_zero is None or (act.value_at_zero == 0) == zero_at_zero
        )

    every = tuple(CATALOGUE)
    if smooth is None and zero_at_zero is None:
        return st.sampled_from(every)
    return st.deferred(lambda: st.sampled_from([name for name in every if wanted(name)]))


def _number(numbers: Numbers, largest: int) -> SearchStrategy[float]:
    if numbers == "integers":
        return st.integers(-largest, largest).map(float)
    return st.floats(-largest, largest, allow_subnormal=False)


@st.composite
def datasets(
    draw: DrawFn,
    *,
    samples: int | tuple[int, int] = (2, 8),
    inputs: int | tuple[int, int] = (1, 3),
    numbers: Numbers | None = None,
    largest: int = 4,
    degenerate: bool | None = None,
) -> Dataset:
    """Data sets (n, d) with one output that varies, of integers or floats (None: either) up to `largest`.

    `degenerate`: True only special ones (a repeated point, collinear points, a constant input, all targets but one zero,
    vanishing moments of order 1 to 3), False only plain draws, None both.  `samples` and `inputs` are sizes or ranges.
    """
    n, d = (draw(st.integers(*v)) if isinstance(v, tuple) else v for v in (samples, inputs))
    kind = draw(st.sampled_from(_NUMBERS)) if numbers is None else numbers
    element = _number(kind, largest)
    x = np.array(draw(st.lists(element, min_size=n * d, max_size=n * d))).reshape(n, d)
    y = np.array(draw(st.lists(element, min_size=n, max_size=n)))
    special = draw(st.booleans()) if degenerate is None else degenerate
    if special:
        which = draw(st.sampled_from(["repeated", "collinear", "constant", "one target", "moments"]))
        if which == "moments":
            order = draw(st.integers(1, 3))
            return draw(vanishing_moments(order, inputs=d, largest=largest))
        x, y = _made_special(which, x, y, draw(st.integers(0, n - 1)))
    if np.all(y == y[0]):
        y[-1] = y[0] + 1.0
    return Dataset("drawn", x, y)


def _made_special(which: str, x: np.ndarray, y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    if which == "repeated":
        x[-1] = x[0]
    elif which == "collinear":
        x = x[:, :1] * np.arange(1.0, x.shape[1] + 1)
    elif which == "constant":
        x[:, 0] = x[0, 0]
    else:
        y = np.where(np.arange(len(y)) == k, 1.0, 0.0)
    return x, y


@st.composite
def vanishing_moments(
    draw: DrawFn, order: int, *, inputs: int = 1, largest: int = 4, bias: bool = True, round_too: bool = False
) -> Dataset:
    """Data on which P(u) = Σ y_i (u·x_i)^p, p = `order`, vanishes identically; `round_too`: or is constant on the sphere.

    There every orientation is fixed.  Distinct points with integer coordinates and integer targets, not all the same: the
    targets are drawn from the null space of the exact linear conditions on P.
    """
    exponents = monomials(inputs + bias, order).exponents
    # With a constant c |u|^p allowed there is one unknown more, c, and one point fewer is needed.
    ball = [_ball_coefficient(row) for row in exponents.tolist()] if round_too and order % 2 == 0 else None
    need = len(exponents) + (ball is None)
    side = largest
    while (2 * side + 1) ** inputs < need + 2:
        side += 1
    n = draw(st.integers(need, need + 2))
    point = st.tuples(*[st.integers(-side, side)] * inputs)
    x = np.array(draw(st.lists(point, min_size=n, max_size=n, unique=True))).reshape(n, inputs)
    full = np.column_stack([x, np.ones(n, dtype=int)]) if bias else x
    rows = []
    for k, row in enumerate(exponents.tolist()):
        moments = [math.prod(v**e for v, e in zip(at, row, strict=True)) for at in full.tolist()]
        rows.append(moments if ball is None else [*moments, -ball[k]])
    basis = _integer_nullspace(rows)
    weights = draw(st.lists(st.integers(-2, 2), min_size=len(basis), max_size=len(basis)))
    y = np.array([sum(w * v[k] for w, v in zip(weights, basis, strict=True)) for k in range(n)], dtype=float)
    x, y = x[y != 0], y[y != 0]
    assume(len(set(y.tolist())) > 1)
    return Dataset("drawn", x.astype(float), y)


def _ball_coefficient(exponents: list[int]) -> Fraction:
    """The moment of |u|^p that stands for its monomial: its coefficient over the multinomial one; 0 for odd powers."""
    if any(e % 2 for e in exponents):
        return Fraction(0)
    order = sum(exponents)
    inner = Fraction(math.factorial(order // 2), math.prod(math.factorial(e // 2) for e in exponents))
    return inner / Fraction(math.factorial(order), math.prod(math.factorial(e) for e in exponents))


def _integer_nullspace(rows: list[list[Any]]) -> list[list[int]]:
    """A short integer basis (LLL) of the vectors v with rows · v = 0."""
    whole = []
    for row in rows:
        common = math.lcm(*(Fraction(v).denominator for v in row))
        whole.append([int(v * common) for v in row])
    vectors, nullity = fmpz_mat(whole).nullspace()
    columns = [[int(vectors[k, j]) for k in range(vectors.nrows())] for j in range(nullity)]
    primitive = [[v // math.gcd(*column) for v in column] for column in columns]
    return [[int(v) for v in row] for row in fmpz_mat(primitive).lll().tolist()] if primitive else []


@dataclass(frozen=True)
class Start:
    """The start of m neurons: output weights a (m,) and input weights w (m, D)."""

    a: np.ndarray
    w: np.ndarray


@st.composite
def initialisations(
    draw: DrawFn,
    width: int | tuple[int, int] = (1, 6),
    dimension: int | tuple[int, int] = (1, 4),
    *,
    scale: float = 1.0,
) -> Start:
    """Starts of neurons of size `scale`: Gaussian ones, and with a zero neuron, two equal, two opposite, or all balanced.

    Balanced means |a| = ‖w‖, the invariant of p = 1 at zero.
    """
    m, size = (draw(st.integers(*v)) if isinstance(v, tuple) else v for v in (width, dimension))
    kind = draw(st.sampled_from(["Gaussian", "zero", "equal", "opposite", "balanced"]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a, w = scale * generator.standard_normal(m), scale * generator.standard_normal((m, size))
    if kind == "zero":
        a[0], w[0] = 0.0, 0.0
    elif kind == "equal":
        a[-1], w[-1] = a[0], w[0]
    elif kind == "opposite":
        a[-1], w[-1] = -a[0], -w[0]
    elif kind == "balanced":
        a = np.sign(a) * np.linalg.norm(w, axis=1)
    return Start(a, w)


@st.composite
def experiments(draw: DrawFn, *, most_width: int = 20) -> Experiment:
    """Experiments that `Experiment` accepts: a formula or catalogue name, small data of integers or floats, any loss.

    Targets fit the loss (-1 and 1 for logistic, labels for cross-entropy).  Whether a theorem applies to one is another
    question: `theory.predict` refuses those where none does.
    """
    data = draw(datasets())
    loss = draw(st.sampled_from(["half-mse", "mse", "huber", "logistic", "cross-entropy"]))
    if loss == "logistic":
        data = Dataset(data.name, data.x, np.where(data.y > np.median(data.y), 1.0, -1.0))
    elif loss == "cross-entropy":
        data = Dataset(data.name, data.x, (data.y > np.median(data.y)).astype(float))
    return Experiment(
        data=data,
        activation=draw(st.one_of(activations().map(lambda known: known.text), catalogue_names())),
        loss=loss,
        bias=draw(st.booleans().map(lambda off: not off)),
        optimizer=draw(st.sampled_from(["gd", "momentum", "adam", "sign"])),
        width=draw(st.integers(1, most_width)),
        init_std=draw(st.one_of(st.none(), st.floats(1e-8, 1e-1))),
        lr=draw(st.one_of(st.none(), st.floats(1e-6, 1.0))),
        seed=draw(st.integers(0, 2**32 - 1)),
        seeds=draw(st.integers(1, 4)),
        fraction=draw(st.one_of(st.none(), st.floats(1e-4, 0.5))),
    )
