"""How condensed is anyone's trained network?  One measurement for each hidden layer, from the weights alone.

>>> import torch
>>> net = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))
>>> [layer.neurons for layer in observe(net)]
[6]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from numerics.errors import NumericsError
from numerics.measure.angles import cosine_quantiles, effective_width
from numerics.measure.chance import Chance, against_chance
from numerics.measure.clusters import clusters, orientation_counts
from numerics.measure.neurons import measure_neurons
from numerics.weights.adapter import Layer, layers

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
THRESHOLDS = (0.8, 0.9, 0.95, 0.98, 0.99)
MINIMUM = 3


@dataclass(frozen=True)
class Cluster:
    """One orientation: its unit centre, how many neurons point there, and their share of the amplitude."""

    neurons: int
    share: float
    centre: tuple[float, ...]


@dataclass(frozen=True)
class LayerObservation:
    """Condensation of one hidden layer of m neurons with input weights in R^D, the bias as last coordinate.

    `orientations` counts clusters of at least 3 neurons within the threshold cosine of one of them, u and -u apart;
    `orientations_by_amplitude` those that carry at least 5 % of the amplitude, however few neurons.  `effective_width`
    is the inverse of the probability that two neurons drawn by amplitude point the same way,
    `effective_width_by_count` the same with equal weights.  `cosine_quantiles` are those of all pairs of neurons at
    `cosine_shares`; None with fewer than two neurons that are not zero.  `amplitude` says in words what it is.
    `counts` (with the chance level of as many random vectors) has one row for each threshold, when asked for.
    `chance` says what as many random directions give at this threshold and whether the layer is more condensed than
    that; None without a neuron that is not zero. `network` is the place in a stacked ensemble, None for a single
    network; `notes` say what was taken for granted in reading the weights.
    """

    layer: str
    kind: str
    neurons: int
    dimension: int
    bias: bool
    zero_neurons: int
    orientations: int
    orientations_by_amplitude: int
    condensed_neurons: int
    effective_width: float
    effective_width_by_count: float
    cosine_quantiles: tuple[float, ...] | None
    cosine_shares: tuple[float, ...]
    threshold: float
    amplitude: str
    clusters: tuple[Cluster, ...]
    counts: tuple[dict[str, Any], ...]
    chance: Chance | None
    network: int | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready: tuples become lists when it is written."""
        return asdict(self)


def observe(
    source: nn.Module | Mapping[str, Tensor],
    *,
    threshold: float = 0.95,
    multiplicity: int = 1,
    inputs: Tensor | None = None,
    chance: bool = False,
    seed: int = 0,
    layout: str | None = None,
) -> list[LayerObservation]:
    """Measure every hidden layer of a module or a state_dict, from the input to the output.

    `threshold` is the cosine of a cluster, `multiplicity` p the exponent of the amplitude |a| ‖w‖^p; with `inputs` a
    module is run once and its layers are checked (see numerics.weights.adapter.layers); `chance` adds the number of
    orientations over a range of thresholds beside that of random vectors; `layout` says how a state_dict's linear
    weights are stored where two readings fit: outputs-inputs (torch), inputs-outputs (x @ W), and the same after
    stacked- for an ensemble along a first axis.  Cost: O(m² D) a layer, where random vectors meet some 40 to 200
    times that; memory O(m D).  Raises NumericsError for what holds no hidden layer, weights that are not finite,
    weights that can be read in two ways, or a bad threshold.
    """
    if not 0 < threshold <= 1:
        raise NumericsError(f"threshold is {threshold:g}; accepted: a cosine above 0 and at most 1")
    if multiplicity < 1 or multiplicity != int(multiplicity):
        raise NumericsError(f"multiplicity is {multiplicity}; accepted: a whole number of at least 1")
    if seed < 0:
        raise NumericsError(f"seed is {seed}; accepted: a whole number of at least 0")
    found = layers(source, inputs=inputs, layout=layout)
    seeds = np.random.SeedSequence(seed).spawn(len(found))
    return [
        _measure(layer, threshold, multiplicity, child, counted=chance)
        for layer, child in zip(found, seeds, strict=True)
    ]


def _measure(
    layer: Layer, threshold: float, multiplicity: int, seed: np.random.SeedSequence, *, counted: bool
) -> LayerObservation:
    # Only shares of the amplitude matter here; in units of the largest norm no power of it over- or underflows.
    unit = measure_neurons(layer.w).norm.max() or 1.0
    measured = measure_neurons(layer.w / unit, layer.a, multiplicity=multiplicity)
    u, amplitude = measured.orientation[measured.live], measured.amplitude[measured.live]
    # Neurons without any outgoing weight carry nothing; where that is all of them, they count alike.
    weights = amplitude if amplitude.any() else None
    by_count = clusters(u, cosine=threshold, minimum=MINIMUM)
    by_amplitude = clusters(u, cosine=threshold, weights=weights) if len(u) else by_count
    shares = amplitude / amplitude.sum() if amplitude.any() else np.full(len(u), 1 / max(len(u), 1))
    power = "" if multiplicity == 1 else f"^{multiplicity}"
    return LayerObservation(
        layer=layer.name,
        kind=layer.kind,
        neurons=len(layer.w),
        dimension=layer.w.shape[1],
        bias=layer.bias,
        zero_neurons=int(measured.zero.sum()),
        orientations=len(by_count),
        orientations_by_amplitude=len(by_amplitude),
        condensed_neurons=int(by_count.counts.sum()),
        effective_width=effective_width(u, weights, cosine=threshold) if len(u) else 0.0,
        effective_width_by_count=effective_width(u, cosine=threshold) if len(u) else 0.0,
        cosine_quantiles=tuple(cosine_quantiles(u, SHARES).tolist()) if len(u) > 1 else None,
        cosine_shares=SHARES,
        threshold=threshold,
        amplitude=f"‖w‖{power}" if layer.a is None else f"|a| ‖w‖{power}",
        clusters=tuple(
            Cluster(int(count), float(shares[by_count.labels == k].sum()), tuple(centre))
            for k, (count, centre) in enumerate(
                zip(by_count.counts.tolist(), by_count.centres.tolist(), strict=True)
            )
        ),
        counts=_counts(u, seed) if counted and len(u) else (),
        chance=against_chance(u, cosine=threshold, minimum=MINIMUM, seed=seed.spawn(1)[0])
        if len(u)
        else None,
        network=layer.network,
        notes=layer.notes,
    )


def _counts(u: np.ndarray, seed: np.random.SeedSequence) -> tuple[dict[str, Any], ...]:
    return tuple(asdict(row) for row in orientation_counts(u, seed=seed, cosines=THRESHOLDS, minimum=MINIMUM))
