"""`condense order`: measured against predicted order of accuracy."""

from __future__ import annotations

from typing import Annotated

from verify.commands.options import (
    OUTPUT,
    PROBLEM,
    Data,
    Flag,
    Formula,
    HiddenBias,
    Layers,
    Output,
    Problem,
    Residual,
    experiment,
    named_layers,
    print_json,
    watched,
)


def order(
    expr: Formula,
    data: Data = "line",
    /,
    *,
    layers: Layers = "",
    hidden_bias: HiddenBias = False,
    residual: Residual = False,
    weight_decay: float = 0.0,
    trained: Annotated[bool, Flag] = False,
    problem: Problem = PROBLEM,
    output: Output = OUTPUT,
) -> int:
    """Measured against predicted order of accuracy of the leading-order flow.

    Parameters
    ----------
    weight_decay
        Weight decay in rescaled time: λ ε^(1-p).
    trained
        Gradient descent, its learning rate refined until it does not matter, in place of the integrated gradient flow.
    """
    from verify.order import order_of_accuracy
    from verify.tables.order import print_orders
    from verify.tables.report import print_data

    described = experiment(data, expr, problem)
    document, result = watched(
        output,
        lambda progress: order_of_accuracy(
            described,
            layers=named_layers(layers),
            hidden_bias=hidden_bias,
            residual=residual,
            decay=weight_decay,
            train=trained,
        ),
    )
    if output.json:
        print_json(document | {"data": described.data_json()})
    else:
        print_data(described)
        print_orders(document)
    return result.verdict.exit_code
