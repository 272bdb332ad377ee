"""Which axis of a stored weight counts the neurons, and in which order the layers run.

Two conventions are in use: (outputs, inputs), torch's, and (inputs, outputs), of x @ W: Flax, Keras, Haiku,
transposed convolutions. What tells, the strongest first:

1. a layout that the caller names;
2. a bias, whose length is the number of outputs;
3. the name: `kernel` is (inputs, outputs); a linear `weight` is (outputs, inputs), unless nothing fits so;
4. the shapes, which fit together in the order in which the layers are stored.

Bias-free layers read backwards with every axis turned fit as well as read forwards, and a square weight fits
both ways: where no more than that is left to tell, nothing is guessed and the layout is asked for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count as counting

from numerics.errors import NumericsError
from numerics.weights.chain import Found, fits, in_order, takes

_MOST = 3  # readings after which no more are looked for


class Layout(StrEnum):
    """How linear weights are stored; stacked: one more axis in front, the networks of an ensemble."""

    OUTPUTS_INPUTS = "outputs-inputs"
    INPUTS_OUTPUTS = "inputs-outputs"
    STACKED_OUTPUTS_INPUTS = "stacked-outputs-inputs"
    STACKED_INPUTS_OUTPUTS = "stacked-inputs-outputs"

    @property
    def turned(self) -> bool:
        """Whether the inputs come first."""
        return self.value.endswith("inputs-outputs")

    @property
    def stacked(self) -> bool:
        return self.value.startswith("stacked")


class Tells(StrEnum):
    """What says which axis of a weight counts its outputs."""

    LAYOUT = "the layout"
    BIAS = "its bias"
    NAME = "its name"
    NOTHING = "nothing"


@dataclass(frozen=True, eq=False)
class Item:
    """A weight as stored; `turned` says whether its inputs come first, None where only its shape could tell."""

    found: Found
    turned: bool | None
    tells: Tells

    @property
    def square(self) -> bool:
        return self.found.weight.shape[0] == self.found.weight.shape[1]

    @property
    def torch_weight(self) -> bool:
        """Whether it is called `weight`: of torch's linear layers, the outputs first."""
        return "weight" in _leaf(self.found) and self.found.kind == "linear"

    def read(self, turned: bool) -> Found:
        return self.found.turned() if turned else self.found


def evidence(found: Found, layout: Layout | None) -> Item:
    """What is sure about one weight.  Raises NumericsError where its bias denies the layout."""
    rows, columns = found.weight.shape[:2]
    by_bias = None
    if found.bias is not None and rows != columns:
        by_bias = len(found.bias) == columns
    if layout is not None and found.kind == "linear":
        if by_bias not in (None, layout.turned):
            raise NumericsError(
                f"{found.described()} has a bias of {len(found.bias)}, which its layout {layout.value} denies"  # type: ignore[arg-type]
            )
        return Item(found, layout.turned, Tells.LAYOUT)
    if by_bias is not None:
        return Item(found, by_bias, Tells.BIAS)
    if re.search(r"(^|_)kernel(:0)?$", _leaf(found)):
        return Item(found, True, Tells.NAME)
    return Item(found, None, Tells.NOTHING)


def chained(items: Sequence[Item]) -> list[Found] | None:
    """The layers as one chain, or None where their shapes form none.

    Raises NumericsError where two readings fit equally.
    """
    torch_names = [replace(i, turned=False) if i.turned is None and i.torch_weight else i for i in items]
    first = list(_readings(torch_names))
    loose = [i for i in items if i.turned is None and not i.square]
    if first:
        told = all(i.turned is not None for i in torch_names if not i.square)
        if len(first) > 1 or (not told and _backwards(items) and _all_free(items)):
            raise _ask(loose or list(items))
        return _squares(items, first[0])
    if all(i.turned is not None or i.torch_weight or i.found.kind != "linear" for i in items):
        upright = [i.read(bool(i.turned)) for i in torch_names]
        order = in_order(_squares(items, upright)) if len(items) > 1 else None
    else:
        order = None
    second = list(_readings(items))
    if not second:
        return order
    if order is not None and any(i.found.kind == "linear" for i in loose):
        if _backwards(items):
            return order
        raise _ask(loose)
    if len(second) > 1:
        raise _ask(loose)
    return _squares(items, second[0])


def as_stored(items: Sequence[Item]) -> list[Found]:
    """The layers of no chain, in the order in which they are stored.

    Raises NumericsError where nothing tells the axes of a linear one.
    """
    unknown = [i for i in items if i.turned is None and not i.torch_weight and i.found.kind == "linear"]
    if unknown:
        raise _ask(unknown)
    return _squares(items, [i.read(bool(i.turned)) for i in items])


