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

from numerics.errors import NumericsError
from numerics.measure.clusters import clusters
from numerics.measure.cosines import cosine_quantiles, effective_width
from numerics.measure.neurons import Array, measure_neurons


@dataclass(frozen=True)
class CondensationRecord:
    """What the monitor saw after ``step`` steps: ``loss`` if it was given, the number of orientations
    among the ``neurons`` looked at and of zero neurons, the share of them in a cluster, the effective
    width by amplitude, the 5, 50 and 95 % quantiles of the cosines, and the median and largest input
    norm."""

    step: int
    loss: float | None
    neurons: int
    zero: int
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


class CondensationMonitor:
    """Records the condensation of one layer of a network in training.

    ``layer`` is a module with a ``weight`` (m, ...) and perhaps a ``bias`` (m,), its last coordinate here
    (convolution kernels are flattened); ``output``, if given, is the next linear module, whose weights
    (K, m) give amplitudes of multiplicity ``multiplicity``. At most ``neurons`` neurons are looked at,
    evenly spaced and always the same.
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
        if output is not None and tuple(output.weight.shape[1:]) != (len(weight),):
            shape = tuple(output.weight.shape)
            raise NumericsError(
                f"output.weight has shape {shape}; (K, {len(weight)}) is needed after this layer"
            )
        if per_decade < 1 or neurons < 2:
            raise NumericsError(f"per_decade is {per_decade}, neurons {neurons}; at least 1 and 2 are needed")
        self.layer, self.output, self.multiplicity, self.cosine = layer, output, multiplicity, cosine
        self.records: list[CondensationRecord] = []
        self._seen = np.unique(np.linspace(0, len(weight) - 1, min(neurons, len(weight))).astype(int))
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
        return self._record(None if loss is None else float(getattr(loss, "detach", lambda: loss)()))

    def _numbers(self, tensor: Any) -> Array:
        return tensor.detach().cpu().double().numpy()

    def _record(self, loss: float | None) -> CondensationRecord:
        w = self._numbers(self.layer.weight[self._seen]).reshape(len(self._seen), -1)
        if getattr(self.layer, "bias", None) is not None:
            w = np.concatenate([w, self._numbers(self.layer.bias[self._seen])[:, None]], axis=1)
        a = None if self.output is None else self._numbers(self.output.weight[:, self._seen]).T
        measured = measure_neurons(w, a, multiplicity=self.multiplicity)
        u, amplitude = measured.orientation[measured.live], measured.amplitude[measured.live]
        found = clusters(u, cosine=self.cosine)
        weights = amplitude if amplitude.any() else None
        quantiles = cosine_quantiles(u, (0.05, 0.5, 0.95)) if len(u) > 1 else np.zeros(3)
        record = CondensationRecord(
            step=self._count,
            loss=loss,
            neurons=len(w),
            zero=int(measured.zero.sum()),
            orientations=len(found),
            condensed_share=float(found.counts.sum() / len(w)),
            effective_width=effective_width(u, weights, cosine=self.cosine) if len(u) else 0.0,
            cosine_quantiles=(float(quantiles[0]), float(quantiles[1]), float(quantiles[2])),
            median_norm=float(np.median(measured.norm)),
            largest_norm=float(measured.norm.max()),
        )
        self.records.append(record)
        return record
