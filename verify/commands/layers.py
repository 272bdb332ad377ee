"""The options about further hidden layers, which `order` and `derive` share."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from verify.errors import UsageError

Layers = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        help='Activations of further hidden layers, separated by commas (EXPR is the first): "xtanh,tanh".',
    ),
]
HiddenBias = Annotated[
    bool,
    Parameter(
        name=("--hidden-bias", "--upper-bias"),
        negative="--no-hidden-bias",
        help="Biases in the further hidden layers.",
    ),
]
Residual = Annotated[
    bool, Parameter(negative="", help="Residual connections over the further hidden layers.")
]


def named_layers(text: str) -> tuple[str, ...]:
    """The activations in a list separated by commas; commas inside brackets belong to a formula."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    names = tuple(part.strip() for part in parts)
    if names == ("",):
        return ()
    if "" in names:
        raise UsageError(f"layers {text!r} has an empty entry; accepted: activations separated by commas")
    return names
