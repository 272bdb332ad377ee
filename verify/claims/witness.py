"""What really happens, observed once and shared by a law and its mutants: full gradient flows and trained networks.

Nothing here knows a law; a predicted exponent and a measured one become a check.  The unit of time of an observation is
chosen from the data (`rate`), as an experimenter would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from numerics.data import append_bias, load
from numerics.flow import FullStatus, gradient_flow
from numerics.nets import Network
from numerics.nets.activations import TorchActivation, get
from numerics.training.runs import Start, Trained, train_neurons
from numerics.training.stopping import LossFraction, Rate, Steps
from theory import activation
from verify.bridge.digits import torch_activation
from verify.errors import UsageError
from verify.order.result import TOLERANCE, judge_slope, power_law
from verify.verdict import Check


@dataclass(frozen=True, eq=False)
class Flow:
    """A full gradient flow at E scales and S times: data with bias x (n, D), y (n,), start and states over ε.

    a0 (m,), w0 (m, D); a (S, E, m), w (S, E, m, D); tau (S,), epsilons (E,).
    """

    x: np.ndarray
    y: np.ndarray
    a0: np.ndarray
    w0: np.ndarray
    a: np.ndarray
    w: np.ndarray
    tau: np.ndarray
    epsilons: np.ndarray
    sigma: TorchActivation

    def output(self, time: int, scale: int) -> np.ndarray:
        """f (n,) on the data."""
        eps = self.epsilons[scale]
        return output(self.sigma, self.x, eps * self.a[time, scale], eps * self.w[time, scale])


def output(sigma: TorchActivation, x: np.ndarray, a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Σ_j a_j σ(w_j·x) (n,) of neurons a (m,), w (m, D) on x (n, D)."""
    return sigma.value(torch.as_tensor(x @ w.T)).numpy() @ a


@cache
def sigma_of(name: str) -> TorchActivation:
    """The activation for numerics: of the catalogue, or compiled from a formula."""
    try:
        return get(name)
    except ValueError:
        return torch_activation(activation(name))


def rate(x: np.ndarray, y: np.ndarray, order: int) -> float:
    """A speed of the data: ‖mean(y x)‖, or for p ≥ 2 the largest |mean(y (u·x)^p)| over a thousand orientations."""
    if order == 1:
        return float(np.linalg.norm(y @ x / len(y)))
    u = np.random.default_rng(np.random.SeedSequence(1)).standard_normal((1000, x.shape[1]))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    return float(np.max(np.abs((u @ x.T) ** order @ y / len(y))))


@cache
def flow(
    data: str,
    name: str,
    *,
    order: int,
    times: tuple[float, ...],
    epsilons: tuple[float, ...],
    neurons: int = 20,
    seed: int = 0,
) -> Flow:
    """The full gradient flow on an embedded data set at rescaled `times`.

    Their unit is the time in which the largest neuron moves by its own size: 1/(p rate ρ^{p-1}).
    """
    loaded = load(data)
    x, y, sigma = append_bias(loaded.x), loaded.y, sigma_of(name)
    generator = np.random.default_rng(np.random.SeedSequence([seed, 11]))
    a0, w0 = generator.standard_normal(neurons), generator.standard_normal((neurons, x.shape[1]))
    size = float(np.max(np.hypot(a0, np.linalg.norm(w0, axis=1))))
    tau = np.array(times) / (order * rate(x, y, order) * size ** (order - 1))
    with np.errstate(over="ignore", invalid="ignore"):
        out = gradient_flow(
            sigma.value,
            sigma.derivative,
            x,
            y,
            a0,
            w0,
            epsilons=np.array(epsilons),
            multiplicity=order,
            tau=tau,
            loss="half-mse",
        )
    if not np.all(out.status == FullStatus.REACHED):
        raise UsageError(
            f"the flow of {name} on {data} did not reach the times {times}: shorter ones are needed"
        )
    return Flow(x, y, a0, w0, out.a, out.w, tau, np.array(epsilons), sigma)


@dataclass(frozen=True, eq=False, kw_only=True)
class Nets(Trained):
    """B trained networks of m neurons, with their data: x (n, D) with bias, y (n,)."""

    x: np.ndarray
    y: np.ndarray


def networks(
    x: np.ndarray,
    y: np.ndarray,
    name: str,
    *,
    std: float,
    lr: Rate,
    fraction: float,
    seeds: Sequence[int] | int,
    width: int = 50,
    optimizer: str = "gd",
    budget: int = 100_000,
) -> Nets:
    """Train two-layer networks on x (n, d), y (n,) from scale `std` until the loss has fallen by `fraction`."""
    network = Network(inputs=x.shape[1], widths=width, activations=sigma_of(name))
    trained = train_neurons(
        Start.draw(network, std, seeds),
        x,
        y,
        lr=lr,
        optimizer=optimizer,
        stop=[LossFraction(fraction), Steps(budget)],
    )
    return Nets(**vars(trained), x=append_bias(x), y=y)


def exponent_check(
    name: str,
    predicted: float,
    scales: np.ndarray,
    sizes: np.ndarray,
    floor: np.ndarray | float,
    why: str = "",
) -> Check:
    """The exponent of sizes (E,) against scales (E,), both positive, beside the predicted one; `floor` as in power_law.

    The verdict is that of `verify.order.result.judge_slope`; INCONCLUSIVE also where the window does not reach over two
    decades.
    """
    slope = power_law(np.asarray(scales), np.asarray(sizes), floor)
    verdict, how = judge_slope(predicted, slope)
    return Check(
        name=name,
        predicted=predicted,
        observed=slope.value if slope.resolved else None,
        tolerance=TOLERANCE,
        verdict=verdict,
        why=(f"{why}; " if why else "") + how,
        details={
            "scales": np.asarray(scales),
            "sizes": np.asarray(sizes),
            "interval": [slope.low, slope.high],
        },
    )
