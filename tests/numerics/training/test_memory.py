"""Memory: the measured peak against the prediction, and a refusal with the numbers."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from numerics import memory as host
from numerics.errors import NumericsError
from numerics.flow import gradient_flow, leading_flow, moments
from numerics.nets import Network
from numerics.nets.initial import initialise
from numerics.training import memory, train
from numerics.training.stopping import Steps

MEASURE = """
import resource, sys
import torch
from numerics.training import memory
from numerics.nets import Network
from numerics.nets.initial import initialise
from numerics.training.stopping import Steps
from numerics.training import train
torch.set_num_threads(1)
x, y = torch.linspace(-1, 1, 24).double().view(8, 3).numpy(), torch.arange(8.0).double().numpy()
options = {"lr": 1e-3, "optimizer": "adam", "snapshots": [0, 2], "keep_parameters": True}
small = Network(3, 4)
train(small, initialise(small, 0.1, 2), x, y, stop=Steps(4), **options)
network = Network(3, 20000)
parameters = initialise(network, 0.1, 24)
present = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
train(network, parameters, x, y, stop=Steps(4), **options)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - present
predicted = memory.training_bytes(network, 8, 24, torch.float64, torch.device("cpu"), 2, 2)
print(peak / predicted)
"""


def test_the_measured_peak_is_within_half_of_the_prediction():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    ratio = float(done.stdout)
    assert 1 / 1.5 <= ratio <= 1.5, ratio


def test_a_run_that_cannot_fit_is_refused_with_the_numbers(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2**20)
    network = Network(3, 5000)
    parameters = initialise(network, 0.1, 4)
    with pytest.raises(NumericsError, match=r"4 networks of 25000 parameters.*GiB and 0.0 GiB are available"):
        train(network, parameters, torch.ones(5, 3).numpy(), torch.arange(5.0).numpy(), lr=0.1, stop=Steps(2))
    assert memory.training_bytes(network, 5, 4, torch.float64, torch.device("cpu"), 0, 0) > 2**20


def test_available_memory_is_that_of_a_machine():
    assert 2**20 < memory.available_bytes(torch.device("cpu")) < 2**50


# network, samples, members, optimiser, further options
CASES = {
    "wide": ("Network(50, 20000)", 64, 4, "gd", {}),
    "many samples": ("Network(5, 500)", 20000, 2, "adam", {}),
    "many members": ("Network(5, 50)", 80, 20000, "adam", {}),
    "deep": ("Network(50, (800,) * 3, upper_bias=True)", 2000, 4, "adam", {}),
    "residual": ("Network(50, (800,) * 3, upper_bias=True, residual=True)", 2000, 4, "gd", {}),
    "outputs": ("Network(784, 1000, 10)", 6000, 2, "momentum", {}),
    "convolution": (
        "Network(784, (16, 32), 10, convolution=Convolution(1, 28, 28, 5))", 500, 2, "gd", {},
    ),
    "mini-batches": ("Network(100, 2000)", 10000, 2, "gd", {"batch_size": 64}),
    "deep silu": ("Network(50, (800, 800), activations='silu')", 3000, 4, "gd", {}),
    "gelu": ("Network(20, 2000, activations='gelu')", 3000, 4, "gd", {}),
    "wide data": ("Network(1000, 10)", 40000, 2, "gd", {}),
    "float32": ("Network(3, 20000)", 8, 48, "adam", {"dtype": torch.float32}),
}  # fmt: skip
PEAK = """
import ctypes, resource
def pages(): return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
def peak():
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
def forget_peak():
    ctypes.CDLL(None).malloc_trim(0)  # what was freed earlier must not serve unseen
    before = pages()
    open("/proc/self/clear_refs", "w").write("5")
    return before
"""
TRAINING = (
    """
import numpy as np, torch
from numerics.training import memory
from numerics.nets import Convolution, Network
from numerics.nets.initial import initialise
from numerics.training.stopping import Steps
from numerics.training import train
torch.set_num_threads(1)
"""
    + PEAK
    + """
