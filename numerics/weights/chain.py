"""Layers as a file or a module holds them, and the order in which their shapes let them run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from torch import Tensor

_CHAIN = 24  # layers among which an order is searched for
_STATES = 20_000  # dead ends after which the search gives up


class Role(StrEnum):
    """What a weight does that stands in no chain of layers; the value is the kind that is shown."""

    ATTENTION = "attention"
    GATE = "gate"
    GATED = "gated"
    RECURRENT = "recurrent"


@dataclass(frozen=True, eq=False)
class Found:
    """One layer: weight (outputs, inputs, ...) and bias (outputs,), named as in the source.

    `entry` is the name of its tensor; `role` is None for a layer that passes its values on to the next one.
    """

    name: str
    kind: str
    weight: Tensor
    bias: Tensor | None
    entry: str = ""
    role: Role | None = None
    notes: tuple[str, ...] = ()

    @property
    def signature(self) -> tuple[str, tuple[int, ...]]:
        return self.kind, tuple(self.weight.shape)

    def turned(self) -> "Found":
        """The same numbers, taken as (inputs, outputs, ...)."""
        return replace(self, weight=self.weight.transpose(0, 1))

    def described(self) -> str:
        return f"{self.entry or self.name!r} {tuple(self.weight.shape)}"


def takes(after: Found, before: Found) -> bool:
    """Whether the shapes let one layer take the outputs of another; a linear layer may take flattened filters."""
    inputs, outputs = after.weight.shape[1], before.weight.shape[0]
    if after.kind == "linear" and before.kind == "convolution":
        return inputs % outputs == 0
    return inputs == outputs and not (after.kind == "convolution" and before.kind == "linear")


def fits(found: Sequence[Found]) -> bool:
    """Whether each layer takes the outputs of the one before it."""
    return all(takes(after, before) for before, after in pairwise(found))


def in_order(found: Sequence[Found]) -> list[Found] | None:
    """The layers in an order in which their shapes fit together: as registered where that fits, else the only
    other one; None where none fits, several do, or too many would have to be tried.

    Layers of one shape are interchangeable to the search and keep their order of registration; where the output
    is one of them the order is not told (a gate, its value and their projection would pass for a chain).
    """
    if fits(found):
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
    if len(orders) != 1 or len(dead) > _STATES:
        return None
    order = [found[k] for k in orders[0]]
    output = order[-1].signature
    return order if all(layer.signature != output for layer in order[:-1]) else None
