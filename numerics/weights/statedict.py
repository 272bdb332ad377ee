"""The layers of a state_dict, found by the shapes of its tensors.

A layer is a floating-point tensor of rank 2 (linear) or 3 to 5 (convolution), with the vector of matching
length that stands beside it as bias. numerics.weights.axes tells which axis counts the neurons and in which order the
layers run, numerics.weights.blocks what stands in no chain. Five kinds of tensors of such a rank are no layers: a
normalisation (its bias has its own shape), an embedding (no bias, read by index: a later layer takes its columns
and none its rows), statistics and positions (a name such as data_mean, mask, grid, and no bias), a single row of
rank 3 or more that is not called a weight, and a buffer or parameter of another name and no bias that is in the
way of an order which the others have. An ensemble stacked along a first axis (torch.func.stack_module_state) is
read network by network.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from numerics.errors import NumericsError
from numerics.weights.axes import Item, Layout, as_stored, chained, evidence, numbered
from numerics.weights.blocks import with_roles
from numerics.weights.chain import Found, takes
from numerics.weights.stored import effective, merged, refuse_packed

_STATISTICS = frozenset(
    (
        "mean",
        "means",
        "avg",
        "average",
        "std",
        "stds",
        "var",
        "variance",
        "sigma",
        "mu",
        "center",
        "centre",
        "min",
        "max",
        "norm",
        "stats",
        "stat",
        "whitening",
        "mask",
        "masks",
        "grid",
        "pos",
        "position",
        "positions",
        "positional",
        "freq",
        "freqs",
        "inv",
        "running",
        "ema",
        "shift",
        "offset",
        "data",
        "dataset",
        "x",
        "y",
        "inputs",
        "targets",
        "labels",
        "moments",
        "momentum",
        "cov",
        "covariance",
    )
)
_WEIGHT = re.compile(r"weight|(^|_)kernel(:0)?\d*$|^w(_\w+|\d+)?(:0)?$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Network:
    """The layers of one network in their order, the output last; `number` is its place in an ensemble."""

    number: int | None
    layers: tuple[Found, ...]


def networks_of_state(state: Mapping[str, Tensor], layout: Layout | None = None) -> list[Network]:
    """The networks of a state_dict: one, or those of a stacked ensemble.

    Raises NumericsError where a weight's numbers are not told, where two readings fit equally, or where what is
    there forms no layers of neurons.
    """
    given = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    refuse_packed(given)
    adapted, notes = merged(given)
    tensors = effective(adapted)
    if _is_stacked(tensors, layout):
        size = len(next(iter(tensors.values())))
        slices = ({name: tensor[k] for name, tensor in tensors.items()} for k in range(size))
        return [Network(k, tuple(_layers(each, notes, layout))) for k, each in enumerate(slices)]
    return [Network(None, tuple(_layers(tensors, notes, layout)))]


def _is_stacked(tensors: Mapping[str, Tensor], layout: Layout | None) -> bool:
    """Whether every tensor has one more axis in front, of one length: a bias of rank 2 or the chain tells."""
    sizes = {tensor.shape[:1] for tensor in tensors.values()}
    weights = [name for name, tensor in tensors.items() if tensor.ndim >= 3 and _is_weight(name, tensor)]
    whole = len(sizes) == 1 and () not in sizes and len(weights) >= 2
    floats = [tensor for tensor in tensors.values() if tensor.is_floating_point()]
    if not whole or any(tensor.ndim < 2 or tensor.layout is not torch.strided for tensor in floats):
        if layout is not None and layout.stacked:
            raise NumericsError(
                "no stacked networks: their tensors have one first axis, of the same length, in front"
            )
        return False
    if layout is not None:
        return layout.stacked
    for name in weights:
        shape = tensors[name].shape
        for candidate in _bias_names(name):
            bias = tensors.get(candidate)
            if bias is not None and bias.ndim == 2 and bias.shape[1] in (*shape[1:3], shape[-1]):
                return True
    if any(tensors[name].ndim > 3 for name in weights) and not all(_called_weight(name) for name in weights):
        return False
    if not _forms_chain({name: tensor[0] for name, tensor in tensors.items()}):
        return False
    if not _forms_chain(tensors):
        return True
    raise NumericsError(
        f"{weights[0]!r} {tuple(tensors[weights[0]].shape)} and the others: convolutions or a stack of networks? Both"
        " fit; choose with layout (--layout outputs-inputs or stacked-outputs-inputs)"
    )


def _forms_chain(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the weights form a chain, or several, with no convolution of unknown axes turned."""
    items = [evidence(layer, None) for layer in _found(tensors, {})]
    items = [
        replace(item, turned=bool(item.turned)) if item.found.kind == "convolution" else item
        for item in items
    ]
    try:
        return len(items) > 1 and chained(items) is not None
    except NumericsError:  # two chains
        return True


