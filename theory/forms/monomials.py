"""All monomials of one degree, in one order, with an exact look-up: the index set of moment tensors."""

from __future__ import annotations

import math
from functools import lru_cache
from operator import mul

import numpy as np
from flint import fmpz_mat

from theory.errors import TheoryError


class Monomials:
    """All monomials of one degree in `dimension` variables, in lexicographic order of their sorted factors.

    The monomial u_{i1} ... u_{ik}, i1 <= ... <= ik, is its parent u_{i1} ... u_{i(k-1)} times u_{ik};
    `steps` holds (parent, variable) for every degree from 1 to k.
    """

    def __init__(self, dimension: int, degree: int):
        self.steps: list[tuple[np.ndarray, np.ndarray]] = []
        last = np.zeros(1, dtype=np.intp)
        exponents = np.zeros((1, dimension), dtype=np.int64)
        for _ in range(degree):
            counts = dimension - last
            parent = np.repeat(np.arange(len(last)), counts)
            first = np.repeat(np.cumsum(counts) - counts, counts)
            last = np.repeat(last, counts) + np.arange(len(parent)) - first
            exponents = exponents[parent]
            exponents[np.arange(len(parent)), last] += 1
            self.steps.append((parent, last))
        exponents.flags.writeable = False
        self.dimension, self.degree, self.exponents = dimension, degree, exponents
        self._weights = np.random.default_rng(20210524).integers(1, 2**63, dimension, dtype=np.uint64)
        codes = self.codes()
        self._order = np.argsort(codes)
        self._sorted = codes[self._order]
        # A linear hash modulo 2^64; the look-up below is exact once the codes of this degree are distinct.
        if np.any(self._sorted[1:] == self._sorted[:-1]):
            raise TheoryError(f"monomial codes collide for D = {dimension}, degree {degree}: change the seed")

    def codes(self) -> np.ndarray:
        """Return the (M,) uint64 codes; the code of a product of monomials is the sum of their codes."""
        return (self.exponents.astype(np.uint64) * self._weights).sum(axis=1, dtype=np.uint64)

    def index(self, codes: np.ndarray) -> np.ndarray:
        """Return the positions of the monomials of this degree with the given codes."""
        return self._order[np.searchsorted(self._sorted, codes)]

    def evaluate(self, u: np.ndarray) -> np.ndarray:
        """Return the monomials at u (..., D) as (..., M)."""
        values = np.ones((*u.shape[:-1], 1), dtype=u.dtype)
        for parent, variable in self.steps:
            values = values[..., parent] * u[..., variable]
        return values

    def evaluate_exact(self, u: list) -> list:
        """Return the monomials of a list of D exact numbers or balls."""
        values = [u[0] * 0 + 1] if u else [1]
        for parent, variable in self.steps:
            values = [values[i] * u[k] for i, k in zip(parent.tolist(), variable.tolist(), strict=True)]
        return values


@lru_cache(maxsize=64)
def monomials(dimension: int, degree: int) -> Monomials:
    """Return the (cached) monomials of one degree."""
    return Monomials(dimension, degree)


def _multinomial(exponents: np.ndarray) -> list[int]:
    """Return degree! / Π α_k! for each row α."""
    factorial = [math.factorial(k) for k in range(int(exponents.sum(axis=1).max(initial=0)) + 1)]
    out = []
    for row in exponents.tolist():
        value = factorial[sum(row)]
        for k in row:
            value //= factorial[k]
        out.append(value)
    return out


def inner_products(left: list[list[int]], right: list[list[int]], pairs: list[tuple[int, int]]) -> list[int]:
    """Return Σ_i left[a][i] right[b][i] for each pair (a, b), exactly."""
    if len(pairs) * 6 < len(left) * len(right):  # most of the product would be repeats, as in D = 2
        return [sum(map(mul, left[a], right[b])) for a, b in pairs]
    n = len(left[0])
    columns = fmpz_mat(len(right), n, [v for row in right for v in row]).transpose()
    product = fmpz_mat(len(left), n, [v for row in left for v in row]) * columns
    return [int(product[a, b]) for a, b in pairs]


def integer_powers(
    basis: Monomials, columns: list[list[int]], rows: list[list[int]], skip: int = 0
) -> list[list[int]]:
    """Return the monomials of every sample, rows of n integers, from those of degree `skip`."""
    for parent, variable in basis.steps[skip:]:
        rows = [
            [a * b for a, b in zip(rows[i], columns[k], strict=True)]
            for i, k in zip(parent.tolist(), variable.tolist(), strict=True)
        ]
    return rows
