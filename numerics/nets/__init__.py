"""Networks as descriptions, and their parameters as batches: one tensor per layer with the members first.

f(x) = Σ_j a_j σ_L(...), with hidden layers z_l = W_l h_{l-1}; the bias of a layer is the last column of its
weights, so a two-layer network's neuron is w_j = (weights, bias) and D = inputs + 1, as in theory. No 1/m
factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from operator import index

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from numerics.errors import NumericsError
from numerics.nets.activations import Elementwise, TorchActivation, from_callable, get

Parameters = dict[str, Tensor]
Activation = str | TorchActivation | Elementwise


@dataclass(frozen=True)
class Convolution:
    """A first layer of filters `kernel` × `kernel` sliding with `stride` over channels × height × width
    inputs."""

    channels: int
    height: int
    width: int
    kernel: int
    stride: int = 1

    def __post_init__(self) -> None:
        for name in ("channels", "height", "width", "kernel", "stride"):
            object.__setattr__(self, name, _whole(getattr(self, name), name))
        if min(self.channels, self.height, self.width, self.kernel, self.stride) < 1:
            raise NumericsError(
                "a convolution needs channels, height, width, kernel and stride of at least 1"
            )
        if self.kernel > min(self.height, self.width):
            raise NumericsError(
                f"convolution kernel {self.kernel} is larger than the {self.height} × {self.width} input"
            )

    @property
    def inputs(self) -> int:
        return self.channels * self.height * self.width

    @property
    def fan_in(self) -> int:
        return self.channels * self.kernel**2

    @property
    def positions(self) -> int:
        return prod((size - self.kernel) // self.stride + 1 for size in (self.height, self.width))

    def patches(self, x: Tensor) -> Tensor:
        """x (n, inputs) as (n, fan_in, positions)."""
        images = x.reshape(-1, self.channels, self.height, self.width)
        return torch.nn.functional.unfold(images, self.kernel, stride=self.stride)


@dataclass(frozen=True)
class Network:
    """A fully connected network, or one with a convolutional first layer; frozen, without parameters.

    `widths` are those of the hidden layers (filters for a convolution). `activations` is one for all hidden
    layers, or one per layer: a catalogue name, a TorchActivation, or any elementwise torch callable.
    `hidden_bias`, `upper_bias` and `output_bias` belong to the first hidden layer, to the further ones, and to
    the output. `residual` adds h_{l-1} to every hidden layer after the first (equal widths needed). Raises
    NumericsError for a description that is no network.
    """

    inputs: int
    widths: tuple[int, ...] | int
    outputs: int = 1
    activations: Activation | tuple[Activation, ...] = "tanh"
    hidden_bias: bool = True
    upper_bias: bool = False
    output_bias: bool = False
    residual: bool = False
    convolution: Convolution | None = None
    layers: tuple[TorchActivation, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = self.widths if isinstance(self.widths, tuple | list) else (self.widths,)
        widths = tuple(_whole(width, "widths") for width in sizes)
        for name in ("inputs", "outputs"):
            object.__setattr__(self, name, _whole(getattr(self, name), name))
        if not widths or min(widths) < 1 or self.inputs < 1 or self.outputs < 1:
            given = f"{self.inputs}, {widths}, {self.outputs}"
            raise NumericsError(f"a network needs positive inputs, widths and outputs, not {given}")
        named = self.activations
        each = tuple(named) if isinstance(named, tuple | list) else (named,) * len(widths)
        if len(each) != len(widths):
            raise NumericsError(
                f"{len(each)} activations for {len(widths)} hidden layers: give one, or one per layer"
            )
        if self.residual and len(set(widths)) > 1:
            raise NumericsError(f"residual connections need equal widths, not {widths}")
        if self.convolution is not None and not isinstance(self.convolution, Convolution):
            raise NumericsError(f"convolution must be a Convolution, not {self.convolution!r}")
        if self.convolution is not None and self.convolution.inputs != self.inputs:
            raise NumericsError(
                f"the convolution covers {self.convolution.inputs} inputs and the network has {self.inputs}"
            )
        if self.convolution is not None and self.residual:
            raise NumericsError(
                "residual connections after a convolution are not supported: use one or the other"
            )
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "layers", tuple(_activation(each_one) for each_one in each))

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return len(self.layers)

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """The shape (fan out, fan in with bias) of every layer's weights: w1, ..., wL, and a of the
        output.
        """
        assert isinstance(self.widths, tuple)
        fans = [self.inputs, *self.widths]
        if self.convolution is not None:
            fans[0] = self.convolution.fan_in
        shapes = {}
        for number, width in enumerate(self.widths, start=1):
            bias = self.hidden_bias if number == 1 else self.upper_bias
            shapes[f"w{number}"] = (width, self._fan_in(fans, number) + bias)
        shapes["a"] = (self.outputs, self._fan_in(fans, len(fans)) + self.output_bias)
        return shapes

    def _fan_in(self, fans: list[int], number: int) -> int:
        after_convolution = number == 2 and self.convolution is not None
        return fans[number - 1] * (
            self.convolution.positions if after_convolution and self.convolution else 1
        )

    @property
    def size(self) -> int:
        """The number of parameters of one member."""
        return sum(rows * columns for rows, columns in self.shapes.values())

    def bias_of(self, name: str) -> bool:
        """Whether the weights of that name carry a bias as last column."""
        return {"w1": self.hidden_bias, "a": self.output_bias}.get(name, self.upper_bias)

    def check(self, parameters: Mapping[str, Tensor]) -> int:
        """The number of members B of the parameters; raises NumericsError where they are not this
        network's.
        """
        if set(parameters) != set(self.shapes):
            raise NumericsError(
                f"parameters are {sorted(parameters)}; this network has {sorted(self.shapes)}"
            )
        members = next(iter(parameters.values())).shape[0]
        for name, shape in self.shapes.items():
            if tuple(parameters[name].shape) != (members, *shape):
                raise NumericsError(
                    f"parameter {name!r} has shape {tuple(parameters[name].shape)}, not {(members, *shape)}"
                )
        return members

    def forward(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Outputs (B, K, n) of inputs x (n, inputs), differentiable in the parameters (B, fan out, fan
        in).
        """
        hidden = self._first(parameters["w1"], x)
        for number in range(2, self.depth + 1):
            z = _affine(parameters[f"w{number}"], hidden, self.upper_bias)
            value = self.layers[number - 1](z)
            hidden = value + hidden if self.residual else value
        return _affine(parameters["a"], hidden, self.output_bias)

    def neurons(self, parameters: Mapping[str, Tensor]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(a, w) of a two-layer network as numpy float64: a (B, m), or (B, m, K), and w (B, m, D).

        The output bias, where there is one, is left out: `output_biases`. Raises NumericsError for any other network.
        """
        if self.depth != 1 or self.convolution is not None:
            raise NumericsError("neurons (a, w) are those of two-layer networks; take deeper weights by name")
        self.check(parameters)
        a = parameters["a"][..., : self.shapes["w1"][0]].transpose(1, 2)
        a = a[..., 0] if self.outputs == 1 else a
        return a.detach().cpu().double().numpy(), parameters["w1"].detach().cpu().double().numpy()

    def output_biases(self, parameters: Mapping[str, Tensor]) -> NDArray[np.float64]:
        """The output biases as numpy float64: (B,), or (B, K); zeros where the network has none."""
        self.check(parameters)
        b = parameters["a"][..., -1].detach().cpu().double().numpy() * float(self.output_bias)
        return b[:, 0] if self.outputs == 1 else b

    def _first(self, w: Tensor, x: Tensor) -> Tensor:
        if self.convolution is None:
            return self.layers[0](_affine(w, x.T, self.hidden_bias))
        patches = self.convolution.patches(x)  # (n, fan_in, positions)
        n, fan_in, positions = patches.shape
        columns = patches.transpose(0, 1).reshape(fan_in, n * positions)
        value = self.layers[0](_affine(w, columns, self.hidden_bias))
        value = value.view(*value.shape[:-1], n, positions)
        return value.transpose(-1, -2).flatten(-3, -2)  # (B, filters * positions, n)


def _whole(value: object, name: str) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        raise NumericsError(f"{name} must be whole numbers, not {value!r}") from None


def _activation(given: Activation) -> TorchActivation:
    if isinstance(given, str | TorchActivation) or not callable(given):
        return get(given)
    return from_callable(given, getattr(given, "__name__", type(given).__name__))


def _affine(weights: Tensor, hidden: Tensor, bias: bool) -> Tensor:
    if not bias:
        return weights @ hidden
    return weights[..., :-1] @ hidden + weights[..., -1:]


def views(network: Network, flat: Tensor) -> Parameters:
    """The layers' weights as views of the rows of `flat` (B, network.size)."""
    parameters, start = {}, 0
    for name, (rows, columns) in network.shapes.items():
        parameters[name] = flat[:, start : start + rows * columns].view(-1, rows, columns)
        start += rows * columns
    return parameters


def flatten(network: Network, parameters: Mapping[str, Tensor]) -> Tensor:
    """A new tensor (B, network.size) of the parameters, the inverse of `views`."""
    members = network.check(parameters)
    return torch.cat([parameters[name].reshape(members, -1) for name in network.shapes], dim=1)
