r"""C8: condensation makes the network equivalent to a much smaller one: merging the neurons of a line, and its order.

Setting.     Neurons w_k = ± r_k v on one line, σ(z) = c z^p + c' z^q + ..., all of size ε.
Hypotheses.  σ(0) = 0, σ smooth.
Statement.   One neuron of input weight r v and output weight Σ_k a_k (±1)^p (r_k/r)^p has the same output up to a relative
             O(ε^{q-p}), for whatever r of the order of ε.
Steps.       1. c a_k (± r_k z)^p = c [a_k (±1)^p (r_k/r)^p] (r z)^p: the leading terms agree exactly.
             2. The next terms differ by c' a_k r_k^q against c' a r^q: relatively O(r^{q-p}), and no smaller unless all
                r_k = r.
Limits.      A one-sided activation must not be merged across sides.
Source.      Zhou et al. 2022 (motivation), Zhang et al. 2021 (embedding principle); weight and order: condense.

C8 on trained networks: what is left of fifty condensed neurons is one, and by how much the output then changes.

Setting.     Two-layer networks, p = 1, gradient descent from std ε until the loss has fallen by a small share; the neurons
             clustered by their orientations (u and -u one line) and merged by numerics.measure.merging.
Hypotheses.  σ(0) = 0, σ smooth, p = 1, mean(s x) ≠ 0, ε small enough that the neurons have turned when the loss falls.
Statement.   One neuron (A, W) is left, beside the few that start near the saddle a = -w·ĝ and lag behind; merging changes
             the output by
                 c [A (W·x)^p - Σ a_j (w_j·x)^p] + c' [A (W·x)^q - Σ a_j (w_j·x)^q]
             up to Σ |a_j| |ρ(w_j·x)| + |A| |ρ(W·x)|, ρ the rest of σ beyond its two terms: the first bracket is of second
             order in the spread of the orientations, the second of relative order r^{q-p}.
Steps.       1. P1a: every neuron turns to ± g, so that all are on one line.
             2. Taylor for each neuron, and the triangle inequality for the rest.
             3. W ∥ Σ a_j w_j cancels the spread at first order; what is left of the first bracket is of second order.
             4. Lagging neurons by the closed form of p = 1.
Limits.      For p ≥ 2 most neurons have not moved when the loss falls, and do not merge (condensation.all).
Source.      Zhou et al. 2022 (motivation); size of the change: condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from numerics.data import append_bias, load
from numerics.measure import clusters
from numerics.measure.merging import MergedNetwork, line_labels, merge_neurons
from theory import Activation, activation
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check
from verify.verdict import Check, Verdict, at_most

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


TRAINED_CASES = (("sine5", "tanh"), ("sine5", "silu"), ("line", "sin"))
STD, FALL = 1e-7, 1e-5
COSINE = 0.95


@dataclass(frozen=True)
class Change:
    """Factors of the two terms of the change, which mutants alter, and the number of neurons left."""

    spread: float = 1.0
    following: float = 1.0
    further: int = 0
    left: int = 1

    def of(self, sigma: Activation, x: np.ndarray, before: tuple, after: tuple) -> np.ndarray:
        """The change of the output (n,) on x (n, D) from neurons (a, w) `before` to those `after`."""
        p, q = sigma.multiplicity, sigma.next_order
        assert q is not None
        q += self.further
        c, d = float(sigma.leading_coefficient), float(sigma.next_coefficient)
        power = lambda neurons, k: (x @ neurons[1].T) ** k @ neurons[0]  # noqa: E731
        return self.spread * c * (power(after, p) - power(before, p)) + self.following * d * (
            power(after, q) - power(before, q)
        )


def rest(sigma: Activation, z: np.ndarray) -> np.ndarray:
    """A bound of |σ(z) - c z^p - c' z^q| for small z, from the next terms of the series: the difference would round off."""
    q = sigma.next_order
    assert q is not None
    terms = [float(v) for v in sigma.taylor(q + 5)]
    total = np.zeros_like(z)
    for order, value in enumerate(terms):
        if order > q:
            total = total + abs(value) * np.abs(z) ** order
    return total


@cache
def _merged(
    data: str, name: str, seed: int, networks: int
) -> tuple[np.ndarray, witness.Nets, tuple[MergedNetwork, ...]]:
    loaded = load(data)
    x = append_bias(loaded.x)
    step = 0.01 / witness.rate(x, loaded.y, 1) / float(activation(name).leading_coefficient)
    each = [int(s.generate_state(1, np.uint64)[0]) for s in np.random.SeedSequence([seed, 8]).spawn(networks)]
    nets = witness.networks(loaded.x, loaded.y, name, std=STD, lr=step, fraction=FALL, seeds=each)
    merged = []
    for a, w in zip(nets.a, nets.w, strict=True):
        found = clusters(w, cosine=COSINE, minimum=1)
        merged.append(
            merge_neurons(a, w, line_labels(found.centres, found.labels, cosine=COSINE), multiplicity=1)
        )
    return x, nets, tuple(merged)


