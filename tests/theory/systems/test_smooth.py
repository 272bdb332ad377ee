"""The derived leading-order system against automatic differentiation of the real network, and its refusals."""

import numpy as np
import pytest
import torch

from theory import MomentTensor, SmoothField, TheoryError, activation, smooth_system

RNG = np.random.default_rng(11)
X = np.column_stack([RNG.standard_normal((9, 2)), np.ones(9)])
Y = RNG.standard_normal(9)
SIGMA = {
    "tanh": torch.tanh,
    "x*tanh(x)": lambda z: z * torch.tanh(z),
    "x**2*tanh(x)": lambda z: z**2 * torch.tanh(z),
    "silu": torch.nn.functional.silu,
    "z**4": lambda z: z**4,
}


def real_gradient(sigma, a, w):
    a, w = torch.tensor(a, requires_grad=True), torch.tensor(w, requires_grad=True)
    f = sigma(torch.tensor(X) @ w.T) @ a
    (-0.5 * torch.mean((f - torch.tensor(Y)) ** 2)).backward()
    return a.grad.numpy(), w.grad.numpy()


def distance(name, epsilon, coefficient=1.0, order=None):
    act = activation(name)
    p = act.multiplicity if order is None else order
    field = SmoothField(MomentTensor.from_data(X, Y, p), coefficient * float(act.leading_coefficient))
    a, w = epsilon * np.array([0.7, -1.1]), epsilon * np.array([[0.3, -0.8, 0.5], [1.0, 0.2, -0.4]])
    leading, real = field(a, w), real_gradient(SIGMA[name], a, w)
    return sum(np.linalg.norm(x - y) for x, y in zip(leading, real, strict=True)) / sum(
        map(np.linalg.norm, real)
    )


@pytest.mark.parametrize("name", SIGMA)
def test_field_is_the_leading_order_of_the_gradient(name):
    """The relative error falls as ε^k with the derived k: measured over a factor of ten in ε."""
    k = smooth_system(activation(name)).order
    rate = (
        np.log10(distance(name, 1e-1) / distance(name, 1e-2))
        if k > 2
        else np.log10(distance(name, 1e-2) / distance(name, 1e-3))
    )
    assert abs(rate - k) < 0.15


@pytest.mark.parametrize("name", SIGMA)
def test_a_wrong_factor_does_not_vanish(name):
    assert distance(name, 1e-3, coefficient=1.01) > 5e-3


@pytest.mark.parametrize(
    ("name", "p", "k", "gradient"),
    [("tanh", 1, 2, 1), ("x*tanh(x)", 2, 2, 2), ("silu", 1, 1, 1), ("z**3", 3, 4, 3)],
)
def test_orders_and_scales(name, p, k, gradient):
    system = smooth_system(activation(name))
    assert (system.order, system.time_exponent) == (k, 1 - p)
    assert dict(system.gradient_orders) == {"a": gradient, "w": gradient}


def test_equations_as_text():
    text = smooth_system(activation("-2*x**2*tanh(x)")).text()
    assert "da/dt = -2*mean(s*z**3)" in text
    assert "dw/dt = -6*a*mean(s*x*z**2)" in text
    assert "dr/dt = -6*a*r**2*mean(s*ζ**3)" in text
    assert "K = -3*a**2 + r**2" in text


def test_linear_loss_has_no_feedback():
    assert smooth_system(activation("tanh"), curvature_vanishes=True).order == 2
    with pytest.raises(TheoryError, match="exact"):
        smooth_system(activation("z**2"), curvature_vanishes=True)


def test_vanishing_moments_move_the_order_until_the_feedback_couples():
    """p = 1 with m = 2: k = min(q - m, 2p + 1 - m) = 1; with m = 3 the feedback is of the same order."""
    act = activation("tanh(x) + x**2")
    assert smooth_system(act, order=2).order == 1
    with pytest.raises(TheoryError, match="couples"):
        smooth_system(activation("tanh"), order=3)


@pytest.mark.parametrize(
    ("name", "says"), [("sigmoid", "σ\\(0\\)"), ("relu", "not smooth"), ("softsign", "not smooth")]
)
def test_refusals_name_the_hypothesis(name, says):
    with pytest.raises(TheoryError, match=says):
        smooth_system(activation(name))
