"""How far a unit vector is from the set that collects growing neurons: isolated orientations and continua of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.errors import TheoryError
from theory.forms.stability import Kind
from theory.orientations.result import Continuum, OrientationSet


@dataclass(frozen=True)
class AttractingSet:
    """The growing orientations `isolated` (K, D), and of continua the `spans`, each (m, D) of orthonormal rows.

    `unmeasured` are the continua that collect growing neurons, or may, and whose span is not known: where there are
    any, a distance is one to the rest, and may only be too large.
    """

    isolated: np.ndarray
    spans: tuple[np.ndarray, ...]
    unmeasured: tuple[Continuum, ...]

    @classmethod
    def of(cls, found: OrientationSet) -> AttractingSet:
        """The attracting set of a search."""
        may = [
            c
            for c in found.continua
            if c.kind is Kind.ATTRACTOR or (c.kind is Kind.DEGENERATE and c.value != 0)
        ]
        return cls(
            isolated=np.array([o.u for o in found.attractors], dtype=float).reshape(-1, found.dimension),
            spans=tuple(np.array(c.span, dtype=float) for c in may if c.span is not None),
            unmeasured=tuple(c for c in may if c.span is None),
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to which a distance could be taken."""
        return not len(self.isolated) and not self.spans

    def distance(self, u: np.ndarray) -> np.ndarray:
        """The angle (N,) in radians of unit vectors u (N, D) to the nearest member; inf where the set is empty.

        Raises TheoryError for another D.  Cost: N (K + Σ m) D operations.

        >>> import numpy as np
        >>> from theory import MomentTensor, find_orientations
        >>> ring = MomentTensor.from_data(np.diag([1.0, 1.0, 0.5]), np.ones(3), 2)  # P is largest on a circle
        >>> AttractingSet.of(find_orientations(ring)).distance(np.array([[0.6, 0.8, 0.0], [0.6, 0.0, 0.8]])).round(4)
        array([0.    , 0.9273])
        """
        u = np.asarray(u, dtype=float)
        if u.ndim != 2 or u.shape[1] != self.isolated.shape[1]:
            raise TheoryError(f"vectors of shape {u.shape}; accepted: (N, {self.isolated.shape[1]})")
        out = np.full(len(u), np.inf)
        for goal in self.isolated:
            out = np.minimum(out, np.arctan2(np.linalg.norm(u - np.outer(u @ goal, goal), axis=1), u @ goal))
        for rows in self.spans:
            inside = u @ rows.T
            off = np.linalg.norm(u - inside @ rows, axis=1)
            out = np.minimum(out, np.arctan2(off, np.linalg.norm(inside, axis=1)))
        return out
