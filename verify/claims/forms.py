"""Data that realise a given form: exact points and signals with mean(s (u·x)^p) = P(u), the last coordinate 1.

The powers (u·x)^p of the points x of a principal lattice {0..p}^{D-1}, Σ ≤ p, with a 1 appended, are a basis of the
forms of degree p in D variables (the lattice is unisolvent), so one exact linear system gives the signals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import sympy
from flint import fmpq, fmpq_mat

from theory import MomentTensor
from theory.forms.moment_tensor import monomials


@dataclass(frozen=True, eq=False)
class Sample:
    """Integer points x (n, D), the last coordinate the bias, and integer signals s (n,), with the name of their form."""

    name: str
    x: np.ndarray
    s: np.ndarray
    order: int

    @property
    def dimension(self) -> int:
        """D, the bias counted."""
        return self.x.shape[1]

    def tensor(self) -> MomentTensor:
        """The exact moment tensor."""
        return MomentTensor.from_data(self.x, self.s, self.order)

    def document(self) -> dict:
        """The data, JSON-ready, inputs without the bias."""
        return {
            "x": self.x[:, :-1].tolist(),
            "y": self.s.tolist(),
            "bias": True,
            "activation": f"z**{self.order}",
        }


def realise(form: sympy.Poly, name: str) -> Sample:
    """Integer data whose moment form is a positive multiple of `form`, homogeneous with integer coefficients."""
    p, dimension = form.total_degree(), len(form.gens)
    exponents = monomials(dimension, p).exponents
    points = [(*q, 1) for q in product(range(p + 1), repeat=dimension - 1) if sum(q) <= p]
    # Centred, so that the numbers stay small; a shift of the lattice keeps it unisolvent.
    x = np.array(points) - np.array([p // 2] * (dimension - 1) + [0])
    columns = [[_coefficient(row, point) for point in x.tolist()] for row in exponents.tolist()]
    wanted = [[fmpq(int(form.coeff_monomial(sympy.prod(g**int(k) for g, k in zip(form.gens, row, strict=True)))))]
              for row in exponents.tolist()]  # fmt: skip
    solved = fmpq_mat(columns).solve(fmpq_mat(wanted)).entries()
    common = math.lcm(*(int(v.q) for v in solved))
    s = [int(v.p) * (common // int(v.q)) for v in solved]
    divisor = math.gcd(*s)
    kept = [k for k, v in enumerate(s) if v]
    return Sample(name, x[kept], np.array([s[k] // divisor for k in kept]), p)


def _coefficient(exponents: Sequence[int], point: Sequence[int]) -> fmpq:
    """The coefficient of the monomial u^exponents in (u·x)^p."""
    value = math.factorial(sum(exponents))
    for k in exponents:
        value //= math.factorial(k)
    for coordinate, k in zip(point, exponents, strict=True):
        value *= coordinate**k
    return fmpq(value)


def forms(dimension: int) -> tuple[sympy.Symbol, ...]:
    """The variables u_1, ..., u_D."""
    return sympy.symbols(f"u1:{dimension + 1}", real=True)


def star(p: int) -> Sample:
    """Re (u_1 + i u_2)^p = cos pθ on the circle: p lines through its 2p extrema."""
    u = forms(2)
    return realise(
        sympy.Poly(sympy.expand(sympy.re(sympy.expand((u[0] + sympy.I * u[1]) ** p))), *u), f"cos {p}θ"
    )


def arrangement(p: int, dimension: int) -> Sample:
    """The product of p linear forms in general position: |P| has one maximum in each region between the planes."""
    u = forms(dimension)
    # Points of the moment curve: any D of them are independent (Vandermonde), so the planes are in general position.
    rows = np.eye(dimension, dtype=int).tolist() if p <= dimension else []
    nodes = [0, 1, -1, 2, -2, 3, -3, 4, -4][:p]
    planes = rows[:p] or [[t**k for k in range(dimension)] for t in nodes]
    factors = [sum(c * v for c, v in zip(row, u, strict=True)) for row in planes]
    return realise(sympy.Poly(sympy.expand(sympy.prod(factors)), *u), f"{p} planes in R^{dimension}")


def xor() -> Sample:
    """The four points (±1, ±1) with y = x₁x₂ and a bias: P(u) = 6 u₁u₂u₃ for p = 3."""
    x = np.array([[1, 1, 1], [1, -1, 1], [-1, 1, 1], [-1, -1, 1]])
    return Sample("XOR", x, x[:, 0] * x[:, 1], 3)


def random_sample(
    generator: np.random.Generator, p: int, dimension: int, points: int | None = None
) -> Sample:
    """Integer data in [-3, 3], with enough points that the moments are generic."""
    n = points or math.comb(dimension + p - 1, p)
    while True:
        x = np.column_stack([generator.integers(-3, 4, (n, dimension - 1)), np.ones(n, dtype=int)])
        sample = Sample("random integers", x, generator.integers(-3, 4, n), p)
        if not sample.tensor().is_zero:
            return sample
