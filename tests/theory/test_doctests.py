"""The examples in the docstrings of theory's entry points."""

import doctest
from importlib import import_module

import pytest

MODULES = [
    "theory",
    "theory.flows.basins",
    "theory.flows.linear",
    "theory.flows.smooth",
    "theory.forms.moment_tensor",
    "theory.formula.activation",
    "theory.losses.loss",
    "theory.orientations.result",
    "theory.orientations.tensor",
    "theory.times.horizon",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_say_what_happens(name):
    module = import_module(name)
    globs = dict(vars(module))
    if name == "theory.times.horizon":
        globs["MomentTensor"] = import_module("theory").MomentTensor
    result = doctest.testmod(module, globs=globs)
    assert result.attempted > 0
    assert result.failed == 0
