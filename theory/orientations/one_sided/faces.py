"""All faces of a central arrangement of hyperplanes u·y_i = 0, exactly, as sign vectors.

Statement.  Modulo its lineality space the arrangement is a fan of pointed cones, so each face but the least one has an
extreme ray in its closure.  A ray r is the null line of ρ - 1 independent y_i (ρ the rank); the faces around it have the
signs of r off its zero set A and, on A, those of the faces of the arrangement of y_i, i in A, which has rank ρ - 1.
For data in general position A has ρ - 1 members and all 3^{ρ-1} combinations occur.
Cost.  O(m^{ρ-1}) exact null vectors, and as many faces: m = 80, D = 3 has 25,000.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from flint import fmpz_mat


def face_count(lines: int, rank: int) -> int:
    """The number of faces, the least one excluded, of `lines` hyperplanes in general position; else an upper bound."""
    rank = min(lines, rank)
    return sum(
        math.comb(lines, j) * 2 * sum(math.comb(lines - j - 1, i) for i in range(rank - j))
        for j in range(rank)
    )


def cell_count(lines: int, dimension: int) -> int:
    """The number of open cells of `lines` hyperplanes in general position; else an upper bound."""
    return 2 * sum(math.comb(lines - 1, i) for i in range(min(lines, dimension)))


def faces(lines: list[tuple[int, ...]]) -> np.ndarray:
    """Return the sign vectors (F, m), int8, of all faces, the least one (all zeros) included; distinct, sorted."""
    reduced, rank = _reduced(lines)
    return _faces(reduced, rank, {})


def _reduced(lines: list[tuple[int, ...]]) -> tuple[list[list[int]], int]:
    """Return coordinates of the lines with as many columns as their rank, and the rank."""
    if not lines:
        return [], 0
    matrix = fmpz_mat([list(map(int, y)) for y in lines])
    independent = independent_rows(lines)
    if len(independent) == matrix.ncols():
        return [list(y) for y in lines], len(independent)
    basis = fmpz_mat([list(map(int, lines[i])) for i in independent])
    # u = basisᵀ c: sgn(u·y) = sgn(y·basisᵀ c), and every class modulo the lineality space has such a u.
    return [[int(v) for v in row] for row in (matrix * basis.transpose()).tolist()], len(independent)


def independent_rows(lines: list[tuple[int, ...]] | list[list[int]]) -> list[int]:
    """Return the indices of the first rows that are linearly independent of those before."""
    kept: list[int] = []
    size = len(lines[0]) if lines else 0
    for i in range(len(lines)):
        if len(kept) == size:
            break
        if fmpz_mat([list(map(int, lines[k])) for k in (*kept, i)]).rank() > len(kept):
            kept.append(i)
    return kept


def _faces(lines: list[list[int]], rank: int, known: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
    count = len(lines)
    zero = np.zeros((1, count), dtype=np.int8)
    if rank == 0:
        return zero
    blocks = [zero]
    for signs in _rays(lines, rank):
        on = np.flatnonzero(signs == 0)
        if len(on) == rank - 1:
            local = _all_signs(rank - 1)
        else:
            key = tuple(on.tolist())
            if key not in known:
                inner, inner_rank = _reduced([tuple(lines[i]) for i in key])
                known[key] = _faces(inner, inner_rank, {})
            local = known[key]
        for side in (signs, -signs):
            block = np.repeat(side[None], len(local), axis=0)
            block[:, on] = local
            blocks.append(block)
    return np.unique(np.concatenate(blocks), axis=0)


def _rays(lines: list[list[int]], rank: int) -> list[np.ndarray]:
    """Return the sign vector of one of each pair of opposite rays."""
    matrix = fmpz_mat(lines)
    found: dict[bytes, np.ndarray] = {}
    for subset in itertools.combinations(range(len(lines)), rank - 1):
        if rank == 1:
            null = fmpz_mat([[1]])
        else:
            kernel, nullity = fmpz_mat([lines[i] for i in subset]).nullspace()
            if nullity != 1:
                continue
            null = fmpz_mat([[kernel[k, 0]] for k in range(rank)])
        signs = np.array([(v > 0) - (v < 0) for v in (matrix * null).entries()], dtype=np.int8)
        lead = signs[np.flatnonzero(signs)[0]]
        signs *= lead
        found[signs.tobytes()] = signs
    return list(found.values())


def _all_signs(count: int) -> np.ndarray:
    return np.array(list(itertools.product((-1, 0, 1), repeat=count)), dtype=np.int8).reshape(3**count, count)
