"""The leading-order flow of two-layer neurons in Cartesian form (theory notes, section 2).

    a' = Φ(w)        w' = a ∇Φ(w)        Φ(w) = c T w^p, or mean(s σ_p(w·x)) for one-sided activations

Gradient ascent of H = a Φ(w), homogeneous of degree p + 1; neurons decouple and K = ‖w‖² - p a² is conserved.

* To given times: each neuron in units of its own initial norm ρ0, with its own steps; a blow-up before
  the last time ends a neuron with its measured blow-up time.
* To the end: with the clock dτ = ρ ‖w‖^{p-2} dt the field becomes homogeneous of degree 1, so that it has a
  direction (a, w)/ρ, which converges, and log ρ, which grows at a constant rate: nothing blows up, and
  tolerances are relative to the scale. With ρ^{p-1} instead, dying neurons would slow down algebraically.

An aligned neuron needs no integrator: along a fixed orientation with C = Φ(u) and a of the sign of C,
``t* - t = (1/C) ∫_a^∞ (p α² + K)^{-p/2} dα`` (theory notes, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int
from numpy.typing import ArrayLike, NDArray

from numerics import memory
from numerics.errors import NumericsError
from numerics.flow.batch import Array, BatchResult, Ending, integrate
from numerics.flow.limits import Limits
from numerics.flow.moments import Force, OneSidedMoments
from numerics.flow.neurons import LeadingStatus, ToTheEnd, ToTimes, remaining_time
from numerics.flow.sliding import Sliding

# log of the largest growth that is shown in a and w: beyond, they would overflow when squared
_LARGEST = 350.0
_NEAR = 0.01  # tangential over radial force below which the limit is tried
_WIDTH = 8192  # neurons in a working block: below, the calls cost more than the arithmetic
__all__ = ["LeadingFlowResult", "LeadingStatus", "leading_flow", "remaining_time"]


@dataclass(frozen=True, eq=False)
class LeadingFlowResult:
    """Neurons of the leading flow, in the units of the start.

    With requested times: ``a`` (S, N), ``w`` (S, N, D), ``t`` (S,), without the first axis for a single
    time; entries after a neuron's own end repeat its last state and are False in ``reached`` (S, N). To
    the end: ``a`` (N,), ``w`` (N, D), ``t`` (N,) at the moment when the neuron was found aligned, its
    growth shown up to a factor e^350. ``clock`` (N,) is τ at the end, 0 with requested times.
    ``blowup_time`` (N,) is inf where there is none. ``invariant_drift`` (N,) is the change of K over the
    largest of ρ² at its two ends.
    """

    a: Float64[np.ndarray, "*S N"]
    w: Float64[np.ndarray, "*S N D"]
    t: Float64[np.ndarray, "*S"] | Float64[np.ndarray, "N"]
    clock: Float64[np.ndarray, "N"]
    reached: Bool[np.ndarray, "*S N"]
    status: Int[np.ndarray, "N"]
    blowup_time: Float64[np.ndarray, "N"]
    invariant_drift: Float64[np.ndarray, "N"]
    steps: Int[np.ndarray, "N"]
    rejected: Int[np.ndarray, "N"]
    evaluations: int

    @property
    def orientation(self) -> Float64[np.ndarray, "*S N D"]:
        """w / ‖w‖, with zeros for a neuron with w = 0."""
        r = np.linalg.norm(self.w, axis=-1, keepdims=True)
        return np.divide(self.w, r, out=np.zeros_like(self.w), where=r > 0)

    def count(self, status: LeadingStatus) -> int:
        """How many neurons ended with this status."""
        return int(np.sum(self.status == status))


def leading_flow(
    force: Force,
    a0: ArrayLike,
    w0: ArrayLike,
    *,
    times: ArrayLike | None = None,
    rtol: float = 1e-10,
    alignment: float = 1e-10,
    newton: bool = True,
    max_steps: int = 20_000,
) -> LeadingFlowResult:
    """Integrate neurons a0 (N,), w0 (N, D) of the leading flow to ``times`` (ascending, or one number),
    or to their ends.

    ``force`` is `moments` or `one_sided_moments`. ``rtol`` bounds the error of each step relative to the
    neuron's own norm; ``alignment`` is the ratio of tangential to radial force at which a neuron counts as
    aligned, and not finer than the tolerance lets it be seen. With ``newton`` a neuron well inside the basin
    of an orientation is given that limit, to rounding, and the steps to it are saved (see `limits`).
    A one-sided force with p >= 2 has a kink in a derivative at every sample, on which steps do not land: there the
    error is some 50 times ``rtol``, and falls with it. Time is gradient-flow time. Raises `NumericsError` for wrong
    shapes or numbers, or for more neurons than fit in memory. Cost: linear in N, independent of the number of samples
    for `moments`; memory: as `memory.leading_flow_bytes` predicts. Source: theory notes, sections 2 and 6.

    >>> force = numerics.moments([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], 1)
    >>> flow = numerics.leading_flow(force, [0.5], [[1.0, 0.0]])
    >>> flow.orientation.round(6).tolist()
    [[0.707107, 0.707107]]
    """
    a, w = np.array(a0, dtype=float), np.array(w0, dtype=float)
    if a.ndim != 1 or w.shape != (len(a), force.dimension):
        raise NumericsError(
            f"neurons have shapes a {a.shape}, w {w.shape}; a (N,) and w (N, {force.dimension}) are needed"
        )
    if not (np.isfinite(a).all() and np.isfinite(w).all()):
        raise NumericsError("a or w holds a value that is not finite; finite initial values are needed")
    asked_times = 0 if times is None else np.size(times)
    kinked = isinstance(force, OneSidedMoments) and force.multiplicity == 1
    kept = getattr(force, "samples", None)
    sizes = (len(a), force.dimension, asked_times, _WIDTH, 0 if kept is None else len(kept))
    memory.require(
        memory.leading_flow_bytes(*sizes, kinks=kinked),
        f"the leading flow of {len(a)} neurons in {force.dimension} dimensions"
        + (f" to {asked_times} times" if asked_times else ""),
    )
    if not (rtol > 0 and alignment > 0):
        raise NumericsError(f"rtol is {rtol}, alignment {alignment}; both must be positive")
    if force.bound == 0:  # no signal: nothing moves
        rest = np.ones(len(a), dtype=bool)
    else:
        rest = (np.linalg.norm(w, axis=1) == 0) & ((force.multiplicity > 1) | (a == 0))
    p = force.multiplicity
    rho0 = np.where(rest, 1.0, np.hypot(a, np.linalg.norm(w, axis=1)))
    unit = rho0 ** (1 - p)  # of time
    start = np.vstack([a, w.T]) / rho0
    moving = np.nonzero(~rest)[0]
    blowup, clock, drift = np.full(len(a), np.inf), np.zeros(len(a)), np.zeros(len(a))

    if isinstance(force, OneSidedMoments) and kinked:
        return _from_kink_to_kink(force, start, rho0, moving, times, alignment, max_steps)
    if times is None:
        near = _NEAR if newton else 0.0
        elapsed, log_rho = np.zeros(len(moving)), np.zeros(len(moving))
        part, limits = np.full(len(moving), np.inf), Limits(force)
        ends = ToTheEnd(force, rtol, alignment, log_rho, elapsed, part, near, limits)
        state = np.vstack([start[:, moving], np.zeros((2, len(moving)))])
        out = integrate(ends, state, np.array([np.inf]), rtol=rtol, max_steps=max_steps, width=_WIDTH)
        final = start.copy()
        final[:, moving] = out.y[:-2] * np.exp(np.minimum(log_rho, _LARGEST))
        # In units of the end, or of the start where that is larger, so that no growth overflows.
        shrink = np.exp(-np.maximum(log_rho, 0.0))
        drift[moving] = _drift(start[:, moving] * shrink, out.y[:-2] * np.exp(np.minimum(log_rho, 0.0)), p)
        t = np.zeros(len(a))
        t[moving], clock[moving] = elapsed * unit[moving], out.t
        snapshots, reached = final[None], np.zeros((1, len(a)), dtype=bool)
    else:
        t, asked = _ascending(times)
        own = asked[:, None] / unit[moving]
        timed = ToTimes(force, rtol, alignment, own[-1], part := np.full(len(moving), np.inf))
        out = integrate(timed, start[:, moving], own, rtol=rtol, max_steps=max_steps, width=_WIDTH)
        snapshots = np.repeat(start[None], len(asked), axis=0)
        snapshots[:, :, moving] = out.snapshots
        reached = np.ones((len(asked), len(a)), dtype=bool)
        drift = _drift(start, snapshots[-1], p)
        reached[:, moving] = asked[:, None] <= np.where(
            out.ending == Ending.REACHED, np.inf, out.t * unit[moving]
        )

    blowup[moving] = part * unit[moving]
    status = np.full(len(a), int(LeadingStatus.ZERO if force.bound else LeadingStatus.STUCK))
    status[moving] = _status(out)
    a_out, w_out = snapshots[:, 0] * rho0, np.moveaxis(snapshots[:, 1:], 1, 2) * rho0[:, None]
    steps, rejected = np.zeros(len(a), dtype=int), np.zeros(len(a), dtype=int)
    steps[moving], rejected[moving] = out.steps, out.rejected
    if t.ndim == 0 or times is None:
        a_out, w_out, reached = a_out[0], w_out[0], reached[0]
    return LeadingFlowResult(
        a_out, w_out, t, clock, reached, status, blowup, drift, steps, rejected, out.evaluations
    )


def _ascending(times: ArrayLike) -> tuple[Array, Array]:
    t = np.asarray(times, dtype=float)
    asked = np.atleast_1d(t)
    if asked.ndim != 1 or not len(asked) or (np.diff(asked) < 0).any() or not (asked >= 0).all():
        raise NumericsError("times must be one number or an ascending list of numbers, none negative or NaN")
    return t, asked


def _from_kink_to_kink(
    force: OneSidedMoments,
    start: Array,
    rho0: Array,
    moving: NDArray[np.intp],
    times: ArrayLike | None,
    alignment: float,
    max_events: int,
) -> LeadingFlowResult:
    """`leading_flow` for a one-sided activation with p = 1, in units of each neuron's initial norm."""
    t, asked = (None, np.empty(0)) if times is None else _ascending(times)
    flow = Sliding(force, asked, alignment, start[0].copy(), start[1:].copy())
    still = np.setdiff1d(np.arange(len(rho0)), moving)
    flow.status[still] = LeadingStatus.ZERO if force.bound else LeadingStatus.STUCK
    flow.run(moving, max_events)
    states = flow.snapshots if len(asked) else np.vstack([flow.a, flow.w])[None]
    reached = np.broadcast_to(
        (flow.status != LeadingStatus.UNFINISHED) | (flow.t >= asked[-1:].sum()), (len(states), len(rho0))
    ) & (t is not None)
    if t is not None:
        through = np.isin(flow.status, [LeadingStatus.UNFINISHED, LeadingStatus.GROWING, LeadingStatus.DYING])
        flow.status[through & reached[-1]] = LeadingStatus.REACHED
    a, w = states[:, 0] * rho0, np.moveaxis(states[:, 1:], 1, 2) * rho0[:, None]
    drift = _drift(start, states[-1], 1)
    if t is None or t.ndim == 0:
        a, w, reached = a[0], w[0], reached[0]
    never, none = np.full(len(rho0), np.inf), np.zeros(len(rho0), dtype=int)
    clock = np.zeros(len(rho0)) if t is not None else flow.t
    end = flow.t if t is None else t
    count = int(flow.events.sum())
    return LeadingFlowResult(a, w, end, clock, reached, flow.status, never, drift, flow.events, none, count)


def _status(out: BatchResult) -> NDArray[np.int_]:
    status = np.where(out.ending > 0, out.ending, int(LeadingStatus.UNFINISHED))
    return np.where(out.ending == Ending.REACHED, int(LeadingStatus.REACHED), status)


def _drift(start: Array, end: Array, p: int) -> Array:
    """|K(end) - K(start)| over the largest of ρ² at the two ends."""
    invariants = [np.einsum("ij,ij->j", y[1:], y[1:]) - p * y[0] ** 2 for y in (start, end)]
    sizes = [np.einsum("ij,ij->j", y, y) for y in (start, end)]
    largest = np.maximum(*sizes)
    return np.abs(invariants[1] - invariants[0]) / np.where(largest > 0, largest, 1.0)
