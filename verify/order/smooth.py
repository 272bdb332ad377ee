"""Two-layer networks with a smooth activation and one output: theory's numbers against the full flow, as a pair.

The leading-order system comes from theory as numbers (order, coefficient, signal); numerics integrates it and, knowing
nothing of it, the full gradient flow, both by integrators made for neurons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from numerics.flow import FullStatus, gradient_flow, leading_flow, moments
from theory import SmoothPrediction
from theory.beyond.order import at, largest_scale, natural_time
from theory.streams import Stream, generator
from verify.bridge.formula import numeric_loss
from verify.order.engine import FLOOR, Distances, Pair, default_scales, measure
from verify.order.fields import FAR
from verify.order.result import OrderResult

NEURONS = 8  # chosen because the signs and orientations of 8 are never all alike
MAX_STEPS = (
    800  # of the full flow; chosen because tens are usual: one that needs more does not count as reached
)
_RTOL = 1e-13  # of a step; derived from FLOOR


@dataclass(frozen=True, eq=False)
class NeuronPair(Pair):
    """The leading flow of a prediction and the full flow of the network, from neurons a0 (m,), w0 (m, D).

    `prediction` may be a mutant: what is tested is its order, coefficient, signal and tensor.  `value` and `derivative`
    are the activation as callables, `loss` the name or formula of the loss, for the full flow.
    """

    prediction: SmoothPrediction
    value: Callable
    derivative: Callable
    loss: str
    a0: np.ndarray
    w0: np.ndarray

    @property
    def scales(self) -> np.ndarray:
        """ε (E,) from where the order shows downwards."""
        return default_scales(largest_scale(self.prediction.leading, self.a0, self.w0))

    def natural_time(self, epsilon: float) -> float:
        """See `theory.beyond.order.natural_time`; the rescaled flow does not depend on ε."""
        return natural_time(self.prediction.leading, self.a0, self.w0)

    def distances(self, epsilons: np.ndarray, tau: float) -> Distances:
        """States of all neurons against the leading ones, relative to the norm of those."""
        p, order = self.prediction, self.prediction.driving_order
        lead = leading_flow(
            moments(p.x, p.signal, order, p.coefficient), self.a0, self.w0, times=tau, rtol=_RTOL
        )
        # A wrong theory can ask for times at which the full flow is far away or stiff: that is data, not an accident.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            full = gradient_flow(
                self.value,
                self.derivative,
                p.x,
                p.y,
                self.a0,
                self.w0,
                epsilons=epsilons,
                multiplicity=order,
                tau=tau,
                loss=numeric_loss(self.loss),
                max_steps=MAX_STEPS,
            )
        reference = np.column_stack([lead.a, lead.w])
        size = float(np.linalg.norm(reference))
        reached = np.concatenate([full.a[..., None], full.w], axis=-1)
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.linalg.norm((reached - reference).reshape(len(epsilons), -1), axis=1) / size
            there = np.linalg.norm(reached.reshape(len(epsilons), -1), axis=1)
        arrived = (full.status == FullStatus.REACHED) & bool(np.all(lead.reached))
        # ‖θ̂‖² of the leading flow, which climbs a homogeneous potential, is convex in time: largest at an end.
        path = max(size, float(np.linalg.norm(np.column_stack([self.a0, self.w0]))))
        away = np.isfinite(there) & (there > FAR * path) & bool(np.all(lead.reached))

        # The floor is measured: two integrators of different kind on the leading flow, plus the rounding of the field.
        witness = np.column_stack(at(p.leading, self.a0, self.w0, tau))
        floor = float(np.linalg.norm(witness - reference)) / size + FLOOR
        return Distances(
            epsilons=epsilons,
            total=np.where(arrived & np.isfinite(errors), errors, np.inf),
            groups={},
            sizes={},
            floor=np.full(len(epsilons), floor),
            least=np.where(away, (there - path) / size, np.nan),
        )


def drawn(dimension: int, seed: int, neurons: int = NEURONS) -> tuple[np.ndarray, np.ndarray]:
    """The neurons a (m,), w (m, D) on which the order of accuracy is measured."""
    source = generator(seed, Stream.ORDER_START)
    return source.standard_normal(neurons), source.standard_normal((neurons, dimension))


def measure_order(
    prediction: SmoothPrediction,
    value: Callable,
    derivative: Callable,
    *,
    loss: str | None = None,
    neurons: int = NEURONS,
    seed: int = 0,
) -> OrderResult:
    """Measure the order of accuracy of a prediction; `value` and `derivative` are the activation as callables, `loss` is
    that of the full flow (default: the prediction's)."""
    a0, w0 = drawn(prediction.x.shape[1], seed, neurons)
    pair = NeuronPair(prediction, value, derivative, loss or prediction.loss.name, a0, w0)
    return measure(pair, predicted=prediction.system.order, epsilons=pair.scales, extend=False, lowest=0.0)
