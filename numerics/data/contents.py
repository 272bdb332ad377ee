"""What a user's file is, told from its first bytes and, for an archive, its list of members.

Nothing is unpickled here: a file that turns out to be a pickle is named as one, and left alone.
"""

import zipfile
from enum import StrEnum
from pathlib import Path

from numerics.errors import NumericsError

_LARGEST_HEADER = 100_000_000  # bytes of JSON; the limit of the safetensors format
_TORCH_MAGIC = (
    b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # 0x1950a86a20f9469cfc6c as a pickled integer: torch before 1.6
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
