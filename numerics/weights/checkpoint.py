"""Checkpoint files: .safetensors, or a torch file of tensors only; no pickled code is ever run, and every
refusal says what the file is instead and how weights are saved.

Beside the weights a file may hold an optimiser's state, statistics, or several networks: the state_dict is
the dictionary, at whatever depth, that holds weights.
"""

import pickle  # for the name of an error alone
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from numerics.data.contents import Contents, contents, user_file
from numerics.errors import NumericsError
from numerics.training.memory import available_bytes

_EXTENSIONS = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
_NEEDED = "a state_dict saved by torch or a .safetensors file is needed"
_SAVE = "where the model is at hand, save its weights: torch.save(model.state_dict(), 'weights.pt')"
_DEPTH = 4  # of dictionaries within dictionaries


def load_state(path: str | Path, *, entry: str | None = None) -> dict[str, Tensor]:
    """The tensors of a checkpoint's network.

    Where the file holds several dictionaries with weights, `entry` names the one to read ("model", or
    "state.model" within another). An optimiser's state is never taken for weights. Memory: the file's size.
    Raises NumericsError, with one line, for anything that is no checkpoint of tensors, or is ambiguous.
    """
    file = user_file(path, _NEEDED)
    if file.suffix.lower() not in _EXTENSIONS:
        raise NumericsError(f"{path}: unknown extension; accepted are {', '.join(_EXTENSIONS)}")
    size, available = file.stat().st_size, available_bytes(torch.device("cpu"))
    if size > available:
        raise NumericsError(
            f"{path}: {size / 2**30:.1f} GiB on disk and {available / 2**30:.1f} GiB of memory are available;"
            " save the hidden layers alone"
        )
    read = _safetensors if file.suffix.lower() == ".safetensors" else _torch
    return _chosen(dict(_dictionaries(read(file, contents(file)), "")), entry, str(path))


def _safetensors(file: Path, found: Contents) -> object:
    if found is not Contents.SAFETENSORS:
        rename = "; rename it to .pt" if found is Contents.TORCH else f"; {_NEEDED}"
        raise NumericsError(f"{file}: is no safetensors file but {found}{rename}")
    try:
        from safetensors.torch import load_file

        return load_file(file)
    except ImportError as error:
        raise NumericsError(f"{file}: needs safetensors: install condense with the extra 'data'") from error
    except Exception as error:  # the reader's errors have no common base
        raise _damaged(file, Contents.SAFETENSORS) from error


def _torch(file: Path, found: Contents) -> object:
    if found is Contents.TORCH_SCRIPT:
        raise NumericsError(f"{file}: is {found}; {_SAVE}")
    if found is Contents.SAFETENSORS:
        raise NumericsError(f"{file}: is {found} inside; rename it to .safetensors")
    if found is Contents.CUT_ZIP:
        raise NumericsError(f"{file}: is {found}; copy it or save it once more")
    if found is not Contents.TORCH:
        raise NumericsError(f"{file}: is {found}: no state_dict; {_SAVE}")
    try:
        with warnings.catch_warnings():  # about pickle protocols: nothing that a user could change here
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own text advises to load the file unsafely; only the name of what it met is of use.
        met = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"pickled Python objects ({met[1]})" if met else "more than tensors in torch's own format"
        raise NumericsError(f"{file}: holds {what}, which are never loaded; {_SAVE}") from error
    except Exception as error:  # of the archive, of the pickle's end, of a storage: each has its own kind
        raise _damaged(file, found) from error


def _damaged(file: Path, found: Contents) -> NumericsError:
    return NumericsError(f"{file}: is {found}, but cut off or damaged; copy it or save it once more")


def _dictionaries(stored: object, place: str, depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every dictionary with a weight tensor directly in it, by its place; optimisers' states left out."""
    if not isinstance(stored, Mapping) or depth > _DEPTH or {"state", "param_groups"} <= set(stored):
        return
    tree = _tree(stored)
    if tree is not None:
        yield place, tree
        return
    found = {str(key): value for key, value in stored.items() if isinstance(value, Tensor)}
    if any(tensor.ndim >= 2 for tensor in found.values()):
        yield place, found
    for key, value in stored.items():
        yield from _dictionaries(value, f"{place}.{key}" if place else str(key), depth + 1)


def _tree(stored: Mapping[object, object]) -> dict[str, Tensor] | None:
    """The network of a tree of parameters (of Flax, of Haiku), a dictionary for each layer, flat; None for others.

    Every dictionary that holds tensors holds one weight at most, called w or kernel, and there are several.
    """
    flat: dict[str, Tensor] = {}
    weights: list[str] = []

    def walk(node: Mapping[object, object], place: str, depth: int) -> bool:
        heavy = [str(k) for k, v in node.items() if isinstance(v, Tensor) and v.ndim >= 2]
        if depth > _DEPTH + 2 or len(heavy) > 1 or (heavy and heavy[0] not in ("w", "kernel", "embedding")):
            return False
        weights.extend(heavy)
        for key, value in node.items():
            name = f"{place}.{key}" if place else str(key)
            if isinstance(value, Tensor):
                flat[name] = value
            elif not isinstance(value, Mapping) or not walk(value, name, depth + 1):
                return False
        return True

    direct = any(isinstance(value, Tensor) for value in stored.values())
    # A dictionary with one entry is a wrapper ("params") around the tree, and taken by the place of the tree.
    if len(stored) < 2 or direct or not walk(stored, "", 0) or len(weights) < 2:
        return None
    # Entries that are trees themselves are several networks, or parts that are to be chosen by name.
    parts = [sum(name.startswith(f"{key}.") and flat[name].ndim >= 2 for name in flat) for key in stored]
    return flat if sum(part > 1 for part in parts) < 2 else None


def _chosen(candidates: dict[str, dict[str, Tensor]], entry: str | None, path: str) -> dict[str, Tensor]:
    if entry is not None:
        if entry in candidates:
            return candidates[entry]
        there = ", ".join(repr(place) for place in candidates if place) or "none"
        raise NumericsError(f"{path}: no entry {entry!r} with weights; there: {there}")
    if not candidates:
        raise NumericsError(
            f"{path}: holds no weight tensors; save model.state_dict() and not the model itself"
        )
    # Data or statistics beside a network are no network: at least two weights, named so where any are.
    for enough in (
        lambda state: _weights(state, "weight") > 1 or _weights(state, "kernel") > 1,
        lambda state: _weights(state, "") > 1,
        lambda state: True,
    ):
        left = [place for place, state in candidates.items() if enough(state)]
        if len(left) > 1:
            names = ", ".join(repr(place) if place else "the top level" for place in left)
            raise NumericsError(
                f"{path}: holds several sets of weights: {names}; choose one (entry, --entry)"
            )
        if left:
            return candidates[left[0]]
    raise AssertionError("the last rule takes every candidate")


def _weights(state: Mapping[str, Tensor], within: str) -> int:
    return sum(within in name and tensor.ndim >= 2 for name, tensor in state.items())
