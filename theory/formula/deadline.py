"""A time limit on pure-Python work, in any thread."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class DeadlineExceeded(BaseException):
    """Raised inside `time_limit`; not an Exception, so that no `except Exception` on the way swallows it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise DeadlineExceeded at the first Python call after the block has had `seconds` of the processor.

    Seconds of this thread, not of the clock on the wall: what is decided must not depend on what else the machine does.
    Uses the thread's profile hook, which SymPy's many small calls reach at once; a signal would only work in
    the main thread, and a thread cannot be stopped.  A profiler that is already running keeps the hook and
    gets no limit. Nested limits: the inner one counts alone.
    """
    outer = sys.getprofile()
    if outer is not None and not isinstance(outer, _Hook):
        yield
        return
    sys.setprofile(_Hook(seconds))
    try:
        yield
    finally:
        sys.setprofile(outer)


class _Hook:
    """The profile function: looks at the cheap clock at each call, at the dear one when that says it may be time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.thread_time() + seconds
        self._look = time.monotonic() + seconds

    def __call__(self, frame: object, event: str, argument: object) -> None:
        # Only on calls: an exception on a return would escape from inside a cleanup.
        if event == "call" and time.monotonic() > self._look:
            left = self._end - time.thread_time()
            if left <= 0:
                raise DeadlineExceeded
            self._look = time.monotonic() + left
