"""How far numbers that are only correct to half a unit in the last place determine a moment tensor.

Setting.     Data are computed with as the exact binary64 numbers they are.  A number with at most EXACT_BITS significant
             bits, or an integer below 2^53, is taken to be meant exactly; any other v to be the nearest one to a number
             that binary64 does not hold, v (1 + δ) with |δ| <= 2^-53.  (A rounded number passes for exact with
             probability 2^(EXACT_BITS - 53), below 1e-6.)
Statement.   The coefficient of u^α in P, mean_i s_i x_i^α times a multinomial factor, then errs by at most
                 (multinomial) mean_i |s_i| |x_i|^α ((1 + 2^-53)^{m_i} - 1),
             m_i the number of rounded factors of the product, those of x counted with their powers: to first order in
             2^-53, which `_FIRST_ORDER` more than makes up for.
Use.         Coefficients all within their bounds: the data do not tell T from 0.  Data whose numbers are all exact have
             bounds 0, and nothing about them changes.
Limits.      Numbers rounded earlier and coarser (float32, few decimals, measured) are not recognised as such: the
             bound is the least uncertainty that the numbers as written can have.
Source:      condense; Higham 2002, section 3.1.
"""

from __future__ import annotations

import numpy as np

from theory.forms.monomials import monomials

EXACT_BITS = 32
_UNIT = 2.0**-53
_FIRST_ORDER = 1 + 1e-9  # 2^-53 m² against m, and the roundings of the sums, for m and log n far below 1e6
_BLOCK = 2_000_000  # monomials of samples held at a time


def is_rounded(values: np.ndarray) -> np.ndarray:
    """Whether each binary64 number has more significant bits than a number that is meant exactly; same shape."""
    values = np.asarray(values, dtype=float)
    mantissa, exponent = np.frexp(values)
    head = np.ldexp(mantissa, EXACT_BITS)
    whole = (exponent <= 53) & (values == np.rint(values))
    return (head != np.rint(head)) & ~whole


def coefficient_bounds(x: np.ndarray, s: np.ndarray, order: int, multiples: list[int]) -> np.ndarray:
    """The bounds (M,) of the Statement for x (n, D), s (n,) in binary64; `multiples` (M,) are the multinomial factors.

    0 throughout where every number is exact.  Cost: n M (D + 1) multiplications.
    """
    n, dimension = x.shape
    form = monomials(dimension, order)
    total = np.zeros(len(form.exponents))
    rough_x, rough_s = is_rounded(x), is_rounded(s)
    if rough_x.any() or rough_s.any():
        # Row 0 counts s, row k + 1 the factors x_k.
        weight = np.abs(s) * np.column_stack([rough_s, rough_x]).T
        powers = np.vstack([np.ones(len(total)), form.exponents.T])
        step = max(1, _BLOCK // len(total))
        for k in range(0, n, step):
            block = slice(k, k + step)
            total += (powers * (weight[:, block] @ form.evaluate(np.abs(x[block])))).sum(axis=0)
    return total * np.array(multiples, dtype=float) * (_UNIT * _FIRST_ORDER / n)
