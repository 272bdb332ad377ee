"""`condense derive`: the leading-order dynamics as text, LaTeX or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from verify.commands.options import ANSWER, Answer, Flag, Formula, print_json

if TYPE_CHECKING:
    from theory import Activation, LeadingSystem


def derive(
    expr: Formula,
    /,
    *,
    layers: Annotated[str, Parameter(allow_leading_hyphen=True)] = "",
    upper_bias: Annotated[bool, Flag] = False,
    residual: Annotated[bool, Flag] = False,
    joint: Annotated[bool, Flag] = False,
    centred: Annotated[bool, Flag] = False,
    latex: Annotated[bool, Flag] = False,
    output: Answer = ANSWER,
) -> int:
    """The leading-order dynamics of a network as text, LaTeX (--latex) or JSON (--json).

    Parameters
    ----------
    layers
        Activations of further hidden layers, separated by commas (EXPR is the first): "xtanh,tanh".
    upper_bias
        Biases in the further hidden layers.
    residual
        Residual connections over the further hidden layers.
    joint
        One potential for all groups of parameters, the sum of their leading ones.
    centred
        The mean signal is zero, as for targets of mean zero.
    latex
        LaTeX in place of plain text.
    """
    from theory import activation
    from theory.systems.deep.architecture import Architecture
    from theory.systems.deep.powers import Kept, power_count
    from theory.systems.deep.system import derived
    from verify.errors import UsageError
    from verify.order.cases import named_layers
    from verify.tables.order import print_groups

    if latex and output.json:
        raise UsageError("--latex and --json: choose one; the JSON document holds each equation as LaTeX too")
    further = named_layers(layers)
    if not further:
        if upper_bias or residual or joint or centred:
            raise UsageError(
                "--upper-bias, --residual, --joint and --centred are about further hidden layers: name those with --layers"
            )
        _show(_two_layer(activation(expr)), latex, output)
        return 0
    powers = power_count(
        Architecture.of((expr, *further), hidden_bias=upper_bias, residual=residual),
        keeping=Kept.JOINT if joint else Kept.STRICT,
        vanishing_moments={0} if centred else (),
    )
    system = derived(powers)
    if output.json:
        groups = {
            name: {
                "gradient_order": g.degree,
                "gradient_accuracy": g.gap,
                "lag": g.lag,
                "order": g.accuracy,
                "moments": list(g.moments),
            }
            for name, g in powers.groups.items()
        }
        print_json({**system.to_json(), "groups": groups})
        return 0
    _show(system, latex, output)
    if not latex:
        print()
        print_groups(powers.groups)
    return 0


def _two_layer(sigma: Activation) -> LeadingSystem:
    """The system of one hidden layer, by the class of its activation."""
    from theory import smooth_system
    from theory.systems.offset import offset_system
    from theory.systems.one_sided import one_sided_system

    if sigma.value_at_zero != 0:
        return offset_system(sigma)
    return smooth_system(sigma) if sigma.is_smooth else one_sided_system(sigma)


def _show(system: LeadingSystem, latex: bool, output: Answer) -> None:
    from verify.tables.report import readable

    if output.json:
        print_json(system.to_json())
    else:
        print(system.latex() if latex else readable(system.text()))
