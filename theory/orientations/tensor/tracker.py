"""Homotopy continuation of Z-eigenlines from a diagonal tensor, all paths as one numpy batch.

T_t = (1-t) Σ_k b_k e_k^{⊗p} + t T.  A path is a line of eigenvectors of T_t, T_t u^{p-1} = λ G_t u with G_t = G^t
for a metric G (theory.orientations.tensor.frame), the identity as a rule; it is followed on the
patch ū₀·u = 1 of its own current unit vector u₀, where nothing can run to infinity: |λ| ≤ ‖T_t‖.  Runge
and Kutta's fourth-order step predicts, Newton's method corrects, and each path has its own step from
the size of the correction, O(h⁵). For almost every complex b no path meets a singular point before t =
1: the bad b form a real cone over a complex hypersurface.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from theory.forms.certificate import bordered
from theory.forms.moment_tensor import MomentTensor

Axes = tuple[np.ndarray, np.ndarray]  # eigenvalues (D,) and eigenvectors (D, D) of a metric
ARRIVED_SINGULAR = 1e-9  # 1 - t at which a path that still cannot finish is taken to end on a singular line


@dataclass(frozen=True)
class Paths:
    """Ends of the paths: unit u (N, D), value λ (N,) at the tensor's normalisation, t reached (N,),
    `steps` taken.

    t = 1 is a regular end; 1 - t < ARRIVED_SINGULAR a singular one; anything else a failure.
    """

    u: np.ndarray
    value: np.ndarray
    t: np.ndarray
    steps: int


def start_diagonal(tensor: MomentTensor, generator: np.random.Generator) -> np.ndarray:
    """Return b (D,), random and complex, of the Frobenius norm of T 2^-exponent2."""
    size = tensor.dimension
    phase = np.exp(2j * np.pi * generator.random(size))
    return phase * generator.uniform(0.7, 1.3, size) * tensor.frobenius_bound / np.sqrt(size)


def start_lines(b: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all eigenlines (u, λ) of the diagonal tensor, p >= 3: each u_k^{p-2} is λ/b_k, or u_k = 0."""
    size, k = len(b), order - 2
    roots = np.exp(2j * np.pi * np.arange(k) / k)
    base = b ** (-1.0 / k)
    lines = []
    for count in range(1, size + 1):
        for support in combinations(range(size), count):
            for turn in product(range(k), repeat=count - 1):
                u = np.zeros(size, dtype=complex)
                u[list(support)] = base[list(support)] * roots[[0, *turn]]
                lines.append(u)
    u = np.array(lines)
    norm = np.linalg.norm(u, axis=1)
    return u / norm[:, None], norm ** (-float(k)) + 0j


