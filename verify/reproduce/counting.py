"""Numbers of orientations as distributions over seeds and thresholds, beside those of random vectors.

The paper reports lines (a pair of opposite orientations counts once) and no rule; here a cluster is at least three
neurons within a cap (numerics.measure.clusters), counted with u and -u apart and as lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics.measure import chance_counts, clusters
from numerics.measure.merging import line_labels
from theory.forms.vectors import unit

THRESHOLDS = (0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
PAPER_THRESHOLD = 0.9


@dataclass(frozen=True)
class Counts:
    """Clusters of S networks at T thresholds: `orientations`, `lines` and `by_amplitude` are (T, S).

    `chance` (T, 3) is the mean and the central 95 % interval of the orientations of as many random vectors.
    """

    thresholds: tuple[float, ...]
    orientations: np.ndarray
    lines: np.ndarray
    by_amplitude: np.ndarray
    chance: np.ndarray

    def at(self, threshold: float = PAPER_THRESHOLD) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(orientations, lines, by amplitude) of each network at one threshold, each (S,)."""
        k = self.thresholds.index(threshold)
        return self.orientations[k], self.lines[k], self.by_amplitude[k]

    def to_json(self) -> dict[str, Any]:
        """All counts, and what chance gives."""
        return {
            "thresholds": list(self.thresholds),
            "orientations": self.orientations,
            "lines": self.lines,
            "orientations_by_amplitude": self.by_amplitude,
            "chance_mean_low_high": self.chance,
        }


def count(w: np.ndarray, amplitude: np.ndarray, *, seed: int, draws: int = 40) -> Counts:
    """Count the orientations of S networks with input weights w (S, m, D) and amplitudes (S, m)."""
    shape = (len(THRESHOLDS), len(w))
    orientations, lines, by_amplitude = (np.zeros(shape, dtype=int) for _ in range(3))
    chance = np.zeros((len(THRESHOLDS), 3))
    for t, threshold in enumerate(THRESHOLDS):
        for s, (rows, weights) in enumerate(zip(w, amplitude, strict=True)):
            orientations[t, s], lines[t, s], by_amplitude[t, s] = _one(rows, weights, threshold)
        random = chance_counts(w.shape[1], w.shape[2], cosine=threshold, seed=seed, draws=draws)
        chance[t] = random.mean(), *np.quantile(random, (0.025, 0.975))
    return Counts(THRESHOLDS, orientations, lines, by_amplitude, chance)


def _one(w: np.ndarray, amplitude: np.ndarray, threshold: float) -> tuple[int, int, int]:
    live = np.any(w != 0, axis=1)
    u, weights = w[live], amplitude[live]
    found = clusters(u, cosine=threshold)
    joined = line_labels(found.centres, found.labels, cosine=threshold)
    heavy = clusters(u, cosine=threshold, weights=weights) if weights.any() else ()
    return len(found), len(np.unique(joined[joined >= 0])), len(heavy)


def along(path: np.ndarray, threshold: float = PAPER_THRESHOLD) -> np.ndarray:
    """The number of orientations of S networks at T times, path (T, S, m, D): (T, S)."""
    return np.array(
        [[len(clusters(w[np.any(w != 0, axis=1)], cosine=threshold)) for w in each] for each in path]
    )


@dataclass(frozen=True)
class Closeness:
    """Cosine of each neuron to the nearest of a set of orientations: the median over neurons, the share of neurons
    above the paper's threshold, and both for random vectors."""

    median: float
    share: float
    chance_median: float
    chance_share: float


def closeness(w: np.ndarray, targets: np.ndarray, *, seed: int) -> Closeness:
    """How close neurons w (..., D) are to the nearest of `targets` (k, D)."""
    rows = unit(w).reshape(-1, w.shape[-1])
    random = unit(np.random.default_rng(seed).standard_normal((20_000, w.shape[-1])))
    seen, chance = ((each @ targets.T).max(axis=1) for each in (rows, random))
    return Closeness(
        float(np.median(seen)),
        float(np.mean(seen >= PAPER_THRESHOLD)),
        float(np.median(chance)),
        float(np.mean(chance >= PAPER_THRESHOLD)),
    )


def in_words(values: np.ndarray) -> str:
    """A distribution of whole numbers in words: `2`, or `5-8 (median 7)`."""
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low}-{high} (median {np.median(values):g})"
