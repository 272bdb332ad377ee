"""Memory: the measured peak against the prediction, and a refusal with the numbers."""

import subprocess
import sys

import pytest
import torch

from numerics import memory
from numerics.errors import NumericsError
from numerics.networks import Network
from numerics.stopping import Steps
from numerics.train import train

MEASURE = """
import resource, sys
import torch
from numerics import memory
from numerics.networks import Network
from numerics.stopping import Steps
from numerics.train import train
torch.set_num_threads(1)
x, y = torch.linspace(-1, 1, 24).double().view(8, 3).numpy(), torch.arange(8.0).double().numpy()
options = {"lr": 1e-3, "optimizer": "adam", "snapshots": [0, 2], "keep_parameters": True}
small = Network(3, 4)
train(small, small.initialise(0.1, 2), x, y, stop=Steps(4), **options)
network = Network(3, 20000)
parameters = network.initialise(0.1, 24)
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
    parameters = network.initialise(0.1, 4)
    with pytest.raises(NumericsError, match=r"4 networks of 25000 parameters.*GiB and 0.0 GiB are available"):
        train(network, parameters, torch.ones(5, 3).numpy(), torch.arange(5.0).numpy(), lr=0.1, stop=Steps(2))
    assert memory.training_bytes(network, 5, 4, torch.float64, torch.device("cpu"), 0, 0) > 2**20


def test_available_memory_is_that_of_a_machine():
    assert 2**20 < memory.available_bytes(torch.device("cpu")) < 2**50
