"""Where the order of accuracy of the smooth leading flow shows, when, and which terms compete for it there.

Setting.     As in `theory.beyond`: relative to the leading force the terms left out are A_q ε^{q-m} and the feedback
             B ε^{2p+1-m}; neurons a (N,), w (N, D) at ε = 1.
Statement.   The distance of the flows is the sum of what these terms do.  Its smallest exponent rules as ε → 0; at the
             scales that are measured a term with a small coefficient, whose moment nearly vanishes on the data, may still
             lie below one of higher order.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from theory.beyond.leading_order import LeadingOrder
from theory.beyond.neglected import neglected
from theory.flows.smooth import destinations, neurons_at

# Scales to look at beyond the one where the order begins to show.  Chosen because the first decade still bends.
_ABOVE = 10.0
# Of the time to the first blow-up.  Chosen because there the neurons have moved by their own size, and the blow-up, where
# the flows part at every scale, is as far ahead.
_HALF_WAY = 0.5


def largest_scale(leading: LeadingOrder, a: np.ndarray, w: np.ndarray) -> float:
    """The largest ε to look at: where arguments are 1 or, if that is less, ten times where the order begins to show.

    Left out are the next term, c'/c (ε z)^{q-m} = A ε^{q-m}, and the output's feedback, f ∂²ℓ/∂f²/s = B ε^{m+1}.  The
    order shows where each is below 1 and the one of the lower power above the other.  A window that begins far above
    such a scale sees networks that the order does not describe, and would refute it for that.
    """
    z = np.abs(leading.x @ w.T)
    largest, m, c = float(z.max()), leading.order, abs(leading.coefficient)
    output = c * float((z**m @ np.abs(a)).max()) * abs(leading.curvature)
    feedback = output / float(np.sqrt(np.mean(leading.signal**2)))
    shows = [feedback ** (-1 / (m + 1))] if feedback > 0 else []
    q, following = leading.next_term or (m, 0.0)
    if q > m and c > 0:  # a mutant may have another order, or none
        after = abs(following) / c * largest ** (q - m)
        shows.append(after ** (-1 / (q - m)))
        lag = (m + 1) - (q - m)
        if lag and feedback > 0:
            shows.append((after / feedback) ** (1 / lag))
    return min([1.0 / largest, *(_ABOVE * scale for scale in shows)])


def natural_time(leading: LeadingOrder, a: np.ndarray, w: np.ndarray) -> float:
    """A time at which the neurons have moved by their own size: 1/γ for order 1, half the way to the first blow-up above.

    Every neuron that blows up counts, whether or not it is decided where it ends.
    """
    if leading.order == 1:
        return 1.0 / leading.linear.rate
    times = destinations(leading.field, a, w).blow_up_times
    if not np.isfinite(times.min()):
        return float(1.0 / np.max(np.abs(leading.field(a, w)[0])))
    return _HALF_WAY * float(times.min())


def at(leading: LeadingOrder, a: np.ndarray, w: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
    """The neurons (a, w) of the leading flow at a gradient-flow time: in closed form for order 1."""
    if leading.order == 1:
        return leading.linear.at(time, a, w)
    there = neurons_at(leading.field, a, w, time, tolerance=1e-13)
    return there.a, there.w


def competing(
    leading: LeadingOrder, order: int, a: np.ndarray, w: np.ndarray, time: float
) -> dict[int, float]:
    """How large the terms of each exponent are at ε = 1 relative to that of exponent `order`: at the start or at `time`,
    whichever is larger."""
    if leading.order == 1:
        later = leading.linear.at(time, a, w)
    else:
        there = neurons_at(leading.field, a, w, time)
        later = there.a, there.w
    largest: dict[int, float] = {}
    for state in ((a, w), later):
        found: dict[int, float] = {}
        for term in neglected(leading, *state):
            found[term.exponent] = found.get(term.exponent, 0.0) + term.size
        own = found.get(order, 0.0)
        for exponent, size in found.items():
            if own > 0:
                largest[exponent] = max(largest.get(exponent, 0.0), size / own)
    return largest


def steepest(order: int, sizes: Mapping[int, float], scale: float) -> float:
    """The largest local slope that the sum of the terms can have at a scale ε: k + Σ (k_i - k) share_i.

    `sizes` are those of `competing`; `order` itself where nothing competes or the scale is none.
    """
    exponents = np.array([k for k in sizes if k > order], dtype=float)
    if not len(exponents) or not np.isfinite(scale):
        return float(order)
    excess = exponents - order
    weights = np.array([sizes[int(k)] for k in exponents]) * scale**excess
    return float(order + np.sum(excess * weights) / (1 + np.sum(weights)))
