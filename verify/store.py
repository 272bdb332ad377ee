"""The run folder: everything needed to read a run again and to repeat it, written so that a crash loses nothing."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from verify.errors import UsageError

_PACKAGES = ("condense", "sympy", "numpy", "scipy", "torch", "python-flint", "matplotlib")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide the numbers."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def writable(out: str | Path) -> Path:
    """The folder `out`, made where it is not there.  Raises UsageError where nothing can be written into it."""
    base = Path(out)
    if not str(out).strip():
        raise UsageError("--out is empty; a folder that can be written to is needed")
    try:
        base.mkdir(parents=True, exist_ok=True)
        probe = base / f".{os.getpid()}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"--out {str(out)!r}: {error.strerror or error}; a folder that can be written to is needed"
        ) from None
    return base


def new_run(out: str | Path, name: str) -> Path:
    """A new folder `out`/`name`-NNN.  Raises UsageError where it cannot be made."""
    base = writable(out)
    try:
        for number in range(1, 1_000_000):
            folder = base / f"{name}-{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UsageError(
            f"--out {str(out)!r}: {error.strerror or error}; a folder that can be written to is needed"
        ) from None
    raise UsageError(f"--out {str(out)!r} is full of runs named {name}; another folder would be accepted")


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write strict JSON (no NaN, no Infinity) whole or not at all."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    _replace(path, text.encode())


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as a compressed `.npz`, whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    os.replace(part, path)


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
