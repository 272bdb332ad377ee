"""Forward and backward pass of a deep network in truncated power series in ε, over numbers or symbols alike.

A series is a mapping from the power of ε to its coefficient.  With every parameter ε times itself the network and its
gradient are computed in the algebra of such series: the coefficient of ε^d in the gradient of a group is the exact
gradient of the part of degree d + 1 of the mean of s f.  What a coefficient is, an array over the samples or an
expression, is up to the `Algebra`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from theory.systems.deep.architecture import Architecture

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
