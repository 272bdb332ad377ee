"""The monitor: its schedule, what it records, that it leaves training alone."""

import numpy as np
import pytest
import torch

from numerics.errors import NumericsError
from numerics.weights.monitor import CondensationMonitor, next_log_step


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
    with pytest.raises(NumericsError, match="multiplicity 0"):
        CondensationMonitor(torch.nn.Linear(3, 5), multiplicity=0)
    with pytest.raises(NumericsError, match="shape None"):
        CondensationMonitor(torch.nn.Linear(3, 5), output=torch.nn.Tanh())
    with pytest.raises(NumericsError, match="transposed"):
        CondensationMonitor(torch.nn.ConvTranspose2d(3, 5, 3))


def test_a_record_is_what_the_measures_say_one_by_one():
    from numerics.measure import clusters, cosine_matrix, effective_width, measure_neurons

    net = network(width=90, scale=1.0)
    with torch.no_grad():
        net[0].weight[:30] = net[0].weight[0]
        net[0].bias[:30] = net[0].bias[0]
    record = CondensationMonitor(net[0], output=net[2], cosine=0.8, multiplicity=2).records[0]
    w = torch.cat([net[0].weight, net[0].bias[:, None]], 1).detach().numpy()
    seen = measure_neurons(w, net[2].weight.detach().numpy()[0], multiplicity=2)
    found = clusters(seen.orientation, cosine=0.8)
    pairs = np.sort(cosine_matrix(seen.orientation)[np.triu_indices(90, 1)])
    assert record.orientations == len(found) > 2
    assert record.condensed_share == found.counts.sum() / 90
    assert record.effective_width == pytest.approx(
        effective_width(seen.orientation, seen.amplitude, cosine=0.8)
    )
    assert record.cosine_quantiles[1] == pytest.approx(pairs[(len(pairs) - 1) // 2], abs=1e-12)
    assert record.median_norm == pytest.approx(np.median(seen.norm))
    assert record.largest_norm == pytest.approx(seen.norm.max())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e300])
def test_a_network_that_diverges_is_recorded_and_never_stopped(bad):
    net = network()
    monitor = CondensationMonitor(net[0], output=net[2], multiplicity=3)
    with torch.no_grad():
        net[0].weight[:5] = bad
        net[2].weight[:, 7] = bad
    record = monitor.step(torch.tensor(float("nan")))
    lost = 0 if bad == 1e300 else 6
    assert (record.not_finite, record.zero, record.neurons) == (lost, 0, 30)
    assert np.isfinite([record.effective_width, record.median_norm, record.largest_norm]).all()
    with torch.no_grad():
        net[0].weight[:] = float("nan")
    record = monitor.step()
    assert (record.not_finite, record.orientations, record.effective_width) == (30, 0, 0.0)


def test_filters_take_their_amplitude_from_the_layer_after_them():
    filters = torch.nn.Conv2d(1, 6, 3)
    for after in (torch.nn.Conv2d(6, 4, 2), torch.nn.Linear(6 * 4, 4)):
        with torch.no_grad():
            after.weight.zero_()
            after.weight[:, 2 if after.weight.ndim == 4 else slice(8, 12)] = 1
        assert CondensationMonitor(filters, output=after).records[0].effective_width == pytest.approx(1)


def test_a_layer_that_changes_its_neurons_is_refused_and_replaced_parameters_are_followed():
    layer, output = torch.nn.Linear(6, 12), torch.nn.Linear(12, 2)
    monitor = CondensationMonitor(layer, output=output)
    layer.weight = torch.nn.Parameter(3 * torch.ones(12, 6))
    layer.register_parameter("bias", None)
    record = monitor.step(torch.tensor(0.5))
    assert record.orientations == 1
    assert record.largest_norm == pytest.approx(3 * 6**0.5, rel=1e-12)
    output.weight = torch.nn.Parameter(torch.ones(2, 5))
    with pytest.raises(NumericsError, match=r"output.weight has become \(2, 5\)"):
        monitor.step()
    layer.weight = torch.nn.Parameter(torch.ones(20, 6))
    with pytest.raises(NumericsError, match="had 12 neurons and has 20"):
        monitor.step()


@pytest.mark.parametrize("loss", [torch.ones(3), "low"])
def test_a_loss_that_is_no_number_is_refused(loss):
    with pytest.raises(NumericsError, match="one number or None"):
        CondensationMonitor(torch.nn.Linear(3, 4)).step(loss)
