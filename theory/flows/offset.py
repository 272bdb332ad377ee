"""The offset system of networks followed in time: what `theory.flows.offset_split` says in closed form, integrated.

The fitting of the mean is stiff (rate ρ = s0² m ℓ'') against the growth of the neurons (rate γ); the explicit method
takes about ρ t/3 steps for it.  States are in units of the start, so that the error is relative to ε or to the state.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from theory.errors import TheoryError
from theory.fields.offset import OffsetField
from theory.flows.driver import follow, next_size, step
from theory.flows.offset_split import MeanFit, Split, reached

NEVER = 40.0  # 1/γ that are followed where the closed form knows no split; chosen because e^40 is beyond every start


def offset_flow(
    field: OffsetField,
    a0: np.ndarray,
    w0: np.ndarray,
    times: np.ndarray,
    *,
    tolerance: float = 1e-6,
    max_steps: int = 200_000,
) -> tuple[np.ndarray, np.ndarray]:
    """a (S, B, m) and w (S, B, m, D) of B networks a0 (B, m), w0 (B, m, D) at ascending gradient-flow times (S,).

    `tolerance` bounds the error of a step relative to the largest initial weight, or to a component that is larger.
    Raises TheoryError when the steps run out.  Cost: seven evaluations of the field a step, for p = 1 of B (m + n) D
    operations each, else of B m n D.
    """
    networks, m, dimension = w0.shape
    unit = max(float(np.max(np.abs(a0))), float(np.max(np.abs(w0))))
    if not unit > 0:
        raise TheoryError("all weights are 0: the flow needs a start with some weight that is not")
    velocity = _linear(field) if field.form.order == 1 else _by_network(field)

    def slope(y: np.ndarray, _: np.ndarray) -> np.ndarray:
        a, w = unit * y[:, :m], unit * y[:, m:].reshape(-1, m, dimension)
        da, dw = velocity(a, w)
        return np.concatenate([da, dw.reshape(len(y), -1)], axis=1) / unit

    y = np.concatenate([a0, w0.reshape(networks, -1)], axis=1) / unit
    members = np.arange(networks)
    h = _FIRST_MOVE / np.maximum(np.max(np.abs(slope(y, members)), axis=1), 1e-300)
    wanted = np.repeat(np.asarray(times, dtype=float)[:, None], networks, axis=1)
    run = follow(slope, y, h, tolerance=tolerance, max_steps=max_steps, times=wanted)
    if run.running.any():
        end = float(wanted[run.met.min()].max())
        raise TheoryError(
            f"the offset system did not reach time {end:g} in {max_steps} steps; pass a larger max_steps"
        )
    stacked = unit * run.states
    return stacked[..., :m], stacked[..., m:].reshape(len(times), networks, m, dimension)


_FIRST_MOVE = 1e-2  # of the largest start, in the first step: chosen because the controller finds its own size from there

Velocity = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _linear(field: OffsetField) -> Velocity:
    """p = 1: the output is s0 Σ a + c (Σ a_j w_j)·x, so that neurons meet the data only through sums."""
    c, n = field.form.plus, len(field.x)
    if field.form.minus != -c:
        return _by_network(field)

    def velocity(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moved = np.einsum("bj,bjd->bd", a, w)
        f = field.constant * a.sum(axis=1)[:, None] + c * moved @ field.x.T
        s = field.signal(f, np.broadcast_to(field.y, f.shape))
        g = s @ field.x / n
        pull = field.constant * s.mean(axis=1)
        return pull[:, None] + c * np.einsum("bjd,bd->bj", w, g), c * a[..., None] * g[:, None, :]

    return velocity


def _by_network(field: OffsetField) -> Velocity:
    def velocity(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slopes = [field(each_a, each_w) for each_a, each_w in zip(a, w, strict=True)]
        return np.array([da for da, _ in slopes]), np.array([dw for _, dw in slopes])

    return velocity


def integrated_split(
    fit: MeanFit,
    a0: np.ndarray,
    w0: np.ndarray,
    *,
    share: float | None = None,
    max_time: float | None = None,
    tolerance: float = 1e-6,
    max_steps: int = 100_000,
) -> Split:
    """The split of these very neurons, a0 (m,), w0 (m, D), from the offset system, followed until `share` has turned.

    `share` defaults to the first neuron, `max_time` to twice the closed form's time.  `turns` holds the times up to the
    end, inf after it.  Cost: seven evaluations of the field a step, about γ t + 2 ρ t steps of m n (D + 1) operations.
    Raises TheoryError when the steps run out.
    """
    wanted = reached(np.zeros(len(a0)), share)[1]
    if max_time is None:
        closed = fit.split(a0, w0, share=share).time
        max_time = 2 * closed if np.isfinite(closed) and closed > 0 else NEVER / fit.rate
    width, dimension, goal = len(a0), w0.shape[1], fit.direction
    unit = max(float(np.max(np.abs(a0))), float(np.max(np.abs(w0))))
    begin = 2.0 / fit.mean_rate(width)  # before, signs are those of the draw

    def slope(y: np.ndarray) -> np.ndarray:
        a_dot, w_dot = fit.field(unit * y[0, :width], unit * y[0, width:].reshape(width, dimension))
        return np.concatenate([a_dot, w_dot.ravel()])[None] / unit

    y = np.concatenate([a0, np.ravel(w0)])[None] / unit
    h, time = np.array([0.1 / fit.mean_rate(width)]), 0.0
    turns, place = np.full(width, np.inf), y[0, width:].reshape(width, dimension) @ goal
    together = False  # have the signs of the draw been overcome: do fewer than `share` point the other way?
    for _ in range(max_steps):
        h = np.minimum(h, max_time - time)
        new, error = step(slope, y, h)
        if error[0] <= tolerance:
            here = new[0, width:].reshape(width, dimension) @ goal
            crossing = time + h[0] * place / np.where(place != here, place - here, 1.0)
            turns = np.where(here >= 0, np.inf, np.where(place >= 0, crossing, np.minimum(turns, time)))
            y, place, time = new, here, time + float(h[0])
            turned = np.mean(here < 0) >= wanted - 1e-12
            if time > begin and together and turned:
                break
            together = together or (time > begin and not turned)
            if time >= max_time * (1 - 1e-14):
                break
        h = next_size(h, error, tolerance)
    else:
        raise TheoryError(f"the split was not reached in {max_steps} steps; pass a larger max_steps")
    when, share = reached(turns, share)
    a, w = unit * y[0, :width], unit * y[0, width:].reshape(width, dimension)
    along = w @ goal
    loading = fit.loading(abs(float(a @ along)), abs(float(along.mean())))
    return Split(when, share, turns, loading, True)
