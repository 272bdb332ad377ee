"""README: its commands are accepted as they stand, and its library example runs and prints what it says."""

import re
import shlex
from pathlib import Path

import pytest

from verify.cli import COMMANDS, app

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
LINES = [line.strip() for line in TEXT.splitlines() if line.startswith("    condense ")]


@pytest.mark.parametrize("line", LINES)
def test_every_command_is_accepted(line):
    tokens = shlex.split(line, comments=True)[1:]
    function, _, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    assert function.__name__ == tokens[0]


def test_every_command_that_there_is_has_an_example():
    assert {line.split()[1] for line in LINES} == set(COMMANDS)


def test_library_example_runs_and_prints_what_it_says(capsys):
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert code is not None
    names: dict = {}
    exec(code[1], names)
    out = capsys.readouterr().out
    assert "True 8 6\n" in out  # as the comment beside it says
    assert "Report: CONFIRMED on line/x*tanh(x)" in out
    assert names["own"].name == "mine/z**3"
