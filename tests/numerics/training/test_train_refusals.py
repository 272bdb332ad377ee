"""Training: what cannot be trained, and what ends a member before its time."""

import numpy as np
import pytest
import torch

from numerics.data import load
from numerics.errors import NumericsError
from numerics.nets import Network
from numerics.nets.initial import initialise
from numerics.training import train
from numerics.training.optimizers import Adam, Momentum
from numerics.training.stopping import Alignment, LossFraction, RescaledTime, Status, Steps, Time


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stop": Time(1.0)}, "no step budget"),
        ({"lr": 0.0}, "lr must be a positive number"),
        ({"lr": [0.1, 0.1, 0.1]}, "one for each of 2 members"),
        ({"x": np.zeros((40, 2))}, r"x must be \(n, 1\)"),
        ({"y": np.zeros((40, 3))}, r"y must be \(40, 1\)"),
        ({"y": np.full(40, np.nan)}, "must be finite"),
        ({"batch_size": 41}, "batch_size must be 1 to the 40"),
        ({"batch_size": 4.0}, "batch_size must be 1 to the 40"),
        ({"batch_size": 4, "batch_seed": -1}, "batch_seed must be"),
        ({"snapshots": [2.5]}, "snapshots must be whole steps"),
        ({"snapshots": 5.5}, "snapshots must be whole steps"),
        ({"weight_decay": -0.1}, "weight_decay must be"),
        ({"weight_decay": float("nan")}, "weight_decay must be"),
        ({"lr": "fast"}, "lr must be a positive number"),
        ({"stop": None}, "no step budget"),
        ({"x": np.zeros((0, 1)), "y": np.zeros(0)}, r"x must be \(n, 1\), n ≥ 1"),
        ({"x": "line"}, "x must be an array of real numbers"),
        ({"y": np.full(40, 1j)}, "y must be an array of real numbers"),
        ({"optimizer": 3}, "unknown optimizer"),
        ({"optimizer": "sgd"}, "unknown optimizer"),
        ({"loss": "mae"}, "unknown loss"),
        ({"stop": [Steps(3), Alignment(np.ones((1, 5)))]}, "5 coordinates"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, message):
    data, network = load("line"), Network(1, 4)
    options = {"x": data.x, "y": data.y, "lr": 0.1, "stop": Steps(3)} | change
    with pytest.raises(NumericsError, match=message):
        train(network, initialise(network, 0.1, 2), **options)


@pytest.mark.parametrize(
    "build",
    [
        lambda: LossFraction(1.0),
        lambda: Time(-1.0),
        lambda: Steps(-1),
        lambda: Steps(1e3),
        lambda: Time("end"),
        lambda: LossFraction(None),
        lambda: Alignment(np.zeros((1, 2))),
        lambda: Alignment(np.ones((2, 3, 4))),
        lambda: Alignment("up"),
        lambda: Momentum(1.0),
        lambda: Adam((0.9, 1.0)),
        lambda: Adam(eps=-1.0),
        lambda: RescaledTime(0.0),
    ],
)
def test_rules_that_mean_nothing_are_refused(build):
    with pytest.raises(NumericsError):
        build()


@pytest.mark.parametrize("optimizer", ["gd", "momentum", "adam"])
def test_a_member_that_diverges_within_an_epoch_of_mini_batches_stops_there(optimizer):
    x, y = np.random.default_rng(0).standard_normal((40, 3)), np.ones(40)
    network = Network(3, 6, activations="cube")
    start = initialise(network, [0.01, 1.0, 0.01], 3)
    lr = np.array([1e-3, 1e90, 1e-3])
    result = train(network, start, x, y, optimizer=optimizer, lr=lr, stop=Steps(60), batch_size=4)
    assert result.status == (Status.BUDGET, Status.DIVERGED, Status.BUDGET)
    assert all(torch.isfinite(each).all() for each in result.parameters.values())
    assert result.steps[1] < 10  # an epoch
    assert np.isfinite(result.losses[[0, 2]]).all()
    alone = train(
        network,
        {k: v[:1] for k, v in start.items()},
        x,
        y,
        optimizer=optimizer,
        lr=1e-3,
        stop=Steps(60),
        batch_size=4,
    )
    torch.testing.assert_close(alone.parameters["w1"][0], result.parameters["w1"][0], rtol=1e-12, atol=0)


def test_members_without_weights_or_numbers_end_as_what_they_are():
    x, y = np.random.default_rng(0).standard_normal((10, 3)), np.ones(10)
    network = Network(3, 4, activations="cube")
    start = initialise(network, 0.1, 2)
    for each in start.values():
        each[0] = 0
    stop = [Steps(5), Alignment(np.eye(4)[:1], every=1)]
    still = train(network, start, x, y, lr=RescaledTime(0.01, multiplicity=3), stop=stop)
    assert still.status[0] is Status.BUDGET
    assert float(still.parameters["w1"][0].abs().max()) == 0
    start["a"][1] = float("nan")
    lost = train(network, start, x, y, lr=0.1, stop=Steps(5))
    assert lost.status == (Status.BUDGET, Status.DIVERGED)
    assert lost.steps.tolist() == [5, 0]


def test_a_loss_fraction_met_in_an_epoch_of_mini_batches_is_its_end():
    """A crossing anywhere in an epoch was once put at the same share of the epoch's last step."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((24, 3))
    y = np.sin(x @ [1.0, 2.0, -1.0]) + 0.3
    network, lr, delta = Network(3, 10), 0.05, 0.02
    start = initialise(network, 1e-3, 1)
    options = {"lr": lr, "batch_size": 3, "batch_seed": 5}
    result = train(network, start, x, y, stop=[LossFraction(delta), Steps(10_000)], **options)
    assert result.status == (Status.LOSS_FRACTION,)
    steps = int(result.steps[0])
    assert steps % 8 == 0
    assert result.times[0] == pytest.approx(steps * lr, rel=1e-12)
    same = train(network, start, x, y, stop=Steps(steps), **options)
    before = train(network, start, x, y, stop=Steps(steps - 8), **options)
    assert all(torch.equal(same.parameters[name], result.parameters[name]) for name in start)
    assert before.decreases[0] < delta * result.zero_loss <= result.decreases[0]


def test_parameters_of_a_module_train_and_halves_are_refused():
    data, network = load("line"), Network(1, 4)
    start = initialise(network, 0.1, 2)
    plain = train(network, start, data.x, data.y, lr=0.1, stop=Steps(3))
    leaves = {name: value.clone().requires_grad_() for name, value in start.items()}
    result = train(network, leaves, data.x, data.y, lr=0.1, stop=Steps(3))
    assert all(torch.equal(plain.parameters[name], result.parameters[name]) for name in start)
    assert all(value.grad is None for value in leaves.values())
    halves = {name: value.half() for name, value in start.items()}
    with pytest.raises(NumericsError, match="float16; accepted are"):
        train(network, halves, data.x, data.y, lr=0.1, stop=Steps(3))
