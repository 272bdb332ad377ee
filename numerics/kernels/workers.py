"""Members of a batch shared among threads, for code that releases Python's lock."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

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
