"""What theory expects of given initial weights: the horizon, the neurons there, and where each is going."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theory.beyond.displacement import displacement
from theory.beyond.leading_order import LeadingOrder
from theory.beyond.smooth import State
from theory.errors import TheoryError
from theory.flows.linear import fallen_mode, linear_horizon
from theory.flows.smooth import Fate, destinations, neurons_at
from theory.forms.vectors import angle, unit
from theory.predictions.prediction import Expected
from theory.times.horizon import Horizon, blow_up_horizon

_NEWTON = (
    3  # steps to the horizon by theory's series; chosen because two leave less than a thousandth of the first
)
LOOKS = 9  # at the leader on its way to the horizon; chosen because what they make is an uncertainty, of one digit


def expect(leading: LeadingOrder, a0: np.ndarray, w0: np.ndarray, *, fraction: float) -> Expected:
    """Predict B networks a0 (B, m), w0 (B, m, D) at the time when their risk has fallen by `fraction`."""
    return (_linear if leading.order == 1 else _blow_up)(leading, a0, w0, fraction)


def timed(
    leading: LeadingOrder, expected: Expected, a0: np.ndarray, w0: np.ndarray, fraction: float
) -> Expected:
    """The same with an uncertainty of the horizon that is at least what all forces beyond leading order make of it.

    Theory's own series is followed to the expected time; what the fall of the risk lacks there, over the rate at which it
    falls, is by how much the formula of the horizon is off.  Where that matters Newton's step is taken and looked at again.
    Where the series cannot be followed the estimate stays; where it is off by much, the formula describes nothing (`off`).
    """
    times, known = expected.times, np.zeros(len(expected.times))
    for _ in range(_NEWTON):
        follow = expected.blow_up_times > 1.1 * times[:, None]
        try:
            there = displacement(leading, a0, w0, times, follow)
        except TheoryError:
            break
        late = np.array([State(leading, a, w).late(fraction) for a, w in zip(there.a, there.w, strict=True)])
        # What a step leaves is less than a half of it where it is small enough to be taken.
        known = np.abs(times - expected.times) + 1.5 * np.abs(late)
        times = times + late
        if np.all(1.5 * np.abs(late) <= expected.uncertainty / 10) or np.any(times <= 0):
            break
    unit = 1 / (2 * leading.linear.rate) if leading.order == 1 else expected.times
    uncertainty = np.maximum(expected.uncertainty, known)
    return replace(
        expected, uncertainty=uncertainty, off=np.where(known > expected.uncertainty, known / unit, 0.0)
    )


def _linear(leading: LeadingOrder, a0: np.ndarray, w0: np.ndarray, fraction: float) -> Expected:
    flow, networks = leading.linear, len(a0)
    # A loss that curves differently at each sample weighs it by ℓ''_i: mean(ℓ'' x xᵀ) takes the place of ℓ'' mean(x xᵀ).
    bends = leading.curvatures
    weighted = leading.x * np.sqrt(bends / leading.curvature)[:, None] if leading.curvature else leading.x
    scale = {"risk": leading.problem.risk, "curvature": leading.curvature, "fraction": fraction}
    times = np.array([linear_horizon(flow, a, w, weighted, **scale) for a, w in zip(a0, w0, strict=True)])
    mode = fallen_mode(flow, weighted, **scale)
    tilt = flow.tilt(weighted, mode, leading.curvature)
    grown = [flow.at(t, a, w) for t, a, w in zip(times, a0, w0, strict=True)]
    a, w = np.array([a for a, _ in grown]), np.array([w for _, w in grown])
    # The growing mode of every neuron, a = w∥, turns by the next Taylor term; all of it turns with the signal.
    growing = (a + w @ flow.direction) / 2
    bent = leading.curvature * weighted.T @ weighted / len(weighted)
    changed = [flow.response(t, a, w, bent) for t, a, w in zip(times, a0, w0, strict=True)]
    a, turned = a + np.array([on_a for on_a, _ in changed]), w + np.array([on_w for _, on_w in changed])
    along, shift = np.zeros(networks), np.zeros(networks)
    if leading.next_term is not None:
        q, c_next = leading.next_term
        force = np.array([flow.next_force(leading.x, leading.signal, q, c_next, each) for each in w])
        rate = force @ flow.direction
        along = np.sum(growing**2 * rate, axis=1) / np.sum(growing**2, axis=1)
        # At ĝ and -ĝ an even term pulls in opposite senses: their mean may vanish where each of them is large.
        shift = 2 / (q - 1) * np.sqrt(np.sum(growing**2 * rate**2, axis=1) / np.sum(growing**2, axis=1))
        turned = turned + growing[..., None] * (force - rate[..., None] * flow.direction) / q
        times = times - 2 * along / (q - 1) / (2 * flow.rate)
        # The term has made a r larger by (q + 1)/(q(q - 1)) of its force: which neurons carry the output depends on it.
        larger = np.sqrt(np.maximum(1 + rate * (q + 1) / (q * (q - 1)), 0.0))
        a, turned = a * larger, turned * larger[..., None]
    # The growth has slowed by κS/γ when the risk has fallen by δ: by far more than δ where γ is small against the loss.
    slowing = max(fraction, leading.curvature * _stretch(leading, weighted) * mode / flow.rate)
    perturbation = slowing + np.linalg.norm(tilt) + shift
    # The horizon's closed form has the feedback of the growing mode alone: that of the decaying one, and of what lies
    # across ĝ, is e^{-2γt} of it.
    early = 2 * slowing * np.exp(-2 * flow.rate * times)
    # What is left out at first order: by at most its share at the end over the last 1/2γ or 1/γ, in which it grew.
    states = [State(leading, *each) for each in zip(a, w, strict=True)]
    rest = np.array([each.relative(each.left_out(each.next_term, each.feedback())) for each in states])
    fallen = np.array([each.fall_error for each in states])
    # The next Taylor term is in the prediction as it acts on neurons that lie along ĝ.  Before they do it acts otherwise,
    # by its share at the start: of the end's e^{-(q-1)γt}, little after a long growth and most of it after a short one.
    begun = [State(leading, *each) for each in zip(a0, w0, strict=True)]
    rest = rest + np.array([each.relative(each.next_term) for each in begun])
    average = np.sum(growing**2 * rest, axis=1) / np.sum(growing**2, axis=1)
    return Expected(
        times=times,
        # In units of 1/(2γ): the change of the signal and the next Taylor term at second order, and what is left out.
        uncertainty=(fraction + perturbation**2 + early + 2 * average + fallen) / (2 * flow.rate),
        a=a,
        w=turned,
        destinations=flow.signs(a0, w0)[..., None] * flow.direction,
        blow_up_times=np.full(a0.shape, np.inf),
        perturbation=perturbation,
        # Second order of the tilt, and of what shifts the time: a neuron still on its way turns as 1/w∥ falls.
        spread=perturbation[:, None] ** 2
        + rest
        + fraction
        * np.arctan2(np.linalg.norm(_across(w, flow.direction), axis=-1), np.abs(w @ flow.direction)),
        left_out=np.maximum(average, fallen),
    )


def _stretch(leading: LeadingOrder, x: np.ndarray) -> float:
    """c² ĝᵀ mean(x xᵀ) ĝ, which times ℓ'' is κ."""
    return float(leading.coefficient**2 * np.mean((x @ leading.linear.direction) ** 2))


def _blow_up(leading: LeadingOrder, a0: np.ndarray, w0: np.ndarray, fraction: float) -> Expected:
    field = leading.field
    ends = destinations(field, a0.reshape(-1), w0.reshape(-1, w0.shape[-1]))
    goals = np.where((ends.fates == Fate.GROWS)[:, None], ends.u, 0.0).reshape(w0.shape)
    blow_up_times = ends.blow_up_times.reshape(a0.shape)
    horizons, a, w = [], np.empty_like(a0), np.empty_like(w0)
    left_out, late = np.zeros(len(a0)), np.zeros(len(a0))
    spread, drift = np.zeros(a0.shape), np.zeros(a0.shape)
    for b in range(len(a0)):
        horizon = blow_up_horizon(
            field,
            a0[b],
            w0[b],
            leading.x,
            leading.signal,
            fraction=fraction,
            risk=leading.problem.risk,
            curvature=leading.curvatures,
            next_term=leading.next_term,
            blow_up_times=blow_up_times[b],
        )
        a[b], w[b] = horizon.a, horizon.w
        lead = horizon.leader
        start, end = State(leading, a0[b], w0[b]), State(leading, horizon.a, horizon.w)
        left_out[b], late[b], spread[b], drift[b] = _left_out(start, end, horizon)
        w[b, lead] = np.linalg.norm(w[b, lead]) * unit(unit(w[b, lead]) + horizon.tilt)
        horizons.append(horizon)
    return Expected(
        times=np.array([h.time for h in horizons]),
        uncertainty=np.array([h.uncertainty for h in horizons]) + late,
        a=a,
        w=w,
        destinations=goals,
        blow_up_times=blow_up_times,
        perturbation=np.array([h.perturbation for h in horizons]),
        spread=spread,
        left_out=left_out,
        drift=drift,
        begun=_begun(leading, a0, w0, fraction),
    )


def _begun(leading: LeadingOrder, a0: np.ndarray, w0: np.ndarray, fraction: float) -> np.ndarray:
    """The share (B,) of the fall that the networks have at the start, where their output is not 0 either."""
    z = w0 @ leading.x.T
    fallen = leading.coefficient * np.sum(a0 * (z**leading.order @ leading.signal), axis=1) / len(leading.x)
    return fallen / (fraction * leading.problem.risk)


def _left_out(start: State, end: State, horizon: Horizon) -> tuple[float, float, np.ndarray, np.ndarray]:
    """What the prediction of one network leaves out at first order: its size relative to the leading force on the leader,
    by how much it may move the horizon, by how many radians (N,) the neurons may be turned, and how far they may be
    moved, in units of their ρ (N,).

    At amplitude r the flow stays for a time ∝ r^{1-m}.  A force on a neuron by itself, ∝ r^k of the leading one, moves it
    by at most its share at the start for each e-fold of growth, or that at the end over the last of them.  The output
    f ∝ r^{p+1} of the leader pushes every neuron: ∫ f dt is f at the end times (m - 1)/(p + 2 - m) of the time left.
    """
    m, p = start.leading_order.order, start.leading_order.problem.activation.multiplicity
    lead, left = horizon.leader, horizon.left
    growth = np.abs(np.log(np.linalg.norm(end.w, axis=1) / np.linalg.norm(start.w, axis=1)))
    turn = angle(unit(start.w), unit(end.w))
    # The leader's own first order, by its next Taylor term and its own output, is in the prediction.
    early = float(start.relative(start.left_out(start.next_term))[lead])
    final = float(end.relative(end.left_out(end.next_term, end.feedback(np.array([lead]))))[lead])
    # What the closed form does not do for those that contribute to the fall beside the leader, from `early` on.
    carried = np.abs(end.a * end.leading[0])
    carried[lead] = 0.0
    since = float(np.log(1 + horizon.span / left))
    others = end.relative(end.next_term) * since + end.relative(end.feedback())
    rivals = float(carried @ others) / float(np.sum(np.abs(end.a * end.leading[0])))
    fallen = end.fall_error + rivals * (m + 1) / (m - 1)
    moved = early * (1 + growth[lead]) * horizon.blow_up + _astray(end, horizon)
    moved += left * (m - 1) * (final + fallen / (m + 1))
    # The others' is not.
    own = start.relative(start.left_out())
    on_a, on_w = (part * left * (m - 1) / max(p + 2 - m, 1) for part in end.left_out())
    r, rho = np.linalg.norm(end.w, axis=1), np.hypot(end.a, np.linalg.norm(end.w, axis=1))
    spread = own * (turn + growth) + np.linalg.norm(on_w, axis=1) / r
    went = np.hypot(end.a - start.a, np.linalg.norm(end.w - start.w, axis=1))
    drift = (own * went + np.hypot(on_a, np.linalg.norm(on_w, axis=1))) / rho
    spread[lead] = horizon.perturbation**2 + early * turn[lead] + final
    return max(early, final, fallen), float(moved), np.minimum(spread, np.pi), np.minimum(drift, 1.0)


def _astray(end: State, horizon: Horizon) -> float:
    """By how much the next Taylor term may move the horizon where the leader is still on its way to where it ends.

    After `horizon.early` the prediction counts it as if the leader had its final orientation; a relative change ε(t) of
    what moves the leader shifts all that comes later by ∫ ε dt.
    """
    leading, lead = end.leading_order, horizon.leader
    if leading.next_term is None:
        return 0.0
    excess = leading.next_term[0] - leading.order
    last = _share(end, lead)
    size = float(np.linalg.norm(end.w[lead]))
    times = np.linspace(0.0, horizon.span, LOOKS)
    at = neurons_at(leading.field, horizon.early_a, horizon.early_w, times)
    apart = [
        np.linalg.norm(_share(State(leading, a, w), 0) - last * (r / size) ** excess)
        for a, w, r in zip(at.a, at.w, at.r[:, 0], strict=True)
    ]
    return float(np.trapezoid(apart, times))


def _share(state: State, j: int) -> np.ndarray:
    """The force of the next Taylor term on neuron j, (1 + D,), in units of the leading one."""
    on_a, on_w = state.next_term
    lead = np.hypot(state.leading[0][j], np.linalg.norm(state.leading[1][j]))
    return np.concatenate([on_a[[j]], on_w[j]]) / lead


def _across(w: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return w - (w @ direction)[..., None] * direction
