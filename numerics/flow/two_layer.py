"""The full gradient flow of two-layer networks in rescaled variables, many scales ε at once.

    f(x) = Σ_j a_j σ(w_j·x)      θ' = -∇R,  R = mean ℓ(f, y)      θ = ε θ̂,  t = ε^κ τ

With κ = 1 - p (κ = 1 when σ(0) ≠ 0) the rescaled parameters move at a speed of order 1 whatever ε:
tolerances are relative to the scale, and all members share one leading flow. Each member keeps its own
steps.

No difference of large numbers is taken: the signal is formed from f itself, and the fall of the loss from
f, not from two losses. σ must have full relative accuracy at tiny arguments (`x*tanh(x)` has,
`log(cosh(x))` has not).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike, NDArray

from numerics import memory
from numerics.errors import NumericsError
from numerics.flow.batch import Array, System
from numerics.flow.full import Nodes, ScaledResult, Scales, ascending, run, samples_and_goals, scales
from numerics.nets.activations import as_numpy
from numerics.nets.losses import Loss, LossOfOutputs


@dataclass(frozen=True, eq=False, kw_only=True)
class FullFlowResult(ScaledResult):
    """Networks of the full flow in rescaled variables θ̂ = θ/ε; S times, E scales, m neurons.

    ``a`` (S, E, m) or (S, E, m, K) and ``w`` (S, E, m, D) at ``tau`` (S,), without the first axis for a
    single time; a time that a member did not reach holds its last state. ``event_tau`` (V, E) are the times of
    the events, 0 where one holds from the start and inf where it did not happen, with ``event_a``,
    ``event_w`` there.
    """

    a: Float64[np.ndarray, "*S E m"] | Float64[np.ndarray, "*S E m K"]
    w: Float64[np.ndarray, "*S E m D"]
    event_tau: Float64[np.ndarray, "V E"]
    event_a: Float64[np.ndarray, "V E m"] | Float64[np.ndarray, "V E m K"]
    event_w: Float64[np.ndarray, "V E m D"]
    path: Callable[[ArrayLike], tuple[Array, Array]] | None = None

    def at(self, tau: ArrayLike) -> tuple[Array, Array]:
        """(a, w) at any times up to the end of every member, shaped as the fields are; needs ``dense=True``.

        To the order of the method, see `numerics.flow.full`.  Raises `NumericsError` for other times.
        """
        if self.path is None:
            raise NumericsError("there is no dense output; ask for it by gradient_flow(..., dense=True)")
        return self.path(tau)


@dataclass(frozen=True)
class LossFall:
    """The event that the loss has fallen by the fraction ``fraction`` of its value at f = 0."""

    fraction: float

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise NumericsError(f"LossFall needs 0 < fraction < 1, not {self.fraction}")


@dataclass(frozen=True)
class Aligned:
    """The event that the ``share`` quantile of the neurons' cosines |u_j·v| reaches ``cosine`` for a
    fixed unit v (D,)."""

    direction: tuple[float, ...]
    cosine: float
    share: float = 0.5

    def __post_init__(self) -> None:
        v = np.asarray(self.direction, dtype=float)
        if v.ndim != 1 or not np.isfinite(v).all() or not v.any():
            raise NumericsError("Aligned needs a direction of finite numbers, not all 0")
        if not (self.cosine > 0 and 0 < self.share <= 1):
            raise NumericsError(
                f"Aligned needs cosine > 0 and 0 < share ≤ 1, not {self.cosine} and {self.share}"
            )


Event = LossFall | Aligned


@dataclass(eq=False)
class _TwoLayer(System):
    """One member a column; rows are a (m·K) and then w (m·D)."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    x: Array  # (n, D)
    loss: LossOfOutputs
    shape: tuple[int, int]  # m, K
    scales: Scales
    watched: tuple[Event, ...]
    nodes: Nodes | None = None

    def settle(self, y: Array, slope: Array, t: Array, members: NDArray[np.intp]) -> Int[np.ndarray, "C"]:
        if self.nodes is not None:
            self.nodes.add(y, t, members)
        return super().settle(y, slope, t, members)

    def split(self, y: Array) -> tuple[Array, Array]:
        """a (C, m, K) and w (C, m, D) of the columns."""
        rows, (width, outputs) = np.ascontiguousarray(y.T), self.shape
        cut = width * outputs
        return rows[:, :cut].reshape(len(rows), width, outputs), rows[:, cut:].reshape(len(rows), width, -1)

    def forward(self, a: Array, w: Array, eps: Array) -> tuple[Array, Array, Array]:
        """The arguments z = ε w·x and σ(z), (C, m, n), and f (C, K, n)."""
        z = np.matmul(eps * w, self.x.T)
        sigma = self.value(z)
        return z, sigma, np.matmul(a.transpose(0, 2, 1), sigma) * eps

    def field(self, y: Array, members: NDArray[np.intp]) -> Array:
        a, w = self.split(y)
        eps, speed = self.scales.of(members)
        z, sigma, f = self.forward(a, w, eps)
        signal = self.loss.signal(f) / len(self.x)
        da = speed * np.matmul(sigma, signal.transpose(0, 2, 1))
        back = np.matmul(a, signal)
        back *= self.derivative(z)
        dw = (speed * eps) * np.matmul(back, self.x)
        out = np.concatenate([da.reshape(len(a), -1), dw.reshape(len(a), -1)], axis=1).T
        if self.scales.decay:
            out -= self.scales.decay * y
        return out

    def scale(self, y: Array, members: NDArray[np.intp]) -> Array:
        """The norm of the neuron that an entry belongs to, at least 1e-3 of the member's largest."""
        a, w = self.split(y)
        rho = np.sqrt((a**2).sum(axis=2) + (w**2).sum(axis=2))
        rho = np.maximum(rho, 1e-3 * rho.max(axis=1, keepdims=True))
        return np.concatenate([np.repeat(rho, k, axis=1) for k in (a.shape[2], w.shape[2])], axis=1).T

    def events(self, y: Array, members: NDArray[np.intp]) -> Array:
        if not self.watched:
            return np.empty((0, y.shape[1]))
        a, w = self.split(y)
        return np.stack([self._event(event, a, w, members) for event in self.watched])

    def _event(self, event: Event, a: Array, w: Array, members: NDArray[np.intp]) -> Array:
        if isinstance(event, LossFall):
            _, _, f = self.forward(a, w, self.scales.of(members)[0])
            # Divided by the target, so that the event function is of order 1 at the start.
            goal = event.fraction * np.mean(self.loss.start())
            return np.mean(self.loss.fall(f), axis=1) / goal - 1
        v = np.asarray(event.direction) / np.linalg.norm(event.direction)
        r = np.linalg.norm(w, axis=2)
        cosines = np.abs(w @ v) / np.where(r > 0, r, 1.0)
        return np.quantile(cosines, 1 - event.share, axis=1) - event.cosine