class _Family:
    """Evaluates T_t and the tangent of its eigenlines."""

    def __init__(self, tensor: MomentTensor, b: np.ndarray, axes: Axes | None):
        self.tensor, self.b, self.order = tensor, b, tensor.order
        self.diagonal = np.arange(len(b))
        self.axes = axes  # G_t = G^t changes evenly, however small its eigenvalues are

    def hessians(self, u: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return T_t u^{p-2} and d/dt T_t u^{p-1}."""
        end = self.tensor.normalised_hessian(u)
        start = self.b * u ** (self.order - 2)
        rate = (end @ u[..., None])[..., 0] - start * u
        end *= t[:, None, None]
        end[:, self.diagonal, self.diagonal] += (1 - t)[:, None] * start
        return end, rate

    def tangent(self, z: np.ndarray, t: np.ndarray, patch: np.ndarray) -> np.ndarray:
        """Return dz/dt of z = (u, λ) on the patch."""
        u = z[:, :-1]
        hessian, rate = self.hessians(u, t)
        right = np.zeros_like(z)
        right[:, :-1] = -rate
        if self.axes is not None:
            growth, vectors = np.log(self.axes[0]), self.axes[1]
            right[:, :-1] += z[:, -1:] * (self.dual(u @ vectors * growth @ vectors.T, t))
        return _solve(self.bordered(hessian, u, z[:, -1], t, patch), right)

    def newton(self, z: np.ndarray, t: np.ndarray, patch: np.ndarray) -> np.ndarray:
        """Return Newton's correction of z on the patch patch·u = const."""
        u = z[:, :-1]
        hessian, _ = self.hessians(u, t)
        right = np.zeros_like(z)
        right[:, :-1] = z[:, -1:] * self.dual(u, t) - (hessian @ u[..., None])[..., 0]
        return _solve(self.bordered(hessian, u, z[:, -1], t, patch), right)

    def dual(self, u: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return G_t u."""
        if self.axes is None:
            return u
        roots, vectors = self.axes
        return (u @ vectors * roots ** t[:, None]) @ vectors.T

    def bordered(
        self, hessian: np.ndarray, u: np.ndarray, value: np.ndarray, t: np.ndarray, patch: np.ndarray
    ) -> np.ndarray:
        """Return the derivative [(p-1) T_t u^{p-2} - λ G_t, -G_t u; patch, 0]."""
        if self.axes is None:
            return bordered(hessian, u, value, self.order, patch)
        out = bordered(hessian, self.dual(u, t), np.zeros_like(value), self.order, patch)
        roots, vectors = self.axes
        metric = np.einsum("jk,nk,lk->njl", vectors, roots ** t[:, None], vectors)
        out[:, :-1, :-1] -= value[:, None, None] * metric
        return out


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, right[..., None])[..., 0]
    except (
        np.linalg.LinAlgError
    ):  # an exactly singular member: take least squares for all, the step control decides
        return (np.linalg.pinv(matrix) @ right[..., None])[..., 0]


def track(
    tensor: MomentTensor,
    b: np.ndarray,
    u: np.ndarray,
    value: np.ndarray,
    *,
    tolerance: float = 1e-4,
    metric: Axes | None = None,
) -> Paths:
    """Follow the eigenlines (u, value) of diag(b) to T; `tolerance` bounds each predictor error (angle).

    `metric` holds the eigenvalues and eigenvectors of G at the end, positive definite; None for the identity.

    Cost: about 6 solves of (D+1)³ a path and step, 20-60 steps a path.
    """
    family = _Family(tensor, b, metric)
    z = np.concatenate([u, value[:, None]], axis=1)
    t = np.zeros(len(z))
    h = np.full(len(z), 0.05)
    active = np.arange(len(z))
    steps = 0
    with np.errstate(all="ignore"):
        while active.size and steps < 2000:
            steps += 1
            za, ta = z[active], t[active]
            ha = np.minimum(h[active], 1 - ta)
            end = np.where(ha >= 1 - ta, 1.0, ta + ha)
            patch = za[:, :-1].conj()
            half = ha[:, None] / 2
            k1 = family.tangent(za, ta, patch)
            k2 = family.tangent(za + half * k1, ta + ha / 2, patch)
            k3 = family.tangent(za + half * k2, ta + ha / 2, patch)
            k4 = family.tangent(za + 2 * half * k3, end, patch)
            guess = za + half / 3 * (k1 + 2 * k2 + 2 * k3 + k4)
            move = family.newton(guess, end, patch)
            error = np.linalg.norm(move, axis=1) / np.linalg.norm(guess, axis=1)
            error = np.where(np.isfinite(error), error, np.inf)
            good = error < tolerance
            fresh = guess + move
            norm = np.linalg.norm(fresh[:, :-1], axis=1)
            fresh[:, :-1] /= norm[:, None]
            fresh[:, -1] /= norm ** (tensor.order - 2)
            z[active[good]] = fresh[good]
            t[active[good]] = end[good]
            factor = np.clip(0.8 * (tolerance / np.maximum(error, 1e-300)) ** 0.2, 0.2, 3.0)
            h[active] = ha * np.where(good, factor, np.minimum(factor, 0.5))
            left = 1 - t[active]
            stuck = (h[active] < 1e-11) | ((left < ARRIVED_SINGULAR) & (left > 0))
            active = active[(left > 0) & ~stuck]
        arrived = np.flatnonzero(t == 1.0)
        for _ in range(3):
            za = z[arrived]
            move = family.newton(za, t[arrived], za[:, :-1].conj())
            z[arrived] = np.where(np.isfinite(move).all(axis=1, keepdims=True), za + move, za)
    return Paths(z[:, :-1], z[:, -1], t, steps)
