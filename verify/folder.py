"""The run folder: `run.json`, `arrays.npz` and the figures."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from verify.examination import Examination
from verify.figures.style import save, style
from verify.report import Report
from verify.store import new_run, write_arrays, write_json


def write_run(report: Report, examinations: Sequence[Examination], out: str | Path, began: float) -> Report:
    """Write the run and return the report with its folder; numbers first, so that a failing figure loses none."""
    names = [re.sub(r"[^A-Za-z0-9]+", "-", experiment.name).strip("-") for experiment in report.experiments]
    folder = new_run(out, names[0] if len(names) == 1 else "verify")
    report = replace(report, run_dir=str(folder))
    write_json(folder / "run.json", report.to_json())
    arrays: dict[str, np.ndarray] = {}
    for name, found in zip(names, examinations, strict=True):
        arrays |= {f"{name}/{key}": value for key, value in found.arrays.items()}
    write_arrays(folder / "arrays.npz", arrays)
    with style():
        for name, found in zip(names, examinations, strict=True):
            for kind, draw in found.drawings:
                save(draw(), folder, f"{name}-{kind}")
    report = replace(report, seconds=time.perf_counter() - began)
    write_json(folder / "run.json", report.to_json())
    return report
