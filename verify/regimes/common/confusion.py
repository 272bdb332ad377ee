"""Predicted against observed destination of every single neuron, and why neurons disagree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np


class Reason(IntEnum):
    """Why a neuron did not go where it was predicted to; the first that applies."""

    AGREES = 0
    LEARNING_RATE = 1  # at half the learning rate it does
    BOUNDARY = 2  # it started nearer to a basin boundary than what theory leaves out
    SIGNAL = 3  # neither: what lies beyond the leading order, above all the changed signal, carried it over


@dataclass(frozen=True)
class Confusion:
    """Classes of N neurons: `labels` are the orientations and, last, "elsewhere"; `predicted`, `observed` (N,) index them,
    `reasons` (N,) are of `Reason`."""

    labels: tuple[str, ...]
    predicted: np.ndarray
    observed: np.ndarray
    reasons: np.ndarray

    @property
    def table(self) -> np.ndarray:
        """Counts (C, C): predicted in rows, observed in columns."""
        out = np.zeros((len(self.labels), len(self.labels)), dtype=int)
        np.add.at(out, (self.predicted, self.observed), 1)
        return out

    @property
    def agreeing(self) -> float:
        """The share of neurons on the diagonal."""
        return float(np.mean(self.predicted == self.observed))

    def share_of(self, *reasons: Reason) -> float:
        """The share of neurons that disagree for one of these reasons."""
        return float(np.mean(np.isin(self.reasons, reasons)))

    def to_json(self) -> dict[str, Any]:
        """The table with the classes that occur, and the number of neurons for each reason."""
        used = sorted({*self.predicted.tolist(), *self.observed.tolist()})
        return {
            "labels": [self.labels[k] for k in used],
            "table": self.table[np.ix_(used, used)].tolist(),
            "disagree": {
                reason.name.lower().replace("_", " "): int(np.sum(self.reasons == reason))
                for reason in Reason
                if reason is not Reason.AGREES
            },
        }


def confusion(
    labels: tuple[str, ...],
    predicted: np.ndarray,
    observed: np.ndarray,
    refined: np.ndarray,
    boundary: np.ndarray,
) -> Confusion:
    """Sort neurons by their classes (N,): predicted, observed, observed at half the learning rate; `boundary` (N,) says
    which started too near to a basin boundary for the prediction to be sure."""
    wrong = predicted != observed
    reasons = np.select(
        [~wrong, refined == predicted, boundary],
        [Reason.AGREES, Reason.LEARNING_RATE, Reason.BOUNDARY],
        Reason.SIGNAL,
    )
    return Confusion(labels, predicted, observed, reasons.astype(int))


def labelled(listed: np.ndarray) -> tuple[str, ...]:
    """Names of orientations (C, D), and "elsewhere"."""
    if len(listed) and listed.shape[1] == 2:
        names = [f"{np.degrees(np.arctan2(v[1], v[0])):+.1f}°" for v in listed]
    else:
        names = [f"u{k + 1}" for k in range(len(listed))]
    return (*names, "elsewhere")
