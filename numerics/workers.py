"""Members of a batch shared among threads, for code that releases Python's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

Result = TypeVar("Result")
_WORTH = 1e-4  # seconds of work below which a thread of its own costs more than it saves


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="condense")


def spread(action: Callable[[int, int], Result], count: int, seconds: float) -> list[Result]:
    """[action(start, stop), ...] over a partition of range(count) among at most torch's number of threads,
    each with a fair part of an estimated `seconds` of work; in this thread where that is little."""
    parts = max(1, min(torch.get_num_threads(), count, int(seconds / _WORTH)))
    if parts == 1:
        return [action(0, count)]
    ends = [count * part // parts for part in range(parts + 1)]
    # The threads of a pool do not survive a fork: one pool for each process.
    pool = _pool(os.getpid(), torch.get_num_threads() - 1)
    others = [pool.submit(action, *ends[part : part + 2]) for part in range(1, parts)]
    return [action(*ends[:2]), *(other.result() for other in others)]
