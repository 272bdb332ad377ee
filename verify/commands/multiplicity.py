"""`condense multiplicity`: what the small-weight theory needs to know of an activation."""

from __future__ import annotations

from verify.commands.options import ANSWER, Answer, Formula, print_json


def multiplicity(expr: Formula, /, *, output: Answer = ANSWER) -> int:
    """Multiplicity, leading coefficient, next order and predicted order of accuracy of an activation."""
    from theory import activation
    from verify.tables.orientations import print_multiplicity

    found = activation(expr)
    print_json(found.to_json()) if output.json else print_multiplicity(found)
    return 0
