"""What random vectors give: is a layer more condensed than as many independent directions?

In few dimensions random directions meet: in the plane every cap of 18 degrees holds a tenth of them, and a fresh
layer of 100 neurons shows ten orientations that take up nearly all of it. The comparison is with independent
uniform directions of the same number, in as many dimensions as have a weight at all (a column of zeros, an
initial bias say, is none).

The statistic is the effective width by count, the inverse of the share of pairs that point the same way: it
falls with every kind of condensation, where the number of orientations may rise or fall. A fresh layer's
directions are not quite uniform: weights drawn from a box, as torch does, prefer its corners. So the verdict is
the milder one of uniform directions and of rows from a box, and some excess over the share of pairs of uniform
directions is still called chance: in a bias of half the weights' size 3 to 43 % were seen in 2 to 5 dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from numerics.measure.angles import effective_width
from numerics.measure.clusters import clusters
from numerics.measure.neurons import Array

LEVEL = 0.05  # of the one-sided Monte Carlo test
EXCESS = (
    1.5  # share of pairs over that of uniform directions up to which a law of the start may be the reason
)
_SURE = 1e-3  # expected pairs below which not one is drawn: with at least this confidence chance gives none
_DRAWS = 199
_FEWEST = 39  # of which none below what is seen is 1 in 40
_WORK = 4e9  # multiplications that the draws may take


@dataclass(frozen=True)
class Chance:
    """What `neurons` independent uniform directions in R^dimension give at the threshold: means and central 95 %.

    `p` is the chance of an effective width as small as the measured one (for rows from a box, where that is
    larger); `draws` is 0 where pairs are so rare (fewer than 0.001 expected) that none need be simulated.
    `no_more` says whether the layer is no more condensed than that: p above 0.05, or at most half as many pairs
    again.
    """

    neurons: int
    dimension: int
    orientations: float
    orientations_range: tuple[float, float]
    condensed_neurons: float
    condensed_range: tuple[float, float]
    effective_width: float
    p: float
    draws: int
    no_more: bool


def pair_chance(dimension: int, cosine: float) -> float:
    """The probability that two uniform directions in R^dimension have at least this cosine, 0 < cosine <= 1."""
    if dimension == 1:
        return 0.5
    return 0.5 * float(betainc((dimension - 1) / 2, 0.5, 1 - cosine**2))


def against_chance(
    u: Array, *, cosine: float, minimum: int, seed: np.random.SeedSequence, draws: int | None = None
) -> Chance:
    """Compares unit rows u (N, D), N at least 1, with chance.  Cost: at most 1.5 N² D for each of 39 to 199 draws."""
    count, dimension = len(u), int((u != 0).any(axis=0).sum())
    width = effective_width(u, cosine=cosine)
    pairs = count * (count - 1) / 2
    if pairs * pair_chance(dimension, cosine) < _SURE:
        alone = width >= count * (1 - 1e-9)
        none = (0.0, 0.0)
        return Chance(count, dimension, 0.0, none, 0.0, none, float(count), 1.0 if alone else _SURE, 0, alone)
    if draws is None:
        draws = int(np.clip(_WORK / (count**2 * (dimension + 8)), _FEWEST, _DRAWS))
    rng = np.random.default_rng(seed)
    seen = np.array(
        [_draw(rng.standard_normal((count, dimension)), cosine, minimum) for _ in range(draws)], dtype=float
    )
    boxes = [effective_width(rng.uniform(-1, 1, (count, dimension)), cosine=cosine) for _ in range(draws)]
    mean = seen.mean(axis=0)
    low, high = np.quantile(seen, (0.025, 0.975), axis=0)
    p = max(
        (1 + int((np.asarray(law) <= width * (1 + 1e-9)).sum())) / (draws + 1) for law in (seen[:, 2], boxes)
    )
    others = float((1 / seen[:, 2]).mean()) - 1 / count
    return Chance(
        neurons=count,
        dimension=dimension,
        orientations=float(mean[0]),
        orientations_range=(float(low[0]), float(high[0])),
        condensed_neurons=float(mean[1]),
        condensed_range=(float(low[1]), float(high[1])),
        effective_width=float(mean[2]),
        p=p,
        draws=draws,
        no_more=bool(p > LEVEL or 1 / width - 1 / count <= EXCESS * others),
    )


def _draw(rows: Array, cosine: float, minimum: int) -> tuple[float, float, float]:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = clusters(unit, cosine=cosine, minimum=minimum)
    return len(found), int(found.counts.sum()), effective_width(unit, cosine=cosine)