def _readings(items: Sequence[Item]) -> Iterator[list[Found]]:
    """Chains in the stored order, at most a few; squares, which fit both ways, as they are stored."""
    left = counting()
    ways: dict[str, bool] = {}  # linear weights of one name are stored in one way
    for item in items:
        if item.turned is not None and not item.square and item.found.kind == "linear":
            ways.setdefault(_style(item.found), item.turned)

    def extend(read: list[Found], ways: dict[str, bool]) -> Iterator[list[Found]]:
        if len(read) == len(items):
            if next(left) < _MOST:
                yield read
            return
        item = items[len(read)]
        style = _style(item.found) if item.found.kind == "linear" else None
        for turned in (False,) if item.square else (False, True) if item.turned is None else (item.turned,):
            if item.turned is None and not item.square and ways.get(style or "", turned) != turned:
                continue
            layer = item.read(turned)
            if not read or takes(layer, read[-1]):
                yield from extend(
                    [*read, layer], ways if style is None or item.square else {style: turned} | ways
                )

    yield from extend([], ways)


def _squares(items: Sequence[Item], read: Sequence[Found]) -> list[Found]:
    """Square weights follow those of the like name, else all others of their kind, where these agree; else torch's
    convention, where they are called so."""
    settled: list[tuple[Item, bool]] = [
        (item, layer.weight.shape != item.found.weight.shape)
        for item, layer in zip(items, read, strict=True)
        if not item.square and layer.kind == item.found.kind
    ]
    result, open_ = [], []
    for item, layer in zip(items, read, strict=True):
        if not item.square:
            result.append(layer)
            continue
        turned = item.turned
        alike = {
            way for i, way in settled if _style(i.found) == _style(item.found) and i.found.kind == layer.kind
        }
        others = {way for i, way in settled if i.found.kind == layer.kind}
        if item.tells is Tells.NAME and len(alike) == 1:  # what biases say of those of its name is stronger
            turned = next(iter(alike))
        for ways in (alike, others):
            if len(ways) == 1 and turned is None:
                turned = next(iter(ways))
        if turned is None and (item.torch_weight or layer.kind != "linear"):
            turned = False
            if True in others:
                layer = replace(layer, notes=(*layer.notes, "square, and read as (outputs, inputs)"))
                item = replace(item, found=layer)
        if turned is None:
            open_.append(item)
            turned = False
        result.append(item.read(turned))
    if open_:
        raise _ask(open_)
    return result


def _all_free(items: Sequence[Item]) -> bool:
    return all(i.turned is None for i in items)


_OUT = re.compile(
    r"(^|[._/])(out|output|head|readout|final|last|logits?|classifier)\d*([._/]|$)", re.IGNORECASE
)
_IN = re.compile(r"(^|[._/])(in|input|enter|entry|stem|first|embed|inner)\d*([._/]|$)", re.IGNORECASE)


def _backwards(items: Sequence[Item]) -> bool:
    """Whether the names say that the output is stored first: a word for it, or numbers that fall."""
    names = [i.found.entry or i.found.name for i in items]
    if len(names) > 1 and (_OUT.search(names[0]) or _IN.search(names[-1])):
        return True
    styles: dict[str, list[int]] = {}
    for name in names:
        numbers = re.findall(r"\d+", name)
        if numbers:
            styles.setdefault(re.sub(r"\d+", "#", name), []).append(int(numbers[-1]))
    falls = [n == sorted(n, reverse=True) for n in styles.values() if len(n) > 1]
    return bool(falls) and all(falls)


def _leaf(found: Found) -> str:
    return re.split(r"[./]", found.entry or found.name)[-1].lower()


def _style(found: Found) -> str:
    return re.sub(r"\d+", "#", _leaf(found))


def _ask(items: Sequence[Item]) -> NumericsError:
    names = ", ".join(i.found.described() for i in items[:4])
    more = f" and {len(items) - 4} more" if len(items) > 4 else ""
    return NumericsError(
        f"{names}{more}: stored as (outputs, inputs) or as (inputs, outputs)? Both fit; choose with layout"
        " (--layout outputs-inputs or inputs-outputs)"
    )


def numbered(names: Sequence[str]) -> list[str]:
    """Names in the order of their numbers, where they are sorted as text (layer_10 before layer_2); else as they are.

    Formats that sort their entries lose the order of registration; among names that differ in numbers alone
    the numbers tell it.
    """
    if list(names) != sorted(names):
        return list(names)
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(re.sub(r"\d+", "#", name), []).append(place)
    result = list(names)
    for those in places.values():
        ranked = sorted(
            (names[k] for k in those), key=lambda name: [int(n) for n in re.findall(r"\d+", name)]
        )
        for place, name in zip(those, ranked, strict=True):
            result[place] = name
    return result


__all__ = ["Item", "Layout", "Tells", "as_stored", "chained", "evidence", "fits", "numbered"]
