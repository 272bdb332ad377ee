"""Losses seen from their best constant: signal, value and curvature there, against each other and against mpmath."""

import mpmath
import numpy as np
import pytest

from theory import Problem, TheoryError, loss
from theory.losses.signal import centred, signal_function, value_function

Y = np.array([0.5, 1.0, -2.0, 3.25, 0.125])
SIGNS = np.array([1.0, 1.0, -1.0, 1.0, 1.0])
FORMULA = "(f - y)**4 + (f - y)**2"


@pytest.mark.parametrize(
    ("name", "y"), [("half-mse", Y), ("mse", Y), ("huber", Y), ("logistic", SIGNS), (FORMULA, Y)]
)
def test_a_centred_loss_is_the_loss_from_its_best_constant(name, y):
    ell = loss(name)
    seen = centred(ell, y)
    signal = np.array([float(s) for s in seen.signal(y)])
    assert abs(signal.mean()) < 1e-12
    np.testing.assert_allclose(signal_function(seen)(np.zeros(len(y)), y), signal, rtol=1e-12, atol=1e-13)
    # Value, signal and curvature are derivatives of one another.
    value, at, h = value_function(ell), float(seen.constant), 1e-4
    np.testing.assert_allclose(seen.value_at_zero(y), value(np.full(len(y), at), y), rtol=1e-14)
    slope = (value(np.full(len(y), at + h), y) - value(np.full(len(y), at - h), y)) / (2 * h)
    np.testing.assert_allclose(-slope, signal, rtol=1e-5, atol=1e-6)
    bend = -(
        signal_function(ell)(np.full(len(y), at + h), y) - signal_function(ell)(np.full(len(y), at - h), y)
    ) / (2 * h)
    np.testing.assert_allclose(seen.curvature_at_zero(y), bend, rtol=1e-4, atol=1e-6)


def test_the_constants_are_those_of_mpmath():
    with mpmath.workdps(30):
        best = mpmath.findroot(lambda f: sum(4 * (f - y) ** 3 + 2 * (f - y) for y in Y), 0.5)
    assert abs(float(centred(loss(FORMULA), Y).constant) - float(best)) < 1e-13
    assert float(centred(loss("half-mse"), Y).constant) == Y.mean()
    assert abs(float(centred(loss("logistic"), SIGNS).constant) - np.log(4)) < 1e-14


def test_cross_entropy_is_centred_at_the_shares_of_the_classes():
    labels = np.array([0, 1, 1, 2, 2, 2])
    seen = centred(loss("cross-entropy"), labels)
    shares = np.exp(seen.constant) / np.exp(seen.constant).sum()
    np.testing.assert_allclose(shares, [1 / 6, 1 / 3, 1 / 2], rtol=1e-14)
    np.testing.assert_allclose(seen.value_at_zero(labels), -np.log(shares)[labels], rtol=1e-14)
    np.testing.assert_allclose(seen.curvature_at_zero(labels)[0], shares * (1 - shares), rtol=1e-13)
    np.testing.assert_allclose(seen.signal(labels).astype(float), np.eye(3)[labels] - shares, rtol=1e-14)


def test_other_targets_are_refused():
    with pytest.raises(TheoryError, match="about other targets"):
        centred(loss("half-mse"), Y).signal(Y + 1)
    with pytest.raises(TheoryError, match="falls for ever"):
        _ = Problem.of(
            np.ones((3, 1)), np.ones(3), loss_function="logistic", output_bias=True
        ).at_best_constant
