r"""L.merging: condensed neurons act as one, with the output weight Σ a_k (± r_k/r)^p, up to ε^{q-p} of the output.

Setting.     Neurons with orientations ± v (one line), amplitudes r_k, output weights a_k, all of scale ε.
Statement.   Replaced by one neuron of input weight r v with the output weight Σ_k a_k (r_k/r)^p (times (-1)^p for those at
             -v), the output changes by Θ(ε^{q-p}) of itself; by nothing for a monomial.
Steps.       1. a_k σ(± r_k z) = a_k c (± r_k z)^p + O(ε^{q-p}) of it.
             2. The next terms a_k c' (± r_k z)^q agree only if all r_k do.
Limits.      Spread of orientations adds an angle², which does not vanish with ε.
Source.      condense; the merged weight for p = 1 and homogeneous σ: Zhang et al. 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from numerics.data import append_bias, load
from numerics.measure.merging import merge_neurons, output_change
from theory import activation
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check, sigma_of
from verify.verdict import Check, at_most

EPSILONS = 10.0 ** -np.arange(0.5, 4.6, 0.25)
CASES = ("tanh", "silu", "x*tanh(x)", "x**2*tanh(x)", "sin(x)**2")
MONOMIALS = ("z**2", "z**3")


@dataclass(frozen=True)
class Merging:
    """The power of the amplitudes, the factor of a neuron at -v, and the exponent of the change, of p and q."""

    power: Callable[[int], float] = lambda p: p
    opposite: Callable[[int], float] = lambda p: (-1.0) ** p
    exponent: Callable[[int, int], float] = lambda p, q: q - p

    def merged(self, a: np.ndarray, r: np.ndarray, side: np.ndarray, p: int) -> tuple[float, float]:
        """The one neuron's output weight and amplitude."""
        radius = float(np.mean(r))
        weight = np.where(side > 0, 1.0, self.opposite(p))
        return float(np.sum(a * weight * (r / radius) ** self.power(p))), radius


def _change(law: Merging, name: str, run: Run, epsilon: float) -> tuple[float, float]:
    """The relative change of the output on `sine5` at scale ε by the law, and that of numerics' own merging."""
    x, p = append_bias(load("sine5").x), activation(name).multiplicity
    generator = run.generator("merging", name)
    v = generator.standard_normal(x.shape[1])
    v /= np.max(np.abs(x @ v))  # so that |z| ≤ r
    a, r = generator.uniform(0.5, 1.5, 8), generator.uniform(0.3, 1.0, 8)
    side = np.where(np.arange(8) < 5, 1.0, -1.0)
    w = epsilon * (side * r)[:, None] * v
    weight, radius = law.merged(epsilon * a, epsilon * r, side, p)
    sigma = sigma_of(name).value
    mine = output_change(sigma, x, (epsilon * a, w), ([weight], [radius * v]))
    other = merge_neurons(epsilon * a, w, np.zeros(8, dtype=int), multiplicity=p)
    return mine.relative, output_change(sigma, x, (epsilon * a, w), (other.a, other.w)).relative


def _merges(law: Merging, run: Run) -> Outcome:
    checks = []
    for name in CASES[: run.pick(4, None)]:
        sigma = activation(name)
        p, q = sigma.multiplicity, sigma.next_order
        assert q is not None
        changes = np.array([_change(law, name, run, e) for e in EPSILONS])
        for column, whose in ((0, "the law's weight"), (1, "numerics.measure.merging")):
            checks.append(
                exponent_check(
                    f"exponent in ε of the relative change of the output, {whose}: {name}, p = {p}, q = {q}",
                    law.exponent(p, q),
                    EPSILONS,
                    changes[:, column],
                    floor=1e-14,
                    why="8 neurons on one line, 3 of them opposite",
                )
            )
    for name in MONOMIALS:
        change = _change(law, name, run, 1.0)[0]
        checks.append(
            Check(
                name=f"relative change of the output of a monomial at ε = 1: {name}",
                predicted=0.0,
                observed=change,
                tolerance=1e-13,
                verdict=at_most(change, 1e-13),
                why="rounding of 9 neurons' sums",
            )
        )
    shown = ", ".join(f"{c.observed:.3f}" for c in checks[: -len(MONOMIALS) : 2] if c.observed is not None)
    return Outcome(f"measured exponents {shown}", tuple(checks))


CLAIM = Claim(
    id="L.merging",
    title="condensed neurons act as one, up to ε^{q-p}",
    statement=r"\sum_k a_k\,\sigma(\pm r_k v\cdot x) = \Big(\sum_k (\pm1)^p a_k (r_k/r)^p\Big)\,\sigma(r v\cdot x)"
    r"\,(1 + \Theta(\varepsilon^{q-p}))",
    hypotheses=("σ smooth, σ(0) = 0", "orientations on one line, amplitudes that differ"),
    source="condense; Zhang et al. 2021 for the weight",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.NONE,
    law=Merging(),
    validate=_merges,
    mutants={
        "amplitudes to the power 1": Merging(power=lambda p: 1),
        "amplitudes to the power p + 1": Merging(power=lambda p: p + 1),
        "opposite neurons always negative": Merging(opposite=lambda p: -1.0),
        "opposite neurons never negative": Merging(opposite=lambda p: 1.0),
        "exponent q": Merging(exponent=lambda p, q: q),
        "exponent 2": Merging(exponent=lambda p, q: 2),
    },
)
