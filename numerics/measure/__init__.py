"""Measured orientations: what a set of neurons has condensed on, by neuron count and by amplitude."""

from numerics.measure.angles import (
    Match,
    angle_between,
    cosine_matrix,
    cosine_order,
    cosine_quantiles,
    effective_width,
    match,
    weighted_median,
    weighted_quantile,
)
from numerics.measure.clusters import Clusters, OrientationCount, chance_counts, clusters, orientation_counts
from numerics.measure.neurons import MeasuredNeurons, measure_neurons

__all__ = [
    "Clusters",
    "Match",
    "MeasuredNeurons",
    "OrientationCount",
    "angle_between",
    "chance_counts",
    "clusters",
    "cosine_matrix",
    "cosine_order",
    "cosine_quantiles",
    "effective_width",
    "match",
    "measure_neurons",
    "orientation_counts",
    "weighted_median",
    "weighted_quantile",
]
