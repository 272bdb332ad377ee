"""Checkpoint files: .safetensors, or a torch file of tensors only; no pickled code is ever run.

Beside the weights a file may hold an optimiser's state, statistics, or several networks: the state_dict is
the dictionary, at whatever depth, that holds weights.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from .errors import NumericsError
from .memory import available_bytes

_EXTENSIONS = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
_DEPTH = 4  # of dictionaries within dictionaries


def load_state(path: str | Path, *, entry: str | None = None) -> dict[str, Tensor]:
    """The tensors of a checkpoint's network.

    Where the file holds several dictionaries with weights, `entry` names the one to read ("model", or
    "state.model" within another). An optimiser's state is never taken for weights. Memory: the file's size.
    Raises NumericsError, with one line, for anything that is no checkpoint of tensors, or is ambiguous.
    """
    file = Path(path)
    if file.suffix.lower() not in _EXTENSIONS:
        raise NumericsError(f"{path}: unknown extension; accepted are {', '.join(_EXTENSIONS)}")
    if not file.is_file():
        raise NumericsError(
            f"{path}: no such file; a state_dict saved by torch or a .safetensors file is needed"
        )
    size, available = file.stat().st_size, available_bytes(torch.device("cpu"))
    if size > available:
        raise NumericsError(
            f"{path}: {size / 2**30:.1f} GiB on disk and {available / 2**30:.1f} GiB of memory are available;"
            " save the hidden layers alone"
        )
    try:
        stored = _read(file)
    except ImportError as error:
        raise NumericsError(f"{path}: needs safetensors: install condense with the extra 'data'") from error
    except Exception as error:  # torch, pickle, zipfile and safetensors each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise NumericsError(f"{path}: not a checkpoint of tensors only ({reason})") from error
    return _chosen(dict(_dictionaries(stored, "")), entry, str(path))


def _read(file: Path) -> object:
    if file.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def _dictionaries(stored: object, place: str, depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every dictionary with a weight tensor directly in it, by its place; optimisers' states left out."""
    if not isinstance(stored, Mapping) or depth > _DEPTH or {"state", "param_groups"} <= set(stored):
        return
    found = {str(key): value for key, value in stored.items() if isinstance(value, Tensor)}
    if any(tensor.ndim >= 2 for tensor in found.values()):
        yield place, found
    for key, value in stored.items():
        yield from _dictionaries(value, f"{place}.{key}" if place else str(key), depth + 1)


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
        lambda state: _weights(state, "weight") > 1,
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
