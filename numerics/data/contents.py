"""What a user's file is, told from its first bytes and, for an archive, its list of members.

Nothing is unpickled here: a file that turns out to be a pickle is named as one, and left alone.

Named arrays of real numbers from an .npz that anyone wrote: nothing pickled is ever loaded.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.errors import NumericsError

_LARGEST_HEADER = 100_000_000  # bytes of JSON; the limit of the safetensors format
_TORCH_MAGIC = (
    b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # 0x1950a86a20f9469cfc6c as a pickled integer: torch before 1.6
)
# What zipfile, zlib and numpy raise on a damaged archive: every value of every byte of two small ones tried.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    NotImplementedError,
    EOFError,
    RuntimeError,
    OSError,
)


class Contents(StrEnum):
    """What a file holds; the value says it after "is"."""

    TORCH = "a file saved by torch"
    TORCH_SCRIPT = "a TorchScript archive (a program, never run)"
    SAFETENSORS = "a safetensors file"
    NUMPY_ARCHIVE = "a NumPy archive (.npz)"
    NUMPY_ARRAY = "a single NumPy array (.npy)"
    PICKLE = "a pickle (never loaded)"
    HDF5 = "an HDF5 file"
    ZIP = "a zip archive of something else"
    CUT_ZIP = "a zip archive that is cut off or damaged"
    TEXT = "plain text"
    UNKNOWN = "of no format known here"


def user_file(path: str | Path, needed: str) -> Path:
    """The path, once it is sure to be a file that can be read and is not empty.

    `needed` ends the line of the NumericsError otherwise: what would be accepted.
    """
    file = Path(path)
    if not str(path).strip():
        raise NumericsError(f"the name of the file is empty; {needed}")
    try:
        if file.is_dir():
            raise NumericsError(f"{path}: is a directory; {needed}")
        if not file.exists():
            raise NumericsError(f"{path}: no such file; {needed}")
        with open(file, "rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise NumericsError(
            f"{str(path)[:80]}: cannot be read ({error.strerror or error}); {needed}"
        ) from None
    if empty:
        raise NumericsError(f"{path}: is empty; {needed}")
    return file


def contents(file: Path) -> Contents:
    """What a readable file is."""
    with open(file, "rb") as stream:
        head = stream.read(512)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _archive(file)
    if head.startswith(b"\x93NUMPY"):
        return Contents.NUMPY_ARRAY
    if head.startswith(b"\x89HDF"):
        return Contents.HDF5
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return Contents.TORCH if _TORCH_MAGIC in head[:64] else Contents.PICKLE
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _LARGEST_HEADER:
        return Contents.SAFETENSORS
    try:
        # A character may be cut at the end of what was read.
        head[: max(len(head) - 3, 1)].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 6:
            return Contents.UNKNOWN
    return Contents.UNKNOWN if b"\x00" in head else Contents.TEXT


def _archive(file: Path) -> Contents:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Contents.CUT_ZIP
    # torch puts everything into one folder, named after the file.
    below = {name.partition("/")[2] for name in names}
    if "constants.pkl" in below:
        return Contents.TORCH_SCRIPT
    if "data.pkl" in below:
        return Contents.TORCH
    return Contents.NUMPY_ARCHIVE if not names or all(n.endswith(".npy") for n in names) else Contents.ZIP


Array = NDArray[np.float64]


def read_npz(path: str | Path, names: tuple[str, ...]) -> list[Array]:
    """Arrays of real numbers from an .npz, by name, as float64; nothing pickled is ever loaded.

    Raises NumericsError, with one line that says what the file or the array is instead.
    """
    save = f"save it with numpy.savez(path, {', '.join(f'{name}=...' for name in names)})"
    path = user_file(path, f"an .npz with {' and '.join(names)} is needed")
    found = contents(path)
    if found is Contents.CUT_ZIP:
        raise NumericsError(f"{path}: is {found}; copy it once more, or {save}")
    if found is not Contents.NUMPY_ARCHIVE:
        raise NumericsError(f"{path}: is {found}, not an .npz archive; {save}")
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in names if name not in stored]
            if missing:
                there = ", ".join(stored.files) or "nothing"
                raise NumericsError(
                    f"{path}: array {missing[0]!r} is missing (found: {there}); needed are {' and '.join(names)}"
                )
            return [_real(path, name, stored) for name in names]
    except NumericsError:
        raise
    except _DAMAGED as error:
        raise NumericsError(f"{path}: is a damaged .npz archive; copy it once more, or {save}") from error


def _real(path: Path, name: str, stored: Mapping[str, Any]) -> Array:
    try:
        array = stored[name]
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        # numpy's own message tells how to load it unsafely.
        raise NumericsError(
            f"{path}: array {name!r} holds Python objects, which are pickled and never loaded; save plain numbers, "
            "such as numpy.asarray(values, dtype=float)"
        ) from None
    if not isinstance(array, np.ndarray):
        raise NumericsError(f"{path}: {name!r} is not an array; numpy.savez writes arrays")
    if array.dtype.kind not in "fiub":
        raise NumericsError(f"{path}: array {name!r} has dtype {array.dtype}; real numbers are needed")
    return array.astype(np.float64)
