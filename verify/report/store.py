"""The run folder on disk: written so that a crash loses nothing, and with it where a result comes from: when, by which
command, from which state of the package, on what machine.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import numpy as np

from verify.errors import UsageError

_PACKAGES = ("condense", "sympy", "numpy", "scipy", "torch", "numba", "python-flint", "matplotlib")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide the numbers."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def writable(out: str | Path) -> Path:
    """The folder `out`, made where it is not there.  Raises UsageError where nothing can be written into it."""
    base = Path(out)
    if not str(out).strip():
        raise UsageError("--out is empty; a folder that can be written to is needed")
    try:
        base.mkdir(parents=True, exist_ok=True)
        probe = _part(base / "probe")  # a name of its own: others may be probing the same folder
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"--out {str(out)!r}: {error.strerror or error}; a folder that can be written to is needed"
        ) from None
    return base


def refuse_unwritable(out: str | Path) -> None:
    """Raise UsageError where nothing can be written into the folder `out`; what was made to see it is taken away again."""
    base = Path(out)
    made = [each for each in (base, *base.parents) if not each.exists()]
    writable(out)
    for each in made:
        with suppress(OSError):  # another run may have begun to use it
            each.rmdir()


def new_run(out: str | Path, name: str) -> Path:
    """A new folder `out`/`name`-NNN.  Raises UsageError where it cannot be made."""
    base = writable(out)
    try:
        for number in range(1, 1_000_000):
            folder = base / f"{name}-{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UsageError(
            f"--out {str(out)!r}: {error.strerror or error}; a folder that can be written to is needed"
        ) from None
    raise UsageError(f"--out {str(out)!r} is full of runs named {name}; another folder would be accepted")


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write strict JSON (no NaN, no Infinity) whole or not at all."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a file name of bytes that are no text: kept as escapes
        data = json.dumps(document, indent=2, allow_nan=False).encode()
    write_bytes(path, data)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes whole or not at all."""
    with whole(path) as file:
        file.write(data)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as a compressed `.npz`, whole or not at all."""
    with whole(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when all is written: whoever finds `path` finds all of it, or what was there before.

    Until then it is called `.NAME.RANDOM.part`, which no other process writes to; where writing fails it is removed, and
    where the process is killed it stays behind under that name.
    """
    part = _part(path)
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves the name without the contents
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name[:60]}.{secrets.token_hex(8)}.part")


PATIENCE = 10.0  # seconds for git, which a file system over a network can hold up


def provenance() -> dict[str, Any]:
    """Date, command, commit, platform and number of processors, as of now.

    `date` is ISO 8601 with the time zone, of the clock of the machine: nothing is ever ordered by it.  `command` is
    sys.argv as given.  `commit` is that of the package where it is a git checkout and None elsewhere; `modified` says
    whether files of the package differ from it.
    """
    commit, modified = _commit(Path(__file__).resolve().parents[1])
    return {
        "date": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "command": list(sys.argv),
        "commit": commit,
        "modified": modified,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
    }


def _commit(room: Path) -> tuple[str | None, bool | None]:
    """The commit of the checkout with the package `verify` in the folder `room`, and whether any room differs from it."""
    # A package installed below somebody's repository is not a part of it: only a tracked file is.
    if _git(room, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None, None
    commit = _git(room, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _git(room, "status", "--porcelain", "--", ".", "../theory", "../numerics")
    return commit, None if changes is None else bool(changes)


def _git(room: Path, *arguments: str) -> str | None:
    """What git answers; None where it is not there, does not answer, or refuses."""
    # Variables of a hook or of another repository would send git elsewhere.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=room,
            env=clean,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
