"""The command line: typed signatures in, one document or one table out, and an exit code that means something."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import traceback
from importlib.metadata import version
from typing import NoReturn

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError

from verify.rooms import shadowed

app = App(
    name="condense",
    help="Derive, predict and verify how neural networks condense when they start from small weights.\n\n"
    "Any command: exit code 2 bad usage or bad input, 70 an internal error (--debug shows its traceback), 130 "
    "interrupted.",
    version=lambda: version("condense"),
    version_flags=["--version"],
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # `main` says that it was one
    default_parameter=Parameter(negative_iterable=()),
)

# One file a command, imported when it is called; the summaries stand here so that `--help` imports none of them.
# `condense --help` shows the first paragraph, `condense COMMAND --help` all of it.
_CODES = "\n\nExit code 0 CONFIRMED, 1 REFUTED, 3 INCONCLUSIVE."
COMMANDS = {
    "verify": "Predict, simulate, train, compare: does the theory hold on these data?\n\n"
    "Without DATA and options: tanh on sine5, x tanh x and x² tanh x on line." + _CODES,
    "multiplicity": "Multiplicity, leading coefficient, next order and order of accuracy of an activation.",
    "derive": "The leading-order dynamics as text, LaTeX or JSON.",
    "orientations": "All fixed orientations on the data, certified, with their stability.",
    "observe": "Measure condensation in anyone's trained PyTorch weights.",
    "reproduce": "The source paper's experiments with many seeds, beside what theory says of each optimiser.",
    "hunt": "Search a counterexample to a claim, shrink it, certify it.\n\nExit code 1 found, 3 none found.",
    "order": "Measured against predicted order of accuracy." + _CODES,
    "claims": "The ledger of theorems and claims, each validated anew.\n\n"
    "One claim: exit code 0 CONFIRMED, 1 REFUTED, 3 INCONCLUSIVE; several: 0 when finished.",
}
for _name, _summary in COMMANDS.items():
    app.command(f"verify.commands.{_name}:{_name}", name=_name, help=_summary)


REFUSED, INTERNAL, INTERRUPTED, BROKEN_PIPE = 2, 70, 130, 141  # 128 + the signal, as shells say it
DEBUG = "--debug"


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; bad usage and bad input end in exit code 2 with one line on standard error.

    An internal error ends in 70, so that 1 means REFUTED and nothing else; `--debug`, or CONDENSE_DEBUG=1, shows its
    traceback.  An interrupt ends in 130, a reader of the output that has gone in 141.
    """
    # Small batches gain nothing from a second thread, and on a busy machine waiting for it costs tens of times the work.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = os.environ.get("CONDENSE_DEBUG", "") not in ("", "0")
    if DEBUG in tokens:
        tokens.remove(DEBUG)
        debug = True
    taken = shadowed()
    if taken is not None:
        sys.exit(_say(taken, REFUSED))
    try:
        code = _run(tokens, debug)
        if sys.stdout is not None:  # None where it was closed
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has gone, as in `| head`: not an error of input, and nobody to tell.
        _silence()
        sys.exit(BROKEN_PIPE)
    except OSError as error:  # a full disk, seen when the output is flushed
        _silence()
        sys.exit(
            _say(f"standard output: {error.strerror or error}; one that can be written to is needed", REFUSED)
        )
    sys.exit(code)


def _run(tokens: list[str], debug: bool) -> int:
    """The exit code of a command.  Only a command's own answer is ever 1."""
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return code if isinstance(code, int) else 0
    except CycloptsError as error:
        return _say(_worded(error), REFUSED)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        raise
    # The one place where everything is caught: what no room foresaw must not end in Python's own exit code 1.
    except Exception as error:
        if _is_refusal(error):
            return _say(str(error), REFUSED)
        if debug:
            traceback.print_exc()
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        command = shlex.join(("condense", *tokens))
        hint = "" if debug else f" ({DEBUG} shows the traceback)"
        return _say(
            f"internal error, no verdict: {what}; please report it with the command{hint}: {command}",
            INTERNAL,
        )


def _silence() -> None:
    """Standard output leads nowhere from now on, so that Python's own flush at the exit cannot fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in filter(None, (sys.stdout, sys.__stdout__)):
        try:
            os.dup2(nowhere, stream.fileno())
        except (AttributeError, OSError, ValueError):
            continue  # no stream of the system's, as in a test


def _worded(error: CycloptsError) -> str:
    """The parser's message; where something is left over, with the place that lists what the command takes."""
    message = str(error).rstrip()
    command = " ".join(("condense", *(error.command_chain or ())))
    if isinstance(error, UnusedCliTokensError):
        extra = " ".join(error.unused_tokens or ())
        message = f"{command}: one argument too many: {extra}."
    if isinstance(error, (UnknownOptionError, UnusedCliTokensError)):
        message += f" What it takes: {command} --help"
    return message


def _is_refusal(error: Exception) -> bool:
    """Whether the error is one of the three rooms' refusals of input, not a fault of the program."""
    return type(error).__name__ in ("TheoryError", "NumericsError", "UsageError") or isinstance(
        error, OSError
    )


def _say(message: str, code: int) -> int:
    """One line on standard error, if anybody reads it; the exit code."""
    if sys.stderr is not None:  # None where it was closed; print would take standard output in its place
        with contextlib.suppress(OSError):
            print(f"condense: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code
