"""Where a reproduction keeps what it has computed, so that a second run, or one after a crash, goes on from there.

Below `out`/reproduce, `pieces` holds what every call can take up again, and each call has a folder of its own for its
pictures and its page: what one call has written no other one touches.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verify.errors import UsageError
from verify.progress import Progress
from verify.report.store import new_run, write_arrays

Arrays = dict[str, np.ndarray]
REVISION = 2  # raise it when the meaning of a stored array changes


@dataclass(frozen=True)
class Workspace:
    """The folder of one call, and finished pieces, each named by a digest of the configuration that made it.

    `folder` is for what this call writes, `pieces` is shared with all calls on the same `out`.
    `seed` and `seeds` are those of the command; `quick` asks for the smallest run that still says something.
    """

    folder: Path
    pieces: Path
    seed: int
    seeds: int
    quick: bool
    progress: Progress
    images: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        out: str | Path,
        *,
        seed: int,
        seeds: int,
        quick: bool,
        progress: Progress,
        name: str = "call",
    ) -> Workspace:
        """The workspace below `out`, with a new folder `name`-NNN for this call; UsageError where it cannot be made."""
        base = Path(out) / "reproduce"
        try:
            (base / "pieces").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"--out {str(out)!r}: {error.strerror or error}; a folder that can be written to is needed"
            ) from None
        return cls(new_run(base, name), base / "pieces", seed, seeds, quick, progress)

    def piece(self, name: str, configuration: dict[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of one piece: read if this very configuration was finished before, computed and kept otherwise."""
        text = json.dumps({"revision": REVISION, "name": name, **configuration}, sort_keys=True, default=str)
        path = self.pieces / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
        if path.is_file():
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                    return {key: stored[key] for key in stored.files}
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
                path.unlink(missing_ok=True)  # a damaged piece is made again
        self.progress.stage(f"figure {name.replace('-', ' ')}")
        arrays = compute()
        write_arrays(path, arrays)
        return arrays

    def spawn(self, count: int, key: int = 0) -> list[int]:
        """`count` independent 64-bit seeds; the first ones do not depend on how many there are."""
        sequence = np.random.SeedSequence([self.seed, key])
        return [int(each.generate_state(1, np.uint64)[0]) for each in sequence.spawn(count)]
