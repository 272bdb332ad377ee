"""`condense derive`: the leading-order dynamics as text, LaTeX or JSON."""

from __future__ import annotations

from typing import Annotated

from verify.commands.options import OUTPUT, Flag, Formula, Output, print_json


def derive(expr: Formula, /, *, latex: Annotated[bool, Flag] = False, output: Output = OUTPUT) -> int:
    """The leading-order dynamics of a two-layer network as text, LaTeX (--latex) or JSON (--json)."""
    from theory import activation, smooth_system

    system = smooth_system(activation(expr))
    if output.json:
        print_json(system.to_json())
    else:
        print(system.latex() if latex else system.text())
    return 0
