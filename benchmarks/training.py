"""Training many small networks: time per network-step against the usual PyTorch loop, and the distance to
tanh alone.

Every entry is a ratio within one interleaved run, the best of `ROUNDS`; accuracy is the largest relative
distance of the trained parameters from those of the loop after the same steps from the same start.
"""

import multiprocessing
import time
from collections.abc import Callable

import numpy as np
import torch

from numerics.data import load
from numerics.nets import Network, Parameters
from numerics.nets.initial import initialise
from numerics.training import train
from numerics.training.stopping import Steps

ROUNDS = 5
THREADS = (1, 2)
STEPS = 100
STD = 0.005  # of the source paper's figure 3, as is the learning rate
RATE = 1e-3
ACCURACY_STEPS = 100


def _loop_network(parameters: Parameters, member: int) -> torch.nn.Sequential:
    w, a = parameters["w1"][member], parameters["a"][member]
    net = torch.nn.Sequential(
        torch.nn.Linear(w.shape[1] - 1, w.shape[0], dtype=w.dtype),
        torch.nn.Tanh(),
        torch.nn.Linear(w.shape[0], a.shape[0], bias=False, dtype=w.dtype),
    )
    state = {"0.weight": w[:, :-1], "0.bias": w[:, -1], "2.weight": a}
    net.load_state_dict({name: value.clone() for name, value in state.items()})
    return net


def _loop(net: torch.nn.Sequential, x: torch.Tensor, y: torch.Tensor, steps: int) -> None:
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    loss_of = torch.nn.MSELoss()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _loop_process(start, done, dtype: torch.dtype, rounds: int) -> None:
    torch.set_num_threads(1)
    data = load("sine5")
    x, y = torch.as_tensor(data.x, dtype=dtype), torch.as_tensor(data.y[:, None], dtype=dtype)
    net = _loop_network(initialise(Network(5, 50), STD, 1, dtype=dtype), 0)
    _loop(net, x, y, 20)
    done.wait()
    for _ in range(rounds):
        start.wait()
        _loop(net, x, y, STEPS)
        done.wait()


def _two_processes(dtype: torch.dtype) -> float:
    """Seconds per network-step of two single-threaded loop processes together, the best of ROUNDS."""
    context = multiprocessing.get_context("spawn")
    start, done = context.Barrier(3), context.Barrier(3)
    workers = [context.Process(target=_loop_process, args=(start, done, dtype, ROUNDS)) for _ in range(2)]
    for worker in workers:
        worker.start()
    done.wait()
    best = float("inf")
    for _ in range(ROUNDS):
        start.wait()
        best = min(best, _timed(done.wait))
    for worker in workers:
        worker.join()
    return best / (2 * STEPS)


def _accuracy(network: Network, dtype: torch.dtype, x: np.ndarray, y: np.ndarray) -> float:
    parameters = initialise(network, STD, 2, dtype=dtype)
    options = {"loss": "mse", "optimizer": "adam", "lr": RATE}
    ours = train(network, parameters, x, y, stop=Steps(ACCURACY_STEPS), **options).parameters
    worst = 0.0
    for member in range(2):
        net = _loop_network(parameters, member)
        _loop(net, torch.as_tensor(x, dtype=dtype), torch.as_tensor(y[:, None], dtype=dtype), ACCURACY_STEPS)
        theirs = torch.cat([net[0].weight, net[0].bias[:, None]], dim=1).detach()  # type: ignore[arg-type]
        worst = max(worst, float((ours["w1"][member] - theirs).norm() / theirs.norm()))
    return worst


def _compare(members: int, dtype: torch.dtype) -> dict:
    """Seconds per network-step of both sides, and of tanh alone, each at its better number of threads."""
    data = load("sine5")
    network = Network(data.inputs, 50)
    parameters = initialise(network, STD, members, dtype=dtype)
    x, y = torch.as_tensor(data.x, dtype=dtype), torch.as_tensor(data.y[:, None], dtype=dtype)
    z = STD * torch.randn(members, 50, 80, dtype=dtype)
    out = torch.empty_like(z)
    net = _loop_network(parameters, 0)
    options = {"loss": "mse", "optimizer": "adam", "lr": RATE, "stop": Steps(STEPS), "snapshots": []}
    sides: dict[str, tuple[Callable[[], object], int]] = {
        "ours": (lambda: train(network, parameters, data.x, data.y, **options), STEPS * members),
        "tanh": (lambda: torch.tanh(z, out=out), members),
        "loop": (lambda: _loop(net, x, y, STEPS), STEPS),
    }
    best = {(name, threads): float("inf") for name in sides for threads in THREADS}
    for _ in range(ROUNDS):
        for name, threads in best:
            torch.set_num_threads(threads)
            action, steps = sides[name]
            best[name, threads] = min(best[name, threads], _timed(action) / steps)
    ours, tanh, loop = (min(best[name, threads] for threads in THREADS) for name in sides)
    return {
        "name": f"{members} networks 5-50-1, n = 80, Adam, {str(dtype).removeprefix('torch.')}",
        "seconds": ours,
        "peer": "PyTorch loop",
        "peer_seconds": loop,
        "ratio": loop / ours,
        "seconds_one_thread": best["ours", 1],
        "tanh_alone_seconds": tanh,
        "over_tanh_alone": ours / tanh,
        "accuracy": _accuracy(network, dtype, data.x, data.y),
    }


def _wide() -> dict:
    """One wide network, where batching has nothing to give: no slower than the loop is all that can be asked."""
    inputs, width, samples, steps = 784, 1000, 256, 30
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((samples, inputs)) / inputs**0.5, rng.standard_normal(samples)
    network = Network(inputs, width)
    parameters = initialise(network, STD, 1)
    options = {"loss": "mse", "optimizer": "adam", "lr": RATE, "stop": Steps(steps), "snapshots": []}
    ours = peer = float("inf")
    rows, targets = torch.as_tensor(x), torch.as_tensor(y[:, None])
    net = _loop_network(parameters, 0)
    for _ in range(ROUNDS):
        for threads in THREADS:
            torch.set_num_threads(threads)
            ours = min(ours, _timed(lambda: train(network, parameters, x, y, **options)) / steps)
            peer = min(peer, _timed(lambda: _loop(net, rows, targets, steps)) / steps)
    return {
        "name": f"1 network {inputs}-{width}-1, n = {samples}, Adam, float64",
        "seconds": ours,
        "peer": "PyTorch loop",
        "peer_seconds": peer,
        "ratio": peer / ours,
        "required": 1.0,
    }


def run() -> list[dict]:
    """The rows of the training benchmark: seconds are per network and step."""
    before = torch.get_num_threads()
    rows = []
    try:
        for members, dtype, required in (
            (64, torch.float64, 12.0),
            (256, torch.float64, 15.0),
            (64, torch.float32, 20.0),
        ):
            rows.append(_compare(members, dtype) | {"required": required})
        rows.append(_wide())
        processes = _two_processes(torch.float64)
        against = {"peer": "two single-threaded loop processes", "peer_seconds": processes, "required": 6.0}
        rows += [small | against | {"ratio": processes / small["seconds"]} for small in rows[:2]]
    finally:
        torch.set_num_threads(before)
    return rows
