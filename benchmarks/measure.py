"""The cost of measuring: the monitor in a training loop, clusters and cosines of many neurons."""

from __future__ import annotations

import time

import numpy as np
import torch

from numerics.measure import clusters, cosine_quantiles, effective_width
from numerics.weights.monitor import CondensationMonitor

REPEATS = 5


def monitor_share(steps: int = 1000, batch: int = 64) -> dict:
    """The share of a 784-1000-10 training loop's time that is spent in the monitor, timed inside the same
    loop."""
    best_loop, best_monitor = np.inf, np.inf
    for repeat in range(REPEATS):
        generator = torch.Generator().manual_seed(repeat)
        net = torch.nn.Sequential(torch.nn.Linear(784, 1000), torch.nn.Tanh(), torch.nn.Linear(1000, 10))
        x, y = (
            torch.randn(batch, 784, generator=generator),
            torch.randint(0, 10, (batch,), generator=generator),
        )
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
        inside = 0.0
        begin = time.perf_counter()
        monitor = CondensationMonitor(net[0], output=net[2])
        inside += time.perf_counter() - begin
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            start = time.perf_counter()
            monitor.step(loss)
            inside += time.perf_counter() - start
        total = time.perf_counter() - begin
        best_loop, best_monitor = min(best_loop, total - inside), min(best_monitor, inside)
    return {
        "name": f"monitor in {steps} steps of a 784-1000-10 network",
        "seconds": best_monitor,
        "peer_seconds": best_loop,
        "ratio": best_monitor / best_loop,
        "target": 0.02,
        "records": len(monitor.records),
    }


def many_neurons(count: int = 100_000) -> list[dict]:
    """Clusters, quantiles and effective width of many neurons in R^6, half condensed; no matrix is ever
    stored."""
    rng = np.random.default_rng(0)
    u = rng.standard_normal((count, 6))
    u[: count // 2] = np.eye(6)[rng.integers(0, 3, count // 2)] + 0.01 * u[: count // 2]
    rows = []
    for name, measure in (
        ("clusters", clusters),
        ("quantiles", cosine_quantiles),
        ("width", effective_width),
    ):
        start = time.perf_counter()
        measure(u)
        rows.append({"name": f"{name} of {count} neurons", "seconds": time.perf_counter() - start})
    return rows


def run() -> list[dict]:
    """All rows; a few minutes."""
    return [monitor_share(), *many_neurons()]
