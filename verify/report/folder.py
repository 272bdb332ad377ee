"""The run folder: `run.json`, and for each experiment a folder of its own with its report, its arrays and its figures.

Each experiment is on disk as soon as it has been examined: whatever happens later, what was computed is not lost.  A file
has its name only when it is whole, and they are written in this order: `arrays.npz`, `experiment.json`; when all
experiments are there `run.json`, with "complete": false; the figures; both documents with "complete": true.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from verify.bridge.experiment import ARRAYS, Experiment
from verify.errors import UsageError
from verify.figures import save, style
from verify.regimes.common.evidence import Examination
from verify.report import Report, keys
from verify.report.store import new_run, write_arrays, write_json

RUN, EXPERIMENT = "run.json", "experiment.json"


@dataclass
class RunFolder:
    """A folder below `out` for one run, made when there is something to write: a run that is refused leaves none.

    What cannot be written is a note to the report (`troubles`), no end of the run: its numbers are there to be read.
    """

    out: Path
    names: tuple[str, ...]
    path: Path | None = None
    reports: list[Report] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, out: str | Path, experiments: Sequence[Experiment]) -> RunFolder:
        """The folder of a run of these experiments, in this order."""
        return cls(Path(out), keys(experiments))

    def add(self, number: int, found: Examination, report: Report) -> None:
        """Write the arrays of the experiment of this number and the report on it alone."""
        try:
            if self.path is None:
                self.path = new_run(self.out, self.names[0] if len(self.names) == 1 else "verify")
            folder = self.path / self.names[number]
            folder.mkdir()
            data = found.experiment.dataset
            write_arrays(folder / ARRAYS, {"x": data.x, "y": data.y, **found.arrays})
            own = {**report.details[0], "folder": "."}  # as seen from the experiment's own folder
            alone = replace(report, run_dir=str(folder), details=(own,))
            write_json(folder / EXPERIMENT, replace(alone, complete=False).to_json())
            self.reports.append(alone)
        except (OSError, UsageError) as error:
            self._note(error)

    def finish(self, report: Report, examinations: Sequence[Examination], began: float) -> Report:
        """Write the report on all experiments, then the figures; the report with its folder, and what went wrong.

        `began` is the reading of time.perf_counter at the start of the run.
        """
        if self.path is None or self.troubles:
            return self._told(report)
        report = replace(report, run_dir=str(self.path))
        try:
            write_json(self.path / RUN, replace(report, complete=False).to_json())
            with style():
                for name, found, alone in zip(self.names, examinations, self.reports, strict=True):
                    for kind, draw in found.drawings:
                        save(draw(), self.path / name, kind)
                    write_json(self.path / name / EXPERIMENT, alone.to_json())
            report = replace(report, seconds=time.perf_counter() - began)
            write_json(self.path / RUN, report.to_json())
        except OSError as error:
            self._note(error)
        return self._told(report)

    def _told(self, report: Report) -> Report:
        if not self.troubles:
            return report
        where = None if self.path is None else str(self.path)
        return replace(report, notes=(*report.notes, *self.troubles), run_dir=where, complete=False)

    def _note(self, error: Exception) -> None:
        place = self.out if self.path is None else self.path
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        self.troubles.append(
            f"{place}: {reason}: not all of the run is on disk, but all of its checks are in this report"
        )
