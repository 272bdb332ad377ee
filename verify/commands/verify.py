"""`condense verify`: the main job."""

from __future__ import annotations

from verify.commands.options import (
    OUTPUT,
    PROBLEM,
    TRAINING,
    Data,
    Optimizer,
    Output,
    Problem,
    Sigma,
    Training,
    experiment,
    print_json,
    watched,
)


def verify(
    data: Data | None = None,
    /,
    *,
    activation: Sigma = "tanh",
    problem: Problem = PROBLEM,
    optimizer: Optimizer = "gd",
    training: Training = TRAINING,
    out: str = "runs",
    output: Output = OUTPUT,
) -> int:
    """Predict, simulate, train, compare: does the theory hold on these data?

    Without DATA and options: tanh on sine5, x tanh x and x² tanh x on line.  Exit code 0 CONFIRMED, 1 REFUTED,
    3 INCONCLUSIVE.

    Parameters
    ----------
    out
        Folder below which each run leaves a folder of its own.
    """
    from verify.regimes.run import default_experiments, run
    from verify.tables.report import print_report

    plain = (activation, problem, optimizer, training) == ("tanh", PROBLEM, "gd", TRAINING)
    experiments = (
        default_experiments()
        if data is None and plain
        else (experiment("sine5" if data is None else data, activation, problem, optimizer, training),)
    )
    report = watched(output, lambda progress: run(experiments, out=out, progress=progress))
    if output.json:
        print_json(report.to_json())
    else:
        print_report(report)
    return report.verdict.exit_code
