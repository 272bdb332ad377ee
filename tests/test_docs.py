"""The documents: what the code cites is there, and what they name is in the tree."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("condense", "theory", "numerics", "verify", "tests")
PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{each.name}" for each in (ROOT / "docs").glob("*.md")))
CITED = re.compile(r"[Tt]heory notes,\s+sections?\s+(\d+(?:(?:,| and|, and)\s*\d+)*)")
PLACE = re.compile(r"`((?:condense|theory|numerics|verify|tests|docs|examples|benchmarks|\.ci)/[\w./-]*)`")


def _python():
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_sections_that_the_code_cites_are_there():
    text = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (\d+)\. ", text, re.MULTILINE))
    cited = {}
    for path in _python():
        source = re.sub(r"\s*\n\s*(?:#\s*)?", " ", path.read_text(encoding="utf-8"))
        for numbers in CITED.findall(source):
            cited.update(dict.fromkeys(re.findall(r"\d+", numbers), path))
    assert len(cited) >= 8
    assert not {number: str(path) for number, path in cited.items() if number not in sections}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    named = PLACE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert not [place for place in named if not (ROOT / place).exists()]


def test_words_of_the_glossary_are_the_code_s():
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.MULTILINE)
    assert len(words) >= 40
    assert words == sorted(words, key=str.casefold), "in the order of the alphabet"
    code = "\n".join(
        path.read_text(encoding="utf-8").casefold() for path in _python() if path.parts[-1] != "test_docs.py"
    )
    spoken = re.sub(r"[\s#_]+", " ", code)
    assert not [word for word in words if word.casefold() not in spoken]


REASONED = (
    *("verify/regimes", "verify/order", "verify/bridge"),
    *("theory/predictions", "theory/beyond", "theory/flows", "theory/times"),
)
CODES = {"(GOES_ON, STUCK)"}  # names for outcomes: any two numbers would do


def unreasoned(text):
    """Numeric constants of a module whose block of lines says neither what derives them nor why they were chosen."""
    lines = text.split("\n")
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or isinstance(node.value, ast.Dict | ast.Lambda):
            continue
        first = node.lineno - 1
        while first and lines[first - 1].strip():
            first -= 1
        numeric = any(
            isinstance(c, ast.Constant) and type(c.value) in (int, float) for c in ast.walk(node.value)
        )
        if numeric and not re.search(
            "chosen|derived", "\n".join(lines[first : node.end_lineno]), re.IGNORECASE
        ):
            yield ast.unparse(node.targets[0])


def test_constants_say_what_they_are_derived_from_or_why_they_were_chosen():
    assert list(unreasoned("A = 1  # chosen because\n\nB = 2.0  # a half\n")) == ["B"]
    found = {
        (str(path), name)
        for folder in REASONED
        for path in (ROOT / folder).rglob("*.py")
        for name in unreasoned(path.read_text(encoding="utf-8"))
    }
    assert not [each for each in found if each[1] not in CODES]
