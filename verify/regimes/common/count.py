"""How many orientations: theory's number for these very networks, and the source paper's 2p for any.

"How many" has two honest readings: by amplitude (orientations that carry at least 5 % of Σ|a|‖w‖^p) and by neuron count
(clusters of at least three neurons).  Both are counted at cosine 0.95 by one rule on the expected and on the trained
neurons of each network, and set against what random vectors of the same number give.

Do theory and numerics mean the same activation function?

Theory evaluates the formula in Arb balls, correctly rounded; numerics uses its own torch function, or the callable that
verify compiled from the text.  They are compared on both sides of 0 over twelve decades.
"""

from __future__ import annotations

import numpy as np
import torch

from numerics.measure import chance_counts, clusters
from theory.forms.vectors import unit
from verify.bridge.digits import rounding_bound, torch_activation
from verify.regimes.common.evidence import Evidence
from verify.verdict import Check, Verdict, at_most

COSINE = 0.95  # of a cluster, 0.32 rad; chosen because counts are made there in all rooms
# Of the directions in which the neurons may be off; chosen because a range of counts needs a few, and each costs a count.
DRAWS = 12


def counts(evidence: Evidence) -> list[Check]:
    """The number of orientations of each network, by amplitude and by neuron count, expected and observed."""
    return [_count(evidence, by_amplitude=True), _count(evidence, by_amplitude=False)]


def _count(evidence: Evidence, *, by_amplitude: bool) -> Check:
    order, trained, expected = evidence.driving_order, evidence.limit(), evidence.expected
    networks, neurons, dimension = trained.w.shape
    # Where the count depends on how far each neuron may be off, the expectation is the range of counts.
    generator = np.random.default_rng(np.random.SeedSequence([evidence.experiment.seed, 5]))
    observed, predicted = [], []
    for b in range(networks):
        seen = trained.amplitudes(order)[b] if by_amplitude else None
        observed.append(len(clusters(trained.u[b], cosine=COSINE, weights=seen)))
        around = [
            (u, amplitudes if by_amplitude else None)
            for centre, amplitudes in evidence.expectations(b)
            for u in (
                centre,
                *(turned_by(centre, expected.spread[b], generator) for _ in range(DRAWS)),
            )
        ]
        predicted.append([len(clusters(u, cosine=COSINE, weights=wanted)) for u, wanted in around])
    low, high = np.min(predicted, axis=1), np.max(predicted, axis=1)
    agree = (low <= observed) & (observed <= high)
    weights = trained.amplitudes(order)[0] if by_amplitude else None
    chance = chance_counts(
        neurons,
        dimension,
        cosine=COSINE,
        seed=np.random.SeedSequence([evidence.experiment.seed, 2]),
        weights=weights,
    )
    reading = "by amplitude" if by_amplitude else "by neuron count"
    return Check(
        name=f"number of orientations {reading}, network by network",
        predicted=_summary([p[0] for p in predicted]),
        observed=_summary(observed),
        tolerance=f"±{int(np.max(high - low))}" if np.any(high > low) else "0",
        verdict=Verdict.CONFIRMED if agree.all() else Verdict.REFUTED,
        why="the range of the expected count when each neuron is off by what theory leaves out, "
        f"{float(np.max(expected.spread)):.2g} rad at most; "
        f"{int(agree.sum())} of {networks} networks agree; random vectors come to {chance.mean():.1f}",
        details={
            "expected_counts": [p[0] for p in predicted],
            "observed_counts": observed,
            "chance_mean": float(chance.mean()),
            "chance_interval": np.quantile(chance, [0.025, 0.975]),
            "cosine": COSINE,
        },
    )


def turned_by(u: np.ndarray, spread: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Unit vectors u (m, D), each turned by its spread (m,) in a random direction."""
    step = generator.standard_normal(u.shape)
    step = unit(step - np.sum(step * u, axis=1, keepdims=True) * u)
    size = np.minimum(spread, np.pi)[:, None]
    return np.cos(size) * u + np.sin(size) * step


def bound_2p(evidence: Evidence) -> list[Check]:
    """The source paper's bound: at most 2p condensed orientations."""
    found = evidence.orientations
    p = evidence.activation.multiplicity
    attracting = len(found.attractors) + len(found.dying)
    proved = p == 1 or found.dimension <= 2
    if attracting > 2 * p:
        verdict = Verdict.REFUTED
    else:
        verdict = Verdict.CONFIRMED if found.complete else Verdict.INCONCLUSIVE
    return [
        Check(
            name="at most 2p orientations attract",
            predicted=f"≤ {2 * p}",
            observed=attracting,
            tolerance="0",
            verdict=verdict,
            why=f"certified fixed orientations on these data: {len(found.attractors)} growing, {len(found.dying)} dying"
            + ("" if found.complete else "; the list is not proved complete"),
            source="Zhou et al. 2022, " + ("Propositions 1-2" if proved else "general claim"),
        )
    ]


def _summary(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}-{high}, mean {np.mean(counts):.2g}"


def agreement(evidence: Evidence) -> list[Check]:
    """The largest difference of the two activation functions in units of the derived rounding error."""
    activation = evidence.activation
    positive = 10.0 ** np.linspace(-10, 1, 45)
    z = np.concatenate([-positive[::-1], positive])
    exact = activation.evaluate(z)
    measured = torch_activation(activation).value(torch.as_tensor(z)).numpy()
    bound = rounding_bound(activation, z) + np.finfo(float).tiny
    difference = np.abs(measured - exact) / bound
    worst = int(np.argmax(difference))
    observed = float(difference[worst])
    return [
        Check(
            name="the two sides' activation functions (largest difference, in rounding errors)",
            predicted=0.0,
            observed=observed,
            tolerance=1.0,
            verdict=at_most(observed, 1.0),
            why=f"running error analysis of the float64 evaluation at {len(z)} points; worst at z = {z[worst]:.3g}",
        )
    ]
