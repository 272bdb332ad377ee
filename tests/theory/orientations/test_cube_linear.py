"""Sign descent with p = 1 against its own simulation."""

import numpy as np
import pytest

from tests.theory.mutants.mutated import mutated
from theory.errors import TheoryError
from theory.forms.moment_tensor import MomentTensor
from theory.orientations.cube import quadratic as cube_linear
from theory.orientations.cube import sign_descent_orientations


def simulate(g, a, w, horizon, step):
    """Plain sign descent in steps of size `step`, p = 1, c absorbed in g."""
    for _ in range(int(horizon / step)):
        a, w = a + step * np.sign(w @ g), w + step * np.sign(a)[:, None] * np.sign(g)
    return a, w


def check_destinations(module, c=-0.7):
    rng = np.random.default_rng(3)
    x, s = rng.standard_normal((20, 4)), rng.standard_normal(20)
    tensor = MomentTensor.from_data(x, s, 1)
    a, w = rng.standard_normal(300), rng.standard_normal((300, 4))
    g = c * x.T @ s / 20
    decided = np.abs(a + w @ g / np.abs(g).sum()) > 0.02
    a, w = a[decided], w[decided]
    assert len(a) > 250
    a_end, w_end = simulate(g, a, w, 400.0, 1e-2)
    ends = module.linear_sign_destinations(tensor, c, a, w)
    u = w_end / np.linalg.norm(w_end, axis=1, keepdims=True)
    # |w - t v| <= 2 ‖w(0)‖∞ + 2 |a(0)| <= 20 after the turn, t = 400, ‖t v‖ = 800
    assert np.all(np.linalg.norm(u - ends, axis=1) < 0.1)
    listed = np.array([o.u for o in sign_descent_orientations(tensor).orientations])
    signs = {o.u: o.neuron_sign for o in sign_descent_orientations(tensor).orientations}
    for end, sign in zip(ends, np.sign(a_end * c), strict=True):
        k = int(np.argmin(np.linalg.norm(listed - end, axis=1)))
        assert np.linalg.norm(listed[k] - end) < 1e-15
        assert signs[tuple(listed[k])] == sign


def test_destinations_agree_with_simulation():
    check_destinations(cube_linear)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/ np.abs(g).sum())", "/ np.linalg.norm(g) ** 2)"),
        ("g = np.sign(coefficient) * ", "g = "),
        ("np.asarray(a0) + ", "np.asarray(a0) - "),
        ("np.sqrt(np.count_nonzero(g))", "np.count_nonzero(g)"),
    ],
)
def test_mutants_are_caught(old, new):
    with pytest.raises(AssertionError):
        check_destinations(mutated(cube_linear, old, new))


def test_value_and_certificate():
    x, s = np.array([[1.0, -2.0], [0.5, 1.0]]), np.array([1.0, 3.0])
    result = sign_descent_orientations(MomentTensor.from_data(x, s, 1))
    g = x.T @ s / 2
    up = result.orientations[0]
    assert up.u == pytest.approx(np.sign(g) / np.sqrt(2), abs=2e-16)
    assert up.value == pytest.approx(np.abs(g).sum() / np.sqrt(2), rel=1e-15)
    assert (up.neuron_sign, up.certified, result.complete) == (1, True, True)
    assert up.radius < 1e-15
    assert (result.method, result.lines_expected, len(result.attractors)) == ("cube", None, 2)


def test_zero_entries_vanish_from_the_orientation():
    x, s = np.array([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]]), np.array([1.0, 1.0])
    result = sign_descent_orientations(MomentTensor.from_data(x, s, 1))
    assert result.orientations[0].u == pytest.approx([0.5**0.5, 0.0, -(0.5**0.5)], abs=2e-16)
    assert "coordinates 1" in result.notes[0]
    a, w = simulate(x.T @ s / 2, np.ones(1), np.array([[0.3, 0.2, 0.1]]), 500.0, 0.01)
    assert w[0] / np.linalg.norm(w) == pytest.approx(result.orientations[0].u, abs=2e-3)


def test_zero_gradient():
    x, s = np.ones((2, 2)), np.array([1.0, -1.0])
    tensor = MomentTensor.from_data(x, s, 1)
    result = sign_descent_orientations(tensor)
    assert (result.complete, result.orientations) == (False, ())
    with pytest.raises(TheoryError, match="p = 1"):
        cube_linear.linear_sign_destinations(tensor, 1.0, np.ones(1), np.ones((1, 2)))
