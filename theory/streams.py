"""Random streams by name: what is drawn in one place never depends on what was drawn in another.

A stream is `SeedSequence([seed, number])`.  The numbers are part of every stored result: a new stream takes a new one.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream is drawn for."""

    CHANCE_ANGLE = 1  # random directions, whose angle to the orientations a check must tell apart
    CHANCE_COUNT = 2  # random directions, counted as orientations
    OFFSET_WIDTH = 3  # neurons on which the width of a σ(0) ≠ 0 network is chosen
    OFFSET_END = 4  # neurons on which the time of the split is looked for
    COUNT_SPREAD = 5  # directions in which neurons may be off when they are counted
    BASIN_BOUNDARY = 6  # errors that may carry a trained neuron across a boundary
    FLOW_BOUNDARY = 7  # the same for the two integrations of the leading flow
    SADDLE_SHARE = 8  # neurons whose ends say what share a saddle collects
    SADDLE_STEP = 9  # steps aside from an end
    ORDER_START = 20210524  # the neurons on which an order of accuracy is measured


def sequence(seed: int, stream: Stream) -> np.random.SeedSequence:
    """The seed sequence of a stream."""
    return np.random.SeedSequence([seed, int(stream)])


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """A fresh generator of a stream."""
    return np.random.default_rng(sequence(seed, stream))
