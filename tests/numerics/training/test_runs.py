"""Runs as arrays: what they say is what `train` says, from the start that was handed on."""

import numpy as np
import pytest

from numerics.nets import Network
from numerics.training import train
from numerics.training.runs import Start, reached, train_neurons, train_path
from numerics.training.stopping import LossFraction, Steps, Time

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 2))
Y = {1: RNG.standard_normal(20), 3: RNG.standard_normal((20, 3))}


@pytest.mark.parametrize("outputs", [1, 3])
def test_neurons_are_those_of_train_and_the_start_is_left_alone(outputs):
    start = Start.draw(Network(2, 7, outputs=outputs), 0.1, [5, 6, 7])
    before = {name: value.clone() for name, value in start.parameters.items()}
    options = {"lr": 0.1, "stop": [LossFraction(0.02), Steps(40)]}
    run = train_neurons(start, X, Y[outputs], step=0.3, snapshots=[0, 4, 8], time_factor=10.0, **options)
    same = train(start.network, before, X, Y[outputs], snapshots=[0, 4, 8], keep_parameters=True, **options)
    assert all((start.parameters[name] == value).all() for name, value in before.items())
    for found, expected in zip((run.a0, run.w0), start.network.neurons(before), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip((run.a, run.w), start.network.neurons(same.parameters), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(run.times, 10 * same.times, rtol=1e-15)
    np.testing.assert_array_equal(run.steps, same.steps)
    assert run.path_a.shape == (len(run.path_times), *run.a.shape)
    np.testing.assert_array_equal(run.path_w[0], run.w0)
    assert (run.std, run.step) == (0.1, 0.3)
    size = np.linalg.norm(run.a.reshape(3, 7, outputs), axis=-1) * np.linalg.norm(run.w, axis=-1) ** 2
    np.testing.assert_allclose(run.amplitudes(2), size, rtol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(run.u, axis=-1), 1, rtol=1e-14)


def test_reached_tells_the_wanted_end_from_the_budget_and_from_divergence():
    network = Network(2, 4, activations="square")
    start = Start.draw(network, 1.0, 3)
    for stop, lr, expected in (
        ([Steps(2)], 1e-3, False),
        ([Steps(2), LossFraction(0.9)], 1e-3, False),
        ([Steps(50), Time(1e-2)], 1e-3, True),
        ([Steps(400)], 1e3, False),
    ):
        run = train_neurons(start, X, Y[1], lr=lr, stop=stop)
        assert (run.reached == expected).all(), stop
    few = train(network, start.parameters, X, Y[1], lr=1e-3, stop=Steps(1))
    assert not reached(few).any()


def test_a_path_holds_every_layer_and_the_losses_relative_to_zero_output():
    start = Start.draw(Network(2, (5, 5), upper_bias=True, output_bias=True), 0.5, 2)
    path = train_path(start, X, Y[1], lr=0.1, stop=Steps(30), snapshots=[0, 10, 30])
    assert path.steps.tolist() == [0, 10, 30]
    assert path.depth == 2
    assert {name: value.shape for name, value in path.parameters.items()} == {
        "w1": (3, 2, 5, 3),
        "w2": (3, 2, 5, 6),
        "a": (3, 2, 1, 6),
    }
    assert path.a.shape == (3, 2, 5)
    same = train(start.network, start.parameters, X, Y[1], lr=0.1, stop=Steps(30), snapshots=[0, 10, 30])
    np.testing.assert_allclose(path.losses, same.history.losses / same.zero_loss, rtol=1e-15)
    assert (path.w[0] == start.parameters["w1"].numpy()).all()
    fallen = 1 - path.losses[1, 0]
    assert path.fallen(fallen)[0] == 1
    assert path.fallen(0.999).tolist() == [-1, -1]
    assert (path.at(np.array([2, 0]))["w1"] == np.stack([path.w[2, 0], path.w[0, 1]])).all()
    assert path.moment(5) == 1
    assert path.moment(99) == 2
