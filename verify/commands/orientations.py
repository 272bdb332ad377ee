"""`condense orientations`: all fixed orientations on the data, certified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from verify.commands.options import (
    OUTPUT,
    PROBLEM,
    Data,
    Flag,
    Optimizer,
    Output,
    Problem,
    Sigma,
    experiment,
    print_json,
    watched,
)

if TYPE_CHECKING:
    from theory import BasinShares
    from verify.bridge.experiment import Experiment


def orientations(
    data: Data,
    /,
    *,
    activation: Sigma = "tanh",
    problem: Problem = PROBLEM,
    optimizer: Optimizer = "gd",
    naive: Annotated[bool, Flag] = False,
    basins: Annotated[bool, Flag] = False,
    output: Output = OUTPUT,
) -> int:
    """All fixed orientations of the leading-order flow on the data, certified, with their stability.

    Parameters
    ----------
    naive
        For σ(0) ≠ 0: from the signal at zero output, without the fit of the mean.
    basins
        Also the share of Gaussian neurons that each orientation collects under gradient flow, with an interval.
    """
    from theory import activation as activation_of
    from theory.predictions.landscape import collecting_orientations
    from verify.errors import UsageError
    from verify.tables.orientations import print_basins, print_orientations
    from verify.tables.report import print_data

    if naive and activation_of(activation).value_at_zero == 0:
        raise UsageError(f"--naive is about σ(0) ≠ 0, and {activation!r} has σ(0) = 0: leave it out")
    described = experiment(data, activation, problem, optimizer)
    found = watched(
        output,
        lambda progress: collecting_orientations(
            described.dataset.x,
            described.dataset.y,
            described.activation,
            loss_function=described.loss,
            bias=described.bias,
            optimizer=described.optimizer,
            naive=naive,
            max_paths=described.max_paths,
            seed=described.seed,
        ),
    )
    shares = watched(output, lambda progress: _basins(described)) if basins else None
    if output.json:
        print_json(
            found.to_json()
            | {"data": described.data_json()}
            | ({} if shares is None else {"basins": shares.to_json()})
        )
    else:
        print_data(described)
        print_orientations(found)
        if shares is not None:
            print_basins(shares)
    return 0


def _basins(experiment: Experiment) -> BasinShares:
    """The basins of the smooth leading-order flow; other dynamics have none here and are refused by `predict`."""
    from theory import basin_shares, predict
    from verify.errors import UsageError

    if experiment.optimizer not in ("gd", "momentum"):
        raise UsageError(
            f"--basins with --optimizer {experiment.optimizer}: shares are those of gradient flow; accepted: gd, momentum"
        )
    prediction = predict(
        experiment.dataset.x,
        experiment.targets,
        experiment.activation,
        loss_function=experiment.loss,
        bias=experiment.bias,
        max_paths=experiment.max_paths,
        seed=experiment.seed,
    )
    return basin_shares(prediction.field, prediction.orientations, seed=experiment.seed)
