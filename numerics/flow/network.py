"""The full gradient flow of any fully connected network in rescaled variables, many scales ε at once.

    θ' = -∇R,  R = mean ℓ(f, y)      θ = ε θ̂,  t = ε^κ τ

What is integrated is the displacement θ̂ - θ̂(0) of each layer's weights and of each layer's biases, with a tolerance
relative to that displacement: a group that moves by ε² of its size keeps as many digits of its motion as the others.
No difference of large numbers is taken: the signal is formed from f itself.  Activations must keep their relative
accuracy at tiny arguments; those of `numerics.nets.activations` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics.errors import NumericsError
from numerics.flow.batch import Array, Ending, System
from numerics.flow.full import ScaledResult, Scales, ascending, run, samples_and_goals, scales
from numerics.nets import Network
from numerics.nets.activations import as_numpy
from numerics.nets.losses import Loss, LossOfOutputs

Function = Callable[[Array], Array]
Weights = dict[str, Array]
DictField = Callable[[Weights], Mapping[str, Array]]
BatchField = Callable[[Weights, NDArray[np.intp]], Mapping[str, Array]]


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkFlowResult(ScaledResult):
    """Networks of the full flow in rescaled variables; E scales, S times.

    ``moved`` are the displacements θ̂(τ) - θ̂(0) by name, (S, E, fan out, fan in), without the first axis for a single
    time; a time that a member did not reach holds its last state.  ``start`` is θ̂(0) by name.
    """

    start: Weights
    moved: Weights

    @property
    def weights(self) -> Weights:
        """θ̂(τ) by name, of the shapes of ``moved``."""
        return {name: self.start[name] + value for name, value in self.moved.items()}


@dataclass(eq=False)
class _Displacements(System):
    """Rows are the displacements of all weights from ``start``; ``parts`` are the rows that share a size."""

    start: Weights
    parts: list[NDArray[np.intp]]
    unit: Array = field(init=False)  # (P, B): a size for each row, of what it moves in the time asked for

    def calibrate(self, y: Array, tau: float) -> None:
        """Set the units from the speed at the start, which a displacement of 0 cannot tell."""
        speed = np.abs(self.field(y, np.arange(y.shape[1]))) * tau
        total = np.zeros_like(speed)
        for rows in self.parts:
            total[rows] = speed[rows].max(axis=0)
        # A group at rest for the moment is moved by the others: compare it with the fastest at rounding level.
        self.unit = np.maximum(1e-2 * total, 1e-12 * speed.max(axis=0))

    def scale(self, y: Array, members: NDArray[np.intp]) -> Array:
        """The largest displacement of the group that an entry belongs to, at least a hundredth of its unit."""
        out = self.unit[:, members].copy()
        for rows in self.parts:
            out[rows] = np.maximum(out[rows], np.abs(y[rows]).max(axis=0))
        return out

    def weights(self, y: Array) -> Weights:
        """θ̂ by name, (C, fan out, fan in)."""
        return {name: self.start[name] + value for name, value in self.named(y).items()}

    def named(self, y: Array) -> Weights:
        """Rows (P, C) by name, (C, fan out, fan in)."""
        out, place = {}, 0
        for name, value in self.start.items():
            block = y[place : place + value.size]
            out[name] = np.ascontiguousarray(block.T).reshape(-1, *value.shape)
            place += value.size
        return out


def _parts(start: Weights, biased: Callable[[str], bool]) -> list[NDArray[np.intp]]:
    """The rows of each layer's weights and of each layer's biases."""
    out, place = [], 0
    for name, value in start.items():
        rows = place + np.arange(value.size).reshape(value.shape)
        place += value.size
        pieces = [rows[..., :-1], rows[..., -1]] if biased(name) else [rows]
        out += [piece.ravel() for piece in pieces if piece.size]
    return out


@dataclass(eq=False)
class _Layers(_Displacements):
    """One network a column."""

    network: Network
    sigmas: list[tuple[Function, Function]]
    columns: Array  # (D, n) with the ones of the first bias
    loss: LossOfOutputs
    scales: Scales

    def field(self, y: Array, members: NDArray[np.intp]) -> Array:
        net, w = self.network, self.weights(y)
        eps, speed = self.scales.of(members)

        def affine(name: str, h: Array) -> Array:
            weights = w[name]
            if name == "w1" or not net.bias_of(name):
                return eps * np.matmul(weights, h)
            return eps * (np.matmul(weights[..., :-1], h) + weights[..., -1:])

        hidden, slopes = [np.broadcast_to(self.columns, (len(members), *self.columns.shape))], []
        for number, (value, derivative) in enumerate(self.sigmas, start=1):
            z = affine(f"w{number}", hidden[-1])
            h = value(z)
            hidden.append(h + hidden[-1] if net.residual and number > 1 else h)
            slopes.append(derivative(z))
        f = affine("a", hidden[-1])
        signal = self.loss.signal(f) / self.columns.shape[1]

        def push(name: str, delta: Array, h: Array) -> Array:
            out = np.matmul(delta, h.transpose(0, 2, 1))
            if name != "w1" and net.bias_of(name):
                out = np.concatenate([out, delta.sum(axis=2, keepdims=True)], axis=2)
            return out

        def pull(name: str, delta: Array) -> Array:
            weights = w[name][..., :-1] if net.bias_of(name) else w[name]
            return eps * np.matmul(weights.transpose(0, 2, 1), delta)

        rates = {"a": push("a", signal, hidden[-1])}
        back = pull("a", signal)
        for number in range(net.depth, 0, -1):
            name = f"w{number}"
            delta = back * slopes[number - 1]
            rates[name] = push(name, delta, hidden[number - 1])
            if number > 1:
                below = pull(name, delta)
                back = below + back if net.residual else below
        flat = np.concatenate([rates[name].reshape(len(members), -1) for name in self.start], axis=1)
        out = (flat * speed[..., 0]).T
        if self.scales.decay:
            here = np.concatenate([w[name].reshape(len(members), -1) for name in self.start], axis=1)
            out = out - self.scales.decay * here.T
        return out


@dataclass(eq=False)
class _Handed(_Displacements):
    """Systems whose field is handed over."""

    callable: BatchField

    def field(self, y: Array, members: NDArray[np.intp]) -> Array:
        rates = self.callable(self.weights(y), members)
        return np.concatenate([np.reshape(rates[name], (len(members), -1)) for name in self.start], axis=1).T


def network_flow(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    start: Mapping[str, ArrayLike],
    *,
    epsilons: ArrayLike,
    time_exponent: float,
    tau: ArrayLike,
    loss: str | Loss = "half-mse",
    weight_decay: float = 0.0,
    rtol: float = 1e-13,
    max_steps: int = 20_000,
) -> NetworkFlowResult:
    """Integrate a network from θ̂(0) = ``start`` (arrays by name, of ``network.shapes``) at every scale of ``epsilons``.

    Data x (n, inputs), y (n,) or (n, K).  ``tau`` is one number or an ascending list, in units of ε^κ of gradient-flow
    time, κ = ``time_exponent``.  ``weight_decay`` is in rescaled time: θ̂' gets -λ θ̂.  ``rtol`` bounds the error of each
    step relative to the displacement of the group.  Raises `NumericsError` for wrong shapes or numbers and for
    convolutions.  Cost: 13 evaluations of the network a step and member.
    """
    if network.convolution is not None:
        raise NumericsError("network_flow integrates fully connected networks; this one has a convolution")
    samples, goals = samples_and_goals(x, y, network.inputs)
    if goals.shape[1] != network.outputs:
        raise NumericsError(f"y has {goals.shape[1]} columns and the network {network.outputs} outputs")
    weights, times = _start(start, network.shapes), ascending(tau)
    members = scales(epsilons, time_exponent, weight_decay)
    ones = np.ones((1, len(samples)))
    system = _Layers(
        weights,
        _parts(weights, lambda name: name != "w1" and network.bias_of(name)),
        network,
        [(as_numpy(sigma.value), as_numpy(sigma.derivative)) for sigma in network.layers],
        np.concatenate([samples.T, ones]) if network.hidden_bias else np.ascontiguousarray(samples.T),
        LossOfOutputs.of(loss, goals),
        members,
    )
    y0 = np.zeros((sum(v.size for v in weights.values()), len(members.epsilons)))
    system.calibrate(y0, float(times[-1]))
    out = run(system, y0, times, rtol=rtol, max_steps=max_steps)
    snapshots = [system.named(state) for state in out.snapshots]
    moved = {name: np.stack([snapshot[name] for snapshot in snapshots]) for name in weights}
    if np.ndim(tau) == 0:
        moved = {name: value[0] for name, value in moved.items()}
    return NetworkFlowResult(**members.told(tau, out), start=weights, moved=moved)


def integrate_field(
    field: DictField,
    start: Mapping[str, ArrayLike],
    tau: float,
    *,
    biased: Callable[[str], bool] = lambda name: False,
    rtol: float = 1e-13,
    max_steps: int = 20_000,
) -> Weights:
    """The displacements θ(τ) - θ(0) by name of θ' = field(θ) from ``start``, a dict of arrays of any shapes.

    ``field`` takes and returns such dicts.  ``biased(name)`` says whether the last column of an array is a group of its
    own, with its own tolerance.  Raises `NumericsError` when τ is not reached (a blow-up before).
    """

    def one(weights: Weights, members: NDArray[np.intp]) -> Weights:
        out = field({name: value[0] for name, value in weights.items()})
        return {name: np.asarray(value)[None] for name, value in out.items()}

    moved = integrate_fields(one, start, tau, count=1, biased=biased, rtol=rtol, max_steps=max_steps)
    return {name: value[0] for name, value in moved.items()}


def integrate_fields(
    field: BatchField,
    start: Mapping[str, ArrayLike],
    tau: float,
    *,
    count: int,
    biased: Callable[[str], bool] = lambda name: False,
    rtol: float = 1e-13,
    max_steps: int = 20_000,
) -> Weights:
    """As `integrate_field`, for ``count`` systems from the same start: displacements (count, ...) by name.

    ``field(θ, members)`` gets arrays (C, ...) for the systems ``members`` (C,) that are still on their way, and each
    goes by its own steps.
    """
    weights = _start(start, {name: np.shape(value) for name, value in start.items()})
    times = ascending(tau)
    system = _Handed(weights, _parts(weights, biased), field)
    y0 = np.zeros((sum(v.size for v in weights.values()), count))
    system.calibrate(y0, float(times[-1]))
    out = run(system, y0, times, rtol=rtol, max_steps=max_steps)
    late = np.flatnonzero(out.ending != Ending.REACHED)
    if late.size:
        why = Ending(out.ending[late[0]]).name
        raise NumericsError(
            f"the field's flow ends at τ = {out.t[late[0]]:.6g}, before {float(times[-1]):.6g}: {why}"
        )
    return system.named(out.y)


def _start(start: Mapping[str, ArrayLike], shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    weights = {name: np.asarray(value, dtype=float) for name, value in start.items()}
    found = {name: value.shape for name, value in weights.items()}
    if found != {name: tuple(shape) for name, shape in shapes.items()}:
        raise NumericsError(f"start has shapes {found}; {dict(shapes)} are needed")
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise NumericsError("start holds a value that is not finite; finite numbers are needed")
    return {name: weights[name] for name in shapes}
