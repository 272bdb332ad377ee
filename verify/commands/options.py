"""The options that commands share, those about further hidden layers too, and the two ways in which a command answers: a
document or a table.
"""

from __future__ import annotations

import csv
import json as _json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, Token

from verify.errors import UsageError

if TYPE_CHECKING:
    from verify.bridge.experiment import Experiment


OptimizerName = Literal["gd", "momentum", "adam", "sign"]
Optimizer = Annotated[OptimizerName, Parameter(help="Optimiser that the networks are trained with.")]
Formula = Annotated[
    str,
    Parameter(allow_leading_hyphen=True, help="activation: a formula in one variable or a catalogue name"),
]
Sigma = Annotated[
    str,
    Parameter(allow_leading_hyphen=True, help="Activation: a formula in one variable or a catalogue name."),
]
Data = Annotated[
    str, Parameter(help="embedded name (line, sine5, xor, digits), .npz with x and y, or .csv with a header")
]
Flag = Parameter(negative="")


def _whole(kind: Any, tokens: Sequence[Token]) -> int:
    """A whole number as written: cyclopts by itself rounds 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value[:40]!r} is no whole number") from None


Count = Annotated[int, Parameter(converter=_whole)]


@Parameter(name="*")
@dataclass
class Answer:
    """How a command answers that is done at once: it accepts --quiet, and has no progress to hide."""

    json: Annotated[bool, Flag] = False
    """Print one JSON document on standard output and nothing else there."""
    quiet: Annotated[bool, Parameter(negative="", show=False)] = False


@Parameter(name="*")
@dataclass
class Output:
    """Where results go."""

    json: Annotated[bool, Flag] = False
    """Print one JSON document on standard output and nothing else there."""
    quiet: Annotated[bool, Flag] = False
    """Show no progress."""


@Parameter(name="*")
@dataclass
class Problem:
    """The network's loss and inputs: all that theory needs beside the activation."""

    loss: Annotated[str, Parameter(allow_leading_hyphen=True)] = "half-mse"
    """Loss: half-mse, mse, logistic, cross-entropy, huber, or a formula in f and y such as (f - y)**4."""
    bias: Annotated[bool, Parameter(negative="--no-bias")] = True
    """Append a constant input, so that the bias is part of the orientation."""
    output_bias: Annotated[bool, Flag] = False
    """Give the output a bias: it fits the mean first, and the orientations are those of what is left."""
    standardize: Annotated[bool, Flag] = False
    """Shift and scale every input column to mean 0 and variance 1."""
    target: str | None = None
    """Column of a .csv that is the target (default: the last)."""
    drop: str | None = None
    """Columns of a .csv to leave out, separated by commas; they need not hold numbers."""
    seed: Count = 0
    """Seed from which everything random is drawn."""
    max_paths: Count = 20_000
    """Homotopy paths above which the search for orientations is a multistart."""


@Parameter(name="*")
@dataclass
class Training:
    """How networks are trained."""

    width: Count | None = None
    """Hidden neurons (default: 50; where σ(0) ≠ 0 enough for the signs to split in the initial stage)."""
    init_std: float | None = None
    """Standard deviation of every parameter at the start (default: 1e-5 for order 1, 1e-3 above)."""
    lr: float | None = None
    """Learning rate (default: steps of equal size in rescaled time; std/20 for adam and sign)."""
    fraction: float | None = None
    """Fall of the loss that ends the initial stage (default: 0.001 for order 1, 0.01 above, less where the leading
    order has ceased to lead by then)."""
    seeds: Count = 8
    """Number of networks."""
    device: str = "cpu"
    """Device that torch trains on."""


PROBLEM, TRAINING, OUTPUT, ANSWER = Problem(), Training(), Output(), Answer()


def experiment(
    data: str, sigma: str, problem: Problem, optimizer: OptimizerName = "gd", training: Training = TRAINING
) -> Experiment:
    """The experiment that a command's options describe."""
    from verify.bridge.experiment import Experiment

    options = {**vars(problem), **vars(training), "drop": _names(problem.drop)}
    return Experiment(data=data, activation=sigma, optimizer=optimizer, **options)


def _names(listed: str | None) -> tuple[str, ...]:
    """The names in a list separated by commas; one that holds a comma stands in quotes, as in a .csv."""
    if listed is None:
        return ()
    return tuple(name.strip() for name in next(csv.reader([listed]), [])) or ("",)


def watched(output: Output, work: Callable[[Any], Any]) -> Any:
    """The result of `work(progress)`, its progress shown on standard error unless the user wants quiet."""
    from verify.progress import Silent, Spinner

    if output.quiet:
        return work(Silent())
    with Spinner().running() as progress:
        return work(progress)


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    print(_json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


Layers = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        help='Activations of further hidden layers, separated by commas (EXPR is the first): "xtanh,tanh".',
    ),
]
HiddenBias = Annotated[
    bool,
    Parameter(
        name=("--hidden-bias", "--upper-bias"),
        negative="--no-hidden-bias",
        help="Biases in the further hidden layers.",
    ),
]
Residual = Annotated[
    bool, Parameter(negative="", help="Residual connections over the further hidden layers.")
]


def named_layers(text: str) -> tuple[str, ...]:
    """The activations in a list separated by commas; commas inside brackets belong to a formula."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    names = tuple(part.strip() for part in parts)
    if names == ("",):
        return ()
    if "" in names:
        raise UsageError(f"layers {text!r} has an empty entry; accepted: activations separated by commas")
    return names
