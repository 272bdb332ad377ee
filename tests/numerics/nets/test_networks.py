"""Networks: forward against torch.nn, gradient against automatic differentiation, initial laws."""

import numpy as np
import pytest
import torch

from numerics.errors import NumericsError
from numerics.nets import Convolution, Network, flatten, losses, views
from numerics.nets.gradient import RiskGradient
from numerics.nets.initial import Balanced, initialise

NETWORKS = {
    "two-layer": Network(3, 7),
    "no bias": Network(3, 7, hidden_bias=False, activations="x2tanh"),
    "output bias": Network(3, 7, output_bias=True, activations="sigmoid"),
    "outputs": Network(3, 7, outputs=2, activations="silu"),
    "deep": Network(3, (6, 5, 4), outputs=2, activations=("tanh", "xtanh", "softplus"), upper_bias=True),
    "deep without upper bias": Network(2, (4, 3), activations=("square", "cube")),
    "residual": Network(3, (5, 5, 5), activations="tanh", upper_bias=True, residual=True, output_bias=True),
    "convolution": Network(
        32, (3, 4), activations=("tanh", "gelu"), convolution=Convolution(2, 4, 4, 2, 2), upper_bias=True
    ),
    "convolution only": Network(16, 3, outputs=2, convolution=Convolution(1, 4, 4, 3)),
}


def _data(network, n=11):
    rng = np.random.default_rng(5)
    x = torch.tensor(rng.standard_normal((n, network.inputs)))
    return x, torch.tensor(rng.standard_normal((network.outputs, n)))


