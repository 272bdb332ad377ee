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
Source.      condense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.beyond.leading_order import LeadingOrder
from theory.systems import LeadingSystem

FEEDBACK = "feedback of the output on the signal"
TAYLOR = "next Taylor term of the activation"
_GENERIC = 8  # neurons on which a moment is tried; chosen because one random neuron would do


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


def neglected(leading: LeadingOrder, a: np.ndarray, w: np.ndarray) -> list[Neglected]:
    """The terms that do not vanish on the neurons a (N,), w (N, D), the Taylor terms in rising order first."""
    x, s, m = leading.problem.x, leading.signal, leading.order
    n, z = len(x), w @ x.T
    found = []
    for q, c in leading.taylor_terms:
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
    p = leading.problem.activation.multiplicity
    on_a, on_w = feedback(leading, a, w)
    if np.any(leading.problem.curvature != 0):
        found.append(Neglected(FEEDBACK, 2 * p + 1 - m, on_a, on_w))
    return found


def feedback(
    leading: LeadingOrder, a: np.ndarray, w: np.ndarray, sources: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The force on a (N,) and w (N, D) by what the output of the lowest order changes of the signal.

    `sources` (K,) are the indices of the neurons whose output counts (default: all).
    """
    x, sigma = leading.problem.x, leading.problem.activation
    n, p, c = len(x), sigma.multiplicity, float(sigma.leading_coefficient)
    z = w @ x.T
    which = slice(None) if sources is None else sources
    changed = -leading.problem.curvature * (c * (a[which] @ z[which] ** p))
    return c * (z**p @ changed) / n, p * c * a[:, None] * ((z ** (p - 1) * changed) @ x) / n


def order_on_the_data(
    leading: LeadingOrder, system: LeadingSystem
) -> tuple[tuple[int, float] | None, dict[str, int] | None, tuple[str, ...]]:
    """The next term that is left where moments vanish on the data, the exponents of the terms that decide the order of
    accuracy (None: those of the system), and a remark on what vanishes.

    Where nothing is left beyond the leading order the system keeps what it has: its order says nothing then.
    """
    generator = np.random.default_rng(20210524)
    w = generator.standard_normal((_GENERIC, leading.problem.dimension))
    terms = neglected(leading, np.ones(_GENERIC), w)
    taylor = [term for term in terms if term.name != FEEDBACK]
    exponents = {
        term.name: term.exponent for term in [*taylor[:1], *terms] if term.name in (TAYLOR, FEEDBACK)
    }
    if not exponents or exponents == dict(system.order_terms):
        return leading.next_term, None, ()
    q = leading.order + taylor[0].exponent if taylor else None
    remarks = () if leading.next_term is None or q == leading.next_term[0] else (
        f"all moments of order {leading.next_term[0]} vanish on these data: "
        + (f"the next Taylor term is that of order {q}" if q else "no Taylor term is left beyond the leading one"),
    )  # fmt: skip
    return None if q is None else (q, dict(leading.taylor_terms)[q]), exponents, remarks
