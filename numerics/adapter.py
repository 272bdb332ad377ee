"""Anyone's trained network as layers of neurons: found by structure, never by hard-wired names.

A layer is a weight tensor of rank 2 (linear) or 3 to 5 (convolution), with the bias of matching length that
stands beside it as last coordinate of each neuron. Hidden layers are all but the last one. A module can be
run, so its layers come in the order of execution and are checked: the weights that were read reproduce the
forward values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .errors import NumericsError

Array = NDArray[np.float64]
_LINEAR = (nn.Linear,)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_LAYERS = (*_LINEAR, *_CONVOLUTIONS)
_CHAIN = 12  # layers among which an order is searched for
_EXTENSIONS = (".pt", ".pth", ".bin", ".safetensors")


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer's neurons: input weights `w` (m, D) with the bias, where there is one, as last column.

    `a` (m, K) are the weights with which the next layer takes each neuron (of a filter: at all its positions), None
    where the next layer does not take these neurons one by one.
    """

    name: str
    kind: str
    w: Array
    bias: bool
    a: Array | None


def layers(source: nn.Module | Mapping[str, Tensor], *, inputs: Tensor | None = None) -> list[Layer]:
    """The hidden layers of a module or state_dict, from the input to the output.

    With `inputs` a module is run once: layers come in the order of execution, those never reached are left
    out, and the values computed from what was read are compared with the module's own, to a rounding bound
    (grouped convolutions and paddings other than zeros are read and not compared). Without, the order is
    that of registration, or of a state_dict the only one in which the shapes fit together; a state_dict
    cannot tell an embedding from a linear layer. Raises NumericsError where there is no hidden layer, a
    weight is not finite, or a forward value differs.
    """
    if isinstance(source, nn.Module):
        return _hidden(_of_module(source) if inputs is None else _of_run(source, inputs))
    return _hidden(_chained(_of_state(source)))


