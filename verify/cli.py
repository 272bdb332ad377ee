"""The command line: typed signatures in, one document or one table out, and an exit code that means something."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import NoReturn

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError

app = App(
    name="condense",
    help="Derive, predict and verify how neural networks condense when they start from small weights.",
    version=lambda: version("condense"),
    version_flags=["--version"],
    help_format="plaintext",
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


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; bad usage and bad input end in exit code 2 with one line on standard error."""
    # Small batches gain nothing from a second thread, and on a busy machine waiting for it costs tens of times the work.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        _refuse(_worded(error))
    except BrokenPipeError:
        # The reader of the output has gone, as in `| head`: not an error of input, and nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # as a shell reports a process that the signal ended
    except (ValueError, OSError) as error:
        if not _is_refusal(error):
            raise
        _refuse(str(error))
    sys.exit(code if isinstance(code, int) else 0)


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


def _refuse(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"condense: {line}", file=sys.stderr)
    sys.exit(2)
