"""The flow of any network against the two-layer one, against automatic differentiation, and in 40 digits."""

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from numerics.errors import NumericsError
from numerics.flow import FullStatus, gradient_flow
from numerics.flow.network import integrate_field, integrate_fields, network_flow
from numerics.flow.oracle import precise_flow
from numerics.nets import Convolution, Network
from numerics.nets.activations import get

RNG = np.random.default_rng(17)
X = RNG.standard_normal((9, 2))
Y = RNG.standard_normal(9) + 0.5


def drawn(net, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in net.shapes.items()}


@pytest.mark.parametrize(("name", "p"), [("tanh", 1), ("xtanh", 2)])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_one_hidden_layer_is_the_two_layer_flow(name, p, decay):
    net, sigma = Network(2, 4, activations=name), get(name)
    start, eps = drawn(net), np.array([1e-1, 1e-3, 1e-6])
    options = {"epsilons": eps, "tau": [0.05, 0.1], "weight_decay": decay}
    one = network_flow(net, X, Y, start, time_exponent=1 - p, **options)
    data = np.column_stack([X, np.ones(len(X))])
    two = gradient_flow(
        sigma.value, sigma.derivative, data, Y, start["a"][0], start["w1"], multiplicity=p, **options
    )
    assert np.all(one.status == FullStatus.REACHED)
    np.testing.assert_allclose(one.weights["w1"], two.w, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(one.weights["a"][:, :, 0], two.a, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("loss", ["half-mse", "cross-entropy"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("upper", [False, True])
def test_three_layers_follow_the_gradient_of_autograd(upper, residual, loss):
    """In the original variables, by SciPy's integrator, with every bias that a network can have."""
    outputs = 2 if loss == "cross-entropy" else 1
    net = Network(
        2,
        (3, 3, 3),
        outputs,
        ("tanh", "xtanh", "silu"),
        upper_bias=upper,
        output_bias=True,
        residual=residual,
    )
    goal = np.eye(2)[(Y > 0.5).astype(int)] if outputs == 2 else Y[:, None]
    start, eps, tau = drawn(net), 0.4, 0.7
    names = list(start)

    def rhs(_, flat):
        leaves, place = {}, 0
        for name in names:
            size = start[name].size
            leaves[name] = torch.tensor(flat[place : place + size].reshape(1, *start[name].shape))
            leaves[name].requires_grad_()
            place += size
        f = net.forward(leaves, torch.tensor(X))[0].T
        if loss == "half-mse":
            risk = 0.5 * ((f - torch.tensor(goal)) ** 2).sum(1).mean()
        else:
            risk = torch.nn.functional.cross_entropy(f, torch.tensor(goal))
        (-risk).backward()
        return np.concatenate([leaves[name].grad.numpy().ravel() for name in names])

    flat = np.concatenate([eps * start[name].ravel() for name in names])
    truth = solve_ivp(rhs, (0, tau * eps**0.5), flat, method="DOP853", rtol=1e-11, atol=1e-13).y[:, -1]
    flow = network_flow(net, X, goal, start, epsilons=eps, time_exponent=0.5, tau=tau, loss=loss)
    mine = np.concatenate([eps * flow.weights[name][0].ravel() for name in names])
    np.testing.assert_allclose(mine, truth, rtol=1e-9, atol=1e-10)


def test_slow_groups_keep_the_digits_of_their_motion():
    """f = Σ a σ₂(v h + b), σ₂ = z + z², h = (w x)²: at ε = 1e-6 v moves by 1e-12 of its size, known to 10 digits."""
    sigma = type(get("tanh"))("mixed", lambda z: z + z**2, lambda z: 1 + 2 * z)
    net = Network(1, (1, 1), 1, ("square", sigma), hidden_bias=False, upper_bias=True)
    x, y, eps, tau = X[:4, :1], Y[:4], 1e-6, 0.8
    start = {"w1": np.array([[0.7]]), "w2": np.array([[-1.1, 0.6]]), "a": np.array([[0.9]])}
    flow = network_flow(net, x, y, start, epsilons=eps, time_exponent=0, tau=tau)

    def field(theta):
        w, v, b, a = theta
        out = [mpmath.mpf(0)] * 4
        for xi, yi in zip(x[:, 0], y, strict=True):
            xi, yi = mpmath.mpf(float(xi)), mpmath.mpf(float(yi))
            h = (w * xi) ** 2
            z = v * h + b
            s = (yi - a * (z + z**2)) / len(y)
            back = s * a * (1 + 2 * z)
            for k, term in enumerate((back * v * 2 * w * xi * xi, back * h, back, s * (z + z**2))):
                out[k] += term
        return out

    with mpmath.workdps(50):
        # The scaled numbers as the flow sees them: products in float64 would differ in the 17th digit, of 1e-12.
        theta0 = [mpmath.mpf(eps) * mpmath.mpf(v) for v in (0.7, -1.1, 0.6, 0.9)]
        end = precise_flow(field, theta0, tau, digits=40)
        moved = [float((after - before) / mpmath.mpf(eps)) for after, before in zip(end, theta0, strict=True)]
    mine = [flow.moved["w1"][0, 0, 0], *flow.moved["w2"][0, 0], flow.moved["a"][0, 0, 0]]
    assert abs(moved[1]) < 1e-11
    np.testing.assert_allclose(mine, moved, rtol=1e-10)


def test_a_handed_field_with_a_known_solution():
    def field(theta):
        return {"p": theta["q"], "q": -theta["p"]}

    start = {"p": np.array([[1.0, 0.5]]), "q": np.array([[0.0, 2.0]])}
    moved = integrate_field(field, start, 1.3)
    c, s = np.cos(1.3), np.sin(1.3)
    np.testing.assert_allclose(moved["p"], start["p"] * (c - 1) + start["q"] * s, rtol=1e-12)


def test_handed_fields_go_by_their_own_steps():
    rates = np.array([1e-9, 1.0, 30.0])

    def field(theta, members):
        return {"w": rates[members, None] * theta["w"]}

    moved = integrate_fields(field, {"w": np.array([2.0])}, 1.0, count=3)["w"][:, 0]
    np.testing.assert_allclose(moved, 2 * np.expm1(rates), rtol=1e-11)


def test_a_blow_up_before_the_end_is_refused():
    with np.errstate(all="ignore"), pytest.raises(NumericsError, match="before 2"):
        integrate_field(lambda t: {"w": t["w"] ** 2}, {"w": np.array([1.0])}, 2.0)


def test_bad_input_is_named():
    net = Network(2, (3, 3), upper_bias=True)
    good = drawn(net)
    options = {"epsilons": 0.1, "time_exponent": 0, "tau": 1.0}
    for wrong, says in (
        ({"start": {**good, "w2": np.zeros((3, 3))}}, r"\(3, 3\)"),
        ({"x": X[:, :1]}, "needed"),
        ({"y": np.column_stack([Y, Y])}, "2 columns"),
        ({"epsilons": -1.0}, "epsilons"),
        ({"tau": [1.0, 0.5]}, "ascending"),
        ({"y": np.full(9, np.nan)}, "not finite"),
        ({"network": Network(16, 2, convolution=Convolution(1, 4, 4, 2))}, "convolution"),
    ):
        given = {"network": net, "x": X, "y": Y, "start": good, **options, **wrong}
        with pytest.raises(NumericsError, match=says):
            network_flow(**given)
