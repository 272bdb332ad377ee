"""Which share of Gaussian neurons each orientation collects.

Setting.     The smooth leading-order flow; a ~ N(0, α²) and w ~ N(0, β² I_D) independent, `ratio` = α/β.
Statement.   The flow commutes with (a, w) → ((-1)^p a, -w), which keeps the law: u and -u have equal shares.
             Time runs as β^{1-p}, so shares depend on `ratio` alone.  For p = 1 both orientations have 1/2 each.
             For D = 2 they are one-dimensional integrals (theory.flows.circle); otherwise they are estimated by
             following `samples` neurons to their ends (theory.flows.smooth), and the interval of each share is that
             of Clopper and Pearson (Biometrika 26 (1934) 404-413) for its line, exact in coverage, halved.
Limits.      The intervals hold one by one, not all at once; they cover the sampling, not the tolerance at which a
             neuron counts as arrived.
Source.      condense.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from flint import arb, ctx

from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.circle import planar_shares
from theory.flows.smooth import Fate, destinations
from theory.orientations import Kind, Orientation, OrientationSet, find_orientations

NEAR = 1e-3  # radians from a listed line at which an end counts as on it: chosen because ends are within 1e-6 of theirs


class ShareMethod(StrEnum):
    """How shares were found; the value is its name in JSON."""

    SYMMETRY = "symmetry"
    INTEGRATION = "integration"
    SAMPLING = "sampling"


@dataclass(frozen=True)
class BasinShare:
    """The share of all neurons that end at `orientation` with `fate`, between `low` and `high`."""

    orientation: Orientation
    fate: Fate
    share: float
    low: float
    high: float

    def to_json(self) -> dict:
        """The share with its orientation as in the `orientations` document."""
        return {
            "u": list(self.orientation.u),
            "kind": self.orientation.kind.value,
            "neuron_sign": self.orientation.neuron_sign,
            "fate": self.fate.name.lower(),
            "share": self.share,
            "interval": [self.low, self.high],
        }


@dataclass(frozen=True)
class BasinShares:
    """The shares of all destinations; they and `elsewhere` add up to 1.

    `elsewhere` is the share that reached no listed orientation: neurons on a boundary between basins or drawn to a
    continuum, or to an orientation that the set lacks.  `confidence` is that of each interval (1 where the share is
    not sampled: the interval is then the error bound of the integration).
    """

    shares: tuple[BasinShare, ...]
    elsewhere: float
    method: ShareMethod
    ratio: float
    samples: int
    seed: int | None
    confidence: float

    def total(self, fate: Fate) -> float:
        """The share of the neurons that meet this fate."""
        return float(sum(s.share for s in self.shares if s.fate is fate))

    def to_json(self) -> dict:
        """A document with every share and how it was found."""
        return {
            "method": self.method.value,
            "ratio": self.ratio,
            "samples": self.samples,
            "seed": self.seed,
            "confidence": self.confidence,
            "elsewhere": self.elsewhere,
            "shares": [s.to_json() for s in self.shares],
        }

    def __repr__(self) -> str:
        lines = [f"BasinShares by {self.method.value}; elsewhere {self.elsewhere:.4f}"]
        for s in sorted(self.shares, key=lambda s: -s.share)[:8]:
            u = " ".join(f"{x:+.4f}" for x in s.orientation.u[:6]) + (
                " ..." if len(s.orientation.u) > 6 else ""
            )
            lines.append(f"  {s.fate.name.lower():<7} {s.share:.4f} [{s.low:.4f}, {s.high:.4f}]  u = ({u})")
        if len(self.shares) > 8:
            lines.append(f"  ... {len(self.shares)} in all, in .shares")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{s.fate.name.lower()}</td><td>({', '.join(f'{x:.4f}' for x in s.orientation.u[:8])})</td>"
            f"<td>{s.share:.4f}</td><td>[{s.low:.4f}, {s.high:.4f}]</td></tr>"
            for s in self.shares
        )
        head = f"<tr><th>fate</th><th>u</th><th>share</th><th>{self.confidence:.0%} interval</th></tr>"
        return f"<p>basin shares by {self.method.value}; elsewhere {self.elsewhere:.4f}</p><table>{head}{rows}</table>"


def basin_shares(
    field: SmoothField,
    orientations: OrientationSet | None = None,
    *,
    ratio: float = 1.0,
    samples: int = 4000,
    seed: int = 0,
    confidence: float = 0.95,
    method: ShareMethod | str | None = None,
    max_steps: int = 20_000,
) -> BasinShares:
    """The share of Gaussian neurons that each growing and each dying orientation collects.

    `ratio` = std(a)/std(w); `orientations` saves searching for them; `method` overrides the choice (symmetry for
    p = 1, integration for D = 2, sampling otherwise); `max_steps` is that of
    `destinations`.  Raises TheoryError for numbers out of range, T = 0, or a method that does not apply.
    Cost of sampling: a few hundred batched steps, some seconds for 4000 neurons at D = 6.

    >>> import numpy as np
    >>> from theory.forms.moment_tensor import MomentTensor
    >>> field = SmoothField(MomentTensor.from_data(np.eye(2), np.array([2.0, 2.0]), 3), 1.0)  # P(u) = u_1³ + u_2³
    >>> shares = basin_shares(field)
    >>> shares.method.value, [round(float(s.share), 2) for s in shares.shares]  # four grow, two die
    ('integration', [0.22, 0.22, 0.22, 0.22, 0.06, 0.06])
    """
    if not (np.isfinite(ratio) and ratio > 0):
        raise TheoryError(
            f"basin shares: ratio std(a)/std(w) is {ratio!r}; accepted: a finite number above 0"
        )
    if not samples >= 1 or not 0 < confidence < 1:
        raise TheoryError(
            f"basin shares: samples {samples!r} and confidence {confidence!r}; accepted: at least 1, and in (0, 1)"
        )
    if field.tensor.is_zero or field.coefficient == 0:
        raise TheoryError(
            "basin shares: c T = 0, no neuron moves at this order; data with T ≠ 0 are accepted"
        )
    found = find_orientations(field.tensor) if orientations is None else orientations
    chosen = _choose(field, found, method)
    if chosen is ShareMethod.SYMMETRY:
        shares = tuple(BasinShare(o, Fate.GROWS, 0.5, 0.5, 0.5) for o in found.attractors)
        return BasinShares(shares, 0.0, chosen, ratio, 0, None, 1.0)
    if chosen is ShareMethod.INTEGRATION:
        parts, error = planar_shares(field, found.orientations, ratio)
        shares = tuple(
            BasinShare(o, fate, share, max(share - error, 0.0), min(share + error, 1.0))
            for o, fate, share in parts
        )
        elsewhere = max(1.0 - sum(s.share for s in shares), 0.0)
        return BasinShares(shares, elsewhere if elsewhere > error else 0.0, chosen, ratio, 0, None, 1.0)
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    a0 = ratio * generator.standard_normal(samples)
    w0 = generator.standard_normal((samples, field.tensor.dimension))
    end = destinations(field, a0, w0, max_steps=max_steps)
    shares, listed = _counted(found, end.u, end.fates, confidence)
    return BasinShares(shares, 1 - listed / samples, chosen, ratio, samples, seed, confidence)


def _choose(field: SmoothField, found: OrientationSet, method: ShareMethod | str | None) -> ShareMethod:
    p, dimension = field.tensor.order, field.tensor.dimension
    fits = {
        ShareMethod.SYMMETRY: p == 1,
        # At an inflection of P on the circle neurons stop without being attracted from both sides.
        ShareMethod.INTEGRATION: p >= 2
        and dimension == 2
        and found.complete
        and all(o.kind in (Kind.ATTRACTOR, Kind.DYING) for o in found.orientations),
        ShareMethod.SAMPLING: True,
    }
    if method is None:
        return next(m for m, fit in fits.items() if fit)
    try:
        chosen = ShareMethod(method)
    except ValueError:
        raise TheoryError(
            f"basin shares: unknown method {method!r}; accepted: {', '.join(ShareMethod)}"
        ) from None
    if not fits[chosen]:
        usable = ", ".join(m for m, fit in fits.items() if fit)
        raise TheoryError(
            f"basin shares: {chosen} does not treat p = {p}, D = {dimension}; accepted: {usable}"
        )
    return chosen


def _counted(
    found: OrientationSet, u: np.ndarray, fates: np.ndarray, confidence: float
) -> tuple[tuple[BasinShare, ...], int]:
    """The shares by counting lines, u and -u together, and the number of neurons counted."""
    lines: dict[tuple[float, ...], tuple[Orientation, Orientation]] = {}
    by_u = {o.u: o for o in found.orientations}
    for o in found.orientations:
        twin = by_u[tuple(0.0 - x for x in o.u)]
        if twin.u not in lines:
            lines[o.u] = (o, twin)
    heads = np.array(list(lines)).reshape(-1, u.shape[1])
    shares: list[BasinShare] = []
    listed = 0
    if not len(heads):
        return (), 0
    overlap = np.abs(u @ heads.T)
    nearest = np.argmax(overlap, axis=1)
    on_line = overlap[np.arange(len(u)), nearest] > np.cos(NEAR)
    for k, pair in enumerate(lines.values()):
        for fate, kind in ((Fate.GROWS, Kind.ATTRACTOR), (Fate.DIES, Kind.DYING)):
            count = int(np.sum(on_line & (nearest == k) & (fates == fate)))
            if not count and pair[0].kind is not kind:
                continue
            listed += count
            low, high = clopper_pearson(count, len(u), confidence)
            shares += [BasinShare(o, fate, count / len(u) / 2, low / 2, high / 2) for o in pair]
    return tuple(sorted(shares, key=lambda s: (s.fate is not Fate.GROWS, -s.share))), listed


def clopper_pearson(count: int, total: int, confidence: float) -> tuple[float, float]:
    """The exact interval of a proportion of which `count` of `total` were seen; error below 1e-12."""
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _beta_quantile(tail, count, total - count + 1)
    high = 1.0 if count == total else _beta_quantile(1 - tail, count + 1, total - count)
    return low, high


def _beta_quantile(level: float, a: int, b: int) -> float:
    low, high = 0.0, 1.0
    with ctx.workprec(128):
        while high - low > 1e-13:
            middle = (low + high) / 2
            below = arb(middle).beta_lower(a, b, regularized=True) < level
            low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2
