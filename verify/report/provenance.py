"""Where a result comes from: when, by which command, from which state of the package, on what machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PATIENCE = 10.0  # seconds for git, which a file system over a network can hold up


def provenance() -> dict[str, Any]:
    """Date, command, commit, platform and number of processors, as of now.

    `date` is ISO 8601 with the time zone, of the clock of the machine: nothing is ever ordered by it.  `command` is
    sys.argv as given.  `commit` is that of the package where it is a git checkout and None elsewhere; `modified` says
    whether files of the package differ from it.
    """
    commit, modified = _commit(Path(__file__).resolve().parent)
    return {
        "date": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "command": list(sys.argv),
        "commit": commit,
        "modified": modified,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
    }


def _commit(room: Path) -> tuple[str | None, bool | None]:
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
