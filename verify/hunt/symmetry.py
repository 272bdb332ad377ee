"""When two finds are the same: the forms P of their data agree up to a signed permutation of coordinates and a factor.

P decides every orientation, so data with the same P are one find.  Signed permutations are the orthogonal maps that keep
small integers; the factor, of either sign, absorbs the scale and the sign of y.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import permutations, product

import numpy as np

from theory import MomentTensor

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
