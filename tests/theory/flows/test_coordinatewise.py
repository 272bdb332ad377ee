"""Sign descent and Adam at leading order: closed form against discrete training, and what a mutant would get wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.predicted import smooth
from theory.flows.coordinatewise import PerturbedLinear, SignFlow
from theory.flows.leading_training import (
    AdamRule,
    GradientRule,
    SignRule,
    leading_ascent,
    leading_training,
    power_output,
)

RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 3))
Y = X @ [1.0, -0.4, 0.3] + 0.5
PREDICTION = smooth(X, Y, "tanh")
A0, W0 = 1e-4 * RNG.standard_normal((2, 30)), 1e-4 * RNG.standard_normal((2, 30, 4))
FLOW = SignFlow(PREDICTION.linear.g, PREDICTION.coefficient)


def trained(rule, lr=2e-7, fraction=1e-4, ascent=None):
    return leading_training(
        leading_ascent(PREDICTION.field) if ascent is None else ascent,
        power_output(PREDICTION.x, PREDICTION.coefficient, 1, None),
        A0,
        W0,
        rule,
        lr=lr,
        s=PREDICTION.signal,
        risk=PREDICTION.risk,
        curvature=PREDICTION.curvature,
        fraction=fraction,
    )


def closed_form_error(flow):
    found = trained(SignRule())
    gaps = []
    for b, time in enumerate(found.times):
        _, w = flow.at(time, A0[b], W0[b])
        gaps.append(np.median(np.max(np.abs(w - found.w[b]), axis=1)))
    return max(gaps) / 1e-4


def test_closed_form_of_sign_descent():
    assert closed_form_error(FLOW) < 0.02  # a few steps of lr = std/500


@pytest.mark.parametrize("change", [{"coefficient": -1.0}, {"g": PREDICTION.linear.g[[1, 0, 2, 3]]}])
def test_a_wrong_closed_form_is_noticed(change):
    assert closed_form_error(replace(FLOW, **change)) > 1


def test_who_wins_is_decided_by_the_1_norm():
    found = trained(SignRule())
    moved = np.sign((found.w - W0) @ FLOW.direction)
    assert np.mean(moved == FLOW.signs(A0, W0)) > 0.97  # but for neurons trapped in a step
    euclidean = np.sign(A0 + W0 @ PREDICTION.linear.direction)
    assert np.mean(moved == euclidean) < np.mean(moved == FLOW.signs(A0, W0))


def test_adam_is_torch_s_and_ends_on_the_vertex():
    rule, theta = AdamRule(), torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
    optimiser, memory = torch.optim.Adam([theta], lr=1e-3), rule.start((4,))
    mine = np.zeros(4)
    for step in range(1, 40):
        gradient = np.array([1.0, -2.0, 0.1, 1e-9]) * np.sin(step)
        theta.grad = torch.as_tensor(gradient)
        optimiser.step()
        mine = mine + 1e-3 * rule.direction(-gradient, memory, step)
    np.testing.assert_allclose(mine, theta.detach().numpy(), rtol=1e-12)
    # The theorem: every coordinate has moved by the same amount, along the signs, whatever Adam remembers.
    found = trained(AdamRule(epsilon=0.0), lr=2e-5, fraction=1e-3)
    moved = (found.w - W0) * FLOW.vertex
    np.testing.assert_allclose(
        moved, np.broadcast_to(moved.mean(axis=-1, keepdims=True), moved.shape), rtol=1e-6
    )
    assert (
        np.median(np.abs(found.w / np.linalg.norm(found.w, axis=-1, keepdims=True) @ FLOW.direction)) > 0.999
    )


def test_perturbed_direction_is_the_gradient_to_first_order():
    """Against the gradient of the true risk by automatic differentiation, on aligned neurons."""
    act = "tanh"
    ascent = PerturbedLinear.of(PREDICTION.x, PREDICTION.signal, 1.0, 1.0, PREDICTION.next_term)
    x, y = torch.as_tensor(PREDICTION.x), torch.as_tensor(Y)
    errors = {"with": [], "without": []}
    for size in (0.02, 0.01):
        a0 = size * np.array([[1.0, -0.7, 0.4]])
        w0 = size * np.array([[1.0, -1.2, 0.8]])[..., None] * FLOW.vertex
        a, w = (torch.tensor(v[0], requires_grad=True) for v in (a0, w0))
        (0.5 * (getattr(torch, act)(x @ w.T) @ a - y) ** 2).mean().backward()
        assert w.grad is not None
        true = -w.grad.numpy()
        lead = leading_ascent(PREDICTION.field)(a0, w0)[1][0]
        size_of = np.linalg.norm(true)
        errors["with"].append(np.linalg.norm(ascent(a0, w0)[1][0] - true) / size_of)
        errors["without"].append(np.linalg.norm(lead - true) / size_of)
    assert errors["with"][1] < 0.05 * errors["without"][1]
    assert errors["with"][0] / errors["with"][1] > 10  # of fourth order
    assert 3 < errors["without"][0] / errors["without"][1] < 5  # of second


def test_momentum_walks_the_path_of_gradient_descent():
    plain = trained(GradientRule(), lr=2e-3)
    heavy = trained(GradientRule(0.9), lr=2e-5)
    np.testing.assert_allclose(10 * heavy.times, plain.times, rtol=0.01)
    np.testing.assert_allclose(heavy.w, plain.w, atol=0.01 * np.abs(plain.w).max())
