"""What a search for fixed orientations returns: each with its kind, its value, and a bound of its error in binary64."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from enum import StrEnum

from flint import arb

from theory.errors import TheoryError
from theory.forms.stability import Kind


class Method(StrEnum):
    """How the orientations were found; the value is its name in JSON."""

    LINEAR = "linear"
    SPECTRAL = "spectral"
    PLANAR = "planar"
    HOMOTOPY = "homotopy"
    MULTISTART = "multistart"
    ONE_SIDED = "sectors"
    CUBE = "cube"


@dataclass(frozen=True)
class Orientation:
    """One fixed orientation: a unit vector u (D floats) within `radius` (Euclidean) of an exact one.

    `value` is P(u), correct to the rounding of the last digit or to the certificate, whichever is larger.
    `neuron_sign` is the sign of (a times c) of the neurons it collects, None where it collects none.
    `certified` False: nothing is proved, and `radius` is 2, which any two unit vectors satisfy.
    """

    u: tuple[float, ...]
    value: float
    kind: Kind
    neuron_sign: int | None
    certified: bool
    radius: float

    def antipode(self, order: int) -> Orientation:
        """Return the orientation -u: the same kind, P and neuron_sign times (-1)^p."""
        flip = -1 if order % 2 else 1
        sign = None if self.neuron_sign is None else flip * self.neuron_sign
        u = tuple(0.0 - x for x in self.u)
        return Orientation(u, 0.0 + flip * self.value, self.kind, sign, self.certified, self.radius)

    def to_json(self) -> dict:
        """Return the entry of the `orientations` document."""
        return {
            "u": list(self.u),
            "value": self.value,
            "kind": self.kind.value,
            "neuron_sign": self.neuron_sign,
            "certified": self.certified,
            "radius": self.radius,
        }


@dataclass(frozen=True)
class Continuum:
    """A set of fixed orientations that are not isolated, of which no single one is listed.

    `dimension` is that of the set; `kind` what it does as a whole (DEGENERATE: not known); `value` P on it, None where P
    is not one number there; `proved` False: seen by a search.  With a `span`, orthonormal rows (D floats each), the set
    is the unit sphere of it: the sine of the angle of a unit vector u to it is ‖u - its projection on the span‖.
    """

    dimension: int
    kind: Kind
    value: float | None
    proved: bool
    span: tuple[tuple[float, ...], ...] | None = None

    def to_json(self) -> dict:
        """Return the entry of the `orientations` document."""
        return {
            "dimension": self.dimension,
            "kind": self.kind.value,
            "value": self.value,
            "proved": self.proved,
            "span": None if self.span is None else [list(row) for row in self.span],
        }


def whole_sphere(dimension: int, value: float | None = 0.0) -> Continuum:
    """All unit vectors, where T = 0 or P is constant."""
    rows = tuple(tuple(float(j == k) for j in range(dimension)) for k in range(dimension))
    return Continuum(dimension - 1, Kind.DEGENERATE, value, True, rows)


_SHOWN = 8  # orientations in a repr, growing ones first
_RANK = {kind: rank for rank, kind in enumerate(Kind)}


def both_sides(orientations: list[Orientation], order: int) -> tuple[Orientation, ...]:
    """Return the orientations with their antipodes: attractors first, then by falling |P|, then by u."""
    return ranked([o for line in orientations for o in (line, line.antipode(order))])


def ranked(orientations: list[Orientation]) -> tuple[Orientation, ...]:
    """Return the orientations in the order of both_sides."""
    return tuple(sorted(orientations, key=lambda o: (_RANK[o.kind], -abs(o.value), tuple(-x for x in o.u))))


@dataclass(frozen=True)
class OrientationSet:
    """All fixed orientations that a search found, u and -u both listed.

    `lines_expected` is the generic number of complex lines (None for a ReLU-like form), `lines_found` the
    number of distinct complex lines found, real ones included; a multiple line counts once.  `complete` True
    is a proof that the list misses no real orientation; otherwise `notes` says why it is False.  `dimension`
    is D, the bias counted.  `continua` are the sets of orientations that are not isolated; their members are not listed,
    so an empty `attractors` beside one of kind ATTRACTOR does not mean that nothing collects neurons.  `open_saddles` are
    those saddles of a one-sided form into which an open set of neurons flows (`notes` has their shares).

    >>> import theory
    >>> x, y = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], [1.0, -1.0, -1.0, 1.0]
    >>> found = theory.predict(x, y, "z**3").orientations
    >>> found.complete, len(found.attractors), found.bound_2p
    (True, 8, 6)
    """

    multiplicity: int
    dimension: int
    bias: bool
    bound_2p: int
    lines_expected: int | None
    lines_found: int
    complete: bool
    method: Method
    notes: tuple[str, ...]
    orientations: tuple[Orientation, ...]
    seed: int = 0
    stats: dict = field(default_factory=dict)
    continua: tuple[Continuum, ...] = ()
    open_saddles: tuple[Orientation, ...] = ()

    @property
    def attracting_continuum(self) -> bool:
        """Whether some continuum collects growing neurons, or may: `attractors` is then not the whole answer.

        Where P = 0 no neuron grows.
        """
        return any(
            c.kind is Kind.ATTRACTOR or (c.kind is Kind.DEGENERATE and c.value != 0) for c in self.continua
        )

    @property
    def attractors(self) -> tuple[Orientation, ...]:
        """The growing orientations."""
        return tuple(o for o in self.orientations if o.kind is Kind.ATTRACTOR)

    @property
    def dying(self) -> tuple[Orientation, ...]:
        """The orientations along which neurons align and vanish."""
        return tuple(o for o in self.orientations if o.kind is Kind.DYING)

    def to_json(self) -> dict:
        """Return the `orientations` document, with `seed` and `stats` besides."""
        return {
            "multiplicity": self.multiplicity,
            "dimension": self.dimension,
            "bias": self.bias,
            "bound_2p": self.bound_2p,
            "lines_expected": self.lines_expected,
            "lines_found": self.lines_found,
            "complete": self.complete,
            "method": self.method.value,
            "notes": list(self.notes),
            "attractors": len(self.attractors),
            "dying": len(self.dying),
            "orientations": [o.to_json() for o in self.orientations],
            "continua": [c.to_json() for c in self.continua],
            "attracting_continuum": self.attracting_continuum,
            "seed": self.seed,
            "stats": dict(self.stats),
        }

    def summary(self) -> str:
        """One line: how many lines, how many of them grow and die, and whether that is proved to be all."""
        count = (
            f"{self.lines_found} of {self.lines_expected}" if self.lines_expected else str(self.lines_found)
        )
        return (
            f"p = {self.multiplicity}, D = {self.dimension}: {count} lines, "
            f"{'complete' if self.complete else 'not proved complete'} ({self.method.value}); "
            f"{len(self.attractors)} growing, {len(self.dying)} dying, 2p = {self.bound_2p}"
        )

    def __repr__(self) -> str:
        lines = [f"OrientationSet: {self.summary()}"]
        for o in self.orientations[:_SHOWN]:
            sign = "" if o.neuron_sign is None else f"  sign a·c {o.neuron_sign:+d}"
            u = " ".join(f"{x:+.4f}" for x in o.u[:6]) + (" ..." if len(o.u) > 6 else "")
            lines.append(f"  {o.kind.value:<10} u = ({u})  P(u) = {o.value:.6g}{sign}")
        if len(self.orientations) > _SHOWN:
            lines.append(f"  ... {len(self.orientations)} in all, in .orientations")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        head = self.summary()
        cells = "".join(
            f"<tr><td>{o.kind.value}</td><td>{o.neuron_sign or ''}</td><td>{o.value:.6g}</td>"
            f"<td>({', '.join(f'{x:.4f}' for x in o.u[:8])}{', …' if len(o.u) > 8 else ''})</td>"
            f"<td>{o.radius:.1e}{'' if o.certified else ' (not certified)'}</td></tr>"
            for o in self.orientations[:100]
        )
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        columns = "".join(f"<th>{name}</th>" for name in ("kind", "sign a·c", "P(u)", "u", "radius"))
        return f"<p>{head}</p><table><tr>{columns}</tr>{cells}</table><ul>{notes}</ul>"


def upper_float(x: arb) -> float:
    """Return a binary64 number at least as large as every point of the ball |x|."""
    return 0.0 if x == 0 else math.nextafter(float(x.abs_upper()), math.inf)


def nearest_float(x: arb) -> float:
    """Return the midpoint rounded to binary64, without a negative zero."""
    return float(x.mid()) + 0.0


def unit_floats(u: list[arb]) -> tuple[tuple[float, ...], float]:
    """Return u as floats and a bound of the Euclidean distance to every point of the ball u."""
    point = tuple(nearest_float(x) for x in u)
    # Upper ends first: the square of a ball may reach below 0, where the root has no meaning.
    return point, upper_float(
        sum(((x - f).abs_upper() ** 2 for x, f in zip(u, point, strict=True)), arb(0)).sqrt()
    )


def certified_orientation(u: list[arb], value: arb, kind: Kind, neuron_sign: int | None) -> Orientation:
    """Return the certified Orientation of an enclosure of a fixed unit vector."""
    point, radius = unit_floats(u)
    number = nearest_float(value)
    if not math.isfinite(number):
        raise TheoryError("orientations: P(u) is beyond the range of binary64; rescale x or y")
    return Orientation(point, number, kind, neuron_sign, True, radius)