def _reference(network, parameters, member, x):
    """The same network by torch.nn.functional, one member and one layer at a time."""
    functional, hidden, names = torch.nn.functional, x, list(network.shapes)
    for number, name in enumerate(names):
        weight = parameters[name][member]
        bias = weight[:, -1] if network.bias_of(name) else None
        weight = weight[:, :-1] if bias is not None else weight
        if number == 0 and network.convolution is not None:
            c = network.convolution
            images, kernels = x.view(-1, c.channels, c.height, c.width), (-1, c.channels, c.kernel, c.kernel)
            z = functional.conv2d(images, weight.reshape(kernels), bias, stride=c.stride).flatten(1)
        else:
            z = functional.linear(hidden, weight, bias)
        if name == "a":
            return z.T
        value = network.layers[number].value(z)
        hidden = value + hidden if network.residual and number else value
    return None


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_is_the_network_of_torch(name):
    network = NETWORKS[name]
    parameters = initialise(network, 0.7, [4, 9])
    x, _ = _data(network)
    f = network.forward(parameters, x)
    for member in range(2):
        expected = _reference(network, parameters, member, x)
        torch.testing.assert_close(f[member], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("loss", ["half-mse", "huber"])
def test_hand_written_gradient_is_the_automatic_one(name, loss):
    network = NETWORKS[name]
    flat = flatten(network, initialise(network, 0.7, 5))
    x, y = _data(network)
    gradient = torch.empty_like(flat)
    risk = RiskGradient(network, x, y, losses.get(loss), 5)
    risk.block = 2  # several blocks, the last one shorter
    decrease = risk(flat, gradient)
    leaf = flat.clone().requires_grad_()
    value = losses.get(loss).value(network.forward(views(network, leaf), x), y).mean(-1)
    (expected,) = torch.autograd.grad(value.sum(), leaf)
    scale = float(expected.abs().max())
    torch.testing.assert_close(gradient, expected, rtol=0, atol=200 * np.finfo(float).eps * scale)
    zero = losses.get(loss).value(torch.zeros_like(y), y).mean()
    torch.testing.assert_close(decrease, zero - value.detach(), rtol=1e-12, atol=1e-13)
    measured_decrease, measured = risk.measure(flat)
    torch.testing.assert_close(measured, value.detach(), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(measured_decrease, decrease, rtol=1e-12, atol=1e-13)


def test_autograd_of_the_forward_pass_is_right():
    # the witness of the test above, itself checked by finite differences through the written derivatives
    network = NETWORKS["deep"]
    flat = flatten(network, initialise(network, 0.5, 1)).requires_grad_()
    x, _ = _data(network, 3)
    assert torch.autograd.gradcheck(
        lambda t: network.forward(views(network, t), x), flat, eps=1e-6, atol=1e-7
    )


def test_a_member_is_its_seed_whatever_the_batch():
    network = NETWORKS["deep"]
    alone = initialise(network, 0.1, [17])
    among = initialise(network, 0.1, [3, 17, 5])
    for name in network.shapes:
        torch.testing.assert_close(alone[name][0], among[name][1], rtol=0, atol=0)
    first, second = (initialise(network, 0.1, [seed])["w1"] for seed in (1, 2))
    assert not torch.equal(first, second)


def test_torch_callables_are_activations_and_numpy_integers_sizes():
    named, own = Network(3, (7, 5), activations=("tanh", "silu")), torch.nn.SiLU()
    given = Network(np.int64(3), [np.int64(7), 5], activations=(torch.tanh, lambda z: own(z)))
    parameters = initialise(named, 0.7, np.int64(2))
    x, _ = _data(named)
    torch.testing.assert_close(
        given.forward(parameters, x), named.forward(parameters, x), rtol=1e-13, atol=1e-14
    )
    assert given.layers[0].name == "tanh"
    assert given.shapes == named.shapes


def test_scales_per_group_and_member():
    network = Network(3, 4)
    one = initialise(network, 1.0, 3)
    scaled = initialise(network, {"w1": [1.0, 2.0, 4.0], "a": 0.5}, 3)
    torch.testing.assert_close(scaled["w1"], one["w1"] * torch.tensor([1.0, 2.0, 4.0])[:, None, None])
    torch.testing.assert_close(scaled["a"], 0.5 * one["a"])
    single = initialise(network, 1.0, 3, dtype=torch.float32)
    torch.testing.assert_close(single["w1"], one["w1"].float(), rtol=0, atol=0)


def test_standard_deviation_is_the_one_asked_for():
    network = Network(9, 1000)
    w = initialise(network, 0.01, 8)["w1"].numpy()
    # relative standard error of a standard deviation from N normals: 1/√(2N); six of them
    assert w.std() == pytest.approx(0.01, rel=6 / np.sqrt(2 * w.size))
    assert abs(w.mean()) < 6 * 0.01 / np.sqrt(w.size)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_balanced_law_makes_the_invariant_vanish(p):
    network = Network(4, 30)
    a, w = network.neurons(initialise(network, 1e-3, 6, law=Balanced(p)))
    assert a.shape == (6, 30)
    assert w.shape == (6, 30, 5)
    np.testing.assert_allclose((w**2).sum(-1), p * a**2, rtol=1e-13)
    assert set(np.sign(a).ravel()) == {-1.0, 1.0}


def test_neurons_of_several_outputs_and_flatten_inverts_views():
    network = Network(3, 7, outputs=2, output_bias=True)
    parameters = initialise(network, 1.0, 2)
    a, _ = network.neurons(parameters)
    np.testing.assert_array_equal(a[1, 4], parameters["a"][1, :, 4].numpy())
    again = views(network, flatten(network, parameters))
    assert all(torch.equal(again[name], parameters[name]) for name in network.shapes)
    with pytest.raises(NumericsError, match="two-layer"):
        NETWORKS["deep"].neurons(initialise(NETWORKS["deep"], 1.0, 1))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Network(0, 3), "positive inputs"),
        (lambda: Network(3, ()), "positive inputs"),
        (lambda: Network(3, (4, 5), residual=True), "equal widths"),
        (lambda: Network(3, (4, 5), activations=("tanh",)), "1 activations for 2"),
        (lambda: Network(3, 4, activations="nope"), "unknown activation"),
        (lambda: Network(5, 4, convolution=Convolution(1, 2, 2, 1)), "covers 4 inputs"),
        (lambda: Convolution(1, 2, 2, 3), "larger than"),
        (lambda: initialise(Network(3, 4), -1.0, 2), "≥ 0"),
        (lambda: initialise(Network(3, 4), [1.0, 2.0, 3.0], 2), "each of 2 members"),
        (lambda: initialise(Network(3, 4), {"w1": 1.0}, 2), "groups are"),
        (lambda: initialise(Network(3, 4), 1.0, 0), "positive count"),
        (lambda: Network(3, 4.0), "whole numbers, not 4.0"),
        (lambda: Network(3, True), "whole numbers, not True"),
        (lambda: Network(3, 4, activations=torch.sum), "must return a tensor"),
        (lambda: Convolution(1, 4, 4, 2.5), "kernel must be whole"),
        (lambda: initialise(Network(3, 4), "x", 2), "≥ 0"),
        (lambda: initialise(Network(3, 4), 1.0, "12"), "seeds must be"),
        (lambda: initialise(Network(3, 4), 1.0, [1.5]), "seeds must be"),
        (lambda: initialise(Network(3, 4), 1.0, 2, dtype=torch.int32), "accepted are torch.float64"),
        (lambda: initialise(Network(3, 4), 1.0, 2, device="gpu0"), "device 'gpu0' cannot be used"),
        (lambda: initialise(Network(3, 4), 1.0, 2, law=Balanced(0)), "at least 1"),
        (lambda: Network(3, 4).check(initialise(Network(3, 5), 1.0, 2)), "has shape"),
    ],
)
def test_what_is_no_network_is_refused(build, message):
    with pytest.raises(NumericsError, match=message):
        build()


def test_a_law_or_a_convolution_that_is_none_is_refused():
    with pytest.raises(NumericsError, match="a method draw is needed"):
        initialise(Network(3, 4), 0.1, 2, law="gaussian")
    with pytest.raises(NumericsError, match="must be a Convolution"):
        Network(3, 4, convolution=3)  # type: ignore[arg-type]
