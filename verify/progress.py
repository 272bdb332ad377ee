"""Progress as an object that is passed in: silent by default, shown by the command line on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.text import Text

DELAY = 1.0  # seconds


class Progress(Protocol):
    """What a long computation tells whoever watches."""

    def stage(self, label: str) -> None:
        """A new stage of the work begins."""
        ...


class Silent:
    """Watches nothing."""

    def stage(self, label: str) -> None:
        """Ignore the stage."""


class Spinner:
    """Shows the running stage and the time on standard error; plain lines where that is not a terminal.

    A plain line comes when its stage has run for a second or is over: a refusal on the way is then the only line.
    """

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._status = None
        self._waiting: tuple[str, Timer] | None = None
        self._lock = Lock()

    def stage(self, label: str) -> None:
        """Show the label of the stage that begins."""
        if self._status is not None:
            self._status.update(_text(label))
            return
        self._say()
        timer = Timer(DELAY, self._say)
        timer.daemon = True
        self._waiting = label, timer
        timer.start()

    @contextmanager
    def running(self) -> Iterator[Spinner]:
        """Show a spinner while the block runs."""
        if self._console.is_terminal:
            with self._console.status("starting") as status:
                self._status = status
                yield self
            self._status = None
            return
        try:
            yield self
            self._say()
        finally:
            with self._lock:
                waiting, self._waiting = self._waiting, None
            if waiting is not None:
                waiting[1].cancel()

    def _say(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                waiting[1].cancel()
                self._console.print(_text(f"{waiting[0]} ...", "dim"))


def _text(label: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(label, style=style)  # a label may hold a file's name: no markup
