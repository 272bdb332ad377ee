"""G(u) = mean(s σ_p(u·x)) of a one-sided σ_p as a smooth form plus kinks, exactly.

Statement.  σ_p(z) = c₊ z^p (z > 0), c₋ (-z)^p (z < 0) is e z^p + k sgn(z) z^p with
e = (c₊ + (-1)^p c₋)/2, k = (c₊ - (-1)^p c₋)/2.  Hence G(u) = T u^p + Σ_i w_i sgn(u·y_i) (u·y_i)^p, T = e mean(s x^{⊗p}),
one y_i for each line on which samples lie (x = μ y adds k s |μ|^p sgn(μ)^{p+1}/n to w_i); samples at 0 and lines whose
weights cancel have no kink, nor has a smooth σ_p, c₋ = (-1)^p c₊.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb, ctx, fmpq

from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor, to_rational
from theory.formula.activation import Activation, activation


@dataclass(frozen=True, eq=False)
class OneSidedForm:
    """G(u) = T u^p + Σ_i weights[i] sgn(u·y_i) (u·y_i)^p, y_i = lines[i] primitive integer vectors."""

    order: int
    dimension: int
    smooth: MomentTensor
    lines: tuple[tuple[int, ...], ...]
    weights: tuple[fmpq, ...]

    @classmethod
    def from_data(cls, x: object, s: object, order: int, plus: fmpq, minus: fmpq) -> OneSidedForm:
        """Return G of data x (n, D), bias column included, s (n,) and σ_p with rational c₊, c₋; cost O(n)."""
        x, s = np.asarray(x), np.asarray(s)
        sign = -1 if order % 2 else 1
        even, kink = (plus + sign * minus) / 2, (plus - sign * minus) / 2
        tensor = MomentTensor.from_data(x, s, order).scaled(even)
        weights: dict[tuple[int, ...], fmpq] = {}
        if kink:
            for i, row in enumerate(x):
                line, factor = _primitive([to_rational(v, f"x, row {i}") for v in row])
                if not factor:
                    continue
                turned = factor < 0 and order % 2 == 0
                share = kink * to_rational(s[i], f"s, entry {i}") * abs(factor) ** order / len(x)
                weights[line] = weights.get(line, fmpq(0)) + (-share if turned else share)
        kept = {line: w for line, w in sorted(weights.items()) if w}
        return cls(order, tensor.dimension, tensor, tuple(kept), tuple(kept.values()))

    @property
    def is_zero(self) -> bool:
        """True when G = 0 because every coefficient vanishes."""
        return self.smooth.is_zero and not self.lines

    def tensor(self, signs: list[int]) -> MomentTensor:
        """Return the form that G equals in the cell where sgn(u·y_i) = signs[i]."""
        if not self.lines:
            return self.smooth
        signal = [w * sign * len(self.lines) for w, sign in zip(self.weights, signs, strict=True)]
        part = MomentTensor.from_data(
            np.array([[fmpq(v) for v in line] for line in self.lines], dtype=object),
            np.array([*signal, None], dtype=object)[:-1],
            self.order,
        )
        both = tuple(a + b for a, b in zip(part.coefficients, self.smooth.coefficients, strict=True))
        return MomentTensor(self.order, self.dimension, both)

    @cached_property
    def floats(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (m, D) along the lines and the weights (m,) that go with them, correctly rounded."""
        units, weights = np.empty((len(self.lines), self.dimension)), np.empty(len(self.lines))
        with ctx.workprec(128):
            for i, (line, w) in enumerate(zip(self.lines, self.weights, strict=True)):
                norm = arb(sum(v * v for v in line)).sqrt()
                units[i] = [float((v / norm).mid()) for v in line]
                weights[i] = float((arb(w) * norm**self.order).mid())
        return units, weights

    def value(self, u: np.ndarray) -> np.ndarray:
        """Return G (...) at u (..., D) in binary64."""
        units, weights = self.floats
        dots = u @ units.T
        return self.smooth.value(u) + (np.sign(dots) * dots**self.order) @ weights

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Return ∇G/p (..., D) at u (..., D) in binary64; on a kink with p = 1 the mean of both sides."""
        units, weights = self.floats
        dots = u @ units.T
        return self.smooth.gradient(u) + (np.sign(dots) * dots ** (self.order - 1) * weights) @ units


def _primitive(row: list[fmpq]) -> tuple[tuple[int, ...], fmpq]:
    """Return (y, μ) with row = μ y, y a primitive integer vector whose first non-zero entry is positive."""
    common = math.lcm(*(int(v.q) for v in row))
    whole = [int(v.p) * (common // int(v.q)) for v in row]
    divisor = math.gcd(*whole)
    if not divisor:
        return tuple(whole), fmpq(0)
    if next(v for v in whole if v) < 0:
        divisor = -divisor
    return tuple(v // divisor for v in whole), fmpq(divisor, common)


def rational_coefficients(plus: object, minus: object) -> tuple[fmpq, fmpq, str | None]:
    """Return c₊ and c₋ as rationals, exactly where they are numbers or rational SymPy numbers.

    An irrational SymPy number is replaced by the nearest multiple of 2^-200, which the third value, a note, says.
    """
    out, note = [], None
    for name, c in (("c₊", plus), ("c₋", minus)):
        if getattr(c, "is_Rational", False):
            out.append(fmpq(int(c.p), int(c.q)))  # type: ignore[attr-defined]
        elif getattr(c, "is_real", False) and hasattr(c, "evalf"):
            out.append(fmpq(int((c * 2**200).round()), 2**200))  # type: ignore[operator]
            note = f"{name} = {c} is irrational: everything is exact for its nearest multiple of 2^-200"
        else:
            out.append(to_rational(c, name))
    if not any(out):
        raise TheoryError("one-sided activation: c₊ and c₋ are both 0; at least one must not be")
    return out[0], out[1], note


def one_sided_form(x: object, s: object, sigma: Activation | str | tuple) -> tuple[OneSidedForm, str | None]:
    """Return G of data x (n, D) with the bias column, s (n,), and a note where c₊ or c₋ is irrational.

    `sigma` is an Activation, its text, or (p, c₊, c₋).  Raises TheoryError for σ(0) ≠ 0, p < 1 or bad data.
    """
    if isinstance(sigma, tuple):
        order, plus, minus = sigma
        if not isinstance(order, int) or order < 1:
            raise TheoryError(f"one-sided activation: p = {order!r} must be an integer of at least 1")
    else:
        act = activation(sigma) if isinstance(sigma, str) else sigma
        if act.value_at_zero != 0:
            raise TheoryError(
                f"{act.text!r} has σ(0) = {act.value_at_zero}: orientations of a one-sided form need σ(0) = 0"
            )
        order, (plus, minus) = act.multiplicity, act.one_sided
    c_plus, c_minus, note = rational_coefficients(plus, minus)
    return OneSidedForm.from_data(x, s, order, c_plus, c_minus), note
