"""Training at leading order: networks stepped by an optimiser's own rule along a given ascent direction.

Statement.   No ODE stands between theory and the optimiser: the leading-order direction is handed to the discrete rule,
             step for step, from the same weights and at the same learning rate as the real network.
Fall.        Σ_k mean(s_k f_k - κ f_k²/2): the risk to second order in the output.  H = Σ_j a_j a_j' is its first term.
Source.      condense; the rules are those of gradient descent, heavy-ball momentum, signSGD and Adam (Kingma, Ba 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.errors import TheoryError
from theory.fields import SmoothField

MAX_STEPS = 200_000  # chosen because `condense verify` gives a training as many
PATH_EVERY = 100  # steps; chosen because a path of a thousand states is drawn smoothly
# Of the target: below it the fall is taken by its first term alone.  Chosen because the terms beyond the leading order, and
# one step, are far from making up the fifth that is left.
NEAR = 0.8


@dataclass(frozen=True)
class SignRule:
    """A step of lr times the sign of the ascent direction."""

    def start(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """No memory."""
        return []

    def direction(self, ascent: np.ndarray, memory: list[np.ndarray], step: int) -> np.ndarray:
        """The step divided by lr; `step` counts from 1."""
        return np.sign(ascent)


@dataclass(frozen=True)
class AdamRule:
    """Adam (Kingma, Ba 2015) with bias correction."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def start(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """The two running means."""
        return [np.zeros(shape), np.zeros(shape)]

    def direction(self, ascent: np.ndarray, memory: list[np.ndarray], step: int) -> np.ndarray:
        """The step divided by lr; `step` counts from 1."""
        first, second = memory
        first += (1 - self.beta1) * (ascent - first)
        second += (1 - self.beta2) * (ascent**2 - second)
        return first / (1 - self.beta1**step) / (np.sqrt(second / (1 - self.beta2**step)) + self.epsilon)


@dataclass(frozen=True)
class GradientRule:
    """Gradient descent, for μ > 0 with heavy-ball momentum b ← μ b + gradient."""

    momentum: float = 0.0

    def start(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """The velocity."""
        return [np.zeros(shape)] if self.momentum else []

    def direction(self, ascent: np.ndarray, memory: list[np.ndarray], step: int) -> np.ndarray:
        """The step divided by lr."""
        if not memory:
            return ascent
        memory[0] *= self.momentum
        memory[0] += ascent
        return memory[0].copy()


Rule = SignRule | AdamRule | GradientRule


@dataclass(frozen=True)
class LeadingTraining:
    """B networks under a rule at the wanted fall of the risk: `times` (B,) = lr × steps, a (B, m), w (B, m, D);
    `reached` (B,); and the neurons every `every` steps: `path_times` (S,), `path_w` (S, B, m, D)."""

    times: np.ndarray
    a: np.ndarray
    w: np.ndarray
    reached: np.ndarray
    path_times: np.ndarray
    path_w: np.ndarray


Ascent = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def leading_ascent(field: SmoothField) -> Ascent:
    """The leading-order ascent direction of networks a (B, m), w (B, m, D)."""

    def ascent(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope_a, slope_w = field(a.ravel(), w.reshape(a.size, -1))
        return slope_a.reshape(a.shape), slope_w.reshape(w.shape)

    return ascent


Output = Callable[[np.ndarray, np.ndarray], np.ndarray]


def power_output(
    x: np.ndarray, coefficient: float, order: int, next_term: tuple[int, float] | None
) -> Output:
    """f = Σ_j a_j (c z^p + c' z^q) of one network a (m,), w (m, D) on data x (n, D)."""
    q, c_next = next_term if next_term is not None else (order + 1, 0.0)

    def output(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        z = x @ w.T
        return (coefficient * z**order + c_next * z**q) @ a

    return output


def leading_training(
    ascent: Ascent,
    output: Output,
    a0: np.ndarray,
    w0: np.ndarray,
    rule: Rule,
    *,
    lr: float,
    s: np.ndarray,
    risk: float,
    curvature: float | np.ndarray,
    fraction: float,
    max_steps: int = MAX_STEPS,
    every: int = PATH_EVERY,
) -> LeadingTraining:
    """Train B networks a0 (B, m) or (B, m, K), w0 (B, m, D) along `ascent`, discrete step for discrete step, until the
    risk has fallen by `fraction` of `risk`: Σ_k mean(s_k f_k - κ f_k²/2), s (n,) or (n, K), κ =
    `curvature`, one number or one a sample.

    `ascent` is the leading-order direction, or `PerturbedLinear`; `output` the f of one network.  The crossing is
    interpolated inside its step.  Cost: one evaluation of the direction a step.  Source: condense.
    """
    if not (lr > 0 and np.isfinite(lr)):
        raise TheoryError(f"the learning rate is {lr}; accepted: a finite number above 0")
    networks, samples = len(a0), len(s)
    a, w = a0.copy(), w0.copy()
    memory_a, memory_w = rule.start(a.shape), rule.start(w.shape)
    out_a, out_w, times = a.copy(), w.copy(), np.full(networks, np.nan)
    open_ = np.ones(networks, dtype=bool)
    path_times, path_w = [0.0], [w.copy()]
    last, target = np.zeros(networks), fraction * risk

    def fall(linear: np.ndarray) -> np.ndarray:
        """The fall of the risk, in full only where its first term comes near the target."""
        out = linear.copy()
        for b in np.flatnonzero(open_ & (linear > NEAR * target)):
            f = output(a[b], w[b])
            out[b] = float(np.sum(s * f) - 0.5 * np.sum(curvature * f**2)) / samples
        return out

    for step in range(1, max_steps + 1):
        slope_a, slope_w = ascent(a, w)
        # H is linear in a and a' = ∂H/∂a: the first term of the fall before this step is a·a'.
        linear = np.sum((a * slope_a).reshape(networks, -1), axis=1)
        before_a, before_w = a, w
        a = a + lr * rule.direction(slope_a, memory_a, step)
        w = w + lr * rule.direction(slope_w, memory_w, step)
        now = fall(linear)
        crossed = open_ & (now >= target)
        for b in np.flatnonzero(crossed):
            share = float(np.clip((target - last[b]) / (now[b] - last[b]), 0.0, 1.0))
            out_a[b] = before_a[b] + share * (a[b] - before_a[b])
            out_w[b] = before_w[b] + share * (w[b] - before_w[b])
            times[b] = lr * (step - 1 + share)
        open_ &= ~crossed
        last = now
        if step % every == 0:
            path_times.append(lr * step)
            path_w.append(w.copy())
        if not open_.any():
            break
    out_a[open_], out_w[open_] = a[open_], w[open_]
    times[open_] = lr * max_steps
    return LeadingTraining(times, out_a, out_w, ~open_, np.array(path_times), np.array(path_w))
