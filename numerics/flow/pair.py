"""One step of Dormand and Prince's explicit Runge-Kutta method of order 8, for many columns at once.

The method with its error estimate of orders 5 and 3 is that of Hairer, Nørsett, Wanner, *Solving Ordinary
Differential Equations I*, II.5; its tableau is read from SciPy. The state and all increments h·k_i of a
step lie under one another in one buffer, so that the point of a stage is one product of a row of
coefficients with that buffer, with no pass for h and none for the state.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

Array = NDArray[np.float64]

STAGES = len(DOP853.B)
ORDER = 8
_TINY = np.finfo(float).tiny
_POINTS = [np.concatenate([[1.0], DOP853.A[i, :i]]) for i in range(STAGES)]
_NEW = np.concatenate([[1.0], DOP853.B])
_E3, _E5 = DOP853.E3[:-1].copy(), DOP853.E5[:-1].copy()


class Incremented(Protocol):
    """What a step needs of a system."""

    def increment(self, y: Array, h: Array, members: NDArray[np.intp], out: Array) -> None:
        """h·field(y) into ``out``; y and out (P, C), h (C,)."""
        ...


class Workspace:
    """The buffer of a step, for at most ``room`` columns of ``size`` entries; used again by every step."""

    def __init__(self, size: int, room: int) -> None:
        self.size = size
        self._memory = np.empty((STAGES + 3) * size * room)

    def rows(self, columns: int) -> tuple[Array, Array, Array]:
        """(state and increments (13, P·C), point of a stage (P, C), new state (P, C)) for C columns."""
        length = self.size * columns
        table = self._memory[: (STAGES + 3) * length].reshape(STAGES + 3, length)
        shape = (self.size, columns)
        return table[: STAGES + 1], table[STAGES + 1].reshape(shape), table[STAGES + 2].reshape(shape)


def rk_step(
    system: Incremented,
    y: Array,
    slope: Array,
    h: Array,
    members: NDArray[np.intp],
    workspace: Workspace | None = None,
) -> tuple[Array, Array]:
    """One step of size h (C,) from y (P, C) with slope = field(y): the new state (P, C) and all increments
    (12, P·C), both in the workspace where one is given, hence valid until its next step."""
    table, point, new = (workspace or Workspace(*y.shape)).rows(y.shape[1])
    table[0] = y.reshape(-1)
    np.multiply(slope, h, out=table[1].reshape(y.shape))
    for i in range(1, STAGES):
        np.matmul(_POINTS[i], table[: i + 1], out=point.reshape(-1))
        system.increment(point, h, members, table[i + 1].reshape(y.shape))
    np.matmul(_NEW, table, out=new.reshape(-1))
    return new, table[1:]


def step_error(increments: Array, scale: Array) -> Array:
    """The largest error of a step in units of ``scale`` (P, C) > 0, (C,), from the increments (12, P·C)."""
    per = 1 / scale
    fifth, third = (np.abs((row @ increments).reshape(scale.shape) * per).max(axis=0) for row in (_E5, _E3))
    return fifth * fifth / np.maximum(np.sqrt(fifth * fifth + 0.01 * third * third), _TINY)
