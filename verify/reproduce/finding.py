"""What a reproduction finds: one row for each figure, case and dynamics.

The experiments by name: where each is, and what it shows.

How a count over seeds becomes a verdict, declared before anything is run.

A number of lines that the paper reports is CONFIRMED when the 99 % Wilson interval of the share of seeds that show it
lies above one half, REFUTED when it lies below, INCONCLUSIVE in between.  A theory's orientations are CONFIRMED when in
that sense most networks have most of their neurons (or of their amplitude) within the paper's threshold of one of them,
and REFUTED when in that sense most networks have not.

The reproduction as a page of Markdown: figure by figure, claimed, predicted, observed, verdict, command.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binomtest

from verify.verdict import Verdict, finite


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

    `run_dir` is the folder of this call; `provenance` says when, how and where it ran (verify.report.store).
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


LEVEL = 0.99


def interval(hits: np.ndarray) -> tuple[float, float]:
    """The Wilson interval of the share of True in `hits` (S,)."""
    found: Any = binomtest(int(np.sum(hits)), len(hits)).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def majority(hits: np.ndarray) -> Verdict:
    """CONFIRMED, REFUTED or INCONCLUSIVE: is the share of True above one half?"""
    low, high = interval(hits)
    if low > 0.5:
        return Verdict.CONFIRMED
    return Verdict.REFUTED if high < 0.5 else Verdict.INCONCLUSIVE


def share(hits: np.ndarray) -> str:
    """`16/16 seeds (99 % interval 0.71-1)`."""
    low, high = interval(hits)
    return f"{int(np.sum(hits))}/{len(hits)} seeds (99 % interval {low:.2f}-{high:.2g})"


_HEAD = "| case | dynamics | the paper | theory for these dynamics | observed | paper | theory |"


def markdown(result: Reproduction, *, images: str = "") -> str:
    """The page, with pictures from the folder `images`; every number in it is in reproduction.json as well."""
    lines = [
        "# The source paper's experiments, reproduced",
        "",
        "Zhou et al., *Towards Understanding the Condensation of Neural Networks at Initial Training*, NeurIPS 2022"
        f" (arXiv 2105.11686). {result.seeds} seeds from seed {result.seed}"
        + ("; quick runs" if result.quick else "")
        + ". The paper reports one seed and lines (opposite orientations count once); here a cluster is at least three"
        " neurons within cosine 0.9 of one of them, and u and -u are two orientations. *Paper*: is the reported number"
        " what most seeds show? *Theory*: do most networks have most of their neurons (for gradient flow: of their"
        " amplitude) on the orientations that theory predicts for that optimiser? 99 % intervals throughout; - where"
        " nothing is claimed or no theorem applies. Figure 3 uses the shipped draw of the sine data, a chosen one with a"
        " large mean(y x); its last row takes fresh draws.",
        "",
    ]
    for figure in dict.fromkeys(each.figure for each in result.findings):
        rows = [each for each in result.findings if each.figure == figure]
        lines += [f"## {_title(figure)}", "", f"    condense reproduce {figure}", "", _HEAD, "|" + "---|" * 7]
        lines += [_row(each) for each in rows]
        lines += [""]
        lines += [f"* {each.case}, {each.dynamics}: {each.why}." for each in rows if each.why]
        lines += [""]
        lines += [
            f"![{image[:-4]}]({images}{image})"
            for image in result.images
            if image.endswith(".png") and image.startswith(_prefix(figure))
        ]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def _prefix(figure: str) -> str:
    return f"figure-{figure}-" if figure.isdigit() else f"{figure}-"


def _title(figure: str) -> str:
    about = FIGURES[figure][2] if figure in FIGURES else ""
    return (f"Figure {figure}" if figure.isdigit() else figure) + (f": {about}" if about else "")


def _row(each: Finding) -> str:
    cells = (
        each.case,
        each.dynamics,
        each.claimed,
        each.predicted,
        each.observed,
        _mark(each.paper),
        _mark(each.theory),
    )
    return "| " + " | ".join(cells) + " |"


def _mark(verdict: Verdict | None) -> str:
    return "-" if verdict is None else f"**{verdict.value}**" if verdict is Verdict.REFUTED else verdict.value