def load_state(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint: .safetensors, or a torch file of tensors only (no pickled code is run).

    A dictionary that holds the state_dict beside other entries (`state_dict`, `model`, ...) is looked into
    once. Raises NumericsError, with one line, for anything else.
    """
    file = Path(path)
    if file.suffix.lower() not in _EXTENSIONS:
        raise NumericsError(f"{path}: unknown extension; accepted are {', '.join(_EXTENSIONS)}")
    if not file.is_file():
        raise NumericsError(
            f"{path}: no such file; a state_dict saved by torch or a .safetensors file is needed"
        )
    try:
        if file.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise NumericsError(f"{path}: needs safetensors: install condense with the extra 'data'") from error
    except Exception as error:  # torch, pickle, zipfile and safetensors each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise NumericsError(f"{path}: not a checkpoint of tensors only ({reason})") from error
    return _tensors(stored, str(path))


def _tensors(stored: object, path: str) -> dict[str, Tensor]:
    if isinstance(stored, Mapping):
        for candidate in (stored, *(value for value in stored.values() if isinstance(value, Mapping))):
            found = {str(key): value for key, value in candidate.items() if isinstance(value, Tensor)}
            if any(tensor.ndim >= 2 for tensor in found.values()):
                return found
    raise NumericsError(f"{path}: holds no weight tensors; save model.state_dict() and not the model itself")


@dataclass(frozen=True, eq=False)
class _Found:
    name: str
    kind: str
    weight: Tensor
    bias: Tensor | None


def _of_module(module: nn.Module) -> list[_Found]:
    return [_read(name, layer) for name, layer in module.named_modules() if isinstance(layer, _LAYERS)]


def _read(name: str, layer: nn.Module) -> _Found:
    kind = "linear" if isinstance(layer, _LINEAR) else "convolution"
    return _Found(name or kind, kind, layer.weight, layer.bias)  # type: ignore[arg-type]


def _of_run(module: nn.Module, inputs: Tensor) -> list[_Found]:
    order: list[_Found] = []
    hooks = []

    def record(name: str):
        def hook(layer: nn.Module, given: tuple[Tensor, ...], value: Tensor) -> None:
            if all(found.name != name for found in order):
                order.append(_read(name, layer))
                _check_forward(name, layer, given[0], value)

        return hook

    for name, layer in module.named_modules():
        if isinstance(layer, _LAYERS):
            hooks.append(layer.register_forward_hook(record(name or "linear")))
    training = module.training
    try:
        module.eval()
        with torch.no_grad():
            module(inputs)
    except (RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, NumericsError):
            raise
        raise NumericsError(
            f"the module does not run on inputs of shape {tuple(inputs.shape)} ({error})"
        ) from error
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    return order


def _check_forward(name: str, layer: nn.Module, given: Tensor, value: Tensor) -> None:
    """Compares the module's value at one place with Σ w x + b from the neuron rows, summed in float64."""
    rows, bias = _rows(_read(name, layer))
    if isinstance(layer, _LINEAR):
        x, seen = given.reshape(-1, given.shape[-1])[0], value.reshape(-1, value.shape[-1])[0]
    elif getattr(layer, "groups", 1) != 1 or getattr(layer, "padding_mode", "zeros") != "zeros":
        return  # rows of a grouped convolution see only their group; there is no one patch for all neurons
    else:
        x, seen = _first_patch(layer, given), value[0].flatten(1)[:, 0]
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
    padded = nn.functional.pad(given[0], padding)
    slices = tuple(slice(0, k * d, d) for k, d in zip(kernel, dilation, strict=True))
    return padded[(slice(None), *slices)]


def _of_state(state: Mapping[str, Tensor]) -> list[_Found]:
    found = []
    for name, weight in state.items():
        if not isinstance(weight, Tensor) or not weight.is_floating_point() or not 2 <= weight.ndim <= 5:
            continue
        prefix, _, leaf = name.rpartition(".")
        if "bias" in leaf or "running" in leaf or min(weight.shape) == 0:
            continue
        bias = _bias_beside(state, prefix, leaf, weight.shape[0])
        kind = "linear" if weight.ndim == 2 else "convolution"
        found.append(_Found(prefix if leaf == "weight" and prefix else name, kind, weight, bias))
    return found


def _bias_beside(state: Mapping[str, Tensor], prefix: str, leaf: str, length: int) -> Tensor | None:
    """The vector that belongs to a weight: named like it with bias for weight, or the only one beside it."""

    def fits(name: str) -> bool:
        tensor = state.get(name)
        return isinstance(tensor, Tensor) and tuple(tensor.shape) == (length,)

    start = f"{prefix}." if prefix else ""
    for name in dict.fromkeys((f"{start}{leaf.replace('weight', 'bias')}", f"{start}bias")):
        if fits(name):
            return state[name]
    inside = [name for name in state if name.rpartition(".")[0] == prefix]
    vectors = [name for name in inside if fits(name)]
    weights = [name for name in inside if isinstance(state[name], Tensor) and state[name].ndim >= 2]
    return state[vectors[0]] if prefix and len(vectors) == 1 and len(weights) == 1 else None


def _rows(found: _Found) -> tuple[Array, bool]:
    w = found.weight.detach().cpu().double().flatten(1)
    if found.bias is not None:
        w = torch.cat([w, found.bias.detach().cpu().double()[:, None]], dim=1)
    return w.numpy(), found.bias is not None


def _hidden(found: list[_Found]) -> list[Layer]:
    if len(found) < 2:
        raise NumericsError(f"{len(found)} linear or convolutional layer(s) found; at least two are needed")
    result = []
    for layer, after in pairwise(found):
        w, bias = _rows(layer)
        if not np.isfinite(w).all():
            raise NumericsError(f"layer {layer.name!r} holds weights that are not finite")
        result.append(Layer(layer.name, layer.kind, w, bias, _onward(layer, after)))
    return result


def _takes(after: _Found, before: _Found) -> bool:
    """Whether the shapes let one layer take the outputs of another; a linear layer may take flattened filters."""
    inputs, outputs = after.weight.shape[1], before.weight.shape[0]
    if after.kind == "linear" and before.kind == "convolution":
        return inputs % outputs == 0
    return inputs == outputs and not (after.kind == "convolution" and before.kind == "linear")


def _onward(layer: _Found, after: _Found) -> Array | None:
    """Outgoing weights of each neuron, (m, K); filters are flattened channel by channel, as torch does."""
    if not _takes(after, layer):
        return None
    weight = after.weight.detach().cpu().double().flatten(1).numpy()
    m = layer.weight.shape[0]
    return np.ascontiguousarray(weight.reshape(len(weight), m, -1).swapaxes(0, 1).reshape(m, -1))


def _chained(found: list[_Found]) -> list[_Found]:
    """The layers in the one order in which their shapes fit together, where registration order does not.

    A state_dict lists layers as they were registered, not as they run.  Where no order, or more than one, fits, they
    stay as they are.
    """
    if len(found) > _CHAIN or all(_takes(b, a) for a, b in pairwise(found)):
        return found
    orders: list[list[int]] = []

    def extend(order: list[int]) -> None:
        if len(orders) > 1:
            return
        if len(order) == len(found):
            orders.append(order)
            return
        for k in range(len(found)):
            if k not in order and (not order or _takes(found[k], found[order[-1]])):
                extend([*order, k])

    extend([])
    return [found[k] for k in orders[0]] if len(orders) == 1 else found
