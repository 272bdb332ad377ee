"""What the theorem of deep networks is about: the layers' activations, upper biases, residual connections.

Forward and backward pass of a deep network in truncated power series in ε, over numbers or symbols alike.

A series is a mapping from the power of ε to its coefficient.  With every parameter ε times itself the network and its
gradient are computed in the algebra of such series: the coefficient of ε^d in the gradient of a group is the exact
gradient of the part of degree d + 1 of the mean of s f.  What a coefficient is, an array over the samples or an
expression, is up to the `Algebra`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from theory.errors import TheoryError
from theory.formula.activation import Activation, activation

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Architecture:
    """f = a h_L, h_l = σ_l(w_l h_{l-1} [+ b_l]) [+ h_{l-1} for l ≥ 2], h_0 = x, the first bias inside x.

    `hidden_bias` are the biases b_2 .. b_L of the upper hidden layers, `residual` the skips over them (there is none
    over the first).  Raises TheoryError, naming the layer, where σ_l(0) ≠ 0 or σ_l is not smooth at 0.
    """

    layers: tuple[Activation, ...]
    hidden_bias: bool = False
    residual: bool = False

    def __post_init__(self) -> None:
        if not self.layers:
            raise TheoryError("a deep network needs at least one hidden layer: give one activation a layer")
        for number, sigma in enumerate(self.layers, start=1):
            where = f"layer {number}: activation {sigma.text!r}"
            if sigma.value_at_zero != 0:
                raise TheoryError(
                    f"{where} has σ(0) = {sigma.value_at_zero}: this theorem needs σ(0) = 0 in every layer, "
                    "as tanh or x*tanh(x) have"
                )
            if not sigma.is_smooth:
                raise TheoryError(
                    f"{where} is not smooth at 0: this theorem needs both sides to have the same Taylor series, "
                    "as tanh or gelu have"
                )

    @classmethod
    def of(
        cls, activations: Sequence[str | Activation], *, hidden_bias: bool = False, residual: bool = False
    ) -> Architecture:
        """The architecture with these activations, names and formulas included."""
        layers = tuple(s if isinstance(s, Activation) else activation(s) for s in activations)
        return cls(layers, hidden_bias and len(layers) > 1, residual and len(layers) > 1)

    @property
    def depth(self) -> int:
        """L, the number of hidden layers."""
        return len(self.layers)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups of parameters: a, w1, ..., wL, and b2, ..., bL with upper biases."""
        weights = ("a", *(f"w{l}" for l in range(1, self.depth + 1)))
        return weights + tuple(f"b{l}" for l in range(2, self.depth + 1)) * self.hidden_bias

    @property
    def kind(self) -> str:
        """In words, for titles."""
        extras = [
            name
            for name, has in (("upper biases", self.hidden_bias), ("residual connections", self.residual))
            if has
        ]
        return " and ".join(extras) if extras else "no upper bias"

    def taylor(self, layer: int, order: int) -> tuple[Any, ...]:
        """The exact coefficients of z^0 .. z^order of σ_layer; cached by the activation."""
        return self.layers[layer - 1].taylor(order)

    def split(self, parameters: Weights) -> Weights:
        """The groups as arrays, from weights named and shaped as the network's: a (K, m), w_l (m_l, m_{l-1} [+ 1]) with
        the upper biases as last columns.  Leading axes are kept.
        """
        out = {}
        for name, value in parameters.items():
            if self.hidden_bias and name not in ("a", "w1"):
                out[name], out[f"b{name[1:]}"] = value[..., :-1], value[..., -1]
            else:
                out[name] = value
        return out

    def join(self, groups: Weights) -> Weights:
        """The inverse of `split`."""
        out = {}
        for name in ("a", *(f"w{l}" for l in range(1, self.depth + 1))):
            bias = groups.get(f"b{name[1:]}")
            out[name] = groups[name] if bias is None else np.concatenate([groups[name], bias[..., None]], -1)
        return out


Series = dict[int, Any]


