"""Where the leading flow takes each trained neuron from its start, and from where training has left it."""

from __future__ import annotations

import numpy as np

from numerics.training.runs import Trained
from theory import Fate, SmoothPrediction, destinations
from theory.flows.smooth import near_boundary
from theory.forms.vectors import nearest
from theory.predictions.prediction import Expected
from theory.streams import Stream, generator
from verify.regimes.common.confusion import Confusion, confusion, labelled

SAME = 1e-5  # rad; chosen because orientations are certified apart, and flows end within 1e-8 of alignment


def trained_destinations(
    prediction: SmoothPrediction, coarse: Trained, fine: Trained, expected: Expected, seed: int
) -> Confusion:
    """The confusion table of B networks of m neurons; for order 1 by the side of the hyperplane on which they are."""
    return (_by_side if prediction.driving_order == 1 else _by_flow)(prediction, coarse, fine, expected, seed)


def _by_side(
    prediction: SmoothPrediction, coarse: Trained, fine: Trained, expected: Expected, seed: int
) -> Confusion:
    flow = prediction.linear
    listed = np.array([flow.direction, -flow.direction])

    # Where the growing mode has overtaken the decaying one, a w∥ > 0, the neuron is to lie on its side; where it has not,
    # w∥ may pass 0 yet, and the growing mode of the trained neuron says where it is going.
    along = expected.w @ flow.direction
    arrived = expected.a * along > 0

    def seen(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        return side(np.where(arrived, w @ flow.direction, flow.signs(a, w)))

    def side(sign: np.ndarray) -> np.ndarray:
        return np.select([sign > 0, sign < 0], [0, 1], 2).ravel()

    # What decides, when it is smaller at the horizon than what the perturbation does, may be carried across 0 by it.
    decisive = np.abs(np.where(arrived, along, expected.a + along))
    size = np.hypot(expected.a, np.linalg.norm(expected.w, axis=-1))
    return confusion(
        labelled(listed),
        side(flow.signs(coarse.a0, coarse.w0)),
        seen(coarse.a, coarse.w),
        seen(fine.a, fine.w),
        (decisive < size * expected.perturbation[:, None]).ravel(),
    )


def _by_flow(
    prediction: SmoothPrediction, coarse: Trained, fine: Trained, expected: Expected, seed: int
) -> Confusion:
    dimension = coarse.w0.shape[-1]
    listed = np.array([o.u for o in prediction.orientations.orientations]).reshape(-1, dimension)

    def classes(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        ends = destinations(prediction.force, a, w)
        return np.where(ends.fates == Fate.UNDECIDED, len(listed), nearest(ends.u, listed, SAME))

    predicted, observed, refined = (
        classes(a.ravel(), w.reshape(-1, dimension))
        for a, w in ((coarse.a0, coarse.w0), (coarse.a, coarse.w), (fine.a, fine.w))
    )
    doubtful = np.flatnonzero(predicted != observed)
    boundary = np.zeros(len(predicted), dtype=bool)
    ends = np.broadcast_to(expected.times[:, None], coarse.a0.shape).ravel()
    boundary[doubtful] = near_boundary(
        prediction.force,
        classes,
        coarse.a0.ravel()[doubtful],
        coarse.w0.reshape(-1, dimension)[doubtful],
        expected.drift.ravel()[doubtful],
        ends[doubtful],
        generator(seed, Stream.BASIN_BOUNDARY),
    )
    return confusion(labelled(listed), predicted, observed, refined, boundary)


def flow_classes(prediction: SmoothPrediction, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The orientation to which the flow takes each neuron, growing or dying, as a number (N,); -1 for undecided."""
    ends = destinations(prediction.force, a, w)
    listed = np.array([o.u for o in prediction.orientations.orientations]).reshape(-1, w.shape[1])
    found = nearest(ends.u, listed, SAME)
    return np.where(ends.fates == Fate.UNDECIDED, -1, 2 * found + (ends.fates == Fate.GROWS))