def _layers(tensors: Mapping[str, Tensor], notes: Mapping[str, str], layout: Layout | None) -> list[Found]:
    """All layers, the output included, in their order of execution as far as it is told."""
    found = with_roles(_found(tensors, notes))
    items = [evidence(layer, layout) for layer in found]
    if any(layer.role for layer in found):
        return as_stored(items)
    candidates = [items]
    named = [item for item in items if item.found.bias is not None or _called_weight(item.found.entry)]
    if 2 <= len(named) < len(items):
        candidates.append(named)
    if len(items) > 2:
        candidates.append([item for item in items if len(item.found.weight) > 1 or _is_named(item)])
    for each in candidates:
        order = chained(each) if len(each) > 1 else None
        if order is not None:
            return order
    unchained = as_stored(items)
    note = "its shape and the next one's form no chain; layers are listed as stored, the last one as output"
    return [
        replace(layer, notes=(*layer.notes, note))
        if k + 1 < len(unchained) and not takes(unchained[k + 1], layer)
        else layer
        for k, layer in enumerate(unchained)
    ]


def _is_named(item: Item) -> bool:
    return item.found.bias is not None or _called_weight(item.found.entry)


def _found(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> list[Found]:
    """The weights as stored, each with its bias; a layer under two names once."""
    tensors = {name: _channels_first(name, tensor, tensors) for name, tensor in tensors.items()}
    weights = [
        name for name in tensors if _is_weight(name, tensors[name]) and not _is_normalisation(tensors, name)
    ]
    weights = numbered(weights)
    biases = _biases(tensors, weights)
    found: list[Found] = []
    seen = set()
    for name in weights:
        bias = tensors[biases[name]] if name in biases else None
        if bias is not None:
            same = tuple(_place(part) for part in (tensors[name], bias))
            if None not in same and same in seen:
                continue
            seen.add(same)
        elif _is_statistic(name):
            continue
        prefix, leaf = _split(name)
        kind = "linear" if tensors[name].ndim == 2 else "convolution"
        shown = prefix.rstrip("./") if leaf == "weight" and prefix else name
        note = (notes[name],) if name in notes else ()
        found.append(Found(shown, kind, tensors[name], bias, name, notes=note))
    return [
        layer
        for place, layer in enumerate(found)
        if not _is_embedding(found, place, biases, tensors) and not _is_table(layer)
    ]


def _split(name: str) -> tuple[str, str]:
    """What stands before the last name of a path, its separator included, and that name."""
    cut = max(name.rfind("."), name.rfind("/")) + 1
    return name[:cut], name[cut:]


def _place(tensor: Tensor) -> tuple[object, ...] | None:
    """Where the numbers lie in memory; None where they have no place of their own."""
    if tensor.is_meta or tensor.layout is not torch.strided or not tensor.numel():
        return None
    return tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _is_weight(name: str, tensor: Tensor) -> bool:
    leaf = _split(name)[1]
    if not tensor.is_floating_point() or not 2 <= tensor.ndim <= 5 or min(tensor.shape) == 0:
        return False
    return "bias" not in leaf and "running" not in leaf and leaf != "embedding"


def _called_weight(name: str) -> bool:
    return _WEIGHT.search(_split(name)[1]) is not None


def _is_statistic(name: str, *, vector: bool = False) -> bool:
    """Whether the name is of numbers about the data; a vector called shift or offset is a bias."""
    words = set(re.split(r"[_\d:]+", _split(name)[1].lower())) - ({"shift", "offset"} if vector else set())
    return not _called_weight(name) and not _STATISTICS.isdisjoint(words)


def _is_normalisation(tensors: Mapping[str, Tensor], name: str) -> bool:
    prefix, leaf = _split(name)
    bias = tensors.get(f"{prefix}bias")
    return leaf == "weight" and bias is not None and bias.shape == tensors[name].shape


def _is_embedding(
    found: Sequence[Found], place: int, biases: Mapping[str, str], tensors: Mapping[str, Tensor]
) -> bool:
    table = found[place]
    if table.kind != "linear" or table.bias is not None or place == len(found) - 1:
        return False
    columns = table.weight.shape[1]

    def upright(layer: Found) -> Found:
        rows, width = layer.weight.shape[:2]
        turned = layer.bias is not None and len(layer.bias) == width != rows
        return layer.turned() if turned else layer

    read = any(
        layer.kind == "linear" and upright(layer).weight.shape[1] == columns and layer.bias is not None
        for layer in found[place + 1 :]
    )
    return read and not any(takes(upright(layer), table) for layer in found if layer is not table)


def _is_table(layer: Found) -> bool:
    """Positions, means of images: one row of rank 3 or more, without bias, not called a weight."""
    alone = layer.weight.shape[0] == 1 and layer.weight.ndim > 2 and layer.bias is None
    return alone and not _called_weight(layer.entry)


def _channels_first(name: str, tensor: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
    """Convolutions stored with (inputs, outputs) as last axes, as (inputs, outputs, ...): called `kernel`, or told
    by their bias."""
    if not 3 <= tensor.ndim <= 5 or not _is_weight(name, tensor):
        return tensor
    biases = [tensors[each] for each in _bias_names(name) if each in tensors and tensors[each].ndim == 1]
    if biases:
        last = all(len(bias) == tensor.shape[-1] and len(bias) not in tensor.shape[:2] for bias in biases)
        last |= _is_kernel(name) and all(len(bias) == tensor.shape[-1] for bias in biases)
    else:
        last = _is_kernel(name)
    return tensor.permute(-2, -1, *range(tensor.ndim - 2)) if last else tensor


def _is_kernel(name: str) -> bool:
    return re.search(r"(^|_)kernel(:0)?$", _split(name)[1]) is not None


def _bias_names(name: str) -> list[str]:
    """The names that a weight's bias may have."""
    start, leaf = _split(name)
    swapped = [leaf.replace("weight", "bias"), leaf.replace("kernel", "bias"), "bias"]
    if re.match(r"w(?!eight)", leaf, re.IGNORECASE):
        swapped += [("b" if leaf[0] == "w" else "B") + leaf[1:], "b" + leaf[1:]]
    return list(dict.fromkeys(f"{start}{each}" for each in swapped if each != leaf))


def _biases(tensors: Mapping[str, Tensor], weights: Sequence[str]) -> dict[str, str]:
    """The vector that belongs to each weight.

    Named like it with bias for weight (or b for w), or `bias`; else the vectors and the weights of one length
    within one module, paired in order where they are equally many, along the axis that pairs more of them, or
    where the vectors stand right behind their weights or have their numbers.
    """
    result: dict[str, str] = {}
    for name in weights:
        for candidate in _bias_names(name):
            fits = candidate in tensors and tensors[candidate].ndim == 1
            if name not in result and fits and len(tensors[candidate]) in tensors[name].shape[:2]:
                result[name] = candidate
    taken = set(result.values())
    place = {name: number for number, name in enumerate(tensors)}
    modules: dict[str, list[str]] = {}
    for name in weights:
        if name not in result:
            modules.setdefault(_split(name)[0], []).append(name)
    for prefix, members in modules.items():
        beside = [
            name
            for name, tensor in tensors.items()
            if tensor.ndim == 1
            and name not in taken
            and _split(name)[0] == prefix
            and not _is_statistic(name, vector=True)
        ]
        pairs = [_paired(tensors, members, beside, axis) for axis in (0, 1)]
        result |= max(
            pairs,
            key=lambda pair: (
                len(pair),
                sum(place[b] == place[w] + 1 for w, b in pair.items()),
                sum(re.findall(r"\d+", w) == re.findall(r"\d+", b) for w, b in pair.items()),
            ),
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
