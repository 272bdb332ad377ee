"""Weights that stand in no chain of layers, told by their names: attention, gated blocks, recurrences.

* Attention: q, k, v and the output projection act on a sequence through a softmax of products; their rows are no
  neurons behind an activation function.
* A gated block is W_out (act(W_gate x) * W_value x) (Dauphin et al. 2017; Shazeer 2020): gate and value read the
  same input side by side, and one neuron is a row of each.
* A recurrence reads its own values.

What they are is shown as their kind. They are never taken for neighbours in a chain, whatever their shapes.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from numerics.errors import NumericsError
from numerics.weights.chain import Found, Role

_ATTENTION = re.compile(r"(^|_)(self|cross|multihead)?_?(attn|attention|mha)(_|\d|$)", re.IGNORECASE)
_FUSED = re.compile(
    r"^(to_)?(w?qkv|w?kv|in_proj|in_proj_weight|query_key_value|c_attn)(_proj)?$", re.IGNORECASE
)
_PROJECTION = re.compile(
    r"^(?:(?:w|to|lin|linear|c|proj)_?)?(?P<what>q|k|v|o|query|key|value|out)(?:_?(?:proj|lin|linear|projection|weight))?$",
    re.IGNORECASE,
)
_RECURRENT = re.compile(r"^weight_(ih|hh|hr)(_l\d+)?(_reverse)?$|^recurrent_kernel(:0)?$")
_BLOCKS = (  # gate, value, what takes their product
    ("gate_proj", "up_proj", "down_proj"),
    ("gate", "up", "down"),
    ("wi_0", "wi_1", "wo"),
    ("w1", "w3", "w2"),
    ("fc1_g", "fc1_x", "fc2"),
    ("linear_gate", "linear_value", "linear_out"),
)


def with_roles(found: Sequence[Found]) -> list[Found]:
    """The layers, those that stand in no chain marked with their role.  Raises NumericsError for nothing else."""
    paths = [_path(layer) for layer in found]
    roles: list[Role | None] = [None] * len(found)
    for place, (parent, child) in enumerate(paths):
        beside = [other for above, other in paths if above == parent]
        if _is_attention(parent, child, beside):
            roles[place] = Role.ATTENTION
        elif _RECURRENT.match(found[place].entry.rpartition(".")[2]):
            roles[place] = Role.RECURRENT
    for place, (parent, child) in enumerate(paths):
        if roles[place] is None:
            roles[place] = _gated(found, paths, parent, child)
    if found and all(role is Role.ATTENTION for role in roles):
        raise NumericsError(
            f"{_listed(found)}: attention projections, whose rows are no neurons; a layer with an activation"
            " function is needed"
        )
    return [
        layer if role is None else replace(layer, role=role, notes=(*layer.notes, _NOTES[role]))
        for layer, role in zip(found, roles, strict=True)
    ]


_NOTES = {
    Role.ATTENTION: "an attention projection: its rows are no neurons behind an activation function",
    Role.GATE: "the gate of a gated block: one neuron is a row of it times a row of the value",
    Role.GATED: "the value (or gate and value at once) of a gated block: a row of it is half a neuron",
    Role.RECURRENT: "a recurrence: the layer reads its own values",
}


def takes_product(found: Sequence[Found], gate: Found) -> Found | None:
    """The layer that takes the products of a gated block, where the names tell it."""
    parent, child = _path(gate)
    ends = {block[2] for block in _BLOCKS if child in block[:2]} | (
        {"down_proj", "down"} if "gate" in child else set()
    )
    for layer in found:
        above, name = _path(layer)
        if above == parent and name in ends and layer.weight.shape[1] == gate.weight.shape[0]:
            return layer
    return None


def _path(layer: Found) -> tuple[str, str]:
    """The module above and the name within it: of `mlp.gate_proj.weight`, mlp and gate_proj."""
    parts = re.split(r"[./]", layer.entry or layer.name)
    if len(parts) > 1 and re.fullmatch(r"weight|kernel(:0)?|w|W", parts[-1]):
        parts = parts[:-1]
    return ".".join(parts[:-1]), parts[-1]


def _is_attention(parent: str, child: str, beside: Sequence[str]) -> bool:
    if any(_ATTENTION.search(part) for part in parent.split(".")) or _FUSED.match(child):
        return True
    found = {match["what"].lower() for name in beside if (match := _PROJECTION.match(name))}
    both = {"q", "k"} <= found or {"query", "key"} <= found
    return both and _PROJECTION.match(child) is not None


def _gated(found: Sequence[Found], paths: Sequence[tuple[str, str]], parent: str, child: str) -> Role | None:
    shapes = {
        name: tuple(layer.weight.shape)
        for layer, (above, name) in zip(found, paths, strict=True)
        if above == parent and layer.weight.ndim == 2
    }
    for gate, value, out in _BLOCKS:
        whole = gate in shapes and shapes.get(value) == shapes[gate] and shapes.get(out) == shapes[gate][::-1]
        if whole and child in (gate, value):
            return Role.GATE if child == gate else Role.GATED
    if child in ("gate_up_proj", "gate_up", "gate_and_up_proj") and child in shapes:
        return Role.GATED
    return None


def _listed(found: Sequence[Found]) -> str:
    names = [layer.described() for layer in found[:4]]
    return ", ".join(names) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
