"""Two-layer networks with a smooth activation and one output: the prediction's numbers against the full flow.

The leading-order system comes from theory as numbers (order, coefficient, signal); numerics integrates it and, knowing
nothing of it, the full gradient flow.  At a fixed rescaled time τ, t = τ ε^{1-m}, the relative distance must fall as
ε^k with the k that theory derives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from numerics.flow import FullStatus, gradient_flow, leading_flow, moments
from theory import SmoothPrediction, destinations, neurons_at
from verify.bridge.losses import flow_loss
from verify.order.engine import default_scales
from verify.order.result import OrderResult, judge
from verify.order.slope import power_law

MAX_STEPS = 800  # of the full flow: tens are usual; one that needs more does not count as reached


def measure_order(
    prediction: SmoothPrediction,
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
    field, order = prediction.field, prediction.driving_order
    generator = np.random.default_rng(np.random.SeedSequence([seed, 20210524]))
    a0, w0 = generator.standard_normal(neurons), generator.standard_normal((neurons, prediction.x.shape[1]))
    tau = _rescaled_time(prediction, a0, w0)
    epsilons = default_scales(_largest_scale(prediction, a0, w0))

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
            loss=flow_loss(loss),
            max_steps=MAX_STEPS,
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
    verdict, why = judge(prediction.system.order, slope, errors)
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


def _largest_scale(prediction: SmoothPrediction, a0: np.ndarray, w0: np.ndarray) -> float:
    """The largest ε to look at: where arguments are 1 or, if that is less, ten times where the order begins to show.

    Left out are the next term, c'/c (ε z)^{q-m} = A ε^{q-m}, and the output's feedback, f ∂²ℓ/∂f²/s = B ε^{m+1}.  The
    order shows where each is below 1 and the one of the lower power above the other.  A window that begins far above
    such a scale sees networks that the order does not describe, and would refute it for that.
    """
    z = np.abs(prediction.x @ w0.T)
    largest, m, c = float(z.max()), prediction.driving_order, abs(prediction.coefficient)
    output = c * float((z**m @ np.abs(a0)).max()) * abs(prediction.curvature)
    feedback = output / float(np.sqrt(np.mean(prediction.signal**2)))
    shows = [feedback ** (-1 / (m + 1))] if feedback > 0 else []
    q, following = prediction.next_term or (m, 0.0)
    if q > m and c > 0:  # a mutant may have another order, or none
        after = abs(following) / c * largest ** (q - m)
        shows.append(after ** (-1 / (q - m)))
        lag = (m + 1) - (q - m)
        if lag and feedback > 0:
            shows.append((after / feedback) ** (1 / lag))
    return min([1.0 / largest, *(10.0 * scale for scale in shows)])


def _rescaled_time(prediction: SmoothPrediction, a0: np.ndarray, w0: np.ndarray) -> float:
    """A time at which the neurons have moved by their own size: 1/γ, or half the way to the first blow-up."""
    if prediction.driving_order == 1:
        return 1.0 / prediction.linear.rate
    times = destinations(prediction.field, a0, w0).blow_up_times
    if not np.isfinite(times.min()):
        return float(1.0 / np.max(np.abs(prediction.field(a0, w0)[0])))
    return 0.5 * float(times.min())
