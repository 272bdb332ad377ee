"""The options that commands share, and the two ways in which a command answers: a document or a table."""

from __future__ import annotations

import json as _json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from verify.experiment import Experiment

OptimizerName = Literal["gd", "momentum", "adam", "sign"]
Formula = Annotated[str, Parameter(allow_leading_hyphen=True)]
Data = Annotated[
    str, Parameter(help="embedded name (line, sine5, xor, digits), .npz with x and y, or .csv with a header")
]
Flag = Parameter(negative="")


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
class Setting:
    """The network, its data and its training."""

    activation: Annotated[str, Parameter(allow_leading_hyphen=True)] = "tanh"
    """Activation: a formula in one variable or a catalogue name."""
    loss: Annotated[str, Parameter(allow_leading_hyphen=True)] = "half-mse"
    """Loss: half-mse, mse, logistic, cross-entropy, huber, or a formula in f and y such as (f - y)**4."""
    bias: Annotated[bool, Parameter(negative="--no-bias")] = True
    """Append a constant input, so that the bias is part of the orientation."""
    optimizer: OptimizerName = "gd"
    """Optimiser of the trained networks."""
    width: int | None = None
    """Hidden neurons (default: 50; where σ(0) ≠ 0 enough for the signs to split in the initial stage)."""
    init_std: float | None = None
    """Standard deviation of every parameter at the start (default: 1e-5 for order 1, 1e-3 above)."""
    lr: float | None = None
    """Learning rate (default: steps of equal size in rescaled time; std/20 for adam and sign)."""
    fraction: float | None = None
    """Fall of the loss that ends the initial stage (default: 0.001 for order 1, 0.01 above, less where the
    leading order has ceased to lead by then)."""
    seed: int = 0
    """Seed from which everything random is drawn."""
    seeds: int = 8
    """Number of networks."""
    standardize: Annotated[bool, Flag] = False
    """Shift and scale every input column to mean 0 and variance 1."""
    device: str = "cpu"
    """Device that torch trains on."""
    max_paths: int = 20_000
    """Homotopy paths above which the search for orientations is a multistart."""

    def experiment(self, data: str) -> Experiment:
        """The experiment that these options describe."""
        from verify.experiment import Experiment

        return Experiment(data=data, **vars(self))


SETTING, OUTPUT = Setting(), Output()


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
