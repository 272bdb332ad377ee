"""The compiled passes against torch's, against exact values, and bit by bit across batches."""

from unittest import mock

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.kernels import compiled
from numerics.nets import Convolution, Network, flatten, losses
from numerics.nets import gradient as gradients
from numerics.nets.activations import from_callable
from numerics.nets.gradient import RiskGradient, activation_kind, network_kind
from numerics.nets.initial import initialise
from numerics.training import train
from numerics.training.optimizers import Adam
from numerics.training.stopping import LossFraction, Steps

CPU = torch.device("cpu")


def _data(network: Network, samples: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((samples, network.inputs)), rng.standard_normal((network.outputs, samples))
    return torch.from_numpy(x), torch.from_numpy(y)


def _both(network: Network, std: float, samples: int, seed: int, loss: str = "half-mse"):
    """(decrease, gradient) of three members, compiled and by torch."""
    x, y = _data(network, samples, seed)
    flat = flatten(network, initialise(network, std, 3))
    answers = []
    for known in (activation_kind, lambda *_: None):
        with mock.patch.object(gradients, "activation_kind", known):
            risk = RiskGradient(network, x, y, losses.get(loss), 3)
        assert (risk.kind is None) == (known is not activation_kind)
        gradient = torch.full_like(flat, torch.nan)
        answers.append((risk(flat, gradient), gradient))
    return answers


@settings(max_examples=60, deadline=None)
@given(
    activation=st.sampled_from(compiled.KINDS),
    inputs=st.integers(1, 9),
    width=st.integers(1, 9),
    outputs=st.integers(1, 3),
    samples=st.integers(1, 21),
    biases=st.tuples(st.booleans(), st.booleans()),
    std=st.sampled_from([1e-8, 1e-3, 0.3, 3.0]),
    seed=st.integers(0, 99),
)
def test_property_compiled_passes_are_torchs(activation, inputs, width, outputs, samples, biases, std, seed):
    network = Network(
        inputs, width, outputs, activations=activation, hidden_bias=biases[0], output_bias=biases[1]
    )
    (ours, slope), (theirs, torchs) = _both(network, std, samples, seed)
    # Sums of up to 9 · 21 terms that may cancel: rounding in units of the largest of a member's entries.
    assert ((slope - torchs).abs().amax(1) <= 1e-13 * torchs.abs().amax(1)).all()
    assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-13 * std**2)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "silu", "elu", "selu", "xtanh", "x2tanh"])
def test_values_and_derivatives_keep_their_relative_accuracy(activation):
    exact = {
        "tanh": mpmath.tanh,
        "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
        "silu": lambda v: v / (1 + mpmath.exp(-v)),
        "elu": lambda v: v if v > 0 else mpmath.expm1(v),
        "selu": lambda v: compiled._SELU_SCALE * (v if v > 0 else compiled._SELU_ALPHA * mpmath.expm1(v)),
        "xtanh": lambda v: v * mpmath.tanh(v),
        "x2tanh": lambda v: v * v * mpmath.tanh(v),
    }[activation]
    sizes = np.concatenate([10.0 ** np.arange(-300, 3, 7.0), np.linspace(0.01, 60, 400)])
    z = np.concatenate([sizes, -sizes])
    value, derivative = z.copy(), np.empty_like(z)
    compiled._activate(compiled.KINDS.index(activation), value, derivative)
    with mpmath.workdps(40):
        true = np.array([float(exact(mpmath.mpf(v))) for v in z])
        slope = np.array([float(mpmath.diff(exact, mpmath.mpf(v))) for v in z if abs(v) > 1e-3])
    normal = np.abs(true) > 1e-290  # below, a product with a tiny z may be subnormal
    assert (np.abs(value - true)[normal] <= 8 * np.spacing(np.abs(true[normal]))).all()
    assert np.abs(derivative[np.abs(z) > 1e-3] - slope).max() <= 1e-13 * np.abs(slope).max()


def test_special_values_pass_through():
    z = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
    for name in ("tanh", "sigmoid", "relu", "elu", "square", "identity", "silu", "leaky_relu"):
        value, derivative = z.copy(), np.empty_like(z)
        compiled._activate(compiled.KINDS.index(name), value, derivative)
        assert np.isnan(value[-1]), name  # a diverged member must be seen as such
    value = z.copy()
    compiled._activate(0, value, np.empty_like(z))
    assert value[:4].tolist() == [0, 0, 1, -1]
    assert np.signbit(value[1]) or value[1] == 0


def test_only_what_it_can_compute_is_compiled():
    assert network_kind(Network(5, 50), torch.float64, CPU) == 0
    assert network_kind(Network(5, 50), torch.float32, CPU) is None
    assert network_kind(Network(5, (9, 9)), torch.float64, CPU) is None
    assert network_kind(Network(784, 50), torch.float64, CPU) is None
    assert network_kind(Network(5, 50, activations="gelu"), torch.float64, CPU) is None

    def tanh(z):
        return z.sin()

    named = Network(5, 50, activations=from_callable(tanh, "tanh"))
    assert network_kind(named, torch.float64, CPU) is None


NETWORKS = {
    "two-layer": (Network(5, 53), 7),
    "silu": (Network(2, 7, activations="silu"), 13),
    "deep": (Network(5, (23, 17), upper_bias=True, output_bias=True), 41),
    "residual": (Network(4, (11, 11), residual=True), 23),
    "no pair of its own, three outputs": (Network(4, 11, 3, activations="erf"), 23),
    "many inputs": (Network(100, 37), 41),
    "wide": (Network(5, (71, 67), activations=("gelu", "tanh"), upper_bias=True), 9),
    "convolution": (Network(36, (3, 7), convolution=Convolution(1, 6, 6, 3)), 5),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("optimizer", ["gd", "momentum", "adam", "sign"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_member_is_the_same_to_the_last_bit_in_every_batch(name, optimizer, threads):
    network, samples = NETWORKS[name]
    x, y = (tensor.numpy() for tensor in _data(network, samples, 0))
    steps = 1000 if threads == 3 and name == "deep" else 60
    options = {
        "optimizer": optimizer,
        "lr": 1e-3,
        "weight_decay": 0.1,
        "stop": [LossFraction(0.9), Steps(steps)],
    }
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        many = train(network, initialise(network, 0.1, 20), x, y.T, **options)
        for seed in (0, 7, 19):
            alone = train(network, initialise(network, 0.1, [seed]), x, y.T, **options)
            assert alone.steps[0] == many.steps[seed]
            for group in network.shapes:
                assert torch.equal(alone.parameters[group][0], many.parameters[group][seed])
    finally:
        torch.set_num_threads(before)


def test_adam_in_one_pass_is_adam():
    rng = np.random.default_rng(0)
    gradients = torch.from_numpy(
        rng.standard_normal((30, 4, 1001)) * 10.0 ** rng.integers(-9, 1, (30, 1, 1001))
    )
    parameter = torch.zeros(4, 1001, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([parameter], lr=1.0)
    memory, ours = (
        [torch.zeros(4, 1001, dtype=torch.float64) for _ in range(2)],
        torch.zeros(4, 1001).double(),
    )
    for step, gradient in enumerate(gradients, start=1):
        parameter.grad = gradient.clone()
        theirs.step()
        ours -= Adam().direction(ours, gradient.clone(), memory, step)
    assert torch.allclose(ours, parameter.detach(), rtol=1e-13, atol=1e-13)
