"""Exit code 1 is a verdict and nothing else: internal errors, interrupts and readers that have gone have their own."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import theory
def broken(*arguments):
    {statement}
theory.activation = broken
from verify.cli import main
main(sys.argv[1:])
"""


def run(statement, *arguments, shell="{command}", **environment):
    """Exit code, standard output and error of `condense arguments` where theory's activation() does `statement`."""
    import os
    import shlex

    command = shlex.join([sys.executable, "-c", PROGRAM.format(statement=statement), *arguments])
    done = subprocess.run(
        ["bash", "-c", shell.format(command=command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("return [][1]", "IndexError"),
        ("raise ValueError('zero-size array')", "ValueError: zero-size array"),
        ("import nowhere", "ModuleNotFoundError"),
        ("assert arguments == 1", "AssertionError"),
        ("return broken()", "RecursionError"),
        ("raise MemoryError('two' + chr(10) + 'lines')", "MemoryError: two lines"),
    ],
)
def test_an_internal_error_is_no_verdict(statement, kind):
    code, out, err = run(statement, "multiplicity", "-x*tanh(x)", "--json")
    assert (code, out, err.count("\n")) == (70, "", 1)
    assert f"internal error, no verdict: {kind}" in err
    assert "please report it with the command" in err
    assert "condense multiplicity '-x*tanh(x)' --json" in err


@pytest.mark.parametrize(("options", "environment"), [(["--debug"], {}), ([], {"CONDENSE_DEBUG": "1"})])
def test_the_traceback_is_shown_on_request(options, environment):
    code, out, err = run("return [][1]", *options, "multiplicity", "tanh", **environment)
    assert (code, out) == (70, "")
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("condense: internal error")
    # A refusal is none: there is nothing to debug.
    code, _, err = run("raise OSError(28, 'no space left')", *options, "multiplicity", "tanh", **environment)
    assert (code, err.count("\n")) == (2, 1)


def test_an_interrupt_has_its_own_code():
    assert run("raise KeyboardInterrupt", "multiplicity", "tanh") == (130, "", "condense: interrupted\n")


@pytest.mark.parametrize(
    ("statement", "shell", "code"),
    [
        # The reader goes before the first line, while a long document is written, and before the last flush.
        ("print('x' * 10**6); sys.exit('not reached')", "{command} | true; exit ${{PIPESTATUS[0]}}", 141),
        ("raise BrokenPipeError(32, 'gone')", "{command}", 141),
        (
            "import time; time.sleep(1); print('x'); sys.exit(1)",
            "{command} | true; exit ${{PIPESTATUS[0]}}",
            141,
        ),
        ("print('x'); raise OSError(5, 'lost')", "{command} >/dev/full", 2),
        ("print('x' * 10**6)", "{command} >/dev/full", 2),
        ("raise OSError(5, 'lost')", "{command} 2>/dev/full", 2),
        ("raise OSError(5, 'lost')", "{command} 2>&-", 2),
        ("return [][1]", "{command} 2>&-", 70),
        ("return [][1]", "{command} >&-", 70),
        ("raise OSError(5, 'lost')", "{command} >&- 2>&-", 2),
    ],
)
def test_streams_that_nobody_reads_never_end_in_a_verdict(statement, shell, code):
    found, out, err = run(statement, "multiplicity", "tanh", shell=shell)
    assert found == code, err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert "lost" not in out


def test_the_real_command_line_writes_to_a_closed_output():
    code, out, err = subprocess_codes("multiplicity tanh >&-")
    assert (code, out, err) == (0, "", "")
    code, _, err = subprocess_codes("multiplicity tanh >/dev/full")
    assert (code, err.count("\n")) == (2, 1)
    assert "No space left" in err


def subprocess_codes(line):
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m verify {line}"], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr
