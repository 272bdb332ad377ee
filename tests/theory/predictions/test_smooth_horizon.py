"""The horizon of the real network lies within its uncertainty, on heavy-tailed data too, where the estimate did not do."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.predicted import smooth
from theory import TheoryError
from theory.predictions.prediction import NEGLECTED

SECH2 = lambda z: 1 / np.cosh(z) ** 2  # noqa: E731
REAL = {  # σ, σ'
    "x*exp(-x**2)": (lambda z: z * np.exp(-z * z), lambda z: (1 - 2 * z * z) * np.exp(-z * z)),
    "tanh": (np.tanh, SECH2),
}


def heavy(seed):
    """Twenty samples of Student's t with 1.5 degrees of freedom, random labels ±1: a few are tens of times the others."""
    generator = np.random.default_rng(seed)
    x = 15 * generator.standard_t(1.5, 20)
    return x[:, None], np.where(generator.random(20) < 0.4, 1.0, -1.0)


def fallen(text, x, y, a0, w0, fall, guess):
    """The time at which the logistic risk of the real network has fallen by `fall`."""
    (value, slope), m = REAL[text], len(a0)

    def output(flat):
        return flat[:m] @ value(flat[m:].reshape(m, -1) @ x.T)

    def rates(_, flat):
        a, w = flat[:m], flat[m:].reshape(m, -1)
        s = y / (1 + np.exp(y * output(flat))) / len(y)
        z = w @ x.T
        return np.concatenate([value(z) @ s, (a[:, None] * ((slope(z) * s) @ x)).ravel()])

    def done(_, flat):
        margin = y * output(flat)
        return float(np.mean(-np.log1p(np.expm1(-margin) / 2))) - fall

    done.terminal = True
    start = np.concatenate([a0, w0.ravel()])
    atol = 1e-12 * np.abs(start).max()
    out = solve_ivp(rates, (0, 2 * guess), start, method="DOP853", rtol=1e-10, atol=atol, events=done)
    return float(out.t_events[0][0])


def cases(text, std, draws):
    """(error, uncertainty as estimated, uncertainty) of every network that the leading order describes."""
    found = []
    for seed in range(draws):
        x, y = heavy(seed)
        try:
            prediction = smooth(x, y, text, loss_function="logistic")
            a0, w0 = np.split(std * np.random.default_rng([seed, 1]).standard_normal((1, 8, 3)), [1], axis=-1)
            fraction, expected = prediction.initial_stage(a0[..., 0], w0)
            estimated = prediction._by_formula(a0[..., 0], w0, fraction=fraction)
        except TheoryError:
            continue
        if expected.neglected > NEGLECTED or prediction.outside(expected, fraction):
            continue
        time = fallen(
            text, prediction.x, y, a0[0, :, 0], w0[0], fraction * prediction.risk, expected.times[0]
        )
        found.append([abs(time - expected.times[0]), estimated.uncertainty[0], expected.uncertainty[0]])
    return np.array(found)


@pytest.mark.parametrize("text", sorted(REAL))
def test_the_real_horizon_is_within_its_uncertainty(text):
    error, estimated, uncertainty = cases(text, 1e-5, 30).T
    assert len(error) >= 25
    assert (error <= uncertainty).all()
    assert (error > estimated).any()  # so that there is something to see
    # and for most the uncertainty is as it was estimated
    assert np.mean(uncertainty == estimated) > 0.8