class Algebra(ABC):
    """The products between a layer and the next; elementwise sums and products are Python's."""

    @abstractmethod
    def apply(self, w: Any, h: Any) -> Any:
        """w h, the arguments of the next layer."""

    @abstractmethod
    def pull(self, delta: Any, w: Any) -> Any:
        """δ w, back to the layer below."""

    @abstractmethod
    def outer(self, delta: Any, h: Any) -> Any:
        """The gradient of w in δ·(w h)."""

    @abstractmethod
    def total(self, delta: Any) -> Any:
        """The gradient of b in δ·b."""

    def name(self, kind: str, layer: int, order: int, value: Any) -> Any:
        """The coefficient of ε^order of z or h of a layer, which an algebra may give a name."""
        return value


def multiply(left: Series, right: Series, top: int) -> Series:
    """The product of two series up to ε^top."""
    out: Series = {}
    for i, x in left.items():
        for j, y in right.items():
            if i + j <= top:
                out[i + j] = out[i + j] + x * y if i + j in out else x * y
    return out


def compose(coefficients: Sequence[Any], z: Series, top: int) -> tuple[Series, Series]:
    """σ(z) and σ'(z) up to ε^top, for σ given by its Taylor coefficients and z without constant term."""
    value: Series = {}
    slope: Series = {}
    power: Series = {0: 1}
    lowest = min(z, default=top + 1)
    for k, c in enumerate(coefficients):
        if k == 0:
            continue
        if (k - 1) * lowest > top:
            break
        if c != 0:
            _add(slope, power, k * c)
        power = multiply(power, z, top)
        if c != 0:
            _add(value, power, c)
    return value, slope


def _add(total: Series, part: Series, factor: Any) -> None:
    for order, coefficient in part.items():
        term = factor * coefficient
        total[order] = total[order] + term if order in total else term


def gradients(
    architecture: Architecture,
    algebra: Algebra,
    parameters: Mapping[str, Any],
    x: Any,
    s: Any,
    taylor: Sequence[Sequence[Any]],
    top: int,
) -> dict[str, Series]:
    """The gradient of mean(s f) in every group up to ε^top.

    `taylor` are the coefficients of each σ_l up to order `top` + 1 at least, `s` the signal (with the 1/n of the mean
    where `outer` and `total` sum).
    """
    hidden: list[Series] = [{0: x}]
    slopes: list[Series] = []
    for layer in range(1, architecture.depth + 1):
        z = {i + 1: algebra.apply(parameters[f"w{layer}"], h) for i, h in hidden[-1].items() if i < top}
        if architecture.hidden_bias and layer > 1:
            bias = parameters[f"b{layer}"]
            z[1] = z[1] + bias if 1 in z else bias
        z = {i: algebra.name("z", layer, i, value) for i, value in sorted(z.items())}
        value, slope = compose(taylor[layer - 1], z, top)
        if architecture.residual and layer > 1:
            _add(value, hidden[-1], 1)
        hidden.append({i: algebra.name("h", layer, i, v) for i, v in sorted(value.items())})
        slopes.append(slope)

    out: dict[str, Series] = {"a": {i: algebra.outer(s, h) for i, h in hidden[-1].items()}}
    back: Series = {1: algebra.pull(s, parameters["a"])}
    for layer in range(architecture.depth, 0, -1):
        delta = multiply(back, slopes[layer - 1], top)
        weights: Series = {}
        for i, d in delta.items():
            for j, h in hidden[layer - 1].items():
                if i + j <= top:
                    term = algebra.outer(d, h)
                    weights[i + j] = weights[i + j] + term if i + j in weights else term
        out[f"w{layer}"] = weights
        if layer == 1:
            break
        if architecture.hidden_bias:
            out[f"b{layer}"] = {i: algebra.total(d) for i, d in delta.items()}
        below = {i + 1: algebra.pull(d, parameters[f"w{layer}"]) for i, d in delta.items() if i < top}
        if architecture.residual:
            _add(below, back, 1)
        back = below
    return out
