"""How many orientations: a deterministic count of clusters, over thresholds, against chance.

The rule. A cap is all vectors within the threshold of a vector of the set. Take the cap with the most
vectors (or the most weight), call it a cluster, remove its members, and go on until no cap reaches the
minimum. Ties go to the larger sum of cosines within the cap, then to the coordinates in dictionary order:
the result does not depend on the order of the neurons, nor, ties by coordinates apart, on the axes.

Why not connected components: fifty random vectors in the plane are a chain of neighbours closer than 18
degrees, one component, which would be read as perfect condensation. A cap cannot chain: two members of a
cluster are never more than twice the threshold angle apart. Why not k-means: it needs the number that is
asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike, NDArray

from numerics.errors import NumericsError
from numerics.measure.angles import ROUNDING, cosine_blocks, normalised_weights
from numerics.measure.neurons import Array, unit_rows

_ROUND = 1e-9  # weights and sums closer than this (of the whole) tie: far above rounding, far below a neuron


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters in the order in which they were found, the heaviest first.

    ``labels`` (N,) is the cluster of each vector, -1 for none; ``centres`` (k, D) are unit mean
    directions; ``counts`` (k,) are numbers of vectors; ``shares`` (k,) are shares of the weight.
    """

    labels: Int[np.ndarray, "N"]
    centres: Float64[np.ndarray, "k D"]
    counts: Int[np.ndarray, "k"]
    shares: Float64[np.ndarray, "k"]

    def __len__(self) -> int:
        return len(self.counts)


def clusters(
    u: ArrayLike,
    *,
    cosine: float = 0.95,
    minimum: int = 3,
    weights: ArrayLike | None = None,
    minimum_share: float = 0.05,
    matrix: Float64[np.ndarray, "N N"] | None = None,
) -> Clusters:
    """The orientations on which the rows of u (N, D) condense; u and -u are two.

    Without ``weights`` a cluster has at least ``minimum`` vectors; with them (amplitudes) at least
    ``minimum_share`` of the total weight, however few vectors. ``matrix``, the cosines (N, N) of these rows
    where they are at hand already, saves computing them; the rows are then taken to be unit vectors. Cost: at most
    1.5 N² D multiplications; memory a few N·D. Raises `NumericsError` for
    rows that are no vectors and a threshold outside [-1, 1].

    >>> found = numerics.clusters([[1.0, 0.0], [2.0, 0.1], [0.0, -1.0]], minimum=1)
    >>> found.labels.tolist()
    [0, 0, 1]
    """
    rows = unit_rows(u) if matrix is None else np.asarray(u, dtype=float)
    if not -1 <= cosine <= 1:
        raise NumericsError(f"the threshold cosine is {cosine}; a number in [-1, 1] is needed")
    count = len(rows)
    shares = normalised_weights(weights, count)
    need = minimum / max(count, 1) if weights is None else minimum_share
    labels = np.full(count, -1)
    centres, counts, found = [], [], []
    left = np.arange(count)
    limit = cosine - ROUNDING
    cosines = _Cosines(rows, shares, limit, matrix)
    mass, closeness = cosines.caps(left, left)
    while len(left):
        best = mass.max()
        if best < need * (1 - _ROUND):
            break
        tied = np.nonzero(mass >= best - _ROUND * shares.max())[0]
        tied = tied[closeness[tied] >= closeness[tied].max() - _ROUND * shares.max()]
        centre = tied[np.lexsort(rows[left[tied]].T[::-1])[0]]
        inside = (cosines.to(left, int(left[centre])) >= limit) | (np.arange(len(left)) == centre)
        members = left[inside]
        labels[members] = len(counts)
        mean = shares[members] @ rows[members]
        length = np.linalg.norm(mean)
        centres.append(mean / length if length > 0 else rows[left[centre]])
        counts.append(len(members))
        found.append(shares[members].sum())
        left, mass, closeness = left[~inside], mass[~inside], closeness[~inside]
        if len(members) < len(left):
            lost_mass, lost_closeness = cosines.caps(left, members)
            mass, closeness = mass - lost_mass, closeness - lost_closeness
        else:
            mass, closeness = cosines.caps(left, left)
    return Clusters(
        labels,
        np.array(centres).reshape(-1, rows.shape[1]),
        np.array(counts, dtype=int),
        np.array(found, dtype=float),
    )


