"""The monitor: its schedule, what it records, that it leaves training alone."""

import numpy as np
import pytest
import torch

from numerics.errors import NumericsError
from numerics.monitor import CondensationMonitor, next_log_step


def network(seed=0, width=30, scale=1e-3):
    generator = torch.Generator().manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, 1, bias=False)
    ).double()
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(std=scale, generator=generator)
    return net


def train(net, monitor=None, steps=400):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    y = x[:, :1] + 0.5
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(steps):
        loss = ((net(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if monitor is not None:
            monitor.step(loss)
    return net


def test_steps_are_log_spaced():
    steps, s = [], 0
    while len(steps) < 15:
        s = next_log_step(s, 4)
        steps.append(s)
    assert steps == [1, 2, 3, 6, 10, 18, 32, 56, 100, 178, 316, 562, 1000, 1778, 3162]


def test_condensation_is_recorded_and_training_is_untouched():
    plain = train(network())
    net = network()
    monitor = CondensationMonitor(net[0], output=net[2], per_decade=4)
    train(net, monitor)
    for p, q in zip(plain.parameters(), net.parameters(), strict=True):
        assert torch.equal(p, q)
    records = monitor.records
    assert [r.step for r in records] == [0, 1, 2, 3, 6, 10, 18, 32, 56, 100, 178, 316]
    assert records[0].loss is None
    assert records[-1].loss < 0.9 * records[1].loss
    # tanh has p = 1: at the end the neurons point along one line, ± one orientation.
    assert records[0].effective_width > 4
    assert records[-1].effective_width < 2.2
    assert 1 <= records[-1].orientations <= 2
    # All but a few neurons: one that starts with a + w∥ near 0 grows late, and keeps its angle at this scale.
    assert records[0].condensed_share < 0.5
    assert records[-1].condensed_share >= 0.9
    assert records[-1].largest_norm > 10 * records[0].largest_norm


def test_zero_neurons_convolutions_and_a_subset():
    layer = torch.nn.Conv2d(2, 40, 3)
    with torch.no_grad():
        layer.weight[0] = 0
        layer.bias[0] = 0
    record = CondensationMonitor(layer, neurons=10).records[0]
    assert record.neurons == 10
    assert record.zero == 1
    all_zero = torch.nn.Linear(3, 5)
    with torch.no_grad():
        all_zero.weight.zero_()
        all_zero.bias.zero_()
    record = CondensationMonitor(all_zero).records[0]
    assert (record.zero, record.orientations, record.effective_width) == (5, 0, 0.0)
    assert np.isfinite(record.cosine_quantiles).all()


def test_refusals():
    with pytest.raises(NumericsError, match="no weight matrix"):
        CondensationMonitor(torch.nn.ReLU())
    with pytest.raises(NumericsError, match="after this layer"):
        CondensationMonitor(torch.nn.Linear(3, 5), output=torch.nn.Linear(4, 1))
    with pytest.raises(NumericsError, match="per_decade"):
        CondensationMonitor(torch.nn.Linear(3, 5), per_decade=0)
