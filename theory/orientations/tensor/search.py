"""Real local searches from random starts, one numpy batch: candidates only, nothing here is proved.

ascent    strict local maxima of s P, by a Riemannian Newton step with |M| in place of -M (it always climbs).
stationary  any fixed orientation, also a singular one, by Levenberg and Marquardt's method on T u^{p-1}
- P u.
"""

from __future__ import annotations

import numpy as np

from theory.forms.moment_tensor import MomentTensor

CONVERGED = 1e-11  # residual at the normalisation max|T_α| ~ 1, D^{(p-1)/2} roundings of binary64


def random_units(count: int, dimension: int, generator: np.random.Generator) -> np.ndarray:
    """Return uniform unit vectors (count, D)."""
    u = generator.standard_normal((count, dimension))
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def projected(tensor: MomentTensor, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return P (N,), T u^{p-1} - P u (N, D) and M on the tangent space (N, D, D), times 2^-exponent2."""
    hessian = tensor.normalised_hessian(u)
    gradient = (hessian @ u[..., None])[..., 0]
    value = (gradient * u).sum(axis=-1)
    residual = gradient - value[:, None] * u
    identity = np.eye(u.shape[1])
    projector = identity - u[:, :, None] * u[:, None, :]
    form = (tensor.order - 1) * hessian - value[:, None, None] * identity
    return value, residual, projector @ form @ projector


def ascent(tensor: MomentTensor, u: np.ndarray, sign: int, steps: int = 200) -> np.ndarray:
    """Return the starts u (N, D) moved up sign·P, those that converged."""
    u = climbed(tensor, u, sign, steps)
    return u[np.linalg.norm(projected(tensor, u)[1], axis=1) < CONVERGED]


def climbed(tensor: MomentTensor, u: np.ndarray, sign: int, steps: int = 200) -> np.ndarray:
    """Return the starts u (N, D) moved up sign·P, converged or not."""
    for _ in range(steps):
        _, residual, form = projected(tensor, u)
        eigenvalues, vectors = np.linalg.eigh(form)
        size = np.linalg.norm(residual, axis=1)
        if np.all(size < CONVERGED):
            break
        curve = np.maximum(
            np.abs(eigenvalues), 1e-3 * np.abs(eigenvalues).max(axis=1, keepdims=True) + 1e-300
        )
        along = np.einsum("njk,nj->nk", vectors, sign * residual) / curve
        step = np.einsum("njk,nk->nj", vectors, along)
        length = np.linalg.norm(step, axis=1, keepdims=True)
        u = u + step * np.minimum(1.0, 0.3 / np.maximum(length, 1e-300))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
    return u


def stationary(tensor: MomentTensor, u: np.ndarray, steps: int = 100) -> np.ndarray:
    """Return the starts u (N, D) moved to fixed orientations of any kind, those that converged."""
    for _ in range(steps):
        _, residual, form = projected(tensor, u)
        size = (residual**2).sum(axis=1)
        if np.all(size < CONVERGED**2):
            break
        # -(M² + d)⁻¹ M r in the eigenvectors of M: no division by 0, however singular M² + d is to rounding.  The
        # damping d is the squared residual, quadratic convergence.
        eigenvalues, vectors = np.linalg.eigh(form)
        along = np.einsum("njk,nj->nk", vectors, residual) * eigenvalues
        along /= eigenvalues**2 + size[:, None] + 1e-14
        step = -np.einsum("njk,nk->nj", vectors, along)
        length = np.linalg.norm(step, axis=1, keepdims=True)
        u = u + step * np.minimum(1.0, 0.3 / np.maximum(length, 1e-300))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
    return u[np.linalg.norm(projected(tensor, u)[1], axis=1) < CONVERGED]


def group_lines(u: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the first member (G, D) and the size (G,) of each group of lines closer than `angle` to it."""
    heads: list[np.ndarray] = []
    counts: list[int] = []
    left = u
    while len(left):
        gap = np.linalg.norm(left - (left @ left[0])[:, None] * left[0], axis=1)
        near = gap < angle
        heads.append(left[0])
        counts.append(int(near.sum()))
        left = left[~near]
    return np.array(heads).reshape(-1, u.shape[1]), np.array(counts, dtype=int)
