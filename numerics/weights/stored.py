"""Weights as a layer uses them, from what is stored: packed numbers are refused, others put together.

Packed numbers are not the stored ones: integers and 8-bit floats with scales beside them, packed words.

How a scale applies (by row, by block, divided by 127, with a zero point) is a matter of the library that wrote
the file, and nothing in the file tells it: such weights are refused by name.

Reparametrised weights are stored by their parts:

* weight normalisation (Salimans, Kingma 2016), W = g V/‖V‖ over the axes on which g has length 1:
  `weight_g`, `weight_v`, or `parametrizations.weight.original0`, `original1`;
* spectral normalisation (Miyato et al. 2018), W/(uᵀ W v): `weight_orig`, `weight_u`, `weight_v`, or
  `parametrizations.weight.original`, `0._u`, `0._v`;
* pruning, W times a mask of zeros and ones: `weight_orig`, `weight_mask`.

The names are those that torch gives. Any other reparametrisation stores no more than its input and is refused.

Low-rank adapters put together with the weight that they change: W + s B A (Hu et al. 2021).

The names in use, for a layer `x`:

* `x.base_layer.weight`, `x.lora_A.NAME.weight`, `x.lora_B.NAME.weight` (an adapter NAME beside its layer);
* `x.weight`, `x.lora_A`, `x.lora_B`, with or without `.weight`;
* `x.weight`, `x.lora_down.weight`, `x.lora_up.weight`, and `x.alpha`.

The scale is s = alpha / rank where alpha stands in the file (`x.alpha`, `x.lora_alpha`), or what `x.scaling` says.
Most files hold neither: s is then taken as 1 (alpha = rank), and a note says so.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from numerics.errors import NumericsError

_PACKED = re.compile(
    r"(^|[._])(qweight|qzeros|_?packed_params|absmax|quant_map|quant_state|SCB|weight_packed)([._]|$)"
)
_WEIGHT = re.compile(r"(^|[._])(weight|kernel|w|W)\d*(:0)?$")
_ASK = "save them as ordinary floating-point numbers (dequantised)"


def refuse_packed(state: Mapping[str, Tensor]) -> None:
    """Raises NumericsError where a weight's numbers are not those that the layer computes with."""
    for name, tensor in state.items():
        if _PACKED.search(name) or tensor.is_quantized:
            raise NumericsError(
                f"{name!r} belongs to quantised weights, whose values it does not tell; {_ASK}"
            )
    for name, tensor in state.items():
        prefix, _, leaf = name.rpartition(".")
        start = f"{prefix}." if prefix else ""
        if not _WEIGHT.search(name) or tensor.ndim < 2:
            continue
        beside = [
            other
            for other in (
                *(f"{name}{end}" for end in ("_scale", "_scale_inv", "_scales", ".scale", "_zero_point")),
                *(f"{start}{end}" for end in (f"scale_{leaf}", "scales", "scale_inv", "zero_point")),
                *([f"{start}scale"] if tensor.element_size() == 1 else []),
            )
            if other in state
        ]
        if beside:
            raise NumericsError(
                f"{name!r} ({_kind(tensor)}) is stored with a scale beside it, {beside[0]!r}, and how they make the"
                f" weight is not told; {_ASK}"
            )
        if not tensor.is_floating_point():
            raise NumericsError(f"{name!r} holds {_kind(tensor)} numbers, no floating-point weights; {_ASK}")


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


State = Mapping[str, Tensor]
_NEW = ".parametrizations."
_OLD = ("g", "v", "u", "orig", "mask")


def effective(state: State) -> dict[str, Tensor]:
    """The state_dict with every reparametrised weight put together, at the place of its first part.

    Raises NumericsError for a reparametrisation that the file does not determine.
    """
    whole: dict[str, Tensor] = {}
    done: set[str] = set()
    for name in state:
        if name in done:
            continue
        target, parts = _parts(state, name)
        if target is None:
            whole[name] = state[name]
            continue
        done.update(parts.values())
        whole[target] = _together(target, {role: state[part] for role, part in parts.items()})
    return whole


def _parts(state: State, name: str) -> tuple[str | None, dict[str, str]]:
    """The weight that `name` is a part of, and its parts by role; None for a plain entry."""
    before, new, after = f".{name}".rpartition(_NEW)
    if new:
        leaf = after.partition(".")[0]
        stem = f"{before}{_NEW}{leaf}.".removeprefix(".")
        inside = {key.removeprefix(stem): key for key in state if key.startswith(stem)}
        return f"{before}.{leaf}".removeprefix("."), inside
    stem, _, ending = name.rpartition("_")
    if ending not in _OLD:
        return None, {}
    found = {role: f"{stem}_{role}" for role in _OLD if f"{stem}_{role}" in state}
    shapes = {role: tuple(state[part].shape) for role, part in found.items()}
    if set(found) == {"g", "v"} and not _scales(shapes["g"], shapes["v"]):
        return None, {}  # two weights that happen to be called so
    if set(found) not in ({"g", "v"}, {"orig", "mask"}, {"orig", "u", "v"}):
        return None, {}
    return stem, found


