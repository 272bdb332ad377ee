"""The first two terms of a formula on each side of 0: exact where possible, in Arb balls otherwise, always
checked.

The number of terms is raised until a leading and a next coefficient are found on each side.  When exact
arithmetic runs into its time limit or meets a constant that it cannot prove zero or non-zero, the same engine
runs again over balls and the result is labelled `Source.ARB`: there, coefficients below 2^-2048 are presumed
zero.  Every result is then compared with an independent ball evaluation of the formula near 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import sympy
from flint import arb, ctx, fmpq

from theory.errors import TheoryError
from theory.formula.branches import Branch, expand
from theory.formula.deadline import DeadlineExceeded, time_limit
from theory.formula.evaluation import ball
from theory.formula.expression import ParsedFormula
from theory.formula.fields import BallField, ExactField, Field, Undecided
from theory.formula.jets import Jet, NeedTerms, Undefined

ORDERS = (4, 8, 16, 32, 64, 128)
EXACT_SECONDS = 5.0
BALL_SECONDS = 10.0
BALL_PRECISION = 4096


class Source(Enum):
    """Where coefficients come from."""

    EXACT = "exact"
    ARB = "arb"


@dataclass(frozen=True)
class SideTerms:
    """σ = constant + coefficient t^order + next_coefficient t^next_order + ... in t = |z|; None and 0: no
    such term.

    Numbers are elements of the field, Exact or balls.
    """

    constant: Any
    order: int | None
    coefficient: Any
    next_order: int | None
    next_coefficient: Any


@dataclass(frozen=True)
class Expansion:
    """Both sides, whether they are one analytic function, and where the coefficients come from."""

    plus: SideTerms
    minus: SideTerms
    smooth: bool
    source: Source


def expansion(formula: ParsedFormula) -> Expansion:
    """The leading terms of a formula at 0.  Raises TheoryError with the reason when there are none."""
    try:
        try:
            with time_limit(EXACT_SECONDS):
                found = _expansion(formula, ExactField(), Source.EXACT)
        except (DeadlineExceeded, Undecided, RecursionError):
            with ctx.workprec(BALL_PRECISION), time_limit(BALL_SECONDS):
                found = _expansion(formula, BallField(), Source.ARB)
    except Undefined as reason:
        raise refusal(formula, str(reason)) from None
    except Undecided as what:
        raise refusal(formula, f"it cannot be decided whether {what} is zero") from None
    except DeadlineExceeded:
        raise refusal(formula, f"its series took longer than {EXACT_SECONDS + BALL_SECONDS:g} s") from None
    check(formula, found)
    return found


def refusal(formula: ParsedFormula, reason: str) -> TheoryError:
    """A TheoryError on a formula with one reason."""
    text = formula.text if len(formula.text) <= 60 else formula.text[:57] + "..."
    return TheoryError(
        f"activation {text!r} has no multiplicity: {reason}; accepted: a function that is continuous at 0 "
        "and there σ(0) + c |z|**p + ... on each side, with an integer p >= 1"
    )


def series(formula: ParsedFormula, order: int, side: int, source: Source) -> tuple[Any, ...]:
    """The coefficients of |z|^0 .. |z|^order on the side 1 or -1 of 0, exact or balls."""
    field: Field = ExactField() if source is Source.EXACT else BallField()
    with ctx.workprec(BALL_PRECISION):
        for depth in (order + 4, 2 * order + 16, 4 * order + 64):
            try:
                jet = expand(formula.tree, formula.variable, field, depth)[0 if side > 0 else 1].jet
                return tuple(_coefficient(jet, k, field) for k in range(order + 1))
            except NeedTerms:
                continue
    raise refusal(formula, f"its series is not known to order {order}")


def _expansion(formula: ParsedFormula, field: Field, source: Source) -> Expansion:
    best = None
    for order in ORDERS:
        try:
            branches = expand(formula.tree, formula.variable, field, order)
            sides = [_leading(branch.jet, field) for branch in branches]
        except NeedTerms:
            continue
        best = branches, sides
        if all(complete for _, complete in sides):
            break
    if best is None:
        raise Undefined(f"a sign or a pole that its first {ORDERS[-1]} terms do not decide, all of them zero")
    (right, left), ((plus, plus_complete), (minus, minus_complete)) = best
    if not field.is_zero(plus.constant - minus.constant):
        raise Undefined(f"a jump at 0, from {_text(minus.constant)} to {_text(plus.constant)}")
    if plus.order is None and minus.order is None:
        proved = plus_complete and minus_complete
        raise Undefined("constant near 0" if proved else f"no non-constant term up to order {ORDERS[-1]}")
    smooth = _same_series(formula, field, right, left)
    sides = ((plus, plus_complete, 1), (minus, minus_complete, -1))
    if not all(complete or _proved_whole(formula, terms, side) for terms, complete, side in sides):
        raise Undefined(
            f"a leading term, but up to order {ORDERS[-1]} no other, and it is not proved to be the only one"
        )
    return Expansion(plus, minus, smooth, source)


def _coefficient(jet: Jet, power: int, field: Field) -> Any:
    if jet.start <= power < jet.end:
        return jet.terms[power - jet.start]
    if power >= jet.end and not jet.exact:
        raise NeedTerms
    return field.rational(fmpq(0))


def _leading(jet: Jet, field: Field) -> tuple[SideTerms, bool]:
    """The first two terms beyond the constant, and whether nothing before or between them is missing."""
    if jet.terms and jet.start < 0:
        raise Undefined("a pole")
    found = []
    for power in range(max(jet.start, 1), jet.end):
        value = _coefficient(jet, power, field)
        if not field.is_zero(value):
            found.append((power, value))
        if len(found) == 2:
            break
    complete = jet.exact or len(found) == 2
    found += [(None, field.rational(fmpq(0)))] * (2 - len(found))
    return SideTerms(_coefficient(jet, 0, field), *found[0], *found[1]), complete


def _same_series(formula: ParsedFormula, field: Field, right: Branch, left: Branch) -> bool:
    """Whether the left side continues the right one: proved by equal forms, refuted by a coefficient.

    Where the forms differ and 32 coefficients agree (as for abs(sin(x))*abs(x)) the two are taken to be the
    same.
    """
    if right.form == left.form:
        return True
    if not _coefficients_agree(right.jet, left.jet, field):  # most kinks show in the terms at hand
        return False
    try:
        right, left = expand(formula.tree, formula.variable, field, ORDERS[3])
    except NeedTerms:
        return False
    return _coefficients_agree(right.jet, left.jet, field)


def _coefficients_agree(right: Jet, left: Jet, field: Field) -> bool:
    """Whether every coefficient known on both sides is that of one power series in z."""
    known = [jet.end for jet in (right, left) if not jet.exact]
    for power in range(min(known) if known else max(right.end, left.end)):
        a, b = (_coefficient(jet, power, field) for jet in (right, left))
        if not field.is_zero(a - b if power % 2 == 0 else a + b):
            return False
    return True


def _proved_whole(formula: ParsedFormula, terms: SideTerms, direction: int) -> bool:
    """Whether SymPy proves within its time that one side is its constant and the only term found."""
    if isinstance(terms.coefficient, arb):
        return False
    t = sympy.Symbol("t", positive=True)
    claim = terms.constant.to_sympy()
    if terms.order is not None:
        claim += terms.coefficient.to_sympy() * t**terms.order
    try:
        with time_limit(2.0):
            return sympy.simplify(formula.expression.subs(formula.symbol, direction * t) - claim) == 0
    except DeadlineExceeded:
        return False


def check(formula: ParsedFormula, found: Expansion) -> None:
    """Compare the expansion with the formula itself, in balls, at t = 2^-k and 2^-2k on each side.

    With a next term, (σ - constant - leading)/next must be 1 up to √t: any wrong coefficient, sign or order
    leaves an error that does not shrink.  Without, σ - constant - leading must vanish to 32 orders beyond the
    leading one.  Larger k are tried because the first may lie outside the range where the expansion is
    asymptotic.  Raises TheoryError.
    """
    scales = (128, 512, 2048) if found.source is Source.EXACT else (16, 64)
    for terms, direction in ((found.plus, 1), (found.minus, -1)):
        if not any(all(_agrees(formula, terms, direction, s) for s in (k, 2 * k)) for k in scales):
            raise refusal(formula, "its series does not pass the numeric check near 0")


def _agrees(formula: ParsedFormula, terms: SideTerms, direction: int, k: int) -> bool:
    last = terms.next_order or (terms.order or 0) + 32
    precision = k * (last + 2) + 256
    for working in (precision, 2 * precision, 8 * precision):  # more where terms of the formula cancel
        with ctx.workprec(working):
            t = arb(2) ** -k
            value = ball(formula.tree, {formula.variable: direction * t}, working)
            rest = value - _ball(terms.constant, working)
            if terms.order is not None:
                rest -= _ball(terms.coefficient, working) * t**terms.order
            if terms.next_order is not None:
                error = abs(rest / (_ball(terms.next_coefficient, working) * t**terms.next_order) - 1)
                bound = arb(2) ** (-k // 2)
            else:
                error, bound = abs(rest), t**last
            if error < bound:
                return True
            if error > bound:
                return False
    return False


def _text(value: Any) -> str:
    return value.str(10, radius=False) if isinstance(value, arb) else str(value.to_sympy())


def _ball(value: Any, precision: int) -> arb:
    return value if isinstance(value, arb) else value.ball(precision)