@dataclass(frozen=True, eq=False)
class _Cosines:
    """Cosines among the rows (N, D), computed in blocks when needed, or taken from their matrix (N, N)."""

    rows: Array
    shares: Array
    limit: float
    matrix: Array | None

    def to(self, left: NDArray[np.int_], centre: int) -> Array:
        if self.matrix is not None:
            return self.matrix[left, centre]
        return self.rows[left] @ self.rows[centre]

    def caps(self, left: NDArray[np.int_], others: NDArray[np.int_]) -> tuple[Array, Array]:
        """For each point the weight of the others in its cap, and their weighted sum of cosines."""
        mass, closeness = np.empty(len(left)), np.empty(len(left))
        if self.matrix is not None:
            blocks = iter([(slice(0, len(left)), self.matrix[np.ix_(left, others)])])
        else:
            blocks = cosine_blocks(self.rows[left], self.rows[others])
        for part, block in blocks:
            inside = block >= self.limit
            mass[part] = inside @ self.shares[others]
            block *= inside
            closeness[part] = block @ self.shares[others]
        return mass, closeness


@dataclass(frozen=True)
class OrientationCount:
    """The number of orientations at one threshold, and what random vectors of the same number and
    dimension give: the mean and the central 95 % interval of ``draws`` simulated counts."""

    cosine: float
    count: int
    chance_mean: float
    chance_low: float
    chance_high: float
    draws: int


def chance_counts(
    count: int,
    dimension: int,
    *,
    cosine: float,
    seed: int | np.random.SeedSequence,
    minimum: int = 3,
    weights: ArrayLike | None = None,
    minimum_share: float = 0.05,
    draws: int | None = None,
) -> Int[np.ndarray, "draws"]:
    """The number of clusters of ``count`` independent uniform unit vectors in R^dimension, simulated
    (draws,).

    By default as many draws, between 20 and 200, as 2e8 cosines allow. ``cosine``, ``minimum``, ``weights`` and
    ``minimum_share`` are those of `clusters`. Raises `NumericsError` for counts below 0. Cost: that of `clusters` a draw.

    >>> numerics.chance_counts(50, 6, cosine=0.95, seed=0, draws=3).shape
    (3,)
    """
    if draws is None:
        draws = int(np.clip(2e8 / max(count, 1) ** 2, 20, 200))
    if count < 0 or dimension < 1 or draws < 1:
        raise NumericsError(
            f"{count} vectors of dimension {dimension} and {draws} draws; at least 0, 1 and 1 are needed"
        )
    if not isinstance(seed, np.random.SeedSequence) and (not isinstance(seed, int | np.integer) or seed < 0):
        raise NumericsError(f"seed is {seed!r}; a whole number of at least 0 is needed")
    rng = np.random.default_rng(seed)
    options = {"cosine": cosine, "minimum": minimum, "weights": weights, "minimum_share": minimum_share}
    return np.array(
        [len(clusters(rng.standard_normal((count, dimension)), **options)) for _ in range(draws)], dtype=int
    )


def orientation_counts(
    u: ArrayLike,
    *,
    seed: int | np.random.SeedSequence,
    cosines: tuple[float, ...] = (0.8, 0.9, 0.95, 0.98, 0.99),
    minimum: int = 3,
    weights: ArrayLike | None = None,
    minimum_share: float = 0.05,
    draws: int | None = None,
) -> list[OrientationCount]:
    """The number of orientations over a range of thresholds, each with the chance level (same seed for
    each threshold)."""
    rows = unit_rows(u)
    out = []
    for cosine in cosines:
        options = {"cosine": cosine, "minimum": minimum, "weights": weights, "minimum_share": minimum_share}
        chance = chance_counts(*rows.shape, seed=seed, draws=draws, **options)
        low, high = np.quantile(chance, (0.025, 0.975))
        out.append(
            OrientationCount(
                cosine,
                len(clusters(rows, **options)),
                float(chance.mean()),
                float(low),
                float(high),
                len(chance),
            )
        )
    return out
