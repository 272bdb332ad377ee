"""The moment tensor T = mean(s x^{⊗p}) as an exact form P(u) = T u^p, at a cost independent of n.

T is stored by its C(D+p-1, p) distinct entries, exact rationals.  Floating-point contractions all come from
one product: T u^{p-2} is linear in the monomials of degree p - 2, and T u^{p-1} = (T u^{p-2}) u, T u^p = u·T
u^{p-1}.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, arb_mat, fmpq, fmpz

from theory.errors import TheoryError
from theory.forms.data_rounding import coefficient_bounds
from theory.forms.monomials import _multinomial, inner_products, integer_powers, monomials

MONOMIAL_LIMIT = 100_000  # distinct entries of T; beyond it forming T alone takes minutes


def to_rational(value: Any, where: str) -> fmpq:
    """Return a number (int, binary64, fmpq or Fraction) as an exact rational; TheoryError if not finite."""
    if isinstance(value, fmpq):
        return value
    if isinstance(value, fmpz):
        return fmpq(value)
    try:
        numerator, denominator = (
            value if hasattr(value, "as_integer_ratio") else float(value)
        ).as_integer_ratio()
    except (TypeError, ValueError, OverflowError):
        raise TheoryError(f"{where}: {value!r} is not a finite real number") from None
    return fmpq(int(numerator), int(denominator))


def _integers(values: np.ndarray, where: str) -> tuple[list[int], fmpq]:
    """Return integers m and the largest rational q with values = q m, exactly."""
    if values.dtype != object and np.issubdtype(values.dtype, np.floating):
        bad = np.flatnonzero(~np.isfinite(values.ravel()))
        if bad.size:
            raise TheoryError(f"{where}: entry {int(bad[0])} is not finite; finite numbers are accepted")
        mantissa, exponent = np.frexp(values.astype(np.float64).ravel())
        whole = (mantissa * 2.0**53).astype(np.int64)
        lowest = int(exponent[whole != 0].min(initial=1024))
        shift = np.where(whole != 0, exponent - lowest, 0)
        numbers = [m << e for m, e in zip(whole.tolist(), shift.tolist(), strict=True)]
        unit = fmpq(2) ** (lowest - 53)
    else:
        rational = [to_rational(v, f"{where}: entry {i}") for i, v in enumerate(values.ravel())]
        common = math.lcm(*(int(v.q) for v in rational)) if rational else 1
        numbers = [int(v.p) * (common // int(v.q)) for v in rational]
        unit = fmpq(1, common)
    divisor = math.gcd(*numbers) or 1
    return [m // divisor for m in numbers], unit * divisor


def _floats(values: np.ndarray) -> np.ndarray:
    """Exact numbers as binary64, beyond its range infinite."""
    if values.dtype != object:
        return values.astype(np.float64)
    out = np.empty(values.shape)
    for k, v in enumerate(values.ravel()):
        exact = to_rational(v, f"entry {k}")
        try:
            out.flat[k] = int(exact.p) / int(exact.q)
        except OverflowError:
            out.flat[k] = math.inf
    return out


def _check_size(dimension: int, order: int) -> None:
    if order < 1 or dimension < 1:
        raise TheoryError(f"moment tensor: order {order} and dimension {dimension} must both be at least 1")
    count = math.comb(dimension + order - 1, order)
    if count > MONOMIAL_LIMIT:
        raise TheoryError(
            f"moment tensor: p = {order}, D = {dimension} has {count} distinct entries; "
            f"at most {MONOMIAL_LIMIT} are treated"
        )


@dataclass(frozen=True, eq=False)
class MomentTensor:
    """The exact homogeneous form P(u) = T u^p of degree `order` in `dimension` variables.

    `exponents` (M, D) lists every monomial of degree p and `coefficients` (M,) its exact coefficient in P,
    the multinomial factor included.  Build with `from_data` or `from_coefficients`.  `data` are the x (n, D), s (n,) in
    binary64 that the form is of, None where there are none: the rounding that they carry is part of `within_rounding`.

    >>> import numpy as np
    >>> tensor = MomentTensor.from_data(np.eye(2), np.array([2.0, 4.0]), 3)  # P(u) = u_1³ + 2 u_2³
    >>> float(tensor.value(np.array([1.0, 1.0]))), tensor.gradient(np.array([1.0, 1.0])).tolist()
    (3.0, [1.0, 2.0])
    """

    order: int
    dimension: int
    coefficients: tuple[fmpq, ...]
    data: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def from_data(cls, x: np.ndarray, s: np.ndarray, p: int) -> MomentTensor:
        """Return T = (1/n) Σ_i s_i x_i^{⊗p} of data x (n, D), bias column included, and s (n,).

        Floats are taken as the exact binary64 numbers they are; fmpq and Fraction entries are accepted.
        Raises TheoryError for wrong shapes, numbers that are not finite, or too many distinct entries.
        Cost: one exact integer matrix product, linear in n.
        """
        x, s = np.asarray(x), np.asarray(s)
        if x.ndim != 2 or s.shape != x.shape[:1] or not len(x):
            raise TheoryError(f"moment tensor: x {x.shape} and s {s.shape} must have shapes (n, D) and (n,)")
        n, dimension = x.shape
        _check_size(dimension, p)
        columns, units = [], []
        for k in range(dimension):
            numbers, unit = _integers(x[:, k], f"x, column {k}")
            columns.append(numbers)
            units.append(unit)
        signal, signal_unit = _integers(s, "s")
        low, high, full = (monomials(dimension, k) for k in (p // 2, p - p // 2, p))
        left = integer_powers(low, columns, [[1] * n])
        right = integer_powers(high, columns, left, skip=low.degree)
        weighted = [[v * w for v, w in zip(row, signal, strict=True)] for row in left]
        # Every monomial of degree p occurs as low × high; any occurrence has its moment.
        where = full.index((low.codes()[:, None] + high.codes()[None, :]).ravel())
        first = np.unique(where, return_index=True)[1].tolist()
        width = len(right)
        moments = inner_products(weighted, right, [divmod(flat, width) for flat in first])
        scale = signal_unit / n
        powers = [[scale * 0 + 1] for _ in units]
        for unit, row in zip(units, powers, strict=True):
            for _ in range(p):
                row.append(row[-1] * unit)
        coefficients = []
        for value, row, multiple in zip(
            moments, full.exponents.tolist(), _multinomial(full.exponents), strict=True
        ):
            if value:
                value = scale * (value * multiple)
                for k, degree in enumerate(row):
                    if degree:
                        value *= powers[k][degree]
            coefficients.append(fmpq(value))
        return cls(p, dimension, tuple(coefficients), (_floats(x), _floats(s)))

    @classmethod
    def from_coefficients(
        cls, exponents: object, coefficients: object, order: int, dimension: int
    ) -> MomentTensor:
        """Return the form Σ coefficients[m] u^exponents[m]; repeated monomials add up, absent ones are zero.

        Raises TheoryError when an exponent row is not one of the form's degree and dimension.
        """
        _check_size(dimension, order)
        rows = np.asarray(exponents, dtype=np.int64).reshape(-1, dimension)
        values = list(coefficients)  # type: ignore[call-overload]
        if len(values) != len(rows) or np.any(rows < 0) or np.any(rows.sum(axis=1) != order):
            raise TheoryError(
                f"moment tensor: each exponent row needs {dimension} entries >= 0 with sum {order}, "
                "and a coefficient"
            )
        full = monomials(dimension, order)
        out = [fmpq(0)] * len(full.exponents)
        codes = (rows.astype(np.uint64) * full._weights).sum(axis=1, dtype=np.uint64)
        for m, (position, value) in enumerate(zip(full.index(codes).tolist(), values, strict=True)):
            out[position] += to_rational(value, f"coefficient {m}")
        return cls(order, dimension, tuple(out))

    @property
    def exponents(self) -> np.ndarray:
        """The (M, D) exponents, in the order of `coefficients`."""
        return monomials(self.dimension, self.order).exponents

    def __repr__(self) -> str:
        filled = sum(1 for c in self.coefficients if c)
        return (
            f"MomentTensor(order={self.order}, dimension={self.dimension}: {filled} of {len(self.coefficients)} "
            "coefficients not 0)"
        )

    @property
    def is_zero(self) -> bool:
        """True when T = 0 exactly."""
        return not any(self.coefficients)

    @cached_property
    def rounding(self) -> MomentTensor | None:
        """The form of the bounds of the coefficients' rounding (theory.orientations.result); None for exact data."""
        if self.data is None:
            return None
        bounds = coefficient_bounds(*self.data, self.order, _multinomial(self.exponents))
        if not np.all(np.isfinite(bounds)) or not bounds.any():
            return None
        return MomentTensor(
            self.order, self.dimension, tuple(to_rational(b, "rounding") for b in bounds.tolist())
        )

    @cached_property
    def within_rounding(self) -> bool:
        """True when T is not 0, but no larger in any coefficient than the rounding of its data."""
        level = self.rounding
        return (
            not self.is_zero
            and level is not None
            and all(abs(c) <= b for c, b in zip(self.coefficients, level.coefficients, strict=True))
        )

    def scaled(self, factor: object) -> MomentTensor:
        """Return factor · T, exactly."""
        f = to_rational(factor, "factor")
        return MomentTensor(self.order, self.dimension, tuple(f * c for c in self.coefficients))

    def evaluate_exact(self, u: list) -> object:
        """Return P(u) for D exact rationals or balls."""
        terms = monomials(self.dimension, self.order).evaluate_exact(list(u))
        return sum((m * c for m, c in zip(terms, self.coefficients, strict=True) if c), u[0] * 0)

    # -- the table of T u^{p-2}

    @cached_property
    def exponent2(self) -> int:
        """The power of two by which tables are divided: the largest |T_α| 2^-exponent2 lies in [1/2, 2]."""
        entries = [c / m for c, m in zip(self.coefficients, _multinomial(self.exponents), strict=True) if c]
        return max((int(abs(e.p)).bit_length() - int(e.q).bit_length() for e in entries), default=0)

    @cached_property
    def _exact_table(self) -> tuple[np.ndarray, list[fmpq]]:
        """Pairs j <= k, and entries multinomial(β) T_{β+e_j+e_k} 2^-exponent2: rows jk, columns β."""
        full = monomials(self.dimension, self.order)
        base = monomials(self.dimension, self.order - 2)
        unit = fmpq(2) ** (-self.exponent2)
        entry = [c * unit / m for c, m in zip(self.coefficients, _multinomial(full.exponents), strict=True)]
        j, k = np.triu_indices(self.dimension)
        codes = full._weights[j] + full._weights[k]
        where = full.index((codes[:, None] + base.codes()[None, :]).ravel()).tolist()
        multiple = _multinomial(base.exponents)
        width = len(multiple)
        return np.stack([j, k]), [entry[w] * multiple[i % width] for i, w in enumerate(where)]

    @cached_property
    def table(self) -> np.ndarray:
        """The float64 table (D(D+1)/2, M_{p-2}) of T u^{p-2} 2^-exponent2, each entry correctly rounded."""
        _, entries = self._exact_table
        values = [int(v.p) / int(v.q) if v else 0.0 for v in entries]
        return np.array(values).reshape(-1, len(monomials(self.dimension, self.order - 2).exponents))

    @cached_property
    def _ball_tables(self) -> dict[int, arb_mat]:
        return {}

    def ball_table(self, precision: int) -> arb_mat:
        """Return the table as balls; call inside `flint.ctx.workprec(precision)`."""
        if precision not in self._ball_tables:
            _, entries = self._exact_table
            columns = len(monomials(self.dimension, self.order - 2).exponents)
            self._ball_tables[precision] = arb_mat(
                len(entries) // columns, columns, [arb(v) for v in entries]
            )
        return self._ball_tables[precision]

    @cached_property
    def frobenius_bound(self) -> float:
        """An upper bound of ‖T‖_F 2^-exponent2, which bounds |T v₁…v_p| 2^-exponent2 over unit vectors."""
        total = fmpq(0)
        for c, m in zip(self.coefficients, _multinomial(self.exponents), strict=True):
            total += c * c / m
        total *= fmpq(2) ** (-2 * self.exponent2)
        return math.sqrt(int(total.p) / int(total.q)) * (1 + 2.0**-50)

    # -- contractions in float64

    def normalised_hessian(self, u: np.ndarray) -> np.ndarray:
        """Return T u^{p-2} 2^-exponent2 (..., D, D) at real or complex u (..., D), p >= 2."""
        terms = monomials(self.dimension, self.order - 2).evaluate(u)
        return _contract(self.table, terms)[..., _square(self.dimension)]

    def hessian(self, u: np.ndarray) -> np.ndarray:
        """Return T u^{p-2} (..., D, D) at real or complex u (..., D); zeros for p = 1."""
        u = np.asarray(u)
        if self.order == 1:
            return np.zeros((*u.shape, self.dimension))
        return np.ldexp(1.0, self.exponent2) * self.normalised_hessian(u)

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Return T u^{p-1} (..., D) at real or complex u (..., D), so that u·gradient = value."""
        u = np.asarray(u)
        if self.order == 1:
            return np.broadcast_to(np.array([int(c.p) / int(c.q) for c in self.coefficients]), u.shape)
        return (self.hessian(u) @ u[..., None])[..., 0]

    def value(self, u: np.ndarray) -> np.ndarray:
        """Return P(u) = T u^p (...) at real or complex u (..., D)."""
        return (np.asarray(u) * self.gradient(u)).sum(axis=-1)

    # -- contractions in balls

    def hessian_balls(self, u: list, precision: int) -> arb_mat | acb_mat:
        """T u^{p-2} 2^-exponent2 at D arb or acb balls; call inside `flint.ctx.workprec(precision)`."""
        terms = monomials(self.dimension, self.order - 2).evaluate_exact(u)
        kind = acb_mat if isinstance(u[0], acb) else arb_mat
        table = self.ball_table(precision)
        upper = (acb_mat(table) if kind is acb_mat else table) * kind(len(terms), 1, terms)
        size = self.dimension
        out = [[upper[0, 0]] * size for _ in range(size)]
        row = 0
        for j in range(size):
            for k in range(j, size):
                out[j][k] = out[k][j] = upper[row, 0]
                row += 1
        return kind(out)  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def _square(dimension: int) -> np.ndarray:
    """The (D, D) positions of the entries of a symmetric matrix in its upper triangle, row by row."""
    out = np.empty((dimension, dimension), dtype=np.intp)
    j, k = np.triu_indices(dimension)
    out[j, k] = out[k, j] = np.arange(len(j))
    out.flags.writeable = False
    return out


def _contract(table: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Return terms · tableᵀ, as real products."""
    if np.iscomplexobj(terms):
        return np.real(terms) @ table.T + 1j * (np.imag(terms) @ table.T)
    return terms @ table.T
