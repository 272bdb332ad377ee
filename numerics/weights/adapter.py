"""Anyone's trained network as layers of neurons: found by structure, never by hard-wired names.

A layer is a weight tensor of rank 2 (linear) or 3 to 5 (convolution), with the bias of matching length that
stands beside it as last coordinate of each neuron. Hidden layers are all but the last one. A module can be
run, so its layers come in the order of execution and are checked: the weights that were read reproduce the
forward values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from numerics.errors import NumericsError
from numerics.weights.axes import Layout
from numerics.weights.blocks import takes_product, with_roles
from numerics.weights.chain import Found, Role, in_order, takes
from numerics.weights.statedict import networks_of_state

Array = NDArray[np.float64]
_LINEAR = (nn.Linear,)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_LAYERS = (*_LINEAR, *_CONVOLUTIONS, *_TRANSPOSED)


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer's neurons: input weights `w` (m, D) with the bias, where there is one, as last column.

    `a` (m, K) are the weights with which the next layer takes each neuron (of a filter: at all its positions), None
    where the next layer does not take these neurons one by one. `network` is the place in a stacked ensemble, None
    for a single network; `notes` say in words what was taken for granted in reading it.
    """

    name: str
    kind: str
    w: Array
    bias: bool
    a: Array | None
    network: int | None = None
    notes: tuple[str, ...] = ()


def layers(
    source: nn.Module | Mapping[str, Tensor], *, inputs: Tensor | None = None, layout: str | None = None
) -> list[Layer]:
    """The hidden layers of a module or state_dict, from the input to the output.

    With `inputs` (a batch) a module is run once: layers come in the order of execution, those never reached
    are left out, and the values computed from what was read are compared with the module's own, to a rounding
    bound (grouped and transposed convolutions and paddings other than zeros are read and not compared).
    Without, the order is that of registration where its shapes fit together, else the only one in which they
    do (see numerics.weights.statedict for what its tensors are taken for; a square embedding passes for a
    linear layer). Of a module only linear and convolutional submodules are seen; plain parameters are found
    in its state_dict. `layout` (numerics.weights.axes.Layout) says how a state_dict's linear weights are stored where
    two readings fit; a module's are known. Attention projections, gates and recurrences are listed with that
    kind and outside of every chain. Raises NumericsError where there is no hidden layer, a weight is not finite,
    two readings of a state_dict fit equally, the module does not run, or a forward value differs.
    """
    try:
        chosen = None if layout is None else Layout(layout)
    except ValueError:
        accepted = ", ".join(each.value for each in Layout)
        raise NumericsError(f"layout is {layout!r}; accepted: {accepted}") from None
    if isinstance(source, nn.Module):
        if chosen is not None:
            raise NumericsError(f"layout is {layout!r} for a module, whose layers say how they are stored")
        return _hidden(_of_module(source) if inputs is None else _of_run(source, inputs))
    if not isinstance(source, Mapping):
        raise NumericsError(
            f"a {type(source).__name__} is no network; an nn.Module or a state_dict is needed"
        )
    return [
        layer
        for network in networks_of_state(source, chosen)
        for layer in _hidden(list(network.layers), network.number)
    ]


def _of_module(module: nn.Module) -> list[Found]:
    found = [_read(name, layer) for name, layer in module.named_modules() if isinstance(layer, _LAYERS)]
    found = with_roles(found)
    return found if any(layer.role for layer in found) else in_order(found) or found


def _read(name: str, layer: Any) -> Found:
    kind = "linear" if isinstance(layer, _LINEAR) else "convolution"
    if nn.parameter.is_lazy(layer.weight):
        raise NumericsError(f"layer {name or kind!r} has no weights yet: run the module once on a batch")
    weight = layer.weight.transpose(0, 1) if isinstance(layer, _TRANSPOSED) else layer.weight
    if isinstance(layer, _TRANSPOSED) and layer.groups > 1:
        raise NumericsError(
            f"layer {name or kind!r} is a grouped transposed convolution, which is not supported"
        )
    return Found(name or kind, kind, weight, layer.bias)


