"""The result of a run: checks with their verdicts, and what is needed to repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verify.experiment import Experiment
from verify.verdict import Check, Verdict, combine


@dataclass(frozen=True)
class Report:
    """Checks of one or more experiments.  `run_dir` is None when nothing was written."""

    experiments: tuple[Experiment, ...]
    checks: tuple[Check, ...]
    versions: dict[str, str]
    notes: tuple[str, ...]
    seconds: float
    run_dir: str | None = None

    @property
    def verdict(self) -> Verdict:
        """That of condense's own checks; what others claim is shown and decides nothing."""
        return combine(self.checks)

    def __repr__(self) -> str:
        names = ", ".join(experiment.name for experiment in self.experiments)
        where = "" if self.run_dir is None else f", {self.run_dir}"
        lines = [f"Report: {self.verdict.value} on {names} ({self.seconds:.1f} s{where})"]
        for check in self.checks:
            source = "" if check.source is None else f" [{check.source}]"
            lines.append(f"  {check.verdict.value:<12} {check.name}{source}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The `verify` document."""
        return {
            "verdict": self.verdict.value,
            "checks": [check.to_json() for check in self.checks],
            "seed": self.experiments[0].seed,
            "experiments": [experiment.to_json() for experiment in self.experiments],
            "notes": list(self.notes),
            "versions": self.versions,
            "seconds": round(self.seconds, 3),
            "run_dir": self.run_dir,
        }
