"""Dense output: the state of every column at any time that the integration has passed.

The nodes of the accepted steps are kept, and a state between two of them is one whole Runge-Kutta step of the part of
the way from the earlier one: of the full order of the method, where an interpolating polynomial of it has one less,
and equal to the integration itself at the nodes.  Cost: 13 evaluations of the field a time; memory: one state a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics.errors import NumericsError
from numerics.flow.batch import Array, System, rk_step


@dataclass(eq=False)
class Nodes:
    """The accepted steps of every column, in the order in which they were made."""

    times: list[list[float]] = field(default_factory=list)
    states: list[list[Array]] = field(default_factory=list)

    def begin(self, start: Array) -> None:
        self.times = [[0.0] for _ in start.T]
        self.states = [[column.copy()] for column in start.T]

    def add(self, y: Array, t: Array, members: NDArray[np.intp]) -> None:
        """Columns whose last step was rejected stand where they were and are passed over."""
        for column, member in enumerate(members.tolist()):
            if t[column] > self.times[member][-1]:
                self.times[member].append(float(t[column]))
                self.states[member].append(y[:, column].copy())

    def at(self, system: System, tau: ArrayLike) -> Array:
        """The states (S, P, B) at ``tau`` (S,); raises NumericsError outside what every column has passed."""
        times = np.atleast_1d(np.asarray(tau, dtype=float))
        last = min(own[-1] for own in self.times)
        if times.ndim != 1 or not ((times >= 0) & (times <= last)).all():
            raise NumericsError(f"tau must be numbers from 0 to {last:g}, where the integration ended")
        members = np.arange(len(self.times))
        out = []
        for time in times:
            place = [int(np.searchsorted(own, time, side="right")) - 1 for own in self.times]
            y = np.stack([own[k] for own, k in zip(self.states, place, strict=True)], axis=1)
            part = time - np.array([own[k] for own, k in zip(self.times, place, strict=True)])
            moved, _ = rk_step(system, y, system.field(y, members), part, members)
            out.append(np.where(part > 0, moved, y))
        return np.array(out)
