"""Problem: the network, data, loss and optimiser that theory is asked about, parsed and validated once.

A problem knows no scale, seed, width or learning rate: those are an experiment's.  Everything that needs the activation,
the loss or the data with their bias column takes them from here, so that no two places can read them differently.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from theory.errors import TheoryError
from theory.formula.activation import Activation, activation
from theory.losses.loss import Loss, loss
from theory.losses.signal import centred


class Optimizer(StrEnum):
    """How the weights are stepped."""

    GRADIENT_DESCENT = "gd"
    MOMENTUM = "momentum"
    ADAM = "adam"
    SIGN = "sign"

    @property
    def coordinatewise(self) -> bool:
        """Whether every parameter is stepped by itself, without regard to the size of its gradient."""
        return self in (Optimizer.ADAM, Optimizer.SIGN)


@dataclass(frozen=True)
class Network:
    """A fully connected network: the activation of each hidden layer, the first one first.

    `bias` is that of the first hidden layer, part of its input weights; `hidden_bias` those of the further ones;
    `output_bias` that of the output; `residual`: h ← σ(V h + b) + h over the further layers.  `weight_decay` λ̂ in
    rescaled time: λ = λ̂ ε^{p-1}.
    """

    layers: tuple[Activation, ...]
    bias: bool = True
    hidden_bias: bool = False
    residual: bool = False
    weight_decay: float = 0.0
    output_bias: bool = False

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return len(self.layers)


@dataclass(frozen=True, eq=False)
class Problem:
    """What theory is asked about; build it with `Problem.of`.

    `x` (n, D) holds the inputs, the bias column of ones last where the network has a bias; `y` the targets as the loss
    takes them, (n,) or (n, K).
    """

    network: Network
    x: Float64[np.ndarray, "n D"]
    y: Shaped[np.ndarray, "n"] | Shaped[np.ndarray, "n K"]
    loss: Loss
    optimizer: Optimizer = Optimizer.GRADIENT_DESCENT

    @classmethod
    def of(
        cls,
        x: Any,
        y: Any,
        sigma: str | Activation = "tanh",
        *,
        layers: tuple[str | Activation, ...] = (),
        loss_function: str | Loss = "half-mse",
        bias: bool = True,
        hidden_bias: bool = False,
        residual: bool = False,
        weight_decay: float = 0.0,
        output_bias: bool = False,
        optimizer: str | Optimizer = Optimizer.GRADIENT_DESCENT,
    ) -> Problem:
        """Parse and validate.

        x (n, d) or (n,), without the bias column; y (n,), (n, K), or labels 0..K-1 (n,) for cross-entropy.  `sigma` is the
        activation of the first hidden layer, `layers` those of further ones: names of the catalogue or formulas.  Raises
        TheoryError, in one line, for what is no number, shapes that do not fit, and what the formulas or the loss refuse.
        """
        if not (np.isfinite(weight_decay) and weight_decay >= 0):
            raise TheoryError(f"weight decay is {weight_decay:g}; accepted: a finite number of at least 0")
        try:
            chosen = Optimizer(optimizer)
        except ValueError:
            raise TheoryError(
                f"unknown optimizer {optimizer!r}; accepted: {', '.join(each.value for each in Optimizer)}"
            ) from None
        network = Network(
            layers=tuple(_activation(each) for each in (sigma, *layers)),
            bias=bias,
            hidden_bias=hidden_bias,
            residual=residual,
            weight_decay=float(weight_decay),
            output_bias=output_bias,
        )
        ell = loss_function if isinstance(loss_function, Loss) else loss(loss_function)
        inputs, targets = _inputs(x), ell.targets(y)
        if len(inputs) != len(targets):
            raise TheoryError(
                f"x has {len(inputs)} samples and y has {len(targets)}; accepted: as many targets as samples"
            )
        columns = np.column_stack([inputs, np.ones(len(inputs))]) if bias else inputs.copy()
        return cls(network, np.ascontiguousarray(columns), np.ascontiguousarray(targets), ell, chosen)

    @property
    def activation(self) -> Activation:
        """That of the first hidden layer."""
        return self.network.layers[0]

    @property
    def inputs(self) -> Float64[np.ndarray, "n d"]:
        """The inputs (n, d) without the bias column."""
        return self.x[:, :-1] if self.network.bias else self.x

    @property
    def samples(self) -> int:
        """n."""
        return len(self.x)

    @property
    def dimension(self) -> int:
        """D, the bias counted."""
        return self.x.shape[1]

    @property
    def outputs(self) -> int:
        """K."""
        return 1 if self.y.ndim == 1 else self.y.shape[1]

    @property
    def several_outputs(self) -> bool:
        """Whether the targets are (n, K): neurons then have a vector of output weights."""
        return self.y.ndim == 2

    @cached_property
    def signal(self) -> Shaped[np.ndarray, "n"] | Shaped[np.ndarray, "n K"]:
        """s = -∂ℓ/∂f at zero output as exact fractions, (n,) or (n, K).

        Raises TheoryError where it is 0 for every sample: then nothing moves at leading order.
        """
        return moving_signal(self.loss, self.y)

    @cached_property
    def risk(self) -> float:
        """The mean loss at zero output."""
        return float(np.mean(self.loss.value_at_zero(self.y)))

    @cached_property
    def curvature(self) -> Shaped[np.ndarray, "n"] | Shaped[np.ndarray, "n K"]:
        """∂²ℓ/∂f² at zero output, (n,) or (n, K)."""
        return self.loss.curvature_at_zero(self.y)

    @cached_property
    def at_best_constant(self) -> Problem:
        """The problem once a constant has fitted the mean: no output bias, and the loss seen from the best constant.

        Raises TheoryError where the loss has none on these targets.
        """
        return replace(
            self, network=replace(self.network, output_bias=False), loss=centred(self.loss, self.y)
        )

    def with_optimizer(self, optimizer: Optimizer) -> Problem:
        """The same problem under another optimiser."""
        return replace(self, optimizer=optimizer)


def _activation(given: str | Activation) -> Activation:
    return given if isinstance(given, Activation) else activation(given)


def _inputs(x: Any) -> Float64[np.ndarray, "n d"]:
    """Inputs as float64 (n, d); (n,) is one input dimension."""
    try:
        if np.iscomplexobj(x):
            raise TypeError
        x = np.asarray(x, dtype=float)
    except (TypeError, ValueError):
        raise TheoryError("x must hold real numbers, of shape (n, d) or (n,)") from None
    if x.ndim not in (1, 2) or x.size == 0:
        raise TheoryError(f"x has shape {x.shape}; accepted: (n, d) or (n,), not empty")
    return x[:, None] if x.ndim == 1 else x


def moving_signal(ell: Loss, y: Any) -> Shaped[np.ndarray, "n"] | Shaped[np.ndarray, "n K"]:
    """The exact signal at zero output, (n,) or (n, K).  Raises TheoryError where it is 0 for every sample."""
    signal = ell.signal(np.asarray(y))
    if not any(signal.ravel()):
        raise TheoryError(
            f"the signal -∂ℓ/∂f of the loss {ell.name[:60]!r} is 0 at zero output for every sample: nothing moves at "
            "leading order and nothing is predicted; accepted: targets that the output 0 does not fit, or another loss"
        )
    return signal