def _watched(events: Event | tuple[Event, ...], dimension: int) -> tuple[Event, ...]:
    watched = (events,) if isinstance(events, Event) else tuple(events)
    for event in watched:
        if not isinstance(event, Event):
            raise NumericsError(
                f"{type(event).__name__} is no event of a flow; LossFall or Aligned of numerics.flow is needed"
            )
        if isinstance(event, Aligned) and len(event.direction) != dimension:
            raise NumericsError(
                f"Aligned has a direction of {len(event.direction)} numbers; {dimension} are needed"
            )
    return watched


def gradient_flow(
    value: Callable[[Any], Any],
    derivative: Callable[[Any], Any],
    x: ArrayLike,
    y: ArrayLike,
    a0hat: ArrayLike,
    w0hat: ArrayLike,
    *,
    epsilons: ArrayLike,
    multiplicity: int,
    tau: ArrayLike,
    loss: str | Loss = "half-mse",
    time_exponent: float | None = None,
    weight_decay: float = 0.0,
    events: Event | tuple[Event, ...] = (),
    rtol: float = 1e-13,
    max_steps: int = 20_000,
    dense: bool = False,
) -> FullFlowResult:
    """Integrate σ-networks θ̂0 = (a0hat (m,) or (m, K), w0hat (m, D)) at every scale of ``epsilons`` (E,)
    to times ``tau``.

    ``value`` and ``derivative`` are σ and σ', elementwise (numpy or torch, float64). Data x (n, D), y
    (n,) or (n, K). ``tau`` is one number or an ascending list, in units of ε^κ of gradient-flow time, κ =
    ``time_exponent``, 1 - p by default. ``weight_decay`` is in rescaled time: θ̂' gets -λθ̂. ``rtol``
    bounds the error of each step relative to the neuron's norm. With ``dense`` the result has states between
    the times too (`FullFlowResult.at`), for m·(D + K) numbers a step and member. Raises `NumericsError` for wrong shapes
    or numbers. Cost: 13 evaluations of the network a step and member; memory 13·m·(n + D)·E numbers.
    Source: theory notes, sections 0 and 8.

    >>> import numpy as np
    >>> flow = numerics.gradient_flow(
    ...     np.tanh, lambda z: 1 / np.cosh(z) ** 2, [[1.0]], [1.0], [1.0], [[1.0]],
    ...     epsilons=[1e-3, 1e-6], multiplicity=1, tau=1.0)
    >>> flow.a.round(4).tolist()  # e to leading order
    [[2.7183], [2.7183]]
    """
    samples, goals = samples_and_goals(x, y)
    a, w = np.asarray(a0hat, dtype=float), np.asarray(w0hat, dtype=float)
    outputs = a.reshape(len(a), -1) if a.ndim else a.reshape(0, 0)
    fits = w.ndim == 2 and a.ndim in (1, 2) and w.shape == (len(a), samples.shape[1])
    if not fits or outputs.shape[1] != goals.shape[1]:
        raise NumericsError(
            f"neurons have shapes a {a.shape}, w {w.shape}; a (m,) or (m, {goals.shape[1]}) and"
            f" w (m, {samples.shape[1]}) are needed"
        )
    if not len(a):
        raise NumericsError("there are no neurons; at least one is needed")
    if not (np.isfinite(a).all() and np.isfinite(w).all()):
        raise NumericsError("a or w holds a value that is not finite; finite numbers are needed")
    if not multiplicity >= 1:
        raise NumericsError(f"multiplicity {multiplicity}: at least 1 is needed")
    times, watched = ascending(tau), _watched(events, samples.shape[1])
    exponent = 1 - multiplicity if time_exponent is None else time_exponent
    members = scales(epsilons, exponent, weight_decay)
    count = len(members.epsilons)
    memory.require(
        memory.gradient_flow_bytes(len(a), samples.shape[1], goals.shape[1], len(samples), count, len(times)),
        f"the gradient flow of {len(a)} neurons on {len(samples)} samples at {count} scales",
    )
    nodes = Nodes() if dense else None
    system = _TwoLayer(
        as_numpy(value),
        as_numpy(derivative),
        samples,
        LossOfOutputs.of(loss, goals),
        outputs.shape,
        members,
        watched,
        nodes,
    )
    start = np.repeat(np.concatenate([outputs.ravel(), w.ravel()])[:, None], count, axis=1)
    out = run(system, start, times, rtol=rtol, max_steps=max_steps, nodes=nodes)

    def neurons(states: Array) -> tuple[Array, Array]:
        """(S, P, E) -> a (S, E, m[, K]), w (S, E, m, D)."""
        parts = [system.split(state) for state in states]
        a_all = np.array([part[0] for part in parts]).reshape(len(parts), count, *a.shape)
        return a_all, np.array([part[1] for part in parts]).reshape(len(parts), count, *w.shape)

    def path(when: ArrayLike) -> tuple[Array, Array]:
        assert nodes is not None
        a_at, w_at = neurons(nodes.at(system, when))
        return (a_at[0], w_at[0]) if np.ndim(when) == 0 else (a_at, w_at)

    a_out, w_out = neurons(out.snapshots)
    event_a, event_w = neurons(out.event_y)
    if np.ndim(tau) == 0:
        a_out, w_out = a_out[0], w_out[0]
    return FullFlowResult(
        **members.told(tau, out),
        a=a_out,
        w=w_out,
        event_tau=out.event_t,
        event_a=event_a,
        event_w=event_w,
        path=None if nodes is None else path,
    )
