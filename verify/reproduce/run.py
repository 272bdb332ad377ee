"""One call from the names of figures to findings, pictures and the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from verify.errors import UsageError
from verify.progress import Progress, Silent
from verify.report.store import provenance, versions, writable, write_json, write_text
from verify.reproduce.figures.figure2 import images
from verify.reproduce.finding import FIGURES, Finding, Reproduction, markdown
from verify.reproduce.workspace import Workspace

_IMAGES = ("2", "preprint-mnist")  # figures that can take the user's images


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

    Each call writes its pictures, reproduction.md and reproduction.json, in this order, into a new folder
    `out`/reproduce/FIGURES-NNN: where reproduction.json is, everything is.

    `data` is the user's .npz for the image figures.  Raises UsageError for unknown names.
    """
    wanted = list(figures) or list(FIGURES)
    for name in wanted:
        if name not in FIGURES:
            raise UsageError(f"unknown figure {name!r}; accepted: {', '.join(FIGURES)}")
    for name, value, least in (("seeds", seeds, 1), ("seed", seed, 0)):
        if value < least:
            raise UsageError(f"{name} is {value}; accepted: a whole number of at least {least}")
    if data is not None:
        if not any(name in _IMAGES for name in wanted):
            raise UsageError(
                f"--data is read by the figures {' and '.join(_IMAGES)} alone; name one of those"
            )
        images(data)  # refused before anything is computed
    writable(out)
    origin = provenance()
    work = Workspace.open(
        out,
        seed=seed,
        seeds=seeds,
        quick=quick,
        progress=progress if progress is not None else Silent(),
        name="-".join(dict.fromkeys(figures))[:80] or "all",
    )
    findings: list[Finding] = []
    seconds: dict[str, float] = {}
    for name in wanted:
        module, function, _ = FIGURES[name]
        make: Callable[..., list[Finding]] = getattr(
            import_module(f"verify.reproduce.figures.{module}"), function
        )
        began = time.perf_counter()
        findings += make(work, data) if name in _IMAGES else make(work)
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
        provenance=origin,
    )
    write_text(work.folder / "reproduction.md", markdown(result))
    write_json(work.folder / "reproduction.json", result.to_json())
    return result
