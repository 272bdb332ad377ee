"""C8: condensation makes the network equivalent to a much smaller one: merging the neurons of a line, and its order.

Setting.     Neurons w_k = ± r_k v on one line, σ(z) = c z^p + c' z^q + ..., all of size ε.
Hypotheses.  σ(0) = 0, σ smooth.
Statement.   One neuron of input weight r v and output weight Σ_k a_k (±1)^p (r_k/r)^p has the same output up to a relative
             O(ε^{q-p}), for whatever r of the order of ε.
Steps.       1. c a_k (± r_k z)^p = c [a_k (±1)^p (r_k/r)^p] (r z)^p: the leading terms agree exactly.
             2. The next terms differ by c' a_k r_k^q against c' a r^q: relatively O(r^{q-p}), and no smaller unless all
                r_k = r.
Limits.      A one-sided activation must not be merged across sides.
Source.      Zhou et al. 2022 (motivation), Zhang et al. 2021 (embedding principle); weight and order: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.data.datasets import append_bias, load
from theory import activation
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.slopes import exponent_check

# (a, signed amplitudes, r, p) -> the output weight of the merged neuron at amplitude r.
Weight = Callable[[np.ndarray, np.ndarray, float, int], float]
CASES = (("line", "tanh"), ("line", "silu"), ("line", "x*tanh(x)"), ("sine5", "x**2*tanh(x)"))
EPSILONS = 10.0 ** -np.arange(0.5, 4.1, 0.25)


def merged(a: np.ndarray, signed: np.ndarray, r: float, p: int) -> float:
    """Σ a_k (±r_k/r)^p."""
    return float(np.sum(a * (signed / r) ** p))


@cache
def _line(data: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Data x (n, D), output weights a (m,), signed amplitudes (m,), direction v (D,)."""
    x = append_bias(load(data).x)
    generator = Run(seed=seed).generator("C8", data)
    v = generator.standard_normal(x.shape[1])
    signed = generator.choice([-1.0, 1.0], 20) * generator.uniform(0.5, 2.0, 20)
    # Output weights of one sign for each side's power, so that the outputs of even and odd p do not cancel.
    return x / np.max(np.abs(x @ v)), generator.uniform(0.5, 1.5, 20) * (1 + (signed > 0)), signed, v


def _validate(law: Weight, run: Run) -> Outcome:
    checks = []
    for data, name in CASES:
        p, q = activation(name).multiplicity, activation(name).next_order
        assert q is not None
        x, a, signed, v = _line(data, run.seed)
        sigma, r = witness.sigma_of(name), float(np.mean(np.abs(signed)))
        change = []
        for eps in EPSILONS:
            before = witness.output(sigma, x, eps * a, eps * signed[:, None] * v)
            after = witness.output(sigma, x, np.array([eps * law(a, signed, r, p)]), eps * r * v[None])
            change.append(np.linalg.norm(after - before) / np.linalg.norm(before))
        checks.append(
            exponent_check(
                f"exponent in ε of the change of the output, 20 neurons into 1: {name} on {data}, p = {p}, q = {q}",
                q - p,
                EPSILONS,
                np.array(change),
                1e-15 * len(a),
            )
        )
    shown = ", ".join(f"{c.observed:.3f}" for c in checks if c.observed is not None)
    return Outcome(f"20 neurons into one: measured exponents {shown} (predicted q - p)", tuple(checks))


MERGING = Claim(
    id="C8",
    title="condensed neurons are worth one: the output changes by O(ε^{q-p})",
    statement=r"\Big\|\sum_k a_k \sigma(\pm r_k v\cdot x) - a\,\sigma(r v\cdot x)\Big\| / \|f\| = \Theta(\varepsilon^{q-p})"
    r",\ a = \sum_k a_k (\pm r_k/r)^p",
    hypotheses=("σ smooth, σ(0) = 0, next order q finite", "neurons on one line"),
    source="Zhou et al. 2022",
    method=Method.ORDER,
    about=About.OTHER,
    reading=Reading.NONE,
    dynamics=Dynamics.NONE,
    law=merged,
    validate=_validate,
    mutants={
        "amplitudes ignored": lambda a, signed, r, p: float(np.sum(a * np.sign(signed) ** p)),
        "linear in the amplitude, whatever p": lambda a, signed, r, p: float(np.sum(a * signed / r)),
        "antipodal neurons of odd p added": lambda a, signed, r, p: float(
            np.sum(a * np.abs(signed / r) ** p)
        ),
        "half the weight": lambda a, signed, r, p: merged(a, signed, r, p) / 2,
    },
)
