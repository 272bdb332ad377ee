"""The command line: typed signatures in, one document or one table out, and an exit code that means something."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

from cyclopts import App, CycloptsError, Parameter

if TYPE_CHECKING:
    from verify.experiment import Experiment

app = App(
    name="condense",
    help="Derive, predict and verify how neural networks condense when they start from small weights.",
    version_flags=["--version"],
    help_format="plaintext",
    default_parameter=Parameter(negative_iterable=()),
)

LossName = Literal["half-mse", "mse", "logistic", "cross-entropy", "huber"]
OptimizerName = Literal["gd", "momentum", "adam", "sign"]
Formula = Annotated[str, Parameter(allow_leading_hyphen=True)]
Data = Annotated[
    str, Parameter(help="embedded name (line, sine5, xor, digits), .npz with x and y, or .csv with a header")
]


@Parameter(name="*")
@dataclass
class Output:
    """Where results go."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON document on standard output and nothing else there."""
    quiet: Annotated[bool, Parameter(negative="")] = False
    """Show no progress."""


@Parameter(name="*")
@dataclass
class Setting:
    """The network, its data and its training."""

    activation: Annotated[str, Parameter(allow_leading_hyphen=True)] = "tanh"
    """Activation: a formula in one variable or a catalogue name."""
    loss: LossName = "half-mse"
    """Loss."""
    bias: Annotated[bool, Parameter(negative="--no-bias")] = True
    """Append a constant input, so that the bias is part of the orientation."""
    optimizer: OptimizerName = "gd"
    """Optimiser of the trained networks."""
    width: int = 50
    """Hidden neurons."""
    init_std: float | None = None
    """Standard deviation of every parameter at the start (default: 1e-5 for order 1, 1e-3 above)."""
    lr: float | None = None
    """Learning rate (default: steps of equal size in rescaled time)."""
    fraction: float | None = None
    """Fall of the loss that ends the initial stage (default: 0.001 for order 1, 0.01 above)."""
    seed: int = 0
    """Seed from which everything random is drawn."""
    seeds: int = 8
    """Number of networks."""
    standardize: Annotated[bool, Parameter(negative="")] = False
    """Shift and scale every input column to mean 0 and variance 1."""
    device: str = "cpu"
    """Device that torch trains on."""
    max_paths: int = 20_000
    """Homotopy paths above which the search for orientations is a multistart."""

    def experiment(self, data: str) -> Experiment:
        """The experiment that these options describe."""
        from verify.experiment import Experiment

        return Experiment(data=data, **vars(self))


_SETTING, _OUTPUT = Setting(), Output()


@app.command
def verify(
    data: Data | None = None,
    /,
    *,
    setting: Setting = _SETTING,
    out: Path = Path("runs"),
    output: Output = _OUTPUT,
) -> int:
    """Predict, simulate, train, compare: does the theory hold on these data?

    Without DATA and options: tanh on sine5, x tanh x and x² tanh x on line.  Exit code 0 CONFIRMED, 1 REFUTED,
    3 INCONCLUSIVE.
    """
    from verify.pipeline import default_experiments, run
    from verify.table import print_report

    experiments = (
        default_experiments()
        if data is None and setting == _SETTING
        else (setting.experiment(data or "sine5"),)
    )
    report = _watched(output, lambda progress: run(experiments, out=out, progress=progress))
    if output.json:
        _print_json(report.to_json())
    else:
        print_report(report)
    return report.verdict.exit_code


@app.command
def multiplicity(expr: Formula, /, *, output: Output = _OUTPUT) -> int:
    """Multiplicity, leading coefficient, next order and predicted order of accuracy of an activation."""
    from theory.activation import activation
    from verify.table import print_multiplicity

    found = activation(expr)
    _print_json(found.to_json()) if output.json else print_multiplicity(found)
    return 0


@app.command
def derive(
    expr: Formula, /, *, latex: Annotated[bool, Parameter(negative="")] = False, output: Output = _OUTPUT
) -> int:
    """The leading-order dynamics of a two-layer network as text, LaTeX (--latex) or JSON (--json)."""
    from theory import activation, smooth_system

    system = smooth_system(activation(expr))
    if output.json:
        _print_json(system.to_json())
    else:
        print(system.latex() if latex else system.text())
    return 0


@app.command
def orientations(data: Data, /, *, setting: Setting = _SETTING, output: Output = _OUTPUT) -> int:
    """All fixed orientations of the leading-order flow on the data, certified, with their stability."""
    from theory import predict
    from verify.table import print_orientations

    experiment = setting.experiment(data)
    found = _watched(
        output,
        lambda progress: predict(
            experiment.dataset.x,
            experiment.dataset.y,
            experiment.activation,
            loss_function=experiment.loss,
            bias=experiment.bias,
            max_paths=experiment.max_paths,
            seed=experiment.seed,
        ),
    )
    _print_json(found.orientations.to_json()) if output.json else print_orientations(found)
    return 0


@app.command
def order(
    expr: Formula, data: Data = "line", /, *, setting: Setting = _SETTING, output: Output = _OUTPUT
) -> int:
    """Measured against predicted order of accuracy of the leading-order flow."""
    from dataclasses import replace

    from verify.order import order_of_accuracy
    from verify.table import print_order

    experiment = replace(setting, activation=expr).experiment(data)
    document, result = _watched(output, lambda progress: order_of_accuracy(experiment))
    _print_json(document) if output.json else print_order(document)
    return result.verdict.exit_code


def _watched(output: Output, work: Callable[[Any], Any]) -> Any:
    from verify.progress import Silent, Spinner

    if output.quiet:
        return work(Silent())
    with Spinner().running() as progress:
        return work(progress)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; bad usage and bad input end in exit code 2 with one line on standard error."""
    # Small batches gain nothing from a second thread, and on a busy machine waiting for it costs tens of times the work.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        _refuse(str(error))
    except (ValueError, OSError) as error:
        if not _is_refusal(error):
            raise
        _refuse(str(error))
    sys.exit(code if isinstance(code, int) else 0)


def _is_refusal(error: Exception) -> bool:
    """Whether the error is one of the three rooms' refusals of input, not a fault of the program."""
    return type(error).__name__ in ("TheoryError", "NumericsError", "UsageError") or isinstance(
        error, OSError
    )


def _refuse(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"condense: {line}", file=sys.stderr)
    sys.exit(2)
