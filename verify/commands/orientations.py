"""`condense orientations`: all fixed orientations on the data, certified."""

from __future__ import annotations

from typing import Annotated

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
        For σ(0) ≠ 0 or an output bias: from the signal at zero output, without the fit of the mean.
    basins
        Also the share of Gaussian neurons that each orientation collects under gradient flow, with an interval.
    """
    from theory import basin_shares, predict
    from theory.predictions.offset import OffsetPrediction
    from theory.predictions.output_bias import OutputBiasPrediction
    from theory.predictions.smooth import SmoothPrediction
    from verify.errors import UsageError
    from verify.tables.orientations import print_basins, print_orientations
    from verify.tables.report import print_data

    described = experiment(data, activation, problem, optimizer)
    prediction = predict(described.problem, max_paths=described.max_paths, seed=described.seed)
    if naive and not isinstance(prediction, OffsetPrediction | OutputBiasPrediction):
        raise UsageError(
            f"--naive is about σ(0) ≠ 0 or --output-bias, and {activation!r} has σ(0) = 0: leave it out"
        )
    if basins and not isinstance(prediction, SmoothPrediction):
        raise prediction.refused(
            "which share of the neurons each orientation collects",
            "a smooth σ with σ(0) = 0 under gd, or --basins left out",
        )
    found = watched(
        output,
        lambda progress: (
            prediction.naive_orientations
            if isinstance(prediction, OffsetPrediction | OutputBiasPrediction) and naive
            else prediction.orientations
        ),
    )
    shares = None
    if isinstance(prediction, SmoothPrediction) and basins:
        force = prediction.force
        shares = watched(output, lambda progress: basin_shares(force, found, seed=described.seed))
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
