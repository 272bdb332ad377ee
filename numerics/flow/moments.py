"""The force of the leading-order flow, handed over as data (x, s) and compressed once.

With σ(z) ~ c z^p the leading flow climbs ``H(a, w) = a Φ(w)``, ``Φ(w) = c mean(s (w·x)^p)``; one-sided
activations have ``Φ(w) = mean(s σ_p(w·x))`` with ``σ_p(z) = c₊ z^p`` (z > 0), ``c₋ (-z)^p`` (z < 0). Both
are homogeneous of degree p, so Euler's identity ``p Φ = w·∇Φ`` lets one number of arrays, the gradient,
say everything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations_with_replacement
from math import comb, factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics.errors import NumericsError

Array = NDArray[np.float64]

_BLOCK = 1 << 16  # samples folded into the moments at a time


def monomials(w: Array, degree: int) -> Array:
    """All monomials of one degree in the rows of ``w`` (D, N), as (comb(D+degree-1, degree), N), in the
    order of ``itertools.combinations_with_replacement(range(D), degree)``."""
    if degree == 0:
        return np.ones((1, w.shape[1]), dtype=w.dtype)
    current = w
    for rows, products in _products(len(w), degree):
        longer = np.empty((rows, w.shape[1]), dtype=w.dtype)
        for i, tail, place in products:
            np.multiply(w[i], current[tail:], out=longer[place])
        current = longer
    return current


@cache
def _products(dimension: int, degree: int) -> list[tuple[int, list[tuple[int, int, slice]]]]:
    """For each degree from 2: its number of monomials, and (i, start of a tail, rows) of their products.

    Non-decreasing index words that start with i are i followed by a word of one letter less in i..D-1: a
    tail of the monomials of one degree less.
    """
    plan = []
    for k in range(2, degree + 1):
        shorter, row, products = comb(dimension + k - 2, k - 1), 0, []
        for i in range(dimension):
            length = comb(dimension - i + k - 2, k - 1)
            products.append((i, shorter - length, slice(row, row + length)))
            row += length
        plan.append((row, products))
    return plan


def _second_table(coefficients: Array, dimension: int, degree: int) -> Array:
    """From the table of a gradient in monomials of ``degree`` >= 1, that of its derivatives, (D, D, number of
    monomials of one degree less)."""
    words = list(combinations_with_replacement(range(dimension), degree))
    place = {word: k for k, word in enumerate(combinations_with_replacement(range(dimension), degree - 1))}
    table = np.zeros((dimension, dimension, len(place)))
    for column, word in zip(coefficients.T, words, strict=True):
        for k in set(word):
            position = word.index(k)
            table[:, k, place[word[:position] + word[position + 1 :]]] += word.count(k) * column
    return table


def _multinomials(dimension: int, degree: int) -> Array:
    """How often each monomial of `monomials` occurs in the expansion of (v_1 + ... + v_D)^degree."""
    words = combinations_with_replacement(range(dimension), degree)
    top = factorial(degree)
    return np.array([top // prod(factorial(word.count(i)) for i in set(word)) for word in words], dtype=float)


@dataclass(frozen=True, eq=False)
class Force(ABC):
    """A homogeneous potential Φ of degree ``multiplicity`` in ``dimension`` variables, known by its gradient.

    ``bound`` is an upper bound of ‖∇Φ(u)‖ over unit vectors: rounding of ∇Φ is a few machine epsilons of it.
    """

    multiplicity: int
    dimension: int
    bound: float

    @abstractmethod
    def gradient(self, w: Array, out: Array | None = None) -> Array:
        """∇Φ at the columns of ``w`` (D, N), as (D, N), in ``out`` where it is given."""

    @abstractmethod
    def hessian(self, w: Array) -> Array:
        """∇²Φ at the columns of ``w`` (D, N), as (N, D, D)."""

    def potential(self, w: Array) -> Array:
        """Φ at the columns of ``w`` (D, N), as (N,)."""
        return np.einsum("ij,ij->j", w, self.gradient(w)) / self.multiplicity


@dataclass(frozen=True, eq=False)
class Moments(Force):
    """Φ(w) = c T w^p for a smooth activation, as the matrix of ∇Φ in monomials of degree p - 1; cost
    independent of n.

    When there are more monomials than samples to sum, the samples themselves are the shorter description
    and are kept.
    """

    coefficients: Array  # (D, number of monomials), or (D, n) when `samples` is set
    samples: Array | None  # (n, D) or None

    def gradient(self, w: Array, out: Array | None = None) -> Array:
        if self.samples is None:
            return np.matmul(self.coefficients, monomials(w, self.multiplicity - 1), out=out)
        return np.matmul(self.coefficients, (self.samples @ w) ** (self.multiplicity - 1), out=out)

    @cached_property
    def _curvature(self) -> Array:
        """The table of the Hessian, (D·D, number of monomials of degree p - 2)."""
        table = _second_table(self.coefficients, self.dimension, self.multiplicity - 1)
        return table.reshape(self.dimension**2, -1)

    def hessian(self, w: Array) -> Array:
        p, shape = self.multiplicity, (w.shape[1], self.dimension, self.dimension)
        if p == 1:
            return np.zeros(shape)
        if self.samples is None:
            return np.ascontiguousarray((self._curvature @ monomials(w, p - 2)).T).reshape(shape)
        bend = (p - 1) * (self.samples @ w) ** (p - 2)
        return np.einsum("dn,nj,nk->jdk", self.coefficients, bend, self.samples, optimize=True)


@dataclass(frozen=True, eq=False)
class OneSidedMoments(Force):
    """Φ(w) = mean(s σ_p(w·x)) for a ReLU-like activation; cost proportional to n."""

    samples: Array  # (n, D)
    weighted: Array  # (D, n): s_i x_i / n
    slopes: tuple[float, float]  # p c₊ and -p c₋, the factors of |z|^{p-1} in σ_p'

    def gradient(self, w: Array, out: Array | None = None) -> Array:
        z = self.samples @ w
        # At z = 0 the derivative of the kink is taken as 0, its convention in torch too.
        slope = np.where(z > 0, self.slopes[0], np.where(z < 0, self.slopes[1], 0.0))
        if self.multiplicity > 1:
            slope *= np.abs(z) ** (self.multiplicity - 1)
        return np.matmul(self.weighted, slope, out=out)

    def hessian(self, w: Array) -> Array:
        z, p = self.samples @ w, self.multiplicity
        if p == 1:
            return np.zeros((w.shape[1], self.dimension, self.dimension))
        bend = (p - 1) * np.where(z > 0, self.slopes[0], -self.slopes[1]) * np.abs(z) ** (p - 2) * (z != 0)
        return np.einsum("dn,nj,nk->jdk", self.weighted, bend, self.samples, optimize=True)


def moments(x: ArrayLike, s: ArrayLike, multiplicity: int, coefficient: float = 1.0) -> Moments:
    """The force of a smooth activation c z^p on data x (n, D) with signal s (n,).

    Raises `NumericsError` for wrong shapes, p < 1, c = 0 or numbers that are not finite. Cost: one pass
    over the data, n·D·comb(D+p-2, p-1) multiplications; memory D·comb(D+p-2, p-1) numbers. Source: theory
    notes, section 2.

    >>> import numpy as np
    >>> force = numerics.moments([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], 1)
    >>> force.gradient(np.array([[1.0], [0.0]])).ravel().tolist()
    [0.5, 0.5]
    """
    samples, signal = _data(x, s, multiplicity)
    if coefficient == 0 or not np.isfinite(coefficient):
        raise NumericsError(f"leading coefficient is {coefficient}; a finite number other than 0 is needed")
    n, dimension = samples.shape
    p = multiplicity
    factor = p * coefficient / n
    weighted = factor * signal * samples.T
    bound = float(abs(factor) * np.sum(np.abs(signal) * np.linalg.norm(samples, axis=1) ** p))
    if 2 * n < comb(dimension + p - 2, p - 1):
        return Moments(p, dimension, bound, weighted, samples)
    table = sum(
        weighted[:, start : start + _BLOCK] @ monomials(samples[start : start + _BLOCK].T, p - 1).T
        for start in range(0, n, _BLOCK)
    )
    return Moments(p, dimension, bound, table * _multinomials(dimension, p - 1), None)


def one_sided_moments(
    x: ArrayLike, s: ArrayLike, multiplicity: int, c_plus: float, c_minus: float
) -> OneSidedMoments:
    """The force of an activation c₊ z^p (z > 0), c₋ (-z)^p (z < 0) on data x (n, D) with signal s (n,).

    Raises `NumericsError` as `moments` does.  Each evaluation costs 4·n·D operations a neuron.
    """
    samples, signal = _data(x, s, multiplicity)
    if not (np.isfinite(c_plus) and np.isfinite(c_minus)) or c_plus == c_minus == 0:
        raise NumericsError(
            f"one-sided coefficients are ({c_plus}, {c_minus}); two finite numbers, not both 0, are needed"
        )
    n, dimension = samples.shape
    p = multiplicity
    steepest = p * max(abs(c_plus), abs(c_minus)) / n
    bound = float(steepest * np.sum(np.abs(signal) * np.linalg.norm(samples, axis=1) ** p))
    return OneSidedMoments(p, dimension, bound, samples, signal * samples.T / n, (p * c_plus, -p * c_minus))


def _data(x: ArrayLike, s: ArrayLike, multiplicity: int) -> tuple[Array, Array]:
    samples, signal = np.asarray(x, dtype=float), np.asarray(s, dtype=float)
    if samples.ndim != 2 or signal.shape != samples.shape[:1] or 0 in samples.shape:
        raise NumericsError(
            f"data have shapes x {samples.shape}, s {signal.shape}; x (n, D) and s (n,) are needed"
        )
    if not (np.isfinite(samples).all() and np.isfinite(signal).all()):
        raise NumericsError("x or s holds a value that is not finite; finite numbers are needed")
    if multiplicity != int(multiplicity) or multiplicity < 1:
        raise NumericsError(f"multiplicity is {multiplicity}; a whole number of at least 1 is needed")
    return samples, signal
