"""What theory expects of given initial weights: the horizon, the neurons there, and where each is going."""

from __future__ import annotations

import numpy as np

from theory import Fate, Prediction, TheoryError, blow_up_horizon, destinations, linear_horizon, neurons_at
from theory.closed_form import fallen_mode
from verify.evidence import Expected, angle, unit


def expect(prediction: Prediction, a0: np.ndarray, w0: np.ndarray, *, fraction: float) -> Expected:
    """Predict B networks a0 (B, m), w0 (B, m, D) at the time when their risk has fallen by `fraction`."""
    return (_linear if prediction.order == 1 else _blow_up)(prediction, a0, w0, fraction)


def _linear(prediction: Prediction, a0: np.ndarray, w0: np.ndarray, fraction: float) -> Expected:
    flow, networks = prediction.linear, len(a0)
    # A loss that curves differently at each sample weighs it by ℓ''_i: mean(ℓ'' x xᵀ) takes the place of ℓ'' mean(x xᵀ).
    bends = prediction.loss.curvature_at_zero(prediction.y)
    weighted = (
        prediction.x * np.sqrt(bends / prediction.curvature)[:, None]
        if prediction.curvature
        else prediction.x
    )
    scale = {"risk": prediction.risk, "curvature": prediction.curvature, "fraction": fraction}
    times = np.array([linear_horizon(flow, a, w, weighted, **scale) for a, w in zip(a0, w0, strict=True)])
    mode = fallen_mode(flow, weighted, **scale)
    tilt = flow.tilt(weighted, mode, prediction.curvature)
    states = [flow.at(t, a, w) for t, a, w in zip(times, a0, w0, strict=True)]
    a, w = np.array([a for a, _ in states]), np.array([w for _, w in states])
    # The growing mode of every neuron, a = w∥, turns with the signal and by the next Taylor term.
    growing = (a + w @ flow.direction) / 2
    turned = w + growing[..., None] * tilt
    along, shift = np.zeros(networks), np.zeros(networks)
    if prediction.next_term is not None:
        q, c_next = prediction.next_term
        force = np.array([flow.next_force(prediction.x, prediction.signal, q, c_next, each) for each in w])
        rate = force @ flow.direction
        along = np.sum(growing**2 * rate, axis=1) / np.sum(growing**2, axis=1)
        # At ĝ and -ĝ an even term pulls in opposite senses: their mean may vanish where each of them is large.
        shift = 2 / (q - 1) * np.sqrt(np.sum(growing**2 * rate**2, axis=1) / np.sum(growing**2, axis=1))
        turned = turned + growing[..., None] * (force - rate[..., None] * flow.direction) / q
        times = times - 2 * along / (q - 1) / (2 * flow.rate)
    # The growth has slowed by κS/γ when the risk has fallen by δ: by far more than δ where γ is small against the loss.
    slowing = max(fraction, prediction.curvature * _stretch(prediction, weighted) * mode / flow.rate)
    perturbation = slowing + np.linalg.norm(tilt) + shift
    return Expected(
        times=times,
        # In units of 1/(2γ): the change of the signal and the next Taylor term at second order.
        uncertainty=(fraction + perturbation**2) / (2 * flow.rate),
        a=a,
        w=turned,
        destinations=flow.signs(a0, w0)[..., None] * flow.direction,
        blow_up_times=np.full(a0.shape, np.inf),
        perturbation=perturbation,
        # Second order of the tilt, and of what shifts the time: a neuron still on its way turns as 1/w∥ falls.
        spread=perturbation[:, None] ** 2
        + fraction
        * np.arctan2(np.linalg.norm(_across(w, flow.direction), axis=-1), np.abs(w @ flow.direction)),
    )


def _stretch(prediction: Prediction, x: np.ndarray) -> float:
    """c² ĝᵀ mean(x xᵀ) ĝ, which times ℓ'' is κ."""
    return float(prediction.coefficient**2 * np.mean((x @ prediction.linear.direction) ** 2))


def _blow_up(prediction: Prediction, a0: np.ndarray, w0: np.ndarray, fraction: float) -> Expected:
    bends = prediction.loss.curvature_at_zero(prediction.y)
    if np.ptp(bends) > 0:
        raise TheoryError(
            f"loss {prediction.loss.name} curves differently at each sample: for order {prediction.order} what lies beyond "
            "the leading order is derived for a loss that does not; accepted: half-mse, mse, logistic"
        )
    field = prediction.field
    ends = destinations(field, a0.reshape(-1), w0.reshape(-1, w0.shape[-1]))
    goals = np.where((ends.fates == Fate.GROWS)[:, None], ends.u, 0.0).reshape(w0.shape)
    blow_up_times = ends.blow_up_times.reshape(a0.shape)
    horizons, a, w = [], np.empty_like(a0), np.empty_like(w0)
    for b in range(len(a0)):
        horizon = blow_up_horizon(
            field,
            a0[b],
            w0[b],
            prediction.x,
            prediction.signal,
            fraction=fraction,
            risk=prediction.risk,
            curvature=prediction.curvature,
            next_term=prediction.next_term,
            blow_up_times=blow_up_times[b],
        )
        at = neurons_at(field, a0[b], w0[b], horizon.leading_time)
        a[b], w[b] = at.a, at.w
        lead = horizon.leader
        w[b, lead] = at.r[lead] * unit(at.u[lead] + horizon.tilt)
        horizons.append(horizon)
    size = np.array([h.perturbation for h in horizons])
    uncertainty, times = np.array([h.uncertainty for h in horizons]), np.array([h.time for h in horizons])
    # The change of the signal acts on a sleeping neuron while the leader is large: for the share of the time by which it
    # also shifts the horizon.
    shift = np.array([h.shift for h in horizons])
    late = shift / times
    spread = late[:, None] * angle(unit(w0), unit(w))
    spread[np.arange(len(a0)), [h.leader for h in horizons]] = size**2
    return Expected(
        times=times,
        uncertainty=uncertainty,
        a=a,
        w=w,
        destinations=goals,
        blow_up_times=blow_up_times,
        perturbation=size,
        spread=spread,
        shift=shift,
    )


def _across(w: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return w - (w @ direction)[..., None] * direction
