"""The reproduction as a page of Markdown: figure by figure, claimed, predicted, observed, verdict, command."""

from __future__ import annotations

from verify.report.verdict import Verdict
from verify.reproduce.finding import Finding, Reproduction
from verify.reproduce.index import FIGURES

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
