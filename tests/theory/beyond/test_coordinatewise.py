"""What the leading order leaves out of a training, against the gradient of the true risk; tilt and clock by cases."""

import numpy as np
import pytest
import torch

from tests.predicted import smooth
from theory import Optimizer
from theory.beyond.coordinatewise import GradientChange

RNG = np.random.default_rng(4)
X = RNG.standard_normal((25, 2))
Y = X @ [1.0, -0.6] + 0.5 * X[:, 0] * X[:, 1] + 0.4
A, W = RNG.standard_normal((2, 5)), RNG.standard_normal((2, 5, 3))
REAL = {"tanh": torch.tanh, "xtanh": lambda z: z * torch.tanh(z)}


def true_gradient(x, name, a, w, leader):
    """-∂R/∂w of one neuron by automatic differentiation, half-mse."""
    x, a = torch.as_tensor(x), torch.as_tensor(a)
    w = torch.tensor(w, requires_grad=True)
    (0.5 * (REAL[name](x @ w.T) @ a - torch.as_tensor(Y)) ** 2).mean().backward()
    assert w.grad is not None
    return -w.grad.numpy()[leader]


@pytest.mark.parametrize(("name", "order", "left"), [("tanh", 1, 4), ("xtanh", 2, 4)])
def test_the_change_is_the_first_order_of_the_true_gradient(name, order, left):
    leading = smooth(X, Y, name).leading
    errors, before = [], []
    for size in (0.04, 0.02):
        a, w = size * A, size * W
        found = GradientChange.of(leading, a, w)
        for b in range(2):
            lead = int(np.argmax(np.abs(a[b]) * np.linalg.norm(w[b], axis=1) ** order))
            true = true_gradient(leading.x, name, a[b], w[b], lead) / (
                order * leading.coefficient * a[b, lead]
            )
            scale = np.linalg.norm(true)
            errors.append(np.linalg.norm(found.gradient[b] + found.change[b] - true) / scale)
            before.append(np.linalg.norm(found.gradient[b] - true) / scale)
    for b in range(2):
        assert errors[b] < 0.2 * before[b]
        assert 0.8 * 2**left < errors[b] / errors[2 + b] < 1.4 * 2**left
        assert 3 < before[b] / before[2 + b] < 5  # of second order


def change(gradient, delta):
    return GradientChange(np.array([gradient], dtype=float), np.array([delta], dtype=float))


def test_relative_changes_of_entries_that_are_zero():
    found = change([1.0, 0.0, 0.0, -2.0], [0.5, 0.0, 1e-9, 1.0])
    assert found.relative[0].tolist() == [0.5, 0.0, np.inf, 0.5]
    assert found.along[0] == pytest.approx(0.5 / 3)  # sign(0) = 0


def test_sign_descent_is_tilted_by_signs_that_changed_and_by_nothing_else():
    kept, turned = change([1.0, -1.0], [0.9, 0.9]), change([1.0, -1.0], [0.9, 1.1])
    for order in (1, 2):
        assert kept.tilt(Optimizer.SIGN, order, 0.01)[0] == 0
        assert turned.tilt(Optimizer.SIGN, order, 0.01)[0] == pytest.approx(np.sqrt(2))


def test_adam_is_tilted_by_what_it_has_seen():
    found = change([1.0, -1.0], [0.02, -0.02])  # along: 0.02
    seen = 0.02 / 0.98
    assert found.tilt(Optimizer.ADAM, 2, 0.01)[0] == pytest.approx(seen)
    assert found.tilt(Optimizer.ADAM, 1, 0.01)[0] == pytest.approx((0.02 + 0.01) * seen)
    assert change([1.0, -1.0], [0.999, 0.0]).tilt(Optimizer.ADAM, 2, 0.01)[0] == pytest.approx(np.sqrt(2))


def test_the_clock_is_off_by_the_change_along_the_orientation_and_a_step():
    found, times = change([1.0, -1.0], [0.02, -0.02]), np.array([4.0])
    assert found.clock(2, 0.01, 0.1, times)[0] == pytest.approx(0.02 + 0.025)
    assert found.clock(1, 0.01, 0.1, times)[0] == pytest.approx(0.03 * 0.02 + 0.025)
