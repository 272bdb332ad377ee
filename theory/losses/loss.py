"""Losses and their signal s_i = -∂ℓ/∂f at zero output, which is all that the leading order sees of a loss.

A formula ℓ(f, y) is expanded in f at f = 0 by the same series engine as an activation, once for each distinct
target: value, signal and curvature are its first three coefficients, and a kink at f = 0 is found, not
assumed away.  The named losses have their derivatives written out; tests compare them with the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy
from flint import arb, ctx, fmpq

from theory.errors import TheoryError
from theory.formula.branches import BranchAlgebra, Forms
from theory.formula.deadline import DeadlineExceeded, time_limit
from theory.formula.evaluation import to_float
from theory.formula.expression import ParsedFormula, parse_in
from theory.formula.fields import BallField, ExactField, NotReal, Undecided
from theory.formula.jets import NeedTerms, Undefined
from theory.formula.syntax import fold

Rule = Callable[[fmpq], fmpq]
_PRECISION = 256
_SECONDS = 1.0  # of exact work for one target before balls take over


@dataclass(frozen=True)
class Loss:
    """A loss ℓ(f, y), summed over outputs, averaged over samples; build it with `loss(name_or_formula)`.

    `formula` is ℓ for one output.  `rules` are signal and curvature at f = 0 as exact functions of y where
    they are known in closed form; without them the series engine finds them.
    """

    name: str
    formula: ParsedFormula
    signs: bool = False
    rules: tuple[Rule, Rule] | None = field(default=None, repr=False, compare=False)
    signal_latex: str | None = field(default=None, repr=False, compare=False)

    @property
    def expression(self) -> sympy.Expr:
        """ℓ in SymPy, in the real symbols f and y."""
        return self.formula.expression

    @cached_property
    def signal_expression(self) -> sympy.Expr:
        """-∂ℓ/∂f, the signal at any output."""
        return -sympy.diff(self.expression, _F)

    @cached_property
    def curvature(self) -> sympy.Expr:
        """∂²ℓ/∂f² at any output."""
        return sympy.diff(self.expression, _F, 2)

    def signal(self, y: np.ndarray) -> np.ndarray:
        """s = -∂ℓ/∂f at f = 0 for targets (n,) or (n, K): exact fractions (fmpq) in an object array alike.

        Targets are exact binary64 numbers.  An irrational signal (a formula such as (f - sin(y))**2) is given
        as the nearest binary64.  Raises TheoryError for targets that the loss cannot take and for a kink at f
        = 0.
        """
        rule = self.rules[0] if self.rules else lambda t: _nearest(self._terms(t)[1])
        return _each(self.targets(y), rule)

    def value_at_zero(self, y: np.ndarray) -> np.ndarray:
        """ℓ(0, y_i), summed over the outputs: float64 (n,)."""
        values = _each(self.targets(y), lambda t: to_float(self._terms(t)[0].mid()))
        return values.reshape(len(values), -1).sum(axis=1).astype(float)

    def curvature_at_zero(self, y: np.ndarray) -> np.ndarray:
        """∂²ℓ/∂f² at f = 0, float64 alike; where it jumps (Huber at |y| = 1) the mean of both sides."""
        rule = self.rules[1] if self.rules else lambda t: to_float(self._terms(t)[2].mid())
        return _each(self.targets(y), rule).astype(float)

    def targets(self, y: Any) -> np.ndarray:
        """The targets as float64 (n,) or (n, K).  Raises TheoryError for what this loss cannot take."""
        y = _finite(y)
        wrong = np.flatnonzero(np.abs(y.ravel()) != 1) if self.signs else np.array([], dtype=int)
        if wrong.size:
            remedy = ": map 0 to -1 (2 y - 1)" if np.isin(y, (0, 1)).all() else ""
            place = ", ".join(str(k) for k in np.unravel_index(wrong[0], y.shape))
            raise TheoryError(
                f"the {self.name} loss takes labels -1 and +1; y[{place}] is {y.ravel()[wrong[0]]:g}{remedy}"
            )
        return y

    def latex(self) -> str:
        """ℓ and its signal."""
        signal = self.signal_latex or sympy.latex(self.signal_expression.subs(_F, 0))
        return rf"\ell(f, y) = {sympy.latex(self.expression)}, \quad s = -\partial_f \ell|_{{f=0}} = {signal}"

    def __repr__(self) -> str:
        return f"loss({self.name!r})"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _terms(self, target: fmpq) -> tuple[Any, arb, arb]:
        return _expanded(self.formula, target)


@dataclass(frozen=True, repr=False)
class CrossEntropy(Loss):
    """ℓ(f, y) = log Σ_k exp(f_k) - f_y for labels y (n,) or one-hot rows (n, K): s = onehot - 1/K."""

    def signal(self, y: np.ndarray) -> np.ndarray:
        """onehot - 1/K as fmpq, shape (n, K)."""
        hot = self.targets(y)
        share = fmpq(1, hot.shape[1])
        return _each(hot, lambda t: t - share)

    def value_at_zero(self, y: np.ndarray) -> np.ndarray:
        """log K for every sample, shape (n,)."""
        hot = self.targets(y)
        return np.full(len(hot), np.log(hot.shape[1]))

    def curvature_at_zero(self, y: np.ndarray) -> np.ndarray:
        """The diagonal (K-1)/K² of the Hessian diag(1/K) - 1/K², shape (n, K)."""
        hot = self.targets(y)
        k = hot.shape[1]
        return np.full(hot.shape, (k - 1) / k**2)

    def targets(self, y: Any) -> np.ndarray:
        """One-hot rows (n, K) from labels 0..K-1 (n,) or from one-hot rows."""
        y = _finite(y)
        if y.ndim == 2:
            if not (((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all() and y.shape[1] >= 2):
                raise TheoryError(
                    "cross-entropy takes integer labels (n,) or one-hot rows (n, K) with K >= 2"
                )
            return y
        if not ((y == np.floor(y)) & (y >= 0) & (y < 10_000)).all():
            raise TheoryError(f"cross-entropy takes labels 0, 1, ..., K-1; found {y[_odd_label(y)]:g}")
        there = np.bincount(y.astype(int), minlength=2)
        if not there.all():
            empty = int(np.flatnonzero(there == 0)[0])
            remedy = (
                f"; do labels start at {y.min():g}? subtract that"
                if empty == 0
                else f", and labels go up to {y.max():g}"
            )
            raise TheoryError(
                f"cross-entropy: class {empty} has no sample{remedy}; accepted: labels 0, 1, ..., K-1 that all occur"
                if len(there) > 2 or empty == 0
                else "cross-entropy: every label is 0; accepted: labels 0, 1, ..., K-1 that all occur"
            )
        return np.eye(len(there))[y.astype(int)]

    def latex(self) -> str:
        """ℓ and its signal."""
        return r"\ell(f, y) = \log \sum_k e^{f_k} - f_y, \quad s_k = \delta_{ky} - \tfrac{1}{K}"


def loss(name: str) -> Loss:
    """The loss half-mse, mse, logistic, cross-entropy or huber, or a formula in f and y such as (f - y)**4.

    f is the output of the network and y the target.  Raises TheoryError for a formula outside the grammar, or one that
    does not depend on f.  Cost: milliseconds; a loss is made once for a name.

    >>> import numpy as np
    >>> loss("mse").signal(np.array([0.5, -1.0])).tolist()  # -∂ℓ/∂f at f = 0, that of (f - y)²
    [1, -2]
    >>> loss("(f - y)**4").curvature_at_zero(np.array([0.5])).tolist()
    [3.0]
    """
    if not isinstance(name, str):
        raise TheoryError(f"a loss is a name or a formula in f and y, not {type(name).__name__}")
    return _loss(name.strip())


@lru_cache(maxsize=64)
def _loss(name: str) -> Loss:
    key = name.lower().replace("_", "-")
    if key in _NAMED:
        return _NAMED[key]
    if name.isidentifier() and name not in ("f", "y"):
        raise TheoryError(
            f"unknown loss {name[:40]!r}; accepted: {', '.join(_NAMED)}, or a formula in f and y"
        )
    formula = parse_in(name, ("f", "y"))
    if _F not in formula.expression.free_symbols:
        raise TheoryError(f"the loss {name[:60]!r} does not depend on the output f; accepted: (f - y)**2")
    return Loss(name, formula)


_F = sympy.Symbol("f", real=True)


@lru_cache(maxsize=100_000)
def _expanded(formula: ParsedFormula, target: fmpq) -> tuple[arb, Any, arb]:
    """ℓ, -∂ℓ/∂f (an exact fraction where it is rational) and ∂²ℓ/∂f² at f = 0 for one target."""
    try:
        with time_limit(_SECONDS), ctx.workprec(_PRECISION):
            return _coefficients(formula, target, ExactField())
    except (DeadlineExceeded, Undecided):
        with ctx.workprec(_PRECISION):
            return _coefficients(formula, target, BallField())


def _coefficients(formula: ParsedFormula, target: fmpq, numbers: Any) -> tuple[arb, Any, arb]:
    try:
        try:
            found = [_first_three(formula, target, numbers, direction, 3) for direction in (1, -1)]
        except NeedTerms:  # a quotient cancels: look deeper
            found = [_first_three(formula, target, numbers, direction, 16) for direction in (1, -1)]
        (value, slope, bend), (left_value, left_slope, left_bend) = found
        if not numbers.is_zero(value - left_value):
            raise Undefined("a jump at f = 0")
        if not numbers.is_zero(slope + left_slope):
            raise Undefined("a kink at f = 0, so no signal there")
    except (Undefined, NotReal, NeedTerms, Undecided) as reason:
        if numbers.exact and isinstance(reason, Undecided):
            raise  # balls will decide
        why = str(reason) or "no value that can be decided"
        raise TheoryError(
            f"the loss {formula.text[:60]!r} at target y = {float(target):g} has {why}"
        ) from None
    exact = numbers.as_rational(slope) if numbers.exact else None
    return _ball(value), -exact if exact is not None else -_ball(slope), _ball(bend) + _ball(left_bend)


def _first_three(
    formula: ParsedFormula, target: fmpq, numbers: Any, direction: int, order: int
) -> tuple[Any, Any, Any]:
    """The coefficients of |f|^0, |f|^1, |f|^2 on one side of f = 0."""
    algebra = BranchAlgebra(numbers, order, direction, Forms())
    y = algebra.number(Fraction(int(target.p), int(target.q)))
    jet = fold(formula.tree, algebra, {"f": algebra.variable(), "y": y}).jet
    if jet.terms and jet.start < 0:
        raise Undefined("a pole at f = 0")
    value, slope, bend = (algebra.series.coefficient(jet, k) for k in range(3))
    return value, slope, bend


def _ball(value: Any) -> arb:
    return value if isinstance(value, arb) else value.ball(_PRECISION)


def _nearest(value: fmpq | arb) -> fmpq:
    """A fraction as it is, a ball as the nearest binary64."""
    return value if isinstance(value, fmpq) else fmpq(*to_float(value.mid()).as_integer_ratio())


def _each(y: np.ndarray, rule: Callable[[fmpq], Any]) -> np.ndarray:
    """The rule at every target, once for each distinct one: an object array of the shape of y."""
    distinct, where = np.unique(y, return_inverse=True)
    values = np.empty(len(distinct), dtype=object)
    for k, target in enumerate(distinct.tolist()):
        values[k] = rule(fmpq(*target.as_integer_ratio()))
    return values[where].reshape(y.shape)


def _finite(y: Any) -> np.ndarray:
    """Targets as a finite float64 array (n,) or (n, K)."""
    try:
        y = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise TheoryError("targets must be numbers, of shape (n,) or (n, K)") from None
    if y.ndim not in (1, 2) or y.size == 0:
        raise TheoryError(f"targets have shape {y.shape}; accepted: (n,) or (n, K), not empty")
    if not np.isfinite(y).all():
        raise TheoryError(f"target {int(np.flatnonzero(~np.isfinite(y.ravel()))[0])} is not a finite number")
    return y


def _odd_label(y: np.ndarray) -> int:
    return int(np.flatnonzero((y != np.floor(y)) | (y < 0) | (y >= 10_000))[0])


def _constant(value: fmpq) -> Rule:
    return lambda y: value


def _clipped(y: fmpq) -> fmpq:
    return max(fmpq(-1), min(fmpq(1), y))


def _huber_curvature(y: fmpq) -> fmpq:
    return fmpq(1, 2) if abs(y) == 1 else fmpq(int(abs(y) < 1))


def _formula(text: str) -> ParsedFormula:
    return parse_in(text, ("f", "y"))


_NAMED = {
    "half-mse": Loss("half-mse", _formula("(f - y)**2/2"), rules=(lambda y: y, _constant(fmpq(1)))),
    "mse": Loss("mse", _formula("(f - y)**2"), rules=(lambda y: 2 * y, _constant(fmpq(2)))),
    "logistic": Loss(
        "logistic", _formula("log(1 + exp(-y*f))"), True, (lambda y: y / 2, _constant(fmpq(1, 4)))
    ),
    # Two classes with the logits 0 and f stand for the formula; the class treats any number of outputs.
    "cross-entropy": CrossEntropy("cross-entropy", _formula("log(1 + exp(f)) - y*f")),
    # PyTorch's HuberLoss with δ = 1: with a = |f - y|, a²/2 up to 1 and a - 1/2 beyond.
    "huber": Loss(
        "huber",
        _formula("min(abs(f - y), 1)*(abs(f - y) - min(abs(f - y), 1)/2)"),
        rules=(_clipped, _huber_curvature),
        signal_latex=r"\max(-1, \min(1, y))",
    ),
}
