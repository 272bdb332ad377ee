"""Neurons as measured: orientation, input norm, amplitude; zero and dead ones counted, never dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike, NDArray

from numerics.errors import NumericsError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MeasuredNeurons:
    """N neurons of one layer with input weights in R^D (bias last).

    ``orientation`` (N, D) is w/‖w‖, a row of zeros for a zero neuron; ``norm`` (N,) is ‖w‖; ``amplitude``
    (N,) is |a| ‖w‖^p, or ‖w‖ where no output weight was given; ``output_sign`` (N,) is the sign of a (0
    for several outputs). ``zero`` (N,) marks w = 0; ``dead`` (N,) marks one-sided neurons that no sample
    drives.
    """

    orientation: Float64[np.ndarray, "N D"]
    norm: Float64[np.ndarray, "N"]
    amplitude: Float64[np.ndarray, "N"]
    output_sign: Float64[np.ndarray, "N"]
    zero: Bool[np.ndarray, "N"]
    dead: Bool[np.ndarray, "N"]

    @property
    def live(self) -> Bool[np.ndarray, "N"]:
        """Neither zero nor dead."""
        return ~(self.zero | self.dead)

    @property
    def angle(self) -> Float64[np.ndarray, "N"]:
        """The orientation as an angle in (-π, π], for D = 2 only; 0 for a zero neuron."""
        if self.orientation.shape[1] != 2:
            raise NumericsError(f"the angle needs D = 2; these neurons have D = {self.orientation.shape[1]}")
        return np.arctan2(self.orientation[:, 1] + 0.0, self.orientation[:, 0])  # -0 + 0 is 0: π, never -π


def measure_neurons(
    w: ArrayLike,
    a: ArrayLike | None = None,
    *,
    multiplicity: int = 1,
    x: ArrayLike | None = None,
    one_sided: tuple[float, float] | None = None,
) -> MeasuredNeurons:
    """Measure neurons with input weights w (N, D) and output weights a (N,) or (N, K).

    With data x (n, D) and the coefficients ``one_sided`` = (c₊, c₋) a neuron is dead when every sample
    falls on a side whose coefficient is 0. Raises `NumericsError` for wrong shapes or numbers that are
    not finite.
    """
    weights = real_array(w, "w")
    if multiplicity < 1 or multiplicity != int(multiplicity):
        raise NumericsError(f"multiplicity is {multiplicity}; a whole number of at least 1 is needed")
    if weights.ndim != 2 or not np.isfinite(weights).all():
        raise NumericsError(f"w has shape {weights.shape}; finite numbers of shape (N, D) are needed")
    # Scaled by the largest entry first, so that weights of 1e-200 keep their orientation.
    top = np.abs(weights).max(axis=1, initial=0.0)
    zero = top == 0
    scaled = weights / np.where(zero, 1.0, top)[:, None]
    length = np.linalg.norm(scaled, axis=1)
    orientation, norm = scaled / np.where(zero, 1.0, length)[:, None], top * length
    if a is None:
        amplitude, sign = norm.copy(), np.zeros(len(norm))
    else:
        outputs = real_array(a, "a")
        if outputs.ndim not in (1, 2) or len(outputs) != len(weights) or not np.isfinite(outputs).all():
            raise NumericsError(
                f"a has shape {outputs.shape}; finite ({len(weights)},) or ({len(weights)}, K) is needed"
            )
        size = np.abs(outputs) if outputs.ndim == 1 else np.linalg.norm(outputs, axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            amplitude = size * norm**multiplicity
        if not np.isfinite(amplitude).all():
            raise NumericsError(f"|a| ‖w‖^{multiplicity} overflows for norms up to {norm.max():g}; rescale w")
        sign = np.sign(outputs) if outputs.ndim == 1 else np.zeros(len(norm))
    dead = np.zeros(len(norm), dtype=bool)
    if x is not None and one_sided is not None:
        samples = real_array(x, "x")
        if samples.ndim != 2 or samples.shape[1] != weights.shape[1]:
            raise NumericsError(f"x has shape {samples.shape}; (n, {weights.shape[1]}) is needed")
        z = orientation @ samples.T
        driven = ((z > 0) & (one_sided[0] != 0)) | ((z < 0) & (one_sided[1] != 0))
        dead = ~zero & ~driven.any(axis=1)
    return MeasuredNeurons(orientation, norm, amplitude, sign, zero, dead)


def real_array(given: ArrayLike, name: str) -> Array:
    """``given`` as float64; raises `NumericsError` where it holds anything but real numbers, or rows of unlike length."""
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise NumericsError(f"{name} must be an array of real numbers, not {type(given).__name__}") from None


def unit_rows(u: ArrayLike, name: str = "u") -> Float64[np.ndarray, "N D"]:
    """``u`` (N, D) with rows of norm 1; raises `NumericsError` for a zero row or numbers that are not
    finite."""
    rows = real_array(u, name)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise NumericsError(f"{name} has shape {rows.shape}; finite numbers of shape (N, D) are needed")
    length = np.linalg.norm(rows, axis=1)
    if (length == 0).any():
        row = int(np.argmin(length))
        raise NumericsError(
            f"row {row} of {name} is zero and has no orientation; select the live neurons first"
        )
    return rows / length[:, None]
