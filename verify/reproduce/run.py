"""One call from the names of figures to findings, pictures and the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from verify.errors import UsageError
from verify.progress import Progress, Silent
from verify.reproduce.finding import Finding, Reproduction
from verify.reproduce.workspace import Workspace
from verify.store import versions, write_json

# figure -> (module, function, what it shows)
FIGURES: dict[str, tuple[str, str, str]] = {
    "2": ("figure2", "figure_2", "convolution + FC 1024-1024-10 on ten-class digits (or your .npz)"),
    "3": ("figure3", "figure_3", "5-50-1 networks of five activations on sine data"),
    "4": ("figure4", "figure_4", "a residual network of five layers, five activations"),
    "5": ("figure5", "figure_5", "the output is close to a polynomial of degree p"),
    "6": ("figure6", "figure_6", "the direction field and its stable lines"),
    "preprint-low": ("figure3", "low_frequency", "low-frequency sine data, x² tanh x"),
    "preprint-mnist": ("figure2", "preprint_mnist", "the MNIST setting on ten-class digits (or your .npz)"),
    "relu": ("figure3", "relu", "ReLU beside the smooth ones"),
    "smaller": ("smaller", "smaller_network", "merged into a smaller network, and embedded back"),
}


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
    from verify.reproduce.markdown import markdown

    (work.folder / "reproduction.md").write_text(markdown(result), encoding="utf-8")
    return result
