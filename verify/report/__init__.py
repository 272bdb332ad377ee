"""The result of a run: checks with their verdicts, and what is needed to repeat it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from verify.bridge.experiment import Experiment
from verify.report.keys import labels
from verify.verdict import Check, Verdict, combine, finite


@dataclass(frozen=True)
class Report:
    """Checks of one or more experiments.  `run_dir` is None when nothing was written.

    `experiments` have the values that were taken, `asked` are those of the user (None stands for a default), `details`
    say of each experiment its name in the checks, its folder below `run_dir`, its data's shape and its learning rate.
    `provenance` says when, how and where.  `complete` is False while figures are yet to be drawn.
    """

    experiments: tuple[Experiment, ...]
    checks: tuple[Check, ...]
    versions: dict[str, str]
    notes: tuple[str, ...]
    seconds: float
    run_dir: str | None = None
    asked: tuple[Experiment, ...] = ()
    details: tuple[dict[str, Any], ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    complete: bool = True

    @property
    def labels(self) -> tuple[str, ...]:
        """What each experiment is called in checks and notes: no two have the same name."""
        return labels(self.asked or self.experiments)

    @property
    def verdict(self) -> Verdict:
        """That of condense's own checks; what others claim is shown and decides nothing."""
        return combine(self.checks)

    def __repr__(self) -> str:
        names = ", ".join(self.labels)
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
            "seed": int(self.experiments[0].seed),
            "experiments": [experiment.to_json() for experiment in self.experiments],
            "data": [experiment.data_json() for experiment in self.experiments],
            "asked": [experiment.to_json() for experiment in self.asked or self.experiments],
            "details": [finite(each) for each in self.details],
            "notes": list(self.notes),
            "versions": self.versions,
            **self.provenance,
            "seconds": round(self.seconds, 3),
            "complete": self.complete,
            "run_dir": self.run_dir,
        }
