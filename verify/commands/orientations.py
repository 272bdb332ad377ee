"""`condense orientations`: all fixed orientations on the data, certified."""

from __future__ import annotations

from typing import Annotated

from verify.commands.options import OUTPUT, SETTING, Data, Flag, Output, Setting, print_json, watched


def orientations(
    data: Data,
    /,
    *,
    setting: Setting = SETTING,
    naive: Annotated[bool, Flag] = False,
    output: Output = OUTPUT,
) -> int:
    """All fixed orientations of the leading-order flow on the data, certified, with their stability.

    Parameters
    ----------
    data
        Data set.
    naive
        For σ(0) ≠ 0: from the signal at zero output, without the fit of the mean.
    """
    from theory.landscape import collecting_orientations
    from verify.table import print_orientations

    experiment = setting.experiment(data)
    found = watched(
        output,
        lambda progress: collecting_orientations(
            experiment.dataset.x,
            experiment.dataset.y,
            experiment.activation,
            loss_function=experiment.loss,
            bias=experiment.bias,
            optimizer=experiment.optimizer,
            naive=naive,
            max_paths=experiment.max_paths,
            seed=experiment.seed,
        ),
    )
    print_json(found.to_json()) if output.json else print_orientations(found)
    return 0
