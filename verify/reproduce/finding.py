"""What a reproduction finds: one row for each figure, case and dynamics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from verify.report.verdict import Verdict, finite


@dataclass(frozen=True)
class Finding:
    """One row of the table: what the paper reports, what theory says of this optimiser, what happened.

    `claimed`, `predicted` and `observed` are short texts; `paper` is the verdict on the paper's number (None where it
    reports none for these dynamics), `theory` that on condense's prediction (None where no theorem applies).
    `numbers` holds everything behind the texts.
    """

    figure: str
    case: str
    dynamics: str
    claimed: str
    predicted: str
    observed: str
    paper: Verdict | None
    theory: Verdict | None
    why: str
    numbers: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The row of the `reproduce` document."""
        return {
            "figure": self.figure,
            "case": self.case,
            "dynamics": self.dynamics,
            "claimed": self.claimed,
            "predicted": self.predicted,
            "observed": self.observed,
            "verdict_paper": None if self.paper is None else self.paper.value,
            "verdict_theory": None if self.theory is None else self.theory.value,
            "why": self.why,
            "numbers": finite(self.numbers),
        }


@dataclass(frozen=True)
class Reproduction:
    """All findings of the figures that were asked for, where their pictures lie, and how long each figure took.

    `run_dir` is the folder of this call; `provenance` says when, how and where it ran (verify.report.provenance).
    """

    findings: tuple[Finding, ...]
    images: tuple[str, ...]
    seconds: dict[str, float]
    seed: int
    seeds: int
    quick: bool
    versions: dict[str, str]
    run_dir: str
    provenance: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The `reproduce` document."""
        return {
            "findings": [each.to_json() for each in self.findings],
            "images": list(self.images),
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "seed": self.seed,
            "seeds": self.seeds,
            "quick": self.quick,
            "versions": self.versions,
            **self.provenance,
            "run_dir": self.run_dir,
        }
