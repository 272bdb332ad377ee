"""The layers of a state_dict, found by the shapes of its tensors.

A layer is a floating-point tensor of rank 2 (linear) or 3 to 5 (convolution), with the vector of matching
length that stands beside it as bias; a bias that matches its columns shows a weight stored as (inputs,
outputs). Layers run in an order in which each takes the outputs of the one before. Four kinds of tensors of
such a rank are no layers: a normalisation (its bias has its own shape), an embedding (no bias, read by index:
a later layer takes its columns and none its rows), a table of positions or means (a single row of rank 3 or
more that is not called a weight), and a buffer or parameter of another name and no bias
that is in the way of an order which the others have.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from .parametrized import effective

_CHAIN = 24  # layers among which an order is searched for
_STATES = 20_000  # dead ends after which the search gives up


@dataclass(frozen=True, eq=False)
class Found:
    """One layer: weight (outputs, inputs, ...) and bias (outputs,), named as in the source."""

    name: str
    kind: str
    weight: Tensor
    bias: Tensor | None

    @property
    def signature(self) -> tuple[str, tuple[int, ...]]:
        return self.kind, tuple(self.weight.shape)


def takes(after: Found, before: Found) -> bool:
    """Whether the shapes let one layer take the outputs of another; a linear layer may take flattened filters."""
    inputs, outputs = after.weight.shape[1], before.weight.shape[0]
    if after.kind == "linear" and before.kind == "convolution":
        return inputs % outputs == 0
    return inputs == outputs and not (after.kind == "convolution" and before.kind == "linear")


def layers_of_state(state: Mapping[str, Tensor]) -> list[Found]:
    """All layers, the output included, in their order of execution as far as shapes tell it."""
    tensors = effective({name: value for name, value in state.items() if isinstance(value, Tensor)})
    weights = [
        name for name in tensors if _is_weight(name, tensors[name]) and not _is_normalisation(tensors, name)
    ]
    biases = _biases(tensors, weights)
    turned = _turned(tensors, weights, biases)
    found, seen = [], set()
    for name in weights:
        bias_name = biases.get(name)
        if bias_name is not None:  # one layer registered under two names is one layer
            same = tuple(_place(tensors[part]) for part in (name, bias_name))
            if None not in same and same in seen:
                continue
            seen.add(same)
        prefix, _, leaf = name.rpartition(".")
        weight = tensors[name].transpose(0, 1) if name in turned else tensors[name]
        bias = tensors[biases[name]] if name in biases else None
        kind = "linear" if weight.ndim == 2 else "convolution"
        found.append(Found(prefix if leaf == "weight" and prefix else name, kind, weight, bias))
    found = [
        layer
        for place, layer in enumerate(found)
        if not _is_embedding(found, place) and not _is_table(tensors, layer)
    ]
    candidates = [found]
    if any(tensors[name].ndim == 2 for name in turned):
        candidates.append([_transposed(each) if each.bias is None else each for each in found])
    named = [layer for layer in found if layer.bias is not None or _called_weight(tensors, layer.name)]
    if 2 <= len(named) < len(found):
        candidates.append(named)
    ordered = (in_order(each) for each in candidates)
    return next((order for order in ordered if order is not None), found)


def _place(tensor: Tensor) -> tuple[object, ...] | None:
    """Where the numbers lie in memory; None where they have no place of their own."""
    if tensor.is_meta or tensor.layout is not torch.strided or not tensor.numel():
        return None
    return tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _transposed(layer: Found) -> Found:
    return replace(layer, weight=layer.weight.transpose(0, 1)) if layer.kind == "linear" else layer


def _is_weight(name: str, tensor: Tensor) -> bool:
    leaf = name.rpartition(".")[2]
    if not tensor.is_floating_point() or not 2 <= tensor.ndim <= 5 or min(tensor.shape) == 0:
        return False
    return "bias" not in leaf and "running" not in leaf


def _called_weight(tensors: Mapping[str, Tensor], name: str) -> bool:
    return f"{name}.weight" in tensors or "weight" in name.rpartition(".")[2]


def _is_normalisation(tensors: Mapping[str, Tensor], name: str) -> bool:
    prefix, _, leaf = name.rpartition(".")
    bias = tensors.get(f"{prefix}.bias" if prefix else "bias")
    return leaf == "weight" and bias is not None and bias.shape == tensors[name].shape


def _is_embedding(found: Sequence[Found], place: int) -> bool:
    table = found[place]
    if table.kind != "linear" or table.bias is not None or place == len(found) - 1:
        return False
    others = [layer for layer in found if layer is not table]
    columns = table.weight.shape[1]
    read = any(
        layer.kind == "linear" and layer.weight.shape[1] == columns and layer.bias is not None
        for layer in found[place + 1 :]
    )
    return read and not any(takes(layer, table) for layer in others)


def _is_table(tensors: Mapping[str, Tensor], layer: Found) -> bool:
    """Positions, means of images: one row of rank 3 or more, without bias, not called a weight."""
    alone = layer.weight.shape[0] == 1 and layer.weight.ndim > 2 and layer.bias is None
    return alone and not _called_weight(tensors, layer.name)


def _biases(tensors: Mapping[str, Tensor], weights: Sequence[str]) -> dict[str, str]:
    """The vector that belongs to each weight.

    Named like it with bias for weight, or `bias`; else the vectors and the weights of one length within one
    module, paired in order where they are equally many, along the axis that pairs more of them, or where the
    vectors stand right behind their weights.
    """
    result: dict[str, str] = {}
    for name in weights:
        prefix, _, leaf = name.rpartition(".")
        start = f"{prefix}." if prefix else ""
        for candidate in (f"{start}{leaf.replace('weight', 'bias')}", f"{start}bias"):
            fits = candidate in tensors and tensors[candidate].ndim == 1
            if name not in result and fits and len(tensors[candidate]) in tensors[name].shape[:2]:
                result[name] = candidate
    taken = set(result.values())
    place = {name: number for number, name in enumerate(tensors)}
    modules: dict[str, list[str]] = {}
    for name in weights:
        if name not in result:
            modules.setdefault(name.rpartition(".")[0], []).append(name)
    for prefix, members in modules.items():
        beside = [
            name
            for name, tensor in tensors.items()
            if tensor.ndim == 1 and name not in taken and name.rpartition(".")[0] == prefix
        ]
        pairs = [_paired(tensors, members, beside, axis) for axis in (0, 1)]
        result |= max(
            pairs, key=lambda pair: (len(pair), sum(place[b] == place[w] + 1 for w, b in pair.items()))
        )
    return result


def _paired(
    tensors: Mapping[str, Tensor], weights: Sequence[str], vectors: Sequence[str], axis: int
) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for length in {tensors[name].shape[axis] for name in weights}:
        those = [name for name in weights if tensors[name].shape[axis] == length]
        beside = [name for name in vectors if len(tensors[name]) == length]
        if len(those) == len(beside):
            pairs.update(zip(those, beside, strict=True))
    return pairs


def _turned(tensors: Mapping[str, Tensor], weights: Sequence[str], biases: Mapping[str, str]) -> set[str]:
    """Weights stored as (inputs, outputs): the bias matches the columns only; square linear ones follow the
    other linear ones where these agree."""
    turned, upright = set(), set()
    for name in weights:
        if name in biases:
            rows, columns = tensors[name].shape[:2]
            length = len(tensors[biases[name]])
            turned |= {name} if length == columns != rows else set()
            upright |= {name} if length == rows != columns and tensors[name].ndim == 2 else set()
    if any(tensors[name].ndim == 2 for name in turned) and not upright:
        turned |= {name for name in biases if tensors[name].ndim == 2}
    return turned


def in_order(found: Sequence[Found]) -> list[Found] | None:
    """The layers in an order in which their shapes fit together: as registered where that fits, else the only
    other one; None where none fits, several do, or too many would have to be tried.

    Layers of one shape are interchangeable to the search and keep their order of registration.
    """
    if all(takes(after, before) for before, after in pairwise(found)):
        return list(found)
    if len(found) > _CHAIN:
        return None
    dead: set[tuple[object, ...]] = set()
    orders: list[list[int]] = []

    def extend(order: list[int]) -> None:
        if len(order) == len(found):
            orders.append(order)
            return
        last = found[order[-1]].signature if order else None
        state = (last, frozenset(Counter(found[k].signature for k in order).items()))
        before = len(orders)
        tried = set()
        for k, layer in enumerate(found):
            if len(orders) > 1 or state in dead or len(dead) > _STATES:
                return
            if k in order or layer.signature in tried:
                continue
            tried.add(layer.signature)
            if not order or takes(layer, found[order[-1]]):
                extend([*order, k])
        if len(orders) == before:
            dead.add(state)

    extend([])
    return [found[k] for k in orders[0]] if len(orders) == 1 and len(dead) <= _STATES else None
