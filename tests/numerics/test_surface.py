"""The public surface: every name is what it says, whatever was imported before it."""

import ast
import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import numerics

CODE = """
import types
{first}
import numerics
for again in range(2):
    for name in numerics.__all__:
        assert not isinstance(getattr(numerics, name), types.ModuleType), name
from numerics import train, observe
assert callable(train) and callable(observe)
import numerics.measure
assert isinstance(numerics.measure, types.ModuleType)
"""


@pytest.mark.parametrize(
    "first",
    [
        "",
        "import numerics.training, numerics.weights",
        "from numerics.training import train",
    ],
)
def test_a_submodule_never_hides_a_function_of_its_name(first):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(first=first)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        numerics.nope  # noqa: B018


def test_type_checkers_see_the_names_that_are_loaded_late():
    """`numerics.train` is Any to them where the two lists differ."""
    tree = ast.parse(Path(numerics.__file__).read_text())
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    seen = {
        node.module: tuple(sorted(alias.name for alias in node.names))
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }
    assert seen == {home: tuple(sorted(names)) for home, names in numerics._HOMES.items()}


ENTRY_POINTS = (
    "chance_counts", "clusters", "cosine_matrix", "from_callable", "gradient_flow", "initialise", "leading_flow", "load",
    "match", "merge_neurons", "moments", "output_change", "train", "weighted_median",
)  # fmt: skip


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_an_entry_point_has_an_example_that_runs(name):
    function = getattr(numerics, name)
    module = import_module(function.__module__)
    (test,) = doctest.DocTestFinder(recurse=False).find(function, name, module, globs={"numerics": numerics})
    assert test.examples, f"{name} has no example"
    assert doctest.DocTestRunner().run(test).failed == 0
