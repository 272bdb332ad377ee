"""What the theorem of deep networks is about: the layers' activations, upper biases, residual connections."""

from __future__ import annotations

from collections.abc import Sequence
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