def _of_run(module: nn.Module, inputs: Tensor) -> list[Found]:
    if not isinstance(inputs, Tensor):
        raise NumericsError(f"inputs are of type {type(inputs).__name__}; a tensor, one batch, is needed")
    if not inputs.numel() or not torch.isfinite(inputs).all():
        raise NumericsError(f"inputs of shape {tuple(inputs.shape)} must be a batch of finite numbers")
    order: list[Found] = []
    hooks = []

    def record(name: str):
        def hook(
            layer: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor], value: Tensor
        ) -> None:
            if all(found.name != name for found in order):
                order.append(_read(name, layer))
                _check_forward(name, layer, given[0] if given else named["input"], value)

        return hook

    for name, layer in module.named_modules():
        if isinstance(layer, _LAYERS):
            hooks.append(layer.register_forward_hook(record(name or "linear"), with_kwargs=True))
    training = module.training
    try:
        module.eval()
        with torch.no_grad():
            module(inputs)
    except NumericsError:
        raise
    except Exception as error:  # a module is anyone's code
        reason = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
        raise NumericsError(
            f"the module does not run on inputs of shape {tuple(inputs.shape)} ({reason})"
        ) from error
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    return with_roles(order)


def _check_forward(name: str, layer: Any, given: Tensor, value: Tensor) -> None:
    """Compares the module's value at one place with Σ w x + b from the neuron rows, summed in float64."""
    rows, bias = _rows(_read(name, layer))
    if isinstance(layer, _LINEAR):
        x, seen = given.reshape(-1, given.shape[-1])[0], value.reshape(-1, value.shape[-1])[0]
    elif isinstance(layer, _TRANSPOSED) or layer.groups != 1 or layer.padding_mode != "zeros":
        return  # rows of a grouped convolution see only their group; there is no one patch for all neurons
    else:
        single = given.ndim == layer.weight.ndim - 1  # without a batch axis
        first, after = (given, value) if single else (given[0], value[0])
        x, seen = _first_patch(layer, first), after.flatten(1)[:, 0]
    patch = x.detach().cpu().double().numpy().ravel()
    patch = np.append(patch, 1.0) if bias else patch
    expected = rows @ patch
    bound = 4 * len(patch) * torch.finfo(value.dtype).eps * (np.abs(rows) @ np.abs(patch))
    if not (np.abs(seen.detach().cpu().double().numpy() - expected) <= bound).all():
        raise NumericsError(
            f"layer {name!r} does not compute w·x + b from its weights: a wrapper changes them"
        )


def _first_patch(layer: Any, given: Tensor) -> Tensor:
    """The input patch of the first output position of a convolution, padding included."""
    kernel, dilation = layer.kernel_size, layer.dilation
    padding = layer._reversed_padding_repeated_twice
    padded = nn.functional.pad(given, padding)
    slices = tuple(slice(0, k * d, d) for k, d in zip(kernel, dilation, strict=True))
    return padded[(slice(None), *slices)]


def _numbers(layer: str, tensor: Tensor) -> Tensor:
    if tensor.is_meta:
        raise NumericsError(f"layer {layer!r} holds no numbers (a tensor on the meta device)")
    dense = tensor.detach().cpu().to_dense().double()
    if not torch.isfinite(dense).all():
        raise NumericsError(f"layer {layer!r} holds weights that are not finite")
    return dense


def _rows(found: Found) -> tuple[Array, bool]:
    w = _numbers(found.name, found.weight).flatten(1)
    if found.bias is not None:
        w = torch.cat([w, _numbers(found.name, found.bias)[:, None]], dim=1)
    return w.numpy(), found.bias is not None


def _hidden(found: list[Found], network: int | None = None) -> list[Layer]:
    if len(found) < 2:
        raise NumericsError(
            f"{len(found)} linear or convolutional layer(s) found; at least two are needed"
            " (plain parameters are found in a module's state_dict())"
        )
    result = []
    for layer, after in pairwise(found):
        w, bias = _rows(layer)
        kind = layer.kind if layer.role is None else layer.role.value
        name = layer.name if network is None else f"{layer.name}[{network}]"
        if layer.role in (Role.GATE, Role.GATED):
            outgoing = _onward(layer, takes_product(found, layer))
        else:
            outgoing = _onward(layer, None if layer.role or after.role else after)
        result.append(Layer(name, kind, w, bias, outgoing, network, layer.notes))
    return result


def _onward(layer: Found, after: Found | None) -> Array | None:
    """Outgoing weights of each neuron, (m, K); filters are flattened channel by channel, as torch does."""
    if after is None or not takes(after, layer):
        return None
    weight = _numbers(after.name, after.weight).flatten(1).numpy()
    m = layer.weight.shape[0]
    return np.ascontiguousarray(weight.reshape(len(weight), m, -1).swapaxes(0, 1).reshape(m, -1))
