"""Calls of the command line within the tests' own process."""

from pathlib import Path

import pytest

from verify.cli import main


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


def csv(tmp_path: Path, text: str) -> str:
    """The path of a file with this text."""
    path = tmp_path / "data.csv"
    path.write_text(text)
    return str(path)
