"""What the smooth leading-order flow leaves out on given data: which terms there are, and how large they are.

Setting.     f = Σ_j a_j σ(w_j·x), σ = Σ_k c_k z^k, all parameters ε θ̂; the order m drives the flow, p ≤ m is the
             multiplicity, κ_i = ∂²ℓ/∂f² at f = 0.
Statement.   Relative to the leading force the others are ε^{q-m} A_q, q > m, with the moments of order q,

                 on a_j   c_q mean(s z_j^q),     on w_j   q c_q a_j mean(s z_j^{q-1} x),

             and ε^{2p+1-m} B, the feedback of the output of the lowest order on the signal,

                 on a_j   -c_p mean(κ f_p z_j^p),   on w_j   -p c_p a_j mean(κ f_p z_j^{p-1} x),   f_p = c_p Σ_k a_k z_k^p.

             Where T_q vanishes on the data, as all odd moments do on XOR without a bias, the next order takes the place
             of q, and the order of accuracy is that of the terms that are left.
Numbers.     The moment is a polynomial in w: it vanishes if it does on generic w.  A sum that is below its own rounding
             error counts as 0.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from theory.formula.activation import Activation
from theory.predictions.smooth import Prediction

FEEDBACK = "feedback of the output on the signal"
TAYLOR = "next Taylor term of the activation"
FURTHER = 8  # orders beyond the leading one, as in theory.predictions.smooth
_GENERIC = 8  # neurons on which a moment is tried


@dataclass(frozen=True)
class Neglected:
    """A term beyond leading order: its exponent k and its force on a (N,) and on w (N, D) at ε = 1."""

    name: str
    exponent: int
    on_a: np.ndarray
    on_w: np.ndarray

    @property
    def size(self) -> float:
        """The Euclidean norm of the force over all parameters."""
        return float(np.hypot(np.linalg.norm(self.on_a), np.linalg.norm(self.on_w)))


def neglected(prediction: Prediction, a: np.ndarray, w: np.ndarray) -> list[Neglected]:
    """The terms that do not vanish on the neurons a (N,), w (N, D), the Taylor terms in rising order first."""
    x, s, m, n = prediction.x, prediction.signal, prediction.order, len(prediction.x)
    z = w @ x.T
    found = []
    for q, c in taylor_terms(prediction):
        term = Neglected(
            TAYLOR if not found else f"Taylor term of order {q}",
            q - m,
            c * (z**q @ s) / n,
            q * c * a[:, None] * ((z ** (q - 1) * s) @ x) / n,
        )
        rounding = (n + q + 4) * np.finfo(float).eps
        largest = Neglected(
            "",
            q - m,
            np.abs(c) * (np.abs(z) ** q @ np.abs(s)) / n,
            q * np.abs(c * a)[:, None] * ((np.abs(z) ** (q - 1) * np.abs(s)) @ np.abs(x)) / n,
        )
        if term.size > rounding * largest.size:
            found.append(term)
    p, kappa = prediction.activation.multiplicity, prediction.loss.curvature_at_zero(prediction.y)
    on_a, on_w = feedback(prediction, a, w)
    if np.any(kappa != 0):
        found.append(Neglected(FEEDBACK, 2 * p + 1 - m, on_a, on_w))
    return found


def feedback(
    prediction: Prediction, a: np.ndarray, w: np.ndarray, sources: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The force on a (N,) and w (N, D) by what the output of the lowest order changes of the signal.

    `sources` (K,) are the indices of the neurons whose output counts (default: all).
    """
    x, n = prediction.x, len(prediction.x)
    p = prediction.activation.multiplicity
    c = float(prediction.activation.leading_coefficient)
    z = w @ x.T
    which = slice(None) if sources is None else sources
    changed = -prediction.loss.curvature_at_zero(prediction.y) * (c * (a[which] @ z[which] ** p))
    return c * (z**p @ changed) / n, p * c * a[:, None] * ((z ** (p - 1) * changed) @ x) / n


def taylor_terms(prediction: Prediction) -> list[tuple[int, float]]:
    """(q, c_q) of the Taylor terms above the leading order m, up to m + 8."""
    taylor = prediction.activation.taylor(prediction.order + FURTHER)
    return [(q, float(taylor[q])) for q in range(prediction.order + 1, len(taylor)) if taylor[q] != 0]


def series(activation: Activation, z: np.ndarray, orders: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """The Taylor terms of these orders at z, each side of 0 with its own: their sum and its derivative, shaped like z."""
    orders = [k for k in orders if k > 0]
    top = max(orders)
    plus, minus = (_numbers(activation, top, side) for side in (1, -1))
    size, value, slope = np.abs(z), np.zeros_like(z), np.zeros_like(z)
    for k in orders:
        c = np.where(z > 0, plus[k], minus[k])
        value += c * size**k
        slope += k * c * size ** (k - 1) * np.where(z > 0, 1.0, -1.0)
    return value, slope


@lru_cache(maxsize=256)
def _numbers(activation: Activation, top: int, side: int) -> tuple[float, ...]:
    return tuple(float(c) for c in activation.taylor(top, side))


def on_these_data(prediction: Prediction) -> Prediction:
    """The prediction with the next term and the order of accuracy that are left where moments vanish on the data.

    A prediction beyond whose leading order nothing is left keeps what it has: its order says nothing then.
    """
    generator = np.random.default_rng(20210524)
    w = generator.standard_normal((_GENERIC, prediction.x.shape[1]))
    terms = neglected(prediction, np.ones(_GENERIC), w)
    taylor = [term for term in terms if term.name != FEEDBACK]
    exponents = {
        term.name: term.exponent for term in [*taylor[:1], *terms] if term.name in (TAYLOR, FEEDBACK)
    }
    if not exponents or exponents == dict(prediction.system.order_terms):
        return prediction
    q = prediction.order + taylor[0].exponent if taylor else None
    listed = dict(taylor_terms(prediction))
    note = () if prediction.next_term is None or q == prediction.next_term[0] else (
        f"all moments of order {prediction.next_term[0]} vanish on these data: "
        + (f"the next Taylor term is that of order {q}" if q else "no Taylor term is left beyond the leading one"),
    )  # fmt: skip
    return replace(
        prediction,
        next_term=None if q is None else (q, listed[q]),
        system=replace(prediction.system, order=min(exponents.values()), order_terms=exponents),
        notes=(*prediction.notes, *note),
    )
