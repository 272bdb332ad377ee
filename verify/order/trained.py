"""The order of accuracy of trained networks: gradient descent, its learning rate refined until it does not matter.

N steps of the learning rate η = τ ε^κ / N take a network to the time τ; the distance of gradient descent from gradient
flow is a series in η.  N is doubled and that series eliminated term by term (Romberg) until the last doubling changes
nothing that is measured; what it still changes is the floor of the measurement.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from numerics.nets.gradient import RiskGradient
from numerics.nets.losses import get, targets
from verify.bridge.formula import numeric_loss
from verify.order.cases import Case
from verify.order.fields import Reached, Weights
from verify.order.result import OrderResult

# From the coarsest descent to the finest; chosen because the nine doublings between them take powers of the learning
# rate out of the error, and so many steps round by 2e-12, still below `_ENOUGH`.
FIRST_STEPS, MAX_STEPS = 32, 16_384
_ENOUGH = 1e-11  # relative change by the last doubling; chosen because rounding takes over below it


def trained(case: Case) -> OrderResult:
    """The order of accuracy of a case's leading field against gradient descent of its network."""
    notes: list[str] = []

    def run(epsilons: np.ndarray, tau: float) -> Reached:
        reached, note = refined(case, epsilons, tau)
        notes.append(note)
        return reached

    return replace(case.measure(run, extend=False), notes=tuple(notes))


def refined(case: Case, epsilons: np.ndarray, tau: float) -> tuple[Reached, str]:
    """Displacements of gradient descent at time τ in the limit of a small learning rate, and how it was reached."""
    steps = FIRST_STEPS
    row = [descended(case, epsilons, tau, steps)]
    change = np.full(len(epsilons), np.inf)
    best = row[0]
    while steps < MAX_STEPS:
        steps *= 2
        new = [descended(case, epsilons, tau, steps)]
        for k, coarse in enumerate(row, start=1):
            new.append(new[-1] + (new[-1] - coarse) / (2**k - 1))
        with np.errstate(invalid="ignore", over="ignore"):
            before = change
            change = _relative(new[-1] - best, new[-1])
        row, best = new, new[-1]
        settled = np.isfinite(change)
        if not settled.any() or change[settled].max() < _ENOUGH:
            break
        if steps >= 1024 and np.all(change[settled] > 0.5 * before[settled]):
            break  # a kink or rounding: another doubling does not help
    left = float(change[np.isfinite(change)].max()) if np.isfinite(change).any() else float("nan")
    plain = _relative(row[0] - best, best)
    note = (
        f"gradient descent with up to {steps} steps: the last doubling changes the displacement by {left:.1e}; without "
        f"extrapolation the finest learning rate is {float(np.nanmax(plain)):.1e} away"
    )
    return Reached(_named(case, best), np.where(np.isfinite(change), change, np.inf)), note


def descended(case: Case, epsilons: np.ndarray, tau: float, steps: int) -> np.ndarray:
    """θ̂ - θ̂(0) after `steps` steps of gradient descent that take each network to τ, (E, size)."""
    network, loss = case.network, get(numeric_loss(case.loss))
    x, y = torch.tensor(case.x, dtype=torch.float64), torch.tensor(case.y, dtype=torch.float64)
    start = torch.cat([torch.tensor(case.start[name]).reshape(1, -1) for name in network.shapes], dim=1)
    eps = torch.tensor(epsilons)[:, None]
    gradient = RiskGradient(network, x, targets(loss, y), loss, len(epsilons))
    # Steps of θ = ε (θ̂(0) + moved), written for the displacement, which keeps its digits.
    moved = torch.zeros(len(epsilons), start.shape[1], dtype=torch.float64)
    slope = torch.empty_like(moved)
    rate = (tau / steps) * eps ** (case.system.time_exponent - 1)
    for _ in range(steps):
        here = start + moved
        gradient(eps * here, slope)
        moved -= rate * slope
        if case.decay:
            moved -= (tau / steps) * case.decay * here
    return moved.numpy()


def _named(case: Case, flat: np.ndarray) -> Weights:
    out, place = {}, 0
    for name, shape in case.network.shapes.items():
        size = shape[0] * shape[1]
        out[name] = flat[:, place : place + size].reshape(len(flat), *shape)
        place += size
    return out


def _relative(gap: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.linalg.norm(gap, axis=1) / np.linalg.norm(whole, axis=1)
