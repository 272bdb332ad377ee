"""The documents: what the code cites is there, and what they name is in the tree."""

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
