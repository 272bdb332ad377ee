"""Saddles of a one-sided G, p = 1, into which an open set of neurons flows, and what share of the growing ones.

Setting.     G(u) = b·u + Σ w_i |u·y_i| and its flow of straight lines (theory.flows.one_sided); u fixed, A the kinks
             through it, g - v = Σ_A γ_i y_i as in `linear`, s = sign G(u) the sign of the neurons that grow at u.
Statement.   A independent: an open set of neurons ends at u exactly if every convex kink i in A, s w_i > 0, has
             |γ_i| = |w_i|.  In the cells on the side on which γ_i + ε_i w_i = 0 the gradient has no part along y_i: w·y_i
             stands still while w grows, and keeps its sign.  With a convex kink u is no extremum: it is a saddle.
Why.         |γ_i| < |w_i| on a convex kink: both sides push away, and only what starts on the kink stays.  A concave kink
             is slid along wherever |γ_i| <= |w_i|, which u fixed says.
Limits.      The equalities hold for data with symmetries, and else on a set of measure 0.  There what lies beyond the
             leading order, or one step, tips the neuron over the kink: where it goes on is not told by this order.
Method.      Ties H = 0 (`linear`), or one-sided extrema for D = 2, are candidates; the flow of Gaussian neurons tells.
Source.      condense.
"""

from __future__ import annotations

import numpy as np

from theory.flows.one_sided import OneSidedFate, PolyhedralFlow, one_sided_destinations
from theory.forms.one_sided import OneSidedForm
from theory.forms.vectors import nearest, unit
from theory.orientations.result import Orientation
from theory.streams import Stream, generator

NEURONS = 1000  # chosen because a share is then known to 3 %
SAME = 1e-5  # rad: ends in binary64 lie within 1e-13 or so of an orientation
ASIDE = 1e-6  # of a step from an end, relative: far above the rounding of the flow, far below SAME
DIRECTIONS = 32  # of steps aside; chosen because a wedge of a tenth is then missed once in thirty ends
EVENTS = 100  # for each kink and dimension, as in `search`


def open_saddles(
    form: OneSidedForm, ties: list[Orientation], seed: int
) -> tuple[tuple[Orientation, ...], list[str]]:
    """Which of the orientations `ties` collect growing neurons, of Gaussian weights, and a note with their shares.

    Cost: `NEURONS` neurons followed, where there are candidates; else none.
    """
    if not ties:
        return (), []
    drawn = generator(seed, Stream.SADDLE_SHARE)
    a, w = drawn.standard_normal(NEURONS), drawn.standard_normal((NEURONS, form.dimension))
    there = one_sided_destinations(form, a, w)
    grown = there.u[there.fates == OneSidedFate.GROWS]
    counts = np.bincount(nearest(grown, np.array([o.u for o in ties]), SAME), minlength=len(ties) + 1)[
        : len(ties)
    ]
    found = tuple(o for o, count in zip(ties, counts, strict=True) if count)
    if not found:
        return (), []
    each = ", ".join(
        f"({' '.join(f'{x:.4g}' for x in o.u)}) {count / len(grown):.1%}"
        for o, count in zip(ties, counts, strict=True)
        if count
    )
    return found, [
        f"an open set of neurons flows into {len(found)} saddles, {counts.sum() / len(grown):.0%} of the growing ones of "
        f"{NEURONS} with Gaussian weights: {each}; what lies beyond the leading order decides where they go on"
    ]


def ends_at_saddles(form: OneSidedForm, ends: np.ndarray, same: float = SAME) -> np.ndarray:
    """Which ends (N, D) of growing neurons a step aside leads away from: not all around them flows into them."""
    out = np.zeros(len(ends), dtype=bool)
    drawn = generator(0, Stream.SADDLE_STEP)
    flow = PolyhedralFlow.of(form)
    events = EVENTS * (len(form.lines) + form.dimension)
    left = np.arange(len(ends))
    while len(left):
        u = ends[left[0]]
        alike = left[nearest(ends[left], u[None], same) == 0]
        sign = 1 if form.value(u) > 0 else -1
        around = u + ASIDE * unit(drawn.standard_normal((DIRECTIONS, len(u))))
        for w in around:
            # As if the output weight stayed: near an end of growing neurons it does.
            fate, leg = flow.end(w, sign, -np.inf, events)
            there = unit(leg.sign * leg.h) if fate is OneSidedFate.GROWS else np.zeros_like(u)
            if nearest(there[None], u[None], same)[0] != 0:
                out[alike] = True
                break
        left = np.setdiff1d(left, alike)
    return out
