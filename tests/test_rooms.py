"""The floors of the house: the import contracts of pyproject.toml hold, and each of them can break."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("condense", "theory", "numerics", "verify")
LINTER = Path(sys.executable).with_name("lint-imports")


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
        ("theory/formula/syntax.py", "from theory.losses import loss", "theory's floors"),
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