def run(network, samples, members, optimizer, dtype=torch.float64, **options):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((samples, network.inputs)), rng.standard_normal((samples, network.outputs))
    parameters = initialise(network, 1e-3, members, dtype=dtype)
    before = forget_peak()
    train(network, parameters, x, y, lr=1e-5, optimizer=optimizer, stop=Steps(4), **options)
    memories = {"gd": 0, "momentum": 1, "adam": 2}[optimizer]
    predicted = memory.training_bytes(network, samples, members, dtype, torch.device("cpu"), memories, 0,
                                      options.get("batch_size"))
    return (peak() - before) / predicted
case = CASE
run(Network(3, 4), 9, 2, case[3])
if "convolution" in CODE:
    run(Network(16, (2, 3), convolution=Convolution(1, 4, 4, 3)), 9, 2, case[3])
print(run(eval(CODE), *case[1:4], **case[4]))
"""
)
FLOWS = (
    """
import numpy as np
from numerics import memory
from numerics.flow import gradient_flow, leading_flow, moments, one_sided_moments
"""
    + PEAK
    + """
rng = np.random.default_rng(0)
def leading(neurons, dimension, p, times=None, samples=50):
    x, s = rng.standard_normal((samples, dimension)), rng.standard_normal(samples)
    force = one_sided_moments(x, s, 1, 1.0, 0.0) if p == 0 else moments(x, s, p)
    a, w = rng.standard_normal(neurons), rng.standard_normal((neurons, dimension))
    count = 0 if times is None else len(times)
    predicted = memory.leading_flow_bytes(neurons, dimension, count, 8192, samples * (p == 0), kinks=p == 0)
    before = forget_peak()
    leading_flow(force, a, w, times=times)
    return (peak() - before) / predicted
def gradient(m, dimension, samples, outputs, scales, times):
    x, y = rng.standard_normal((samples, dimension)), rng.standard_normal((samples, outputs))
    a, w = rng.standard_normal((m, outputs)), rng.standard_normal((m, dimension))
    predicted = memory.gradient_flow_bytes(m, dimension, outputs, samples, scales, times)
    before = forget_peak()
    gradient_flow(np.tanh, lambda z: 1 - np.tanh(z) ** 2, x, y, a, w, epsilons=np.geomspace(1e-3, 1e-5, scales),
                  multiplicity=1, tau=np.linspace(0, 0.02, times))
    return (peak() - before) / predicted
early = np.linspace(0, 0.01, 20)
leading(50, 6, 1), leading(50, 6, 3, early), leading(50, 2, 0), gradient(3, 2, 4, 1, 2, 2)
print(leading(100_000, 6, 1), leading(50_000, 20, 2), leading(50_000, 6, 3, early), leading(4_000, 4, 0, samples=200),
      gradient(1000, 6, 500, 1, 8, 1), gradient(1000, 50, 20, 2, 8, 11))
"""
)


def _ratios(code: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_peak_of_every_kind_of_training_is_within_half_of_the_prediction(name):
    network, *rest = CASES[name]
    case = repr((None, *rest))
    (ratio,) = _ratios(TRAINING.replace("CASE", case).replace("CODE", repr(network)))
    assert 1 / 1.5 <= ratio <= 1.5, ratio


def test_the_peak_of_the_flows_is_within_half_of_the_prediction():
    ratios = _ratios(FLOWS)
    assert len(ratios) == 6
    assert all(1 / 1.5 <= ratio <= 1.5 for ratio in ratios), ratios


def test_flows_that_cannot_fit_are_refused_with_the_numbers(monkeypatch):
    monkeypatch.setattr(host, "available_bytes", lambda: 2**20)
    x, s, ones = np.eye(3), np.arange(3.0), np.ones(5000)
    with pytest.raises(
        NumericsError, match=r"leading flow of 5000 neurons in 3 dimensions .*available on cpu"
    ):
        leading_flow(moments(x, s, 2), ones, np.ones((5000, 3)))
    with pytest.raises(NumericsError, match="gradient flow of 5000 neurons on 3 samples at 1 scales needs"):
        gradient_flow(np.tanh, np.cos, x, s, ones, np.ones((5000, 3)), epsilons=0.1, multiplicity=1, tau=1.0)
