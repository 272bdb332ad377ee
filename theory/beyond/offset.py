"""What the offset system leaves out: the first order of all further Taylor terms, carried along the flow.

Setting.     θ' = F(θ) + B(θ), F the offset system for p = 1, f = s0 Σ a + c Σ a w·x, B the rest of the real force.
Statement.   To first order the two flows differ by δ, δ' = J δ + B, on the states of F, with the linearisation

                 J δ = -Qᵀ S Q δ + (c g·δw, c g δa),    g = mean(s x),  S = mean(κ x̃ x̃ᵀ),  Q δ = d(s0 Σ a, c Σ a w)

             and κ = ∂²ℓ/∂f² at f: the restoring force of the output, which keeps what the network has fitted, and the
             growth of the neurons.  δ/(θ - θ0) is the share of the motion that is left out, at second order its square.
Numerics.    Implicit Euler: S is stiff; where δ grows the implicit step makes it larger than it is.  (1 - h J)^{-1} is
             that of a 2 x 2 block for each neuron and a correction of rank D + 1.
Source.      condense.
"""

from __future__ import annotations

import numpy as np

from theory.flows.offset_split import MeanFit
from theory.forms.taylor import FURTHER, series

# States at which the rest of the force is evaluated; between them it is interpolated.  Chosen because it then changes by
# little over the 200 times of a run.
LOOKS = 50
_SHIFT = 1e-5  # relative, for the central difference of the signal; chosen because its error is 1e-10 of κ
# The least 1 - (h c ‖g‖)²: derived from steps that are a small part of 1/γ, where it is near 1.
_ROOM = 1e-2


def left_out(
    fit: MeanFit,
    a0: np.ndarray,
    w0: np.ndarray,
    grid: np.ndarray,
    flow_a: np.ndarray,
    flow_w: np.ndarray,
) -> np.ndarray:
    """The share (S,) of the motion that the offset system leaves out until each of the times `grid` (S,): the worst of B
    networks a0 (B, m), w0 (B, m, D), which it takes to flow_a (S, B, m), flow_w (S, B, m, D)."""
    if fit.problem.activation.next_order is None:
        return np.zeros(len(grid))
    shares = [_share(fit, a0[b], w0[b], grid, flow_a[:, b], flow_w[:, b]) for b in range(flow_a.shape[1])]
    first = np.maximum.accumulate(np.max(shares, axis=0))
    return first * (1 + first)


def _share(
    fit: MeanFit,
    a0: np.ndarray,
    w0: np.ndarray,
    grid: np.ndarray,
    a: np.ndarray,
    w: np.ndarray,
) -> np.ndarray:
    looked = np.unique(np.linspace(0, len(grid) - 1, min(LOOKS, len(grid))).astype(int))
    rest = [beyond(fit, a[k], w[k]) for k in looked]
    delta_a, delta_w = np.zeros_like(a0), np.zeros_like(w0)
    shares, before, last = np.empty(len(grid)), 0.0, 0
    for k, time in enumerate(grid):
        last = min(last + (k > looked[last]), len(looked) - 1)
        low, high = looked[max(last - 1, 0)], looked[last]
        part = (k - low) / (high - low) if high > low else 1.0
        on_a, on_w = ((1 - part) * rest[max(last - 1, 0)][i] + part * rest[last][i] for i in (0, 1))
        step = time - before
        delta_a, delta_w = _implicit(fit, a[k], w[k], delta_a + step * on_a, delta_w + step * on_w, step)
        moved = np.linalg.norm(a[k] - a0), np.linalg.norm(w[k] - w0)
        shares[k] = max(
            float(np.linalg.norm(delta)) / max(float(size), 1e-300)
            for delta, size in zip((delta_a, delta_w), moved, strict=True)
        )
        before = time
    return shares


def beyond(fit: MeanFit, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The force of the whole Taylor series on a (m,) and w (m, D) of one network less that of its first two terms.

    Both are theory's own series: a wrong field cannot widen its own tolerance.
    """
    activation, x = fit.problem.activation, fit.x
    y, n, s0 = fit.field.y.reshape(len(x)), len(x), fit.field.constant
    z = w @ x.T
    kept, whole = (series(activation, z, range(1, top + 1)) for top in (1, 1 + FURTHER))

    def force(value: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        signal = fit.field.signal(a @ (s0 + value), y) / n
        return (s0 + value) @ signal, a[:, None] * ((slope * signal) @ x)

    (all_a, all_w), (kept_a, kept_w) = force(*whole), force(*kept)
    return all_a - kept_a, all_w - kept_w


def _implicit(
    fit: MeanFit,
    a: np.ndarray,
    w: np.ndarray,
    right_a: np.ndarray,
    right_w: np.ndarray,
    step: float,
) -> tuple[np.ndarray, np.ndarray]:
    """(1 - h J)^{-1} applied to (right_a (m,), right_w (m, D)), J at the state a, w."""
    field, x = fit.field, fit.x
    c, s0, n = float(fit.problem.activation.leading_coefficient), field.constant, len(x)
    output, y = field.output(a, w), field.y.reshape(n)
    small = _SHIFT * (np.abs(output) + np.abs(y) + 1e-12)
    kappa = (field.signal(output - small, y) - field.signal(output + small, y)) / (2 * small)
    pull = step * c * (field.signal(output, y) @ x) / n
    room = max(1.0 - float(pull @ pull), _ROOM)

    def decoupled(in_a: np.ndarray, in_w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out_a = (in_a + in_w @ pull) / room
        return out_a, in_w + out_a[:, None] * pull

    def output_of(in_a: np.ndarray, in_w: np.ndarray) -> np.ndarray:
        return np.concatenate([[s0 * in_a.sum()], c * (in_a @ w + a @ in_w)])

    wide = np.column_stack([np.ones(n), x])
    stiffness = (wide.T * kappa) @ wide / n
    # Qᵀ e_k for each of the D + 1 directions of the output.
    columns = [(np.full_like(a, s0), np.zeros_like(w))]
    for k in range(x.shape[1]):
        along = np.zeros_like(w)
        along[:, k] = c * a
        columns.append((c * w[:, k], along))
    solved = [decoupled(*column) for column in columns]
    first = decoupled(right_a, right_w)
    response = np.column_stack([output_of(*each) for each in solved])
    forces = np.linalg.solve(
        np.eye(len(response)) + step * stiffness @ response, step * stiffness @ output_of(*first)
    )
    out_a = first[0] - sum(f * each[0] for f, each in zip(forces, solved, strict=True))
    out_w = first[1] - sum(f * each[1] for f, each in zip(forces, solved, strict=True))
    return out_a, out_w