def strays(nets: witness.Nets, c: float) -> list[int]:
    """By the closed form of p = 1, how many neurons of each network are not yet within COSINE of the line.

    w∥ = e^{γt} (a + w∥)(0)/2 + e^{-γt} (w∥ - a)(0)/2, w⊥ constant: a neuron that starts near a = -w∥ lags behind.
    """
    g = nets.y @ nets.x / len(nets.y)
    along = nets.w0 @ g / np.linalg.norm(g)
    grown = np.exp(c * np.linalg.norm(g) * np.broadcast_to(nets.times, len(nets.a0)))[:, None]
    now = grown * (nets.a0 + along) / 2 + (along - nets.a0) / (2 * grown)
    across = np.sum(nets.w0**2, axis=-1) - along**2
    return np.sum(np.abs(now) < COSINE * np.sqrt(now**2 + across), axis=1).tolist()


def _validate_trained(law: Change, run: Run) -> Outcome:
    checks, shown = [], []
    for data, name in TRAINED_CASES:
        sigma, numeric = activation(name), witness.sigma_of(name)
        x, nets, merged = _merged(data, name, run.seed, run.pick(2, 8))
        left = [len(m.a) for m in merged]
        predicted = [law.left + k for k in strays(nets, float(sigma.leading_coefficient))]
        checks.append(
            Check(
                name=f"neurons left of 50 when those of one line are merged: {name} on {data}",
                predicted=predicted,
                observed=left,
                tolerance=0,
                verdict=Verdict.CONFIRMED if left == predicted else Verdict.REFUTED,
                why=f"clusters within cosine {COSINE}; each neuron that the closed form says to lag behind stays alone",
            )
        )
        worst, size = 0.0, 0.0
        for a, w, m in zip(nets.a, nets.w, merged, strict=True):
            before, after = (a, w), (m.a, m.w)
            old = witness.output(numeric, x, a, w)
            change = witness.output(numeric, x, m.a, m.w) - old
            allowed = sum(rest(sigma, x @ w.T) @ np.abs(a) for a, w in (before, after))
            rounding = 64 * np.finfo(float).eps * (np.abs(x) @ np.abs(w).T @ np.abs(a) + np.abs(old))
            away = np.abs(change - law.of(sigma, x, before, after)) / (allowed + rounding)
            worst = max(worst, float(away.max()))
            size = max(size, float(np.linalg.norm(change) / np.linalg.norm(old)))
        checks.append(
            Check(
                name=f"change of the output less the predicted one, over the bound of the rest: {name} on {data}",
                predicted="≤ 1",
                observed=worst,
                tolerance=1.0,
                verdict=at_most(worst, 1.0),
                why="terms beyond c z^p + c' z^q, neuron by neuron, and rounding; largest over samples and networks",
                details={"relative_change": size, "spread": max(float(m.spread.max()) for m in merged)},
            )
        )
        shown.append(f"{name}: {size:.1e}")
    return Outcome(
        f"50 trained neurons merged into {law.left}; relative change of the output, {', '.join(shown)}",
        tuple(checks),
    )


TRAINED = Claim(
    id="C8.trained",
    title="a trained network of 50 condensed neurons is worth one neuron, p = 1",
    statement=r"\Delta f = c\,[A (W\cdot x)^p - \sum_j a_j (w_j\cdot x)^p]"
    r" + c'\,[A (W\cdot x)^q - \sum_j a_j (w_j\cdot x)^q] + O(r^{q+1})",
    hypotheses=(
        "σ smooth, σ(0) = 0, p = 1, one output",
        "mean(s x) ≠ 0",
        f"std {STD:g}, loss down by {FALL:g}",
    ),
    source="Zhou et al. 2022",
    method=Method.CERTIFIED,
    about=About.GROWING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.GRADIENT_DESCENT,
    law=Change(),
    validate=_validate_trained,
    mutants={
        "no next term": Change(following=0.0),
        "the next term turned": Change(following=-1.0),
        "twice the next coefficient": Change(following=2.0),
        "orientations exactly on the line": Change(spread=0.0),
        "the next order one higher": Change(further=1),
        "two neurons, ± v, left": Change(left=2),
    },
)
