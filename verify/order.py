"""Order of accuracy: the full gradient flow against the leading-order flow from the same start, as ε → 0.

The leading-order system comes from theory as numbers (order, coefficient, signal); numerics integrates it and, knowing
nothing of it, the full gradient flow.  At a fixed rescaled time τ, t = τ ε^{1-m}, the relative distance must fall as
ε^k with the k that theory derives.  A wrong coefficient, order, moment or signal leaves a distance that does not fall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numerics.flow import FullStatus, gradient_flow, leading_flow, moments
from theory import MomentTensor, Prediction, SmoothField, destinations, neurons_at, predict
from verify.experiment import Experiment
from verify.formula import torch_activation
from verify.slope import Slope, power_law
from verify.verdict import Verdict, finite

TOLERANCE = 0.05
POINTS_PER_DECADE = 4
DECADES = 4.5


@dataclass(frozen=True)
class OrderResult:
    """Errors (E,) of the leading order at ε (E,), their fitted exponent beside the predicted one, and the verdict."""

    predicted: int
    slope: Slope
    epsilons: np.ndarray
    errors: np.ndarray
    floor: np.ndarray
    tau: float
    verdict: Verdict
    why: str


def measure_order(
    prediction: Prediction,
    value: Callable,
    derivative: Callable,
    *,
    loss: str,
    neurons: int = 8,
    seed: int = 0,
) -> OrderResult:
    """Measure the order of accuracy of a prediction; `value` and `derivative` are the activation as callables.

    `prediction` may be a mutant: what is tested is its order, coefficient, signal and tensor.
    """
    field, order = prediction.field, prediction.order
    generator = np.random.default_rng(np.random.SeedSequence([seed, 20210524]))
    a0, w0 = generator.standard_normal(neurons), generator.standard_normal((neurons, prediction.x.shape[1]))
    tau = _rescaled_time(prediction, a0, w0)
    top = 1.0 / float(np.max(np.abs(prediction.x @ w0.T)))
    epsilons = top * 10.0 ** -np.arange(0, DECADES + 1e-9, 1 / POINTS_PER_DECADE)

    leading = leading_flow(
        moments(prediction.x, prediction.signal, order, prediction.coefficient), a0, w0, times=tau, rtol=1e-13
    )
    # A wrong theory can ask for times at which the full flow is far away or stiff: that is data, not an accident.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        full = gradient_flow(
            value,
            derivative,
            prediction.x,
            prediction.y,
            a0,
            w0,
            epsilons=epsilons,
            multiplicity=order,
            tau=tau,
            loss=loss,
        )
    reference = np.column_stack([leading.a, leading.w])
    size = float(np.linalg.norm(reference))
    reached = np.concatenate([full.a[..., None], full.w], axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = np.linalg.norm((reached - reference).reshape(len(epsilons), -1), axis=1) / size
    errors = np.where((full.status == FullStatus.REACHED) & np.isfinite(errors), errors, np.inf)

    # The floor is measured: two integrators of different kind on the leading flow, plus the rounding of the field.
    if order == 1:
        witness = np.column_stack(prediction.linear.at(tau, a0, w0))
    else:
        other = neurons_at(field, a0, w0, tau, tolerance=1e-13)
        witness = np.column_stack([other.a, other.w])
    floor = float(np.linalg.norm(witness - reference)) / size + 1e-13
    slope = power_law(epsilons, errors, floor)
    verdict, why = _judge(prediction.system.order, slope, errors)
    return OrderResult(
        predicted=prediction.system.order,
        slope=slope,
        epsilons=epsilons,
        errors=errors,
        floor=np.full(len(epsilons), floor),
        tau=tau,
        verdict=verdict,
        why=why,
    )


def _rescaled_time(prediction: Prediction, a0: np.ndarray, w0: np.ndarray) -> float:
    """A time at which the neurons have moved by their own size: 1/γ, or half the way to the first blow-up."""
    if prediction.order == 1:
        return 1.0 / prediction.linear.rate
    times = destinations(prediction.field, a0, w0).blow_up_times
    if not np.isfinite(times.min()):
        return float(1.0 / np.max(np.abs(prediction.field(a0, w0)[0])))
    return 0.5 * float(times.min())


def _judge(predicted: int, slope: Slope, errors: np.ndarray) -> tuple[Verdict, str]:
    smallest = errors[-2 * POINTS_PER_DECADE :]
    if not np.any(smallest < 0.5):
        return (
            Verdict.REFUTED,
            "over the two smallest decades of ε the flows stay as far apart as they are long",
        )
    if not slope.resolved:
        return Verdict.INCONCLUSIVE, slope.reason
    half = 0.5 * (slope.high - slope.low)
    why = (
        f"slope over {slope.points} scales from ε = {slope.window[0]:.1e} to {slope.window[1]:.1e}, "
        f"99 % interval [{slope.low:.3f}, {slope.high:.3f}]"
    )
    if abs(slope.value - predicted) <= TOLERANCE and half <= TOLERANCE:
        return Verdict.CONFIRMED, why
    if abs(slope.value - predicted) > TOLERANCE + half:
        return Verdict.REFUTED, why
    return Verdict.INCONCLUSIVE, why + ": the interval neither excludes the prediction nor pins it down"


def order_of_accuracy(experiment: Experiment) -> tuple[dict[str, Any], OrderResult]:
    """The `order` document of an experiment's activation and data, and the result behind it."""
    data = experiment.dataset
    prediction = predict(
        data.x,
        data.y,
        experiment.activation,
        loss_function=experiment.loss,
        bias=experiment.bias,
        max_paths=experiment.max_paths,
        seed=experiment.seed,
    )
    sigma = torch_activation(prediction.activation)
    result = measure_order(
        prediction, sigma.value, sigma.derivative, loss=experiment.loss, seed=experiment.seed
    )
    slope = result.slope
    document = {
        "activation": experiment.activation,
        "data": data.name,
        "multiplicity": prediction.activation.multiplicity,
        "predicted_order": result.predicted,
        "measured_order": slope.value,
        "interval": [slope.low, slope.high],
        "window": list(slope.window),
        "epsilons": result.epsilons,
        "errors": result.errors,
        "floor": result.floor,
        "verdict": result.verdict.value,
        "why": result.why,
        "seed": experiment.seed,
    }
    return finite(document), result


def mutated(prediction: Prediction, **changes: Any) -> Prediction:
    """The prediction with a wrong part put in (`coefficient`, `order` or `signal`): what the check must refute."""
    wrong = replace(prediction, **changes)
    tensor = MomentTensor.from_data(wrong.x, wrong.signal, wrong.order)
    return replace(wrong, field=SmoothField(tensor, wrong.coefficient))
