"""Merging condensed neurons into a small network (the embedding principle read backwards: Zhang et al.
2021, NeurIPS).

For σ(z) = c z^p + c' z^q + ... neurons of one orientation v act as one: output weight Σ a_k (r_k/r)^p on
the input weight r v, with a further (-1)^p for a neuron at -v. The output changes relatively by

* O(r^{q-p}) from the next term of σ, where the norms r_k differ, and
* O(angle²) from a spread of orientations: v is the mean direction weighted by a_k r_k^p, for which the
  term of first order cancels (weighted by the size alone where the a_k cancel).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike

from numerics.errors import NumericsError
from numerics.measure.angles import angle_between
from numerics.measure.neurons import Array, measure_neurons, real_array
from numerics.nets.activations import as_numpy


@dataclass(frozen=True, eq=False)
class MergedNetwork:
    """A two-layer network of M neurons that replaces one of N.

    ``a`` (M,), ``w`` (M, D); ``source`` (N,) is the merged neuron of each old one, -1 for a dropped zero
    neuron (σ(0) = 0); ``spread`` (M,) is the largest angle of a member to the line of its merged neuron.
    """

    a: Float64[np.ndarray, "M"]
    w: Float64[np.ndarray, "M D"]
    source: Int[np.ndarray, "N"]
    spread: Float64[np.ndarray, "M"]
    multiplicity: int

    def predicted_order(self, next_order: int) -> int:
        """The order in the scale ε of the relative change of the output, q - p, for members exactly on
        one line."""
        if next_order <= self.multiplicity:
            raise NumericsError(
                f"next_order is {next_order}; above the multiplicity {self.multiplicity} is needed"
            )
        return next_order - self.multiplicity


@dataclass(frozen=True)
class OutputChange:
    """How far two networks differ on data: the largest and the root-mean-square difference, and the
    latter relative to the root-mean-square output before."""

    largest: float
    rms: float
    relative: float


def line_labels(centres: ArrayLike, labels: ArrayLike, *, cosine: float = 0.95) -> Int[np.ndarray, "N"]:
    """Join opposite clusters, v and -v, into one label; `clusters` keeps them apart."""
    v, old = np.asarray(centres, dtype=float), np.asarray(labels, dtype=int)
    if not len(v):
        return old.copy()
    first = np.array([min(j, *np.nonzero(v @ v[j] <= -cosine)[0], j) for j in range(len(v))])
    return np.where(old < 0, -1, first[old])


def merge_neurons(a: ArrayLike, w: ArrayLike, labels: ArrayLike, *, multiplicity: int) -> MergedNetwork:
    """Merge the neurons a (N,), w (N, D) of each label >= 0 into one; those of label -1 stay as they are.

    Raises `NumericsError` for wrong shapes. Members on both sides of a line are told apart by the sign of
    the cosine to the member of largest amplitude; a one-sided activation must not be merged across sides:
    give the sides two labels.

    >>> small = numerics.merge_neurons([1.0, 2.0], [[1.0, 0.0], [1.0, 0.0]], [0, 0], multiplicity=1)
    >>> small.a.tolist(), small.w.tolist()
    ([3.0], [[1.0, 0.0]])
    """
    outputs, weights, given = (
        real_array(part, name) for part, name in ((a, "a"), (w, "w"), (labels, "labels"))
    )
    if not (given == np.rint(given)).all():
        raise NumericsError("labels must be whole numbers, -1 for a neuron that stays as it is")
    groups = given.astype(int)
    if multiplicity < 1 or multiplicity != int(multiplicity):
        raise NumericsError(f"multiplicity is {multiplicity}; a whole number of at least 1 is needed")
    measured = measure_neurons(weights, outputs, multiplicity=multiplicity)
    if outputs.ndim != 1 or groups.shape != outputs.shape:
        raise NumericsError(
            f"a has shape {outputs.shape}, labels {groups.shape}; both must be ({len(weights)},)"
        )
    source = np.full(len(outputs), -1)
    new_a, new_w, spread = [], [], []
    u, r, p = measured.orientation, measured.norm, multiplicity
    alone = np.nonzero((groups < 0) & ~measured.zero)[0]
    sets = [np.nonzero((groups == g) & ~measured.zero)[0] for g in np.unique(groups[groups >= 0])]
    for members in [*sets, *alone[:, None]]:
        if not len(members):
            continue
        size = measured.amplitude[members]
        size = size / size.max() if size.max() > 0 else np.ones(len(members))
        side = np.where(u[members] @ u[members[np.argmax(size)]] < 0, -1.0, 1.0)
        pull = np.sign(outputs[members]) * side**p * size
        directed = side[:, None] * u[members]
        mean = pull @ directed * np.sign(pull.sum())
        if np.linalg.norm(mean) < 0.5 * size.sum():
            mean = size @ directed
        v = mean / np.linalg.norm(mean)
        radius = (size @ r[members]) / size.sum()
        source[members] = len(new_a)
        new_a.append(float(np.sum(outputs[members] * side**p * (r[members] / radius) ** p)))
        new_w.append(radius * v)
        spread.append(float(angle_between(directed, v).max()))
    return MergedNetwork(
        np.array(new_a), np.array(new_w).reshape(-1, weights.shape[1]), source, np.array(spread), multiplicity
    )


def output_change(
    value: Callable[[Any], Any],
    x: ArrayLike,
    before: tuple[ArrayLike, ArrayLike],
    after: tuple[ArrayLike, ArrayLike],
) -> OutputChange:
    """The change of Σ a σ(w·x) on data x (n, D) from the neurons (a, w) ``before`` to those ``after``.

    ``value`` is σ, elementwise (numpy or torch). Raises `NumericsError` for shapes that do not fit.

    >>> import numpy as np
    >>> two, one = ([1.0, 2.0], [[1.0], [1.0]]), ([3.0], [[1.0]])
    >>> numerics.output_change(np.tanh, [[0.5], [2.0]], two, one).largest < 1e-15
    True
    """
    sigma, samples = as_numpy(value), np.asarray(x, dtype=float)

    def output(neurons: tuple[ArrayLike, ArrayLike]) -> Array:
        a, w = (np.asarray(part, dtype=float) for part in neurons)
        if samples.ndim != 2 or w.ndim != 2 or samples.shape[1] != w.shape[1] or a.shape != w.shape[:1]:
            raise NumericsError(
                f"x has shape {samples.shape}, a {a.shape}, w {w.shape}; (n, D), (N,) and (N, D) are needed"
            )
        return sigma(samples @ w.T) @ a

    old = output(before)
    difference = output(after) - old
    rms, size = float(np.sqrt(np.mean(difference**2))), float(np.sqrt(np.mean(old**2)))
    return OutputChange(float(np.abs(difference).max()), rms, rms / size if size > 0 else float("inf"))
