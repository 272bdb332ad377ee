"""One call from the names of figures to findings, pictures and the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from verify.errors import UsageError
from verify.progress import Progress, Silent
from verify.reproduce.finding import Finding, Reproduction
from verify.reproduce.index import FIGURES
from verify.reproduce.markdown import markdown
from verify.reproduce.workspace import Workspace
from verify.store import versions, write_json


def reproduce(
    figures: Sequence[str] = (),
    *,
    out: str | Path = "runs",
    seed: int = 0,
    seeds: int = 16,
    quick: bool = False,
    data: str | None = None,
    progress: Progress | None = None,
) -> Reproduction:
    """Reproduce the named figures (all without names); finished pieces below `out` are taken up again.

    `data` is the user's .npz for the image figures.  Raises UsageError for unknown names.
    """
    wanted = list(figures) or list(FIGURES)
    for name in wanted:
        if name not in FIGURES:
            raise UsageError(f"unknown figure {name!r}; accepted: {', '.join(FIGURES)}")
    if seeds < 1 or seed < 0:
        raise UsageError(f"seed {seed}, seeds {seeds}: a seed of at least 0 and at least 1 seeds are needed")
    work = Workspace.open(
        out, seed=seed, seeds=seeds, quick=quick, progress=progress if progress is not None else Silent()
    )
    findings: list[Finding] = []
    seconds: dict[str, float] = {}
    for name in wanted:
        module, function, _ = FIGURES[name]
        make: Callable[..., list[Finding]] = getattr(import_module(f"verify.reproduce.{module}"), function)
        began = time.perf_counter()
        takes_data = name in ("2", "preprint-mnist")
        findings += make(work, data) if takes_data else make(work)
        seconds[name] = time.perf_counter() - began
    result = Reproduction(
        findings=tuple(findings),
        images=tuple(work.images),
        seconds=seconds,
        seed=seed,
        seeds=seeds,
        quick=quick,
        versions=versions(),
        run_dir=str(work.folder),
    )
    write_json(work.folder / "reproduction.json", result.to_json())
    (work.folder / "reproduction.md").write_text(markdown(result), encoding="utf-8")
    return result
