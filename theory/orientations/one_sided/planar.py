"""D = 2, any p: all fixed orientations of a one-sided G, kinks included, exactly.

Setting.  G(u) = T u^p + Σ w_i sgn(u·y_i) (u·y_i)^p on the circle u(θ), rational T, w_i, y_i.
Statement.  Between consecutive kinks G is one binary form, dG/dθ = p F, F a binary form of degree p.  u is fixed iff
0 lies between the one-sided values of F (for p = 1 they differ on a kink: F jumps and neurons slide).
Steps.
 1. Order the kink directions ± y_i^⊥ exactly; the axes are added, so that every cell spans less than π.
 2. In the cell from d to e put u ∝ d + λ e, λ > 0: f(λ) = F(d + λ e).  By Descartes' rule f has no positive root when
    its coefficients do not change sign; otherwise its square-free factors are isolated in Arb.
 3. At a breakpoint the first non-zero coefficient of f on either side is the sign of dG/dθ next to it: rising then
    falling is a strict maximum, falling then rising a strict minimum, anything else neither.
 4. f = 0: G is constant on the cell; G = 0 there is a dead cone, where neurons rest (other constants: p even only).
Limits.  None, but orientations inside or at the edge of such cones are described in the notes, not listed.
Source.  condense; theory notes, section 4.

D = 2: the arcs of the circle from which a neuron with a sign of a that stays reaches each orientation, exactly.

Statement.  On the circle a neuron climbs s G, s = sign(a).  Between two neighbouring stops (fixed orientations and edges
of cones where G is constant) G is strictly monotone, so every neuron on the open arc between them goes to the end towards
which s G rises; an end that is an edge of a dead cone is where it rests.
Limits.  The sign of a is held: true for K = ‖w‖² - p a² <= 0, and until ‖w‖² falls to K otherwise (then s turns and so does
the arc's answer, unless the neuron has reached its stop; see theory.flows.one_sided for both together).
Source.  condense; theory notes, section 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from flint import arb, ctx, fmpq, fmpz_poly

from theory.errors import TheoryError
from theory.forms.one_sided import OneSidedForm, one_sided_form
from theory.forms.stability import Extremum, Kind, kind_of, sign_of
from theory.formula.activation import Activation
from theory.orientations.result import Orientation, certified_orientation
from theory.orientations.tensor.planar import START_PRECISION

Direction = tuple[int, int]


@dataclass(frozen=True)
class Cell:
    """The open arc from `start` to `end`: f and G along u ∝ start + λ end as integer polynomials of degree <= p."""

    start: Direction
    end: Direction
    slope: tuple[int, ...]
    value: fmpz_poly


@dataclass(frozen=True)
class Fixed:
    """A fixed orientation with the sign of dG/dθ just before and after it, and whether it lies on a kink."""

    orientation: Orientation
    before: int
    after: int
    kink: bool


@dataclass(frozen=True)
class FlatArc:
    """An open arc on which G is constant, with the sign of dG/dθ just before and after it; the whole circle: 0, 0."""

    start: Direction
    end: Direction
    before: int
    after: int


def plane(form: OneSidedForm) -> tuple[list[Fixed], list[str], list[FlatArc]]:
    """Return the fixed orientations by angle, the notes, and the open arcs on which G is constant."""
    cells, unit = cells_of(form)
    kinks = {(s * -y[1], s * y[0]) for y in form.lines for s in (1, -1)}
    fixed: list[Fixed] = []
    for left, right in zip([cells[-1], *cells[:-1]], cells, strict=True):
        fixed += _at_breakpoint(left, right, unit, form.order, right.start in kinks)
        fixed += _inside(right, unit, form.order)
    flat = _flat_arcs(cells)
    notes = [_describe(arc, form.order) for arc in flat]
    on_kink = sum(f.kink for f in fixed)
    if on_kink:
        notes.append(f"{on_kink} of the {len(fixed)} orientations lie on a kink u·x_i = 0")
    ahead, behind = {c.start: _after(c) for c in cells}, {c.end: _before(c) for c in cells}
    arcs = [FlatArc(a[0].start, a[-1].end, behind[a[0].start], ahead[a[-1].end]) for a in flat]
    return fixed, notes, arcs


def cells_of(form: OneSidedForm) -> tuple[list[Cell], fmpq]:
    """Return the cells by rising angle from (1, 0), and the unit in which their `value` counts (step 1)."""
    p = form.order
    common = math.lcm(*(int(c.q) for c in (*form.smooth.coefficients, *form.weights)))
    scaled = [int(c.p) * (common // int(c.q)) for c in form.smooth.coefficients]
    crossing: dict[Direction, list[int]] = {}
    for (a, b), w in zip(form.lines, form.weights, strict=True):
        whole = int(w.p) * (common // int(w.q))
        jump = [whole * math.comb(p, k) * a ** (p - k) * b**k for k in range(p + 1)]
        # (b, -a) comes first of the two kinks where u·y rises from below: u = y lies between (b, -a) and (-b, a).
        for sign, kink in ((1, (b, -a)), (-1, (-b, a))):
            crossing[kink] = [2 * sign * v for v in jump]
        # At angle 0+ the direction is (1, 0), tilted to (0, 1): sgn(u·y) = sgn(a), or sgn(b) for a = 0.
        start = 1 if (a or b) > 0 else -1
        scaled = [c + start * v for c, v in zip(scaled, jump, strict=True)]
    axes = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    breakpoints = sorted({*crossing, *axes}, key=cmp_to_key(_by_angle))
    cells = []
    for start, end in zip(breakpoints, [*breakpoints[1:], breakpoints[0]], strict=True):
        if start in crossing and start != (1, 0):
            scaled = [c + v for c, v in zip(scaled, crossing[start], strict=True)]
        cells.append(_cell(start, end, scaled))
    return cells, fmpq(1, common)


def _by_angle(d: Direction, e: Direction) -> int:
    """Compare two directions by their angle in [0, 2π)."""
    lower = [v[1] < 0 or (v[1] == 0 and v[0] < 0) for v in (d, e)]
    if lower[0] != lower[1]:
        return 1 if lower[0] else -1
    cross = d[0] * e[1] - d[1] * e[0]
    return (cross < 0) - (cross > 0)


def _cell(start: Direction, end: Direction, form: list[int]) -> Cell:
    """Return the cell on which G is the binary form with the given coefficients of u_1^{p-k} u_2^k.

    With V(λ) = G(d + λ e), f = |u|² V' - p (u·e) V = det(d, e) F(u), a form of degree p.
    """
    p = len(form) - 1
    first, second = fmpz_poly([start[0], end[0]]), fmpz_poly([start[1], end[1]])
    value, power = fmpz_poly([0]), fmpz_poly([1])
    rising = []
    for _ in form:
        rising.append(power)
        power = power * second
    for c, high in zip(form, rising, strict=True):  # Horner's rule in the first variable
        value = value * first + high * c
    square = first * first + second * second
    slope = square * value.derivative() - (first * end[0] + second * end[1]) * value * p
    return Cell(start, end, tuple(int(slope[k]) for k in range(p + 1)), value)


def _sign(x: object) -> int:
    return (x > 0) - (x < 0)  # type: ignore[operator]


def _after(cell: Cell) -> int:
    """The sign of dG/dθ just after the start of a cell."""
    return next((_sign(c) for c in cell.slope if c), 0)


def _before(cell: Cell) -> int:
    """The sign of dG/dθ just before the end of a cell."""
    return next((_sign(c) for c in reversed(cell.slope) if c), 0)


def _at_breakpoint(left: Cell, right: Cell, unit: fmpq, order: int, kink: bool) -> list[Fixed]:
    """Return the breakpoint between two cells if it is fixed and not the edge of a cone of constant G (step 3)."""
    before, after = _before(left), _after(right)
    if not before or not after:
        return []
    moves = left.slope[-1] and right.slope[0] and before == after
    if moves:
        return []
    with ctx.workprec(START_PRECISION):
        x, y = right.start
        norm = arb(x * x + y * y).sqrt()
        value = arb(int(right.value[0]) * unit) / norm**order
        orientation = certified_orientation(
            [x / norm, y / norm], value, *_kind(sign_of(value), before, after)
        )
    return [Fixed(orientation, before, after, kink)]


def _kind(sign: int | None, before: int, after: int) -> tuple[Kind, int | None]:
    if before == after:
        return kind_of(sign, Extremum.UNDECIDED)
    return kind_of(sign, Extremum.MAXIMUM if before > 0 else Extremum.MINIMUM)


def _inside(cell: Cell, unit: fmpq, order: int) -> list[Fixed]:
    """Return the fixed orientations in an open cell by rising angle (step 2)."""
    signs = [_sign(c) for c in cell.slope if c]
    if all(a == b for a, b in zip(signs[1:], signs, strict=False)):
        return []
    slope = fmpz_poly(list(cell.slope))
    found: list[tuple[arb, Fixed]] = []
    for factor, multiplicity in slope.factor_squarefree()[1]:
        zeros = factor.gcd(cell.value)
        for part, is_zero in ((zeros, True), (factor // zeros, False)):
            if part.degree() > 0:
                found += _roots(cell, part, slope, int(multiplicity), is_zero, unit, order)
    return [f for _, f in sorted(found, key=lambda pair: float(pair[0].mid()))]


def _roots(
    cell: Cell, part: fmpz_poly, slope: fmpz_poly, multiplicity: int, is_zero: bool, unit: fmpq, order: int
) -> list[tuple[arb, Fixed]]:
    """Return the positive roots of a square-free part of f, all of one multiplicity in f."""
    derivative = slope
    for _ in range(multiplicity):
        derivative = derivative.derivative()
    precision = START_PRECISION
    while True:
        with ctx.workprec(precision):
            out: list[tuple[arb, Fixed]] = []
            for root, _ in part.complex_roots():  # type: ignore[misc]
                t = root.real
                if not root.imag.is_zero() or t < 0 or t == 0:
                    continue
                first, after = (
                    [d + t * e for d, e in zip(cell.start, cell.end, strict=True)],
                    _ball_sign(derivative(t)),
                )
                norm = (first[0] * first[0] + first[1] * first[1]).sqrt()
                u = [v / norm for v in first]
                value = arb(0) if is_zero else cell.value(t) * unit / norm**order
                sharp = t > 0 and all(v.rel_accuracy_bits() > 64 for v in u)
                if sign_of(value) is None or not after or not sharp:
                    break  # none of them is zero exactly, so a higher precision decides
                before = -after if multiplicity % 2 else after
                orientation = certified_orientation(u, value, *_kind(sign_of(value), before, after))
                out.append((t, Fixed(orientation, before, after, False)))
            else:
                return out
        precision *= 2


def _ball_sign(x: arb) -> int:
    return sign_of(x) or 0


def _flat_arcs(cells: list[Cell]) -> list[list[Cell]]:
    """Return the maximal runs of neighbouring cells on which G is one constant (step 4)."""
    flat = [not any(cell.slope) for cell in cells]
    if all(flat):
        return [cells]
    first = flat.index(False)
    arcs: list[list[Cell]] = []
    previous = False
    for k in [*range(first, len(cells)), *range(first)]:
        if flat[k]:
            if previous:
                arcs[-1].append(cells[k])
            else:
                arcs.append([cells[k]])
        previous = flat[k]
    return arcs


def _describe(arc: list[Cell], order: int) -> str:
    """Return one line about a cone on which G is constant."""
    if arc[0].start == arc[-1].end:
        where = "the whole circle"
    else:
        low, high = (math.degrees(math.atan2(*_float_pair(d)[::-1])) for d in (arc[0].start, arc[-1].end))
        where = f"the open cone between the angles {low:.6g}° and {high:.6g}°"
    if arc[0].value.degree() < 0:
        return f"{where} is dead: G and its gradient vanish, neurons in it rest"
    return f"G is constant but not 0 on {where} (p = {order}): every orientation in it is fixed, a continuum"


def _float_pair(d: Direction) -> tuple[float, float]:
    """Return a direction in floats of moderate size."""
    top = max(abs(v) for v in d)
    return d[0] / top, d[1] / top  # a quotient of Python integers is correctly rounded


@dataclass(frozen=True)
class Arc:
    """The open arc from angle `low` counterclockwise to `high` (radians, 0 <= low < 2π, high > low).

    `up` and `down` are where neurons on it with a > 0 and with a < 0 end; None: at rest, where G is constant.
    """

    low: float
    high: float
    up: Orientation | None
    down: Orientation | None

    @property
    def share(self) -> float:
        """The share of the circle, that of rotation-invariant initial weights."""
        return (self.high - self.low) / (2 * math.pi)

    def contains(self, angle: float) -> bool:
        """Whether an angle (radians) lies on the arc."""
        return 0 < (angle - self.low) % (2 * math.pi) < self.high - self.low


def circle_basins(x: Any, s: Any, sigma: Activation | str | tuple) -> tuple[Arc, ...]:
    """Return the arcs of one-sided (or smooth) σ_p for data x (n, 2), s (n,), counterclockwise.

    Angles are correct to 2 ulp.  Raises TheoryError for D ≠ 2, or where G is constant on the whole circle.
    """
    form, _ = one_sided_form(x, s, sigma)
    if form.dimension != 2:
        raise TheoryError(f"basins on the circle need D = 2, these data have D = {form.dimension}")
    fixed, _, flat = plane(form)
    if not fixed and (not flat or flat[0].start == flat[0].end):
        raise TheoryError("G is constant on the whole circle: no neuron turns")
    # A stop is its angle, its orientation (None: an edge of a flat arc) and the sign of dG/dθ after it.
    stops: list[tuple[float, Orientation | None, int]] = [
        (_angle(f.orientation.u), f.orientation, f.after) for f in fixed
    ]
    for arc in flat:
        stops += [(_angle(_shrunk(arc.start)), None, 0), (_angle(_shrunk(arc.end)), None, arc.after)]
    stops.sort(key=lambda stop: stop[0])
    arcs = []
    for k, (low, first, slope) in enumerate(stops):
        high, second, _ = stops[(k + 1) % len(stops)]
        end = high if high > low else high + 2 * math.pi
        if slope == 0:
            arcs.append(Arc(low, end, None, None))
        else:
            arcs.append(Arc(low, end, *((second, first) if slope > 0 else (first, second))))
    return tuple(arcs)


def _shrunk(d: Direction) -> tuple[float, float]:
    """Return a direction in floats of moderate size, each correctly rounded."""
    top = max(abs(v) for v in d)
    return d[0] / top, d[1] / top


def _angle(u: tuple[float, ...]) -> float:
    angle = math.atan2(u[1], u[0])
    return angle if angle >= 0 else angle + 2 * math.pi
