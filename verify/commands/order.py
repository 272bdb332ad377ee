"""`condense order`: measured against predicted order of accuracy."""

from __future__ import annotations

from verify.commands.options import OUTPUT, SETTING, Data, Formula, Output, Setting, print_json, watched


def order(
    expr: Formula, data: Data = "line", /, *, setting: Setting = SETTING, output: Output = OUTPUT
) -> int:
    """Measured against predicted order of accuracy of the leading-order flow."""
    from dataclasses import replace

    from verify.order import order_of_accuracy
    from verify.table import print_order

    experiment = replace(setting, activation=expr).experiment(data)
    document, result = watched(output, lambda progress: order_of_accuracy(experiment))
    print_json(document) if output.json else print_order(document)
    return result.verdict.exit_code
