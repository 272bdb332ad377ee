"""`condense order`: measured against predicted order of accuracy."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from verify.commands.options import (
    OUTPUT,
    PROBLEM,
    Data,
    Flag,
    Formula,
    Output,
    Problem,
    experiment,
    print_json,
    watched,
)


def order(
    expr: Formula,
    data: Data = "line",
    /,
    *,
    layers: Annotated[str, Parameter(allow_leading_hyphen=True)] = "",
    upper_bias: Annotated[bool, Flag] = False,
    residual: Annotated[bool, Flag] = False,
    weight_decay: float = 0.0,
    trained: Annotated[bool, Flag] = False,
    problem: Problem = PROBLEM,
    output: Output = OUTPUT,
) -> int:
    """Measured against predicted order of accuracy of the leading-order flow.

    Parameters
    ----------
    layers
        Activations of further hidden layers, separated by commas (EXPR is the first): "xtanh,tanh".
    upper_bias
        Biases in the further hidden layers.
    residual
        Residual connections over the further hidden layers.
    weight_decay
        Weight decay in rescaled time: λ ε^(1-p).
    trained
        Gradient descent, its learning rate refined until it does not matter, in place of the integrated gradient flow.
    """
    from verify.order import order_of_accuracy
    from verify.order.cases import named_layers
    from verify.tables.order import print_orders
    from verify.tables.report import print_data

    described = experiment(data, expr, problem)
    document, result = watched(
        output,
        lambda progress: order_of_accuracy(
            described,
            layers=named_layers(layers),
            upper_bias=upper_bias,
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
