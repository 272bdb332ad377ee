"""The offset system followed in time: contracted against neuron by neuron, and against another integrator."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from theory.flows.offset import _by_network, _linear, offset_flow
from theory.predictions.offset import offset_prediction

RNG = np.random.default_rng(5)
X = RNG.standard_normal((25, 2))
Y = X @ [1.0, -0.5] + 0.7
A0, W0 = 1e-3 * RNG.standard_normal((2, 12)), 1e-3 * RNG.standard_normal((2, 12, 3))


@pytest.mark.parametrize("loss", ["half-mse", "huber"])
def test_contraction_is_the_field_itself(loss):
    field = offset_prediction(X, Y, "sigmoid", loss_function=loss).field
    a, w = RNG.standard_normal((2, 12)), RNG.standard_normal((2, 12, 3))
    for mine, other in zip(_linear(field)(a, w), _by_network(field)(a, w), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-13)


def test_flow_against_scipy():
    field = offset_prediction(X, Y, "softplus").field
    times = np.array([0.5, 4.0])
    a, w = offset_flow(field, A0, W0, times, tolerance=1e-8)

    def slope(_, y):
        da, dw = field(y[:12], y[12:].reshape(12, 3))
        return np.concatenate([da, dw.ravel()])

    for b in range(2):
        run = solve_ivp(
            slope,
            (0, 4.0),
            np.concatenate([A0[b], W0[b].ravel()]),
            t_eval=times,
            rtol=1e-10,
            atol=1e-13,
            method="LSODA",
        )
        np.testing.assert_allclose(a[:, b], run.y[:12].T, atol=1e-8)
        np.testing.assert_allclose(w[:, b].reshape(2, -1), run.y[12:].T, atol=1e-8)
