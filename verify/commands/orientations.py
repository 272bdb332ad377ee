"""`condense orientations`: all fixed orientations on the data, certified."""

from __future__ import annotations

from verify.commands.options import OUTPUT, SETTING, Data, Output, Setting, print_json, watched


def orientations(data: Data, /, *, setting: Setting = SETTING, output: Output = OUTPUT) -> int:
    """All fixed orientations of the leading-order flow on the data, certified, with their stability."""
    from theory import predict
    from verify.table import print_orientations

    experiment = setting.experiment(data)
    found = watched(
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
    print_json(found.orientations.to_json()) if output.json else print_orientations(found)
    return 0