def _scales(g: tuple[int, ...], v: tuple[int, ...]) -> bool:
    """Whether g is one length, or one for each slice of v along one axis."""
    return (
        g in ((), (1,) * len(v))
        or sum(g == tuple(v[axis] if axis == kept else 1 for axis in range(len(v))) for kept in range(len(v)))
        > 0
    )


_ROLES = {"original0": "g", "original1": "v", "original": "orig", "0._u": "u", "0._v": "v"}


def _together(target: str, parts: Mapping[str, Tensor]) -> Tensor:
    part = {_ROLES.get(role, role): value.detach().double() for role, value in parts.items()}
    roles = set(part)
    if roles == {"g", "v"} and _scales(tuple(part["g"].shape), tuple(part["v"].shape)):
        g, v = part["g"], part["v"]
        axes = [axis for axis in range(v.ndim) if g.ndim == 0 or g.shape[axis] == 1]
        return g * v / torch.linalg.vector_norm(v, dim=axes, keepdim=g.ndim > 0)
    if roles == {"orig", "mask"} and part["orig"].shape == part["mask"].shape:
        return part["orig"] * part["mask"]
    if roles == {"orig", "u", "v"}:
        matrix = part["orig"]
        flat = matrix.flatten(1)
        if part["u"].shape == flat.shape[:1] and part["v"].shape == flat.shape[1:]:
            return matrix / (part["u"] @ (flat @ part["v"]))
    raise NumericsError(
        f"{target!r} is reparametrised in a way that the file does not tell; save the weights after"
        " torch.nn.utils.parametrize.remove_parametrizations"
    )


_PART = re.compile(r"(?P<stem>.*?)\.?lora_(?P<role>A|B|down|up)(?:\.(?P<adapter>[^.]+))??(?:\.weight)?$")
_OTHER = re.compile(r"lora_(?!alpha$)|\.(?:hada_w\d|lokr_w\d|oft_r)")
_ADAPTER_ROLES = {"A": "A", "B": "B", "down": "A", "up": "B"}


def merged(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The state with every adapter added to its weight, and a note for each of these, by the weight's name.

    Raises NumericsError for adapters without their weight, several for one weight, shapes that do not fit, and
    forms that are not the above.
    """
    parts: dict[str, dict[str, list[str]]] = {}
    for name in state:
        match = _PART.match(name)
        if match:
            roles = parts.setdefault(match["stem"], {})
            roles.setdefault(_ADAPTER_ROLES[match["role"]], []).append(name)
        elif _OTHER.search(name):
            raise NumericsError(f"{name!r} is of an adapter of a form not known here; merge it before saving")
    if not parts:
        return dict(state), {}
    used = {name for roles in parts.values() for names in roles.values() for name in names}
    whole = {name.replace(".base_layer.", "."): value for name, value in state.items() if name not in used}
    notes: dict[str, str] = {}
    for stem, roles in parts.items():
        names = ", ".join(repr(name) for each in roles.values() for name in each)
        if sorted(roles) != ["A", "B"] or any(len(each) > 1 for each in roles.values()):
            raise NumericsError(f"{names}: one pair A, B for each weight is needed; merge them before saving")
        target = f"{stem}.weight" if stem else "weight"
        if target not in whole:
            raise NumericsError(f"{names}: adapters without {target!r}, the weight that they change")
        a, b = (state[roles[role][0]].detach().double() for role in "AB")
        scale, told = _scale(whole, stem, len(a))
        base = whole[target].detach().double()
        change = _product(b, a, tuple(base.shape))
        if change is None:
            raise NumericsError(
                f"{names}: shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit {target!r} {tuple(base.shape)}"
            )
        whole[target] = base + scale * change
        notes[target] = (
            f"base + {scale:g} B A"
            if told
            else ("base + B A with scale 1: the file stores no scale of the adapter (alpha / rank)")
        )
    return whole, notes


def _scale(whole: dict[str, Tensor], stem: str, rank: int) -> tuple[float, bool]:
    """s and whether the file tells it; what told it is no tensor of the network and is taken out."""
    start = f"{stem}." if stem else ""
    for leaf, divisor in (("alpha", rank), ("lora_alpha", rank), ("scaling", 1)):
        value = whole.get(start + leaf)
        if value is not None and value.numel() == 1:
            del whole[start + leaf]
            return float(value) / divisor, True
    return 1.0, False


def _product(b: Tensor, a: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """B A in the shape of the weight; None where it has none.  Of convolutions A holds the kernel."""
    if a.ndim < 2 or b.ndim < 2 or b.flatten(1).shape[1] != len(a):
        return None
    change = (b.flatten(1) @ a.flatten(1)).reshape(len(b), *a.shape[1:])
    if tuple(change.shape) == shape:
        return change
    turned = change.transpose(0, 1)
    return turned if change.ndim == 2 and tuple(turned.shape) == shape else None
