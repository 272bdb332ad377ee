"""The limit of an orientation that is already close to it, by Newton's method on the sphere.

On the sphere of orientations a neuron climbs sign(a) Φ. Near a strict local maximum the flow needs as
many steps as its slowest rate dictates and gains nothing but digits; Newton's method gives them all in
two or three iterations. A limit is accepted only if

* the first correction is small and the second at least 10 times smaller: the linear model that says where
  the limit is is right to 10 % over the whole way left;
* the tangential Hessian, times sign(a), is negative definite there: the limit attracts the neuron.

Neurons share few limits, so those found are remembered, and a neuron near one of them passes the same
test with the inverse Hessian that is already there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from numerics.flow.batch import Array
from numerics.flow.moments import Force

_LARGEST_CORRECTION = 0.1  # radians
_CONTRACTION = 0.1
_ITERATIONS = 6
_MEMORY = 256  # limits; beyond, each neuron is solved for
_EPS = np.finfo(float).eps


def _tangential(force: Force, u: Array) -> tuple[Array, Array]:
    """Tangential gradient of Φ on the sphere, (D, C), and ∇²Φ - (u·∇Φ) I, (C, D, D)."""
    gradient = force.gradient(u)
    radial = np.einsum("ij,ij->j", u, gradient)
    hessian = force.hessian(u)
    hessian -= radial[:, None, None] * np.eye(len(u))
    return gradient - radial * u, hessian


def attracting_limit(force: Force, u: Array, sign: Array) -> tuple[Array, NDArray[np.bool_]]:
    """The limit (D, C) of unit orientations u (D, C) that climb sign (C,) times Φ, and where it is
    accepted (C,).

    Cost: for each column some 10·D gradients and as many solutions of D + 1 linear equations as corrections.
    """
    dimension, count = u.shape
    accepted = np.ones(count, dtype=bool)
    previous = np.full(count, np.inf)
    bordered = np.zeros((count, dimension + 1, dimension + 1))
    for k in range(_ITERATIONS):
        residual, hessian = _tangential(force, u)
        bordered[:, :-1, :-1] = hessian
        bordered[:, :-1, -1] = bordered[:, -1, :-1] = u.T
        rhs = np.zeros((count, dimension + 1, 1))
        rhs[:, :-1, 0] = -residual.T
        try:
            correction = np.linalg.solve(bordered, rhs)[:, :-1, 0].T
        except np.linalg.LinAlgError:  # a singular tangential Hessian: some limit here is degenerate
            return u, np.zeros(count, dtype=bool)
        size = np.sqrt(np.einsum("ij,ij->j", correction, correction))
        if k == 0:
            accepted &= size <= _LARGEST_CORRECTION
        elif k == 1:
            # A neuron that was at its limit to rounding has nothing to contract.
            accepted &= size <= np.maximum(_CONTRACTION * previous, 64 * _EPS)
        previous = size
        u = u + np.where(accepted, correction, 0.0)
        u /= np.sqrt(np.einsum("ij,ij->j", u, u))
        if not accepted.any() or (k > 0 and size[accepted].max() <= 1e-8):  # its square is rounding
            break
    _, hessian = _tangential(force, u)
    # The direction u itself is taken out by a value below all tangential ones.
    lid = 2 * force.multiplicity * force.bound
    reduced = sign[:, None, None] * hessian
    along = np.einsum("cij,jc->ci", reduced, u)  # parallel to u at a fixed orientation
    radial = np.einsum("ci,ic->c", along, u)
    reduced -= (radial + lid)[:, None, None] * u.T[:, :, None] * u.T[:, None, :]
    accepted &= np.linalg.eigvalsh(reduced)[:, -1] < -(force.multiplicity**2) * 64 * _EPS * force.bound
    return u, accepted


@dataclass(eq=False)
class Limits:
    """The limits found so far: ``u`` (k, D), ``sign`` (k,) and the inverse of the tangential Hessian (k,
    D, D)."""

    force: Force
    u: Array = field(init=False)
    sign: Array = field(init=False)
    inverse: Array = field(init=False)

    def __post_init__(self) -> None:
        dimension = self.force.dimension
        self.u, self.sign, self.inverse = (
            np.empty((0, dimension)),
            np.empty(0),
            np.empty((0, dimension, dimension)),
        )

    def find(self, u: Array, sign: Array) -> tuple[Array, NDArray[np.bool_]]:
        """As `attracting_limit`, from memory where possible."""
        limit, accepted, close = self._recognise(u, sign)
        rest = np.nonzero(~close)[0]  # one that is close and not accepted only has to come closer
        if len(rest):
            limit[:, rest], accepted[rest] = attracting_limit(self.force, u[:, rest], sign[rest])
            self._remember(limit[:, rest[accepted[rest]]], sign[rest[accepted[rest]]])
        return limit, accepted

    def _recognise(self, u: Array, sign: Array) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
        if not len(self.u):
            none = np.zeros(u.shape[1], dtype=bool)
            return u.copy(), none, none.copy()
        cosines = np.where(self.sign[:, None] == sign, self.u @ u, -2.0)
        nearest = np.argmax(cosines, axis=0)
        limit = self.u[nearest].T
        distance = limit - u
        gradient = self.force.gradient(u)
        residual = gradient - np.einsum("ij,ij->j", u, gradient) * u
        step = -np.einsum("cij,jc->ic", self.inverse[nearest], residual)
        size = np.sqrt(np.einsum("ij,ij->j", distance, distance))
        wrong = np.sqrt(np.einsum("ij,ij->j", step - distance, step - distance))
        close = (cosines[nearest, np.arange(len(nearest))] > 0) & (size <= _LARGEST_CORRECTION)
        return limit.copy(), close & (wrong <= np.maximum(_CONTRACTION * size, 64 * _EPS)), close

    def _remember(self, u: Array, sign: Array) -> None:
        for v, s in zip(u.T, sign, strict=True):
            if len(self.u) >= _MEMORY:
                return
            if ((np.abs(self.u - v).max(axis=1) < 1e-6) & (self.sign == s)).any():
                continue
            _, hessian = _tangential(self.force, v[:, None])
            plane = np.eye(len(v)) - np.outer(v, v)
            # On the tangent space the inverse of the Hessian, 0 along v.
            inverse = np.linalg.pinv(plane @ hessian[0] @ plane, rcond=_EPS * len(v) * 8, hermitian=True)
            self.u, self.sign = np.vstack([self.u, v]), np.append(self.sign, s)
            self.inverse = np.concatenate([self.inverse, inverse[None]])
