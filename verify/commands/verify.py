"""`condense verify`: the main job."""

from __future__ import annotations

from pathlib import Path

from verify.commands.options import OUTPUT, SETTING, Data, Output, Setting, print_json, watched


def verify(
    data: Data | None = None,
    /,
    *,
    setting: Setting = SETTING,
    out: Path = Path("runs"),
    output: Output = OUTPUT,
) -> int:
    """Predict, simulate, train, compare: does the theory hold on these data?

    Without DATA and options: tanh on sine5, x tanh x and x² tanh x on line.  Exit code 0 CONFIRMED, 1 REFUTED,
    3 INCONCLUSIVE.
    """
    from verify.pipeline import default_experiments, run
    from verify.table import print_report

    experiments = (
        default_experiments()
        if data is None and setting == SETTING
        else (setting.experiment("sine5" if data is None else data),)
    )
    report = watched(output, lambda progress: run(experiments, out=out, progress=progress))
    if output.json:
        print_json(report.to_json())
    else:
        print_report(report)
    return report.verdict.exit_code
