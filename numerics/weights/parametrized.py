"""Weights as a layer uses them, from the parts in which a state_dict stores reparametrised ones.

* weight normalisation (Salimans, Kingma 2016), W = g V/‖V‖ over the axes on which g has length 1:
  `weight_g`, `weight_v`, or `parametrizations.weight.original0`, `original1`;
* spectral normalisation (Miyato et al. 2018), W/(uᵀ W v): `weight_orig`, `weight_u`, `weight_v`, or
  `parametrizations.weight.original`, `0._u`, `0._v`;
* pruning, W times a mask of zeros and ones: `weight_orig`, `weight_mask`.

The names are those that torch gives. Any other reparametrisation stores no more than its input and is refused.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from numerics.errors import NumericsError

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
