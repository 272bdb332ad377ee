"""Low-rank adapters put together with the weight that they change: W + s B A (Hu et al. 2021).

The names in use, for a layer `x`:

* `x.base_layer.weight`, `x.lora_A.NAME.weight`, `x.lora_B.NAME.weight` (an adapter NAME beside its layer);
* `x.weight`, `x.lora_A`, `x.lora_B`, with or without `.weight`;
* `x.weight`, `x.lora_down.weight`, `x.lora_up.weight`, and `x.alpha`.

The scale is s = alpha / rank where alpha stands in the file (`x.alpha`, `x.lora_alpha`), or what `x.scaling` says.
Most files hold neither: s is then taken as 1 (alpha = rank), and a note says so.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from numerics.errors import NumericsError

_PART = re.compile(r"(?P<stem>.*?)\.?lora_(?P<role>A|B|down|up)(?:\.(?P<adapter>[^.]+))??(?:\.weight)?$")
_OTHER = re.compile(r"lora_(?!alpha$)|\.(?:hada_w\d|lokr_w\d|oft_r)")
_ROLES = {"A": "A", "B": "B", "down": "A", "up": "B"}


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
            roles.setdefault(_ROLES[match["role"]], []).append(name)
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
