"""A candidate: a few points with small integer coordinates, exact from the start; how to draw, vary and simplify it.

When two finds are the same: the forms P of their data agree up to a signed permutation of coordinates and a factor.

P decides every orientation, so data with the same P are one find.  Signed permutations are the orthogonal maps that keep
small integers; the factor, of either sign, absorbs the scale and the sign of y.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations, product

import numpy as np

from theory import MomentTensor

REACH = 4  # first coordinates are drawn from -REACH..REACH
TARGET = 9  # first targets likewise


@dataclass(frozen=True)
class Points:
    """n points: inputs `x`, n tuples of d integers without the bias, and targets `y`, n integers."""

    x: tuple[tuple[int, ...], ...]
    y: tuple[int, ...]

    @classmethod
    def from_arrays(cls, x: np.ndarray, y: np.ndarray) -> Points:
        """The points of integer arrays x (n, d), y (n,), without those of target 0, which no orientation feels."""
        keep = np.flatnonzero(np.asarray(y))
        return cls(tuple(tuple(int(v) for v in x[i]) for i in keep), tuple(int(y[i]) for i in keep))

    @property
    def inputs(self) -> int:
        """d, the bias not counted."""
        return len(self.x[0]) if self.x else 0

    @cached_property
    def matrix(self) -> np.ndarray:
        """The integer array (n, d + 1) of inputs with a last column of ones."""
        x = np.array(self.x, dtype=np.int64).reshape(len(self.x), -1)
        return np.column_stack([x, np.ones(len(x), dtype=np.int64)])

    @property
    def targets(self) -> np.ndarray:
        """The integer array (n,) of targets."""
        return np.array(self.y, dtype=np.int64)

    @property
    def size(self) -> tuple[int, int, int]:
        """What shrinking makes smaller: the number of points, the sum of all magnitudes, the largest of them."""
        numbers = [abs(v) for row in self.x for v in row] + [abs(v) for v in self.y]
        return len(self.y), sum(numbers), max(numbers, default=0)

    @property
    def proper(self) -> bool:
        """Whether they are data: distinct points, targets not all the same."""
        return len(set(self.x)) == len(self.x) and len(set(self.y)) > 1


def draw(inputs: int, least: int, most: int, generator: np.random.Generator) -> Points:
    """Points with inputs (d,) uniform on -4..4 and targets on -9..9, from `least` to `most` of them."""
    n = int(generator.integers(least, most + 1))
    x = generator.integers(-REACH, REACH + 1, (n, inputs))
    return Points.from_arrays(x, generator.integers(-TARGET, TARGET + 1, n))


def vary(points: Points, generator: np.random.Generator) -> Points:
    """A neighbour: one or two of all numbers moved on average, sometimes a point replaced."""
    x, y = points.matrix[:, :-1].copy(), points.targets
    rate = 1.5 / max(1, x.size + y.size)
    x += (generator.random(x.shape) < rate) * generator.integers(-2, 3, x.shape)
    y = y + (generator.random(y.shape) < rate) * generator.integers(-4, 5, y.shape)
    if len(y) and generator.random() < 0.1:
        k = int(generator.integers(len(y)))
        x[k] = generator.integers(-REACH, REACH + 1, x.shape[1])
    fresh = Points.from_arrays(x, y)
    return fresh if fresh.y else points


def simpler(points: Points) -> Iterator[Points]:
    """Strictly simpler points, the boldest first: one point fewer, common factors out, single numbers nearer to 0."""
    n = len(points.y)
    for k in range(n):
        yield Points(points.x[:k] + points.x[k + 1 :], points.y[:k] + points.y[k + 1 :])
    divisor = math.gcd(*points.y)
    if divisor > 1:
        yield Points(points.x, tuple(v // divisor for v in points.y))
    largest = points.size[2]
    places = sorted(
        [(abs(v), k, j) for k, row in enumerate(points.x) for j, v in enumerate(row)]
        + [(abs(v), k, None) for k, v in enumerate(points.y)],
        key=lambda place: -place[0],
    )
    for shrunk in (lambda v: 0, lambda v: _toward(v, abs(v) // 2), lambda v: _toward(v, abs(v) - 1)):
        for magnitude, k, j in places:
            value = points.y[k] if j is None else points.x[k][j]
            smaller = shrunk(value)
            if magnitude and abs(smaller) < magnitude and not (j is None and smaller == 0):
                yield _replaced(points, k, j, smaller)
    # Moves along the level of the largest number, which single steps cannot leave.
    for magnitude, k, j in places:
        if magnitude == largest:
            value = points.y[k] if j is None else points.x[k][j]
            less = _replaced(points, k, j, _toward(value, magnitude - 1))
            if less.y[k]:
                for i, other in enumerate(points.y):
                    if i != k and abs(other) < largest:
                        yield _replaced(less, i, None, other + (1 if other > 0 else -1))


def _toward(value: int, magnitude: int) -> int:
    return magnitude if value > 0 else -magnitude


def _replaced(points: Points, k: int, j: int | None, value: int) -> Points:
    if j is None:
        return Points(points.x, (*points.y[:k], value, *points.y[k + 1 :]))
    row = (*points.x[k][:j], value, *points.x[k][j + 1 :])
    return Points((*points.x[:k], row, *points.x[k + 1 :]), points.y)


LARGEST = 6  # dimensions treated: 2^6 6! = 46080 symmetries


@lru_cache(maxsize=8)
def _symmetries(dimension: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """For each signed permutation, where each monomial's coefficient comes from (G, M), and its sign (G, M)."""
    exponents = MomentTensor.from_coefficients([], [], order, dimension).exponents
    place = {tuple(row): k for k, row in enumerate(exponents.tolist())}
    sources, signs = [], []
    for order_of in permutations(range(dimension)):
        moved = exponents[:, order_of]
        source = [place[tuple(row)] for row in moved.tolist()]
        for flips in product((1, -1), repeat=dimension):
            if flips[0] == 1:  # the other half differs by the overall sign (-1)^p only
                sources.append(source)
                signs.append(np.prod(np.where(exponents % 2 == 1, np.array(flips), 1), axis=1))
    return np.array(sources), np.array(signs)


def canonical(tensor: MomentTensor) -> tuple[int, ...]:
    """The coefficients of P as coprime integers, the least in lexicographic order over all symmetries and both signs.

    Equal for two data sets if and only if a signed permutation of the D coordinates, bias included, and a factor turn one
    form into the other.  Cost: D! 2^D times the number of monomials; D <= 6.
    """
    if tensor.dimension > LARGEST:
        raise ValueError(f"canonical form: D = {tensor.dimension}; accepted: at most {LARGEST}")
    common = math.lcm(*(int(c.q) for c in tensor.coefficients))
    whole = [int(c.p) * (common // int(c.q)) for c in tensor.coefficients]
    divisor = math.gcd(*whole) or 1
    values = np.array([v // divisor for v in whole], dtype=object)
    sources, signs = _symmetries(tensor.dimension, tensor.order)
    return min(
        tuple(sign * int(s) * v for s, v in zip(row_signs, values[row], strict=True))
        for row, row_signs in zip(sources, signs, strict=True)
        for sign in (1, -1)
    )
