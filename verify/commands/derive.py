"""`condense derive`: the leading-order dynamics as text, LaTeX or JSON."""

from __future__ import annotations

from typing import Annotated

from verify.commands.options import (
    ANSWER,
    Answer,
    Flag,
    Formula,
    HiddenBias,
    Layers,
    Residual,
    named_layers,
    print_json,
)


def derive(
    expr: Formula,
    /,
    *,
    layers: Layers = "",
    hidden_bias: HiddenBias = False,
    residual: Residual = False,
    output_bias: Annotated[bool, Flag] = False,
    joint: Annotated[bool, Flag] = False,
    centred: Annotated[bool, Flag] = False,
    latex: Annotated[bool, Flag] = False,
    output: Answer = ANSWER,
) -> int:
    """The leading-order dynamics of a network as text, LaTeX (--latex) or JSON (--json).

    Parameters
    ----------
    output_bias
        Give the output a bias (one hidden layer).
    joint
        One potential for all groups of parameters, the sum of their leading ones.
    centred
        The mean signal is zero, as for targets of mean zero.
    latex
        LaTeX in place of plain text.
    """
    import theory
    from theory.systems.deep.powers import Kept
    from verify.errors import UsageError
    from verify.tables import readable
    from verify.tables.order import print_groups

    if latex and output.json:
        raise UsageError("--latex and --json: choose one; the JSON document holds each equation as LaTeX too")
    further = named_layers(layers)
    if not further and (hidden_bias or residual or joint or centred):
        raise UsageError(
            "--hidden-bias, --residual, --joint and --centred are about further hidden layers: name those with --layers"
        )
    network = theory.Network(
        tuple(theory.activation(name) for name in (expr, *further)),
        hidden_bias=hidden_bias,
        residual=residual,
        output_bias=output_bias,
    )
    system = theory.derive(
        network, keeping=Kept.JOINT if joint else Kept.STRICT, vanishing_moments={0} if centred else ()
    )
    if output.json:
        print_json(system.to_json())
        return 0
    print(system.latex() if latex else readable(system.text()))
    if system.groups and not latex:
        print()
        print_groups(system.groups)
    return 0
