"""How the loops here are compiled, and where the compiled code is kept: beside this file, or in the user's cache.

Numba compares the date of the one file in which a function stands.  A function that calls a helper in another file of this
folder has the helper's code in its own, so here the sources of the whole folder tell whether kept code is still theirs.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

# Sums of a reducing loop may be taken eight at a time (reassoc); the exponential's reduction of its argument may not.
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "boundscheck": False}


def fingerprint(folder: Path) -> str:
    """SHA-256 of the names and contents of the Python files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class FolderCache(FunctionCache):
    """Kept code of one function, good for as long as no file of the function's folder changes."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        locator = self._impl.locator
        folder = Path(function.__code__.co_filename).parent
        self._cache_file = IndexDataCacheFile(
            cache_path=locator.get_cache_path(),
            filename_base=self._impl.filename_base,
            source_stamp=(locator.get_source_stamp(), fingerprint(folder)),
        )


def _compiled(function: Callable, fastmath: set[str]) -> Callable:
    dispatcher: Any = njit(fastmath=fastmath, **_OPTIONS)(function)
    dispatcher._cache = FolderCache(function)
    return dispatcher


def exact(function: Callable) -> Callable:
    """Compiled with the additions in the order in which they are written."""
    return _compiled(function, {"contract"})


def reducing(function: Callable) -> Callable:
    """Compiled with sums in an order that the machine likes, the same in every call."""
    return _compiled(function, {"contract", "reassoc"})
