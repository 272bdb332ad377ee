"""What the experiments of one run are called: in the report and on disk, each by a name that no other one has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from verify.bridge.experiment import Experiment
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


LENGTH = 80  # characters of a key: file systems take 255 bytes, and a formula may have 2,000 characters


def labels(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """A name for each experiment that no other one of the list has, whatever their fields are.

    It is `Experiment.name`, followed, where several have the same, by the fields in which those differ, and by a number
    where they differ in nothing.
    """
    documents = [each.to_json() for each in experiments]
    names = [each.name for each in experiments]
    found = []
    for name, document in zip(names, documents, strict=True):
        rivals = [other for other, theirs in zip(documents, names, strict=True) if theirs == name]
        differ = [key for key in document if any(other[key] != document[key] for other in rivals)]
        if "data" in differ:
            differ.remove("data_sha256") if "data_sha256" in differ else None
        found.append(", ".join([name, *(_shown(key, document[key]) for key in differ)]))
    return _unique(found, " #")


def keys(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """The name of each experiment's folder: its label in letters, digits, `.`, `_` and `-`, of at most some 90 characters.

    No two are equal, not even where a file system takes capitals for small letters.
    """
    plain = (re.sub(r"[^A-Za-z0-9._]+", "-", label)[:LENGTH].strip("-.") for label in labels(experiments))
    return _unique((each or "experiment" for each in plain), "-")


def _shown(key: str, value: object) -> str:
    if key == "data_sha256":
        return f"data {str(value)[:8]}"
    return f"{key} {'default' if value is None else value}"


def _unique(texts: Iterable[str], mark: str) -> tuple[str, ...]:
    """The texts, with `mark` and a number after those that were taken already."""
    taken: set[str] = set()
    found = []
    for text in texts:
        candidate, number = text, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{text}{mark}{number}"
        taken.add(candidate.casefold())
        found.append(candidate)
    return tuple(found)
