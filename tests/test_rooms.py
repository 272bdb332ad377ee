"""The floors of the house: the import contracts of pyproject.toml hold, and each of them can break."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("condense", "theory", "numerics", "verify")
LINTER = Path(sys.executable).with_name("lint-imports")
# (folder, file): folders that need themselves through their own __init__.  None is left; none is to be added.
KNOWN_CIRCLES: set[tuple[str, str]] = set()


def _contracts(folder):
    return subprocess.run(
        [LINTER, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_contracts_hold():
    found = _contracts(ROOT)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("theory/errors.py", "import torch", "theory is exact"),
        ("theory/predictions/__init__.py", "def late():\n    import numerics.errors", "theory is exact"),
        ("numerics/measure/angles.py", "import sympy", "numerics is floating point"),
        ("numerics/errors.py", "import theory.errors", "numerics is floating point"),
        ("verify/errors.py", "import condense", "nothing in the rooms"),
        ("theory/formula/syntax.py", "from theory.losses.loss import loss", "theory's floors"),
        ("numerics/nets/losses.py", "from numerics.training import train", "numerics' floors"),
        ("verify/verdict.py", "import verify.commands.order", "verify's floors"),
        ("theory/formula/syntax.py", "from theory.formula import activation", "no circles"),
    ],
)
def test_contracts_can_break(file, line, broken, tmp_path):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as code:
        code.write(f"\n{line}\n")
    found = _contracts(tmp_path)
    assert found.returncode == 1
    assert any(row.startswith(broken) and " BROKEN" in row for row in found.stdout.splitlines())


def _circles_through_inits(graph):
    """The arrows (folder, file of it) from an __init__ to a file, or folder, that leads back to that __init__."""
    found = set()
    for package in (each for each in graph.modules if graph.find_children(each)):
        inner = {package, *graph.find_descendants(package)}
        child = {each: ".".join(each.split(".")[: package.count(".") + 2]) for each in inner}
        arrows = {each: set() for each in child.values()}
        for importer in inner:
            arrows[child[importer]] |= {
                child[each] for each in graph.find_modules_directly_imported_by(importer) if each in inner
            }
        for first in arrows[package] - {package}:
            reached, ahead = set(), {first}
            while ahead:
                reached |= ahead
                ahead = set().union(*(arrows[each] for each in ahead)) - reached
            if package in reached:
                found.add((package, first))
    return found


def test_no_folder_needs_itself_through_its_own_init():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    assert _circles_through_inits(graph) == KNOWN_CIRCLES


@pytest.mark.parametrize(
    ("importer", "imported", "circle"),
    [
        ("theory.losses.signal", "theory.losses", None),  # a file may need its folder, whose __init__ needs nothing
        ("numerics.nets", "numerics.nets.gradient", ("numerics.nets", "numerics.nets.gradient")),
        ("theory.orientations.result", "theory.orientations", ("theory.orientations", "theory.orientations.result")),
        ("theory.orientations.tensor.frame", "theory.orientations", ("theory.orientations", "theory.orientations.tensor")),
    ],
)  # fmt: skip
def test_circles_through_inits_are_found(importer, imported, circle):
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    graph.add_import(importer=importer, imported=imported)
    found = _circles_through_inits(graph)
    assert found == KNOWN_CIRCLES if circle is None else circle in found
