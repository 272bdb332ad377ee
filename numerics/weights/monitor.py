"""A monitor to drop into one's own PyTorch training loop.

    monitor = CondensationMonitor(model.hidden, output=model.readout)
    for step in range(steps):
        ...
        optimizer.step()
        monitor.step(loss)

It looks at the weights at logarithmically spaced steps only, and at no more than `neurons` of them, so
that its cost stays far below that of the loop; it never touches gradients or random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from numerics.errors import NumericsError
from numerics.measure.angles import ROUNDING, normalised_weights
from numerics.measure.clusters import clusters
from numerics.measure.neurons import Array


@dataclass(frozen=True)
class CondensationRecord:
    """What the monitor saw after ``step`` steps: ``loss`` if it was given, the number of orientations
    among the ``neurons`` looked at, of zero neurons and of those with a weight that is not finite (left out
    of everything else), the share in a cluster, the effective width by amplitude, the 5, 50 and 95 %
    quantiles of the cosines, and the median and largest input norm."""

    step: int
    loss: float | None
    neurons: int
    zero: int
    not_finite: int
    orientations: int
    condensed_share: float
    effective_width: float
    cosine_quantiles: tuple[float, float, float]
    median_norm: float
    largest_norm: float


def next_log_step(step: int, per_decade: int) -> int:
    """The first whole number after ``step`` of the form round(10^(k/per_decade)), k = 0, 1, ..."""
    k = int(np.floor(np.log10(max(step, 1)) * per_decade)) if step else -1
    candidate = step
    while candidate <= step:
        k += 1
        candidate = round(10 ** (k / per_decade))
    return candidate


def _number(loss: Any) -> float | None:
    try:
        return None if loss is None else float(getattr(loss, "detach", lambda: loss)())
    except (TypeError, ValueError, RuntimeError):
        raise NumericsError(
            f"loss is {type(loss).__name__} of shape {tuple(getattr(loss, 'shape', ()))}; one number or None is needed"
        ) from None


class CondensationMonitor:
    """Records the condensation of one layer of a network in training.

    ``layer`` is a module with a ``weight`` (m, ...) and perhaps a ``bias`` (m,), its last coordinate here
    (convolution kernels are flattened); ``output``, if given, is the next linear or convolutional module,
    whose weights (K, m), (K, m · positions) after flattened filters, or (K, m, ...) give amplitudes of
    multiplicity ``multiplicity``. At most ``neurons`` neurons are looked at, evenly spaced and always the
    same. A network that diverges is recorded, never stopped. Parameters may be replaced by others of their
    shapes; where the number of neurons changes, or ``loss`` is no number, `step` raises NumericsError.
    """

    def __init__(
        self,
        layer: Any,
        *,
        output: Any = None,
        multiplicity: int = 1,
        per_decade: int = 4,
        neurons: int = 256,
        cosine: float = 0.95,
    ) -> None:
        weight = getattr(layer, "weight", None)
        if weight is None or weight.ndim < 2:
            raise NumericsError(
                f"{type(layer).__name__} has no weight matrix; a linear or convolution module is needed"
            )
        if type(layer).__name__.startswith("ConvTranspose"):
            raise NumericsError("the rows of a transposed convolution are its inputs; watch another layer")
        onward = None if output is None else getattr(output, "weight", None)
        if output is not None and (onward is None or onward.ndim < 2 or onward.shape[1] % len(weight)):
            shape = None if onward is None else tuple(onward.shape)
            raise NumericsError(
                f"output.weight has shape {shape}; (K, {len(weight)}) is needed after this layer,"
                f" or (K, {len(weight)} · positions) after flattened filters"
            )
        if per_decade < 1 or neurons < 2 or multiplicity < 1:
            raise NumericsError(
                f"per_decade is {per_decade}, neurons {neurons}, multiplicity {multiplicity};"
                " at least 1, 2 and 1 are needed"
            )
        self.layer, self.output, self.multiplicity, self.cosine = layer, output, multiplicity, cosine
        self.records: list[CondensationRecord] = []
        self._seen = np.unique(np.linspace(0, len(weight) - 1, min(neurons, len(weight))).astype(int))
        self._neurons = len(weight)
        self._per_decade = per_decade
        self._count = 0
        self._next = 1
        self._record(None)

    def step(self, loss: Any = None) -> CondensationRecord | None:
        """Count one training step; at a log-spaced one look at the weights and return the record."""
        self._count += 1
        if self._count < self._next:
            return None
        self._next = next_log_step(self._count, self._per_decade)
        self._check()
        return self._record(_number(loss))

    def _check(self) -> None:
        """A layer pruned or widened while it was watched has other neurons than those of the records."""
        if len(self.layer.weight) != self._neurons:
            raise NumericsError(
                f"the layer had {self._neurons} neurons and has {len(self.layer.weight)}; make a new monitor for it"
            )
        if self.output is not None and self.output.weight.shape[1] % self._neurons:
            raise NumericsError(
                f"output.weight has become {tuple(self.output.weight.shape)}; (K, {self._neurons}) is needed:"
                " make a new monitor"
            )

    def _numbers(self, tensor: Any) -> Array:
        return tensor.detach().cpu().double().numpy()

    def _onward(self) -> Array | None:
        """Outgoing weights of the neurons looked at, (neurons, K)."""
        if self.output is None:
            return None
        weight = self.output.weight
        m = len(self.layer.weight)
        return self._numbers(weight.reshape(len(weight), m, -1)[:, self._seen].transpose(0, 1).flatten(1))

    def _amplitudes(self, a: Array | None, live: NDArray[np.bool_], norms: Array) -> Array | None:
        """|a| ‖w‖^p of the live neurons up to a factor, ‖w‖ without an output; None where all are 0."""
        amplitude = norms
        if a is not None:
            outputs = a[live] / (np.abs(a[live]).max(initial=0.0) or 1.0)
            largest = norms.max(initial=0.0) or 1.0
            amplitude = np.linalg.norm(outputs, axis=1) * (norms / largest) ** self.multiplicity
        return amplitude if amplitude.any() else None

    def _record(self, loss: float | None) -> CondensationRecord:
        w = self._numbers(self.layer.weight[self._seen]).reshape(len(self._seen), -1)
        if getattr(self.layer, "bias", None) is not None:
            w = np.concatenate([w, self._numbers(self.layer.bias[self._seen])[:, None]], axis=1)
        a = self._onward()
        # Rows in units of their largest entry: nothing overflows on the way to a divergence, and a weight of 1e-200
        # keeps its orientation. A NaN is the largest of its row.
        top = np.maximum(w.max(axis=1), -w.min(axis=1))
        finite = np.isfinite(top) & (True if a is None else np.isfinite(a).all(axis=1))
        zero = finite & (top == 0)
        live = finite & (top > 0)
        scaled = (w if live.all() else w[live]) / top[live, None]
        # One matrix of at most `neurons`² products serves all measures. By torch, whose threads are awake in a training
        # loop: NumPy's would first have to take the cores from them (7 against 1 ms).
        length = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        scaled /= length[:, None]
        # The cosines need no more digits than the weights have.
        double = self.layer.weight.dtype == torch.float64
        rows = torch.from_numpy(scaled).to(torch.float64 if double else torch.float32)
        matrix = np.clip((rows @ rows.T).double().numpy(), -1.0, 1.0)
        found = clusters(scaled, cosine=self.cosine, matrix=matrix)
        unit = float(top[finite].max(initial=0.0)) or 1.0
        norms = np.zeros(max(int(finite.sum()), 1))  # in that unit
        norms[: len(length)] = top[live] / unit * length
        shares = normalised_weights(self._amplitudes(a, live, norms[: len(length)]), len(length))
        quantiles = np.zeros(3)
        if len(length) > 1:
            pairs = matrix[np.tri(len(length), k=-1, dtype=bool)]
            places = [int(share * (len(pairs) - 1)) for share in (0.05, 0.5, 0.95)]
            quantiles = np.partition(pairs, places)[places]
        record = CondensationRecord(
            step=self._count,
            loss=loss,
            neurons=len(w),
            zero=int(zero.sum()),
            not_finite=int((~finite).sum()),
            orientations=len(found),
            condensed_share=float(found.counts.sum() / len(w)),
            effective_width=float(1 / (shares @ (matrix >= self.cosine - ROUNDING) @ shares))
            if len(length)
            else 0.0,
            cosine_quantiles=(float(quantiles[0]), float(quantiles[1]), float(quantiles[2])),
            median_norm=float(np.median(norms) * unit),
            largest_norm=float(norms.max() * unit),
        )
        self.records.append(record)
        return record
