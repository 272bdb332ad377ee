"""Progress as an object that is passed in: silent by default, shown by the command line on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


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
    """Shows the running stage and the time on standard error; plain lines where that is not a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._status = None

    def stage(self, label: str) -> None:
        """Show the label of the stage that begins."""
        if self._status is not None:
            self._status.update(label)
        else:
            self._console.print(f"[dim]{label} ...[/dim]", highlight=False)

    @contextmanager
    def running(self) -> Iterator[Spinner]:
        """Show a spinner while the block runs."""
        if self._console.is_terminal:
            with self._console.status("starting") as status:
                self._status = status
                yield self
            self._status = None
        else:
            yield self
