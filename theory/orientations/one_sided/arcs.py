"""D = 2: the arcs of the circle from which a neuron with a sign of a that stays reaches each orientation, exactly.

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
from typing import Any

from theory.errors import TheoryError
from theory.formula.activation import Activation
from theory.orientations.one_sided import one_sided_form
from theory.orientations.one_sided.planar import Direction, plane
from theory.orientations.result import Orientation


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
