"""How the loops here are compiled, and where the compiled code is kept: beside this file, or in the user's cache.

Numba compares the date of the one file in which a function stands.  A function that calls a helper in another file of this
folder has the helper's code in its own, so here the sources of the whole folder tell whether kept code is still theirs.

Members of a batch shared among threads, for code that releases Python's lock.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

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


Result = TypeVar("Result")
_WORTH = 1e-4  # seconds of work below which a thread of its own costs more than it saves


@cache
def _pool(process: int, size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="condense")


def threads() -> int:
    """torch's number of threads where torch is in use, else OMP_NUM_THREADS or the number of cores."""
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else os.cpu_count() or 1


def share_out(action: Callable[[int, int], Result], count: int, seconds: float) -> list[Result]:
    """[action(start, stop), ...] over a partition of range(count) among at most `threads()` threads, each with
    a fair part of an estimated `seconds` of work; in this thread where that is little."""
    most = threads()
    parts = max(1, min(most, count, int(seconds / _WORTH)))
    if parts == 1:
        return [action(0, count)]
    ends = [count * part // parts for part in range(parts + 1)]
    # The threads of a pool do not survive a fork: one pool for each process.
    pool = _pool(os.getpid(), most - 1)
    others = [pool.submit(action, *ends[part : part + 2]) for part in range(1, parts)]
    return [action(*ends[:2]), *(other.result() for other in others)]
