"""Where a reproduction keeps what it has computed, so that a second run, or one after a crash, goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verify.errors import UsageError
from verify.progress import Progress
from verify.store import write_arrays

Arrays = dict[str, np.ndarray]
REVISION = 2  # raise it when the meaning of a stored array changes


@dataclass(frozen=True)
class Workspace:
    """A folder of finished pieces, each named by a digest of the configuration that made it.

    `seed` and `seeds` are those of the command; `quick` asks for the smallest run that still says something.
    """

    folder: Path
    seed: int
    seeds: int
    quick: bool
    progress: Progress
    images: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, out: str | Path, *, seed: int, seeds: int, quick: bool, progress: Progress) -> Workspace:
        """The workspace below `out`; UsageError where it cannot be made."""
        folder = Path(out) / "reproduce"
        try:
            (folder / "pieces").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"--out {str(out)!r}: {error.strerror or error}; a folder that can be written to is needed"
            ) from None
        return cls(folder, seed, seeds, quick, progress)

    def piece(self, name: str, configuration: dict[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of one piece: read if this very configuration was finished before, computed and kept otherwise."""
        text = json.dumps({"revision": REVISION, "name": name, **configuration}, sort_keys=True, default=str)
        path = self.folder / "pieces" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
        if path.is_file():
            try:
                with np.load(path, allow_pickle=False) as stored:
                    return {key: stored[key] for key in stored.files}
            except (OSError, ValueError, KeyError):
                path.unlink()  # a damaged piece is made again
        self.progress.stage(f"figure {name.replace('-', ' ')}")
        arrays = compute()
        write_arrays(path, arrays)
        return arrays

    def spawn(self, count: int, key: int = 0) -> list[int]:
        """`count` independent 64-bit seeds; the first ones do not depend on how many there are."""
        sequence = np.random.SeedSequence([self.seed, key])
        return [int(each.generate_state(1, np.uint64)[0]) for each in sequence.spawn(count)]
