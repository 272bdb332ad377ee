"""What theory expects of given initial weights at the end of the initial stage."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from theory.forms.vectors import unit

# The largest share of the leading force that may be left out for a prediction to be a description; chosen because its
# square, what a first-order correction leaves, is then a hundredth.
NEGLECTED = 0.1


@dataclass(frozen=True)
class Expected:
    """B networks at the wanted fall of the loss.

    `times` (B,) and their `uncertainty` (B,); a (B, m) or (B, m, K), w (B, m, D) there, the first-order tilt of the
    leading neurons included; the destination of every neuron as unit vectors (B, m, D), zero where it does not grow; the
    blow-up time of every neuron (B, m).  `perturbation` (B,) is the relative size of the forces beyond leading order at
    the horizon, whose first order is in `times` and w, and whose square is what is left; `spread` (B, m) is how far in
    radians all that is left may turn each neuron.  `left_out` (B,) is the relative size of what is not in them even at
    first order.  `drift` (B, m), for order 2 and above, is how far all that may move (a, w), in units of √(a² + ‖w‖²).
    """

    times: np.ndarray
    uncertainty: np.ndarray
    a: np.ndarray
    w: np.ndarray
    destinations: np.ndarray
    blow_up_times: np.ndarray
    perturbation: np.ndarray
    spread: np.ndarray
    left_out: np.ndarray = field(default_factory=lambda: np.zeros(1))
    drift: np.ndarray = field(default_factory=lambda: np.zeros((1, 1)))

    @property
    def u(self) -> np.ndarray:
        """Orientations at the horizon (B, m, D)."""
        return unit(self.w)

    @property
    def neglected(self) -> float:
        """The share of the leading force that is left out at the horizon, in the worst network."""
        return float(np.max(self.perturbation**2 + self.left_out))

    def amplitudes(self, order: int) -> np.ndarray:
        """|a| ‖w‖^p of each neuron at the horizon (B, m)."""
        return sizes(self.a) * np.linalg.norm(self.w, axis=-1) ** order


def sizes(a: np.ndarray) -> np.ndarray:
    """|a| of output weights (B, m), ‖a‖ of (B, m, K)."""
    return np.abs(a) if a.ndim == 2 else np.linalg.norm(a, axis=-1)
