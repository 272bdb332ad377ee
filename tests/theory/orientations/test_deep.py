"""Where deep networks' first layers go: the product of the multiplicities, the mean fitted first, against real flows."""

import numpy as np
import pytest

from numerics.flow.network import integrate_field, network_flow
from numerics.nets import Network
from theory import MomentTensor, TheoryError, find_orientations
from theory.fields.deep import DeepField
from theory.orientations.deep import first_layer, product_order, second_layer_line

RNG = np.random.default_rng(5)
INPUTS = RNG.uniform(-1, 1.5, (40, 2))
X = np.column_stack([INPUTS, np.ones(40)])
Y = np.sin(3 * INPUTS[:, 0]) + INPUTS[:, 1] ** 2 + 0.5
CUBIC = ("tanh", "x**2*tanh(x)")


def attractors(found):
    return np.array([o.u for o in found.attractors])


def raw(order):
    return attractors(find_orientations(MomentTensor.from_data(X, Y, order)))


def cosines(w, directions):
    """The largest |cos| of each row with one of the directions, and the rows' norms."""
    r = np.linalg.norm(w, axis=-1)
    return np.abs(w / r[..., None] @ directions.T).max(-1), r


def drawn(net, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in net.shapes.items()}


def test_the_order_is_the_product_of_the_multiplicities():
    assert product_order(CUBIC) == 3
    assert product_order(("x*tanh(x)", "tanh", "x**2*tanh(x)")) == 6
    assert first_layer(CUBIC, X, Y).order == 3
    assert first_layer(CUBIC, X, Y, hidden_bias=True).order == 1
    assert first_layer(("x*tanh(x)", "tanh"), X, Y, residual=True).order == 2


@pytest.mark.parametrize("seed", range(3))
def test_leading_flow_of_a_bias_free_network_ends_on_t3(seed):
    """In the time that makes growth exponential, until every angle is rounding: all neurons, and the second layer."""
    field, net = DeepField.of(CUBIC, X, Y), Network(2, (6, 4), 1, ("tanh", "x2tanh"))

    def slowed(theta):
        size = np.sqrt(sum(np.sum(v**2) for v in theta.values()))
        return {name: v / size**5 for name, v in field(theta).items()}

    start = drawn(net, seed)
    moved = integrate_field(slowed, start, 100.0, rtol=1e-9)
    w1, w2 = start["w1"] + moved["w1"], start["w2"] + moved["w2"]
    cos, _ = cosines(w1, attractors(first_layer(CUBIC, X, Y).orientations))
    assert cos.min() > 1 - 1e-6
    assert cosines(w1, raw(1))[0].max() < 0.91
    assert cosines(w2, second_layer_line(w1, 1)[None])[0].max() > 1 - 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_real_bias_free_network_goes_to_t3_and_not_to_t1(seed):
    """The full gradient flow of tanh after x² tanh x without upper biases, a thousand times its start."""
    net = Network(2, (6, 4), 1, ("tanh", "x2tanh"))
    with np.errstate(all="ignore"):
        flow = network_flow(
            net, INPUTS, Y, drawn(net, seed), epsilons=1e-7, time_exponent=-5, tau=1e9, max_steps=900
        )
    predicted, (naive, _) = (
        attractors(first_layer(CUBIC, X, Y).orientations),
        cosines(flow.weights["w1"][0], raw(1)),
    )
    cos, r = cosines(flow.weights["w1"][0], predicted)
    assert r.max() > 500
    assert cos[np.argmax(r)] > 0.998
    assert naive.max() < 0.93


def largest(flow, directions):
    """(|cos|, growth) of the largest first-layer neuron at each time, over all scales."""
    cos, r = cosines(flow.weights["w1"], directions)
    top = np.argmax(r, axis=-1)[..., None]
    return np.take_along_axis(cos, top, -1)[..., 0], np.take_along_axis(r, top, -1)[..., 0]


@pytest.mark.parametrize("seed", range(2))
def test_with_upper_biases_the_mean_is_fitted_first(seed):
    """tanh after tanh with upper biases: the first layer sleeps, then follows T_1 of y - mean y."""
    names = ("tanh", "tanh")
    found = first_layer(names, X, Y, hidden_bias=True)
    assert found.mean_fitted
    np.testing.assert_allclose(found.signal, Y - Y.mean(), atol=1e-12)
    net = Network(2, (6, 4), 1, names, upper_bias=True)
    flow = network_flow(
        net,
        INPUTS,
        Y,
        drawn(net, seed),
        epsilons=1e-5,
        time_exponent=0,
        tau=np.geomspace(3, 60, 24),
        rtol=1e-8,
    )
    cos, r = largest(flow, attractors(found.orientations))
    naive, _ = largest(flow, raw(1))
    small = (r * 1e-5 < 0.05)[:, 0]  # still small weights
    assert r[small].max() > 1000
    assert cos[small][-1, 0] > 0.9999
    assert naive[small][-1, 0] < 0.52
    assert not first_layer(names, X, Y).mean_fitted


def test_two_outputs_are_refused():
    with pytest.raises(TheoryError, match="one output"):
        first_layer(CUBIC, X, np.column_stack([Y, Y]))


def test_second_layer_line_has_the_signs_of_the_sides():
    u = np.array([0.6, 0.8])
    w = np.array([1.0, -2.0, 0.5])[:, None] * u
    np.testing.assert_allclose(
        np.abs(second_layer_line(w, 1) @ np.array([1, -2, 0.5])), np.sqrt(5.25), rtol=1e-12
    )
    np.testing.assert_allclose(second_layer_line(w, 2) @ np.array([1, 4, 0.25]), np.sqrt(17.0625), rtol=1e-12)
    with pytest.raises(TheoryError, match="zero"):
        second_layer_line(np.zeros((2, 2)), 1)
