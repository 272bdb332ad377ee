"""The public surface: every name is what it says, whatever was imported before it."""

import subprocess
import sys

import pytest

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
        "import numerics.training.train, numerics.weights.observation",
        "from numerics.training.train import train",
    ],
)
def test_a_submodule_never_hides_a_function_of_its_name(first):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(first=first)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_there_is_said():
    import numerics

    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        numerics.nope  # noqa: B018
