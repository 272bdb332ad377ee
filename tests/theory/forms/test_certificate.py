"""A finite certificate contains the true line; what is singular, far off or doubtful is never certified."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.witnesses.orientations import distance, gaussian_data, newton
from theory.forms.certificate import certify_ball, certify_batch, not_apart, sine_to
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import find_orientations

P, D = 4, 4


def problem(seed=0):
    x, s = gaussian_data(P, D, seed)
    tensor = MomentTensor.from_data(x, s, P)
    lines = np.array([o.u for o in find_orientations(tensor).orientations[::2]])
    return x, s, tensor, lines


def soundness(certify, seed=0):
    """Perturbed centres of every size: a finite bound must cover the distance to the true line."""
    rng = np.random.default_rng(seed)
    _, _, tensor, lines = problem(seed)
    proved = 0
    for scale in (*10.0 ** np.arange(-15, 0, 0.5), *[3.0] * 30):  # the last ones are centres at random
        u = lines + scale * rng.standard_normal(lines.shape)
        u = u / np.linalg.norm(u, axis=1, keepdims=True) + 0j
        # The centre's own value, so that its error is first order like that of u.
        value = tensor.value(u.real) / 2.0**tensor.exponent2 + scale * rng.standard_normal(len(u))
        bound = certify(tensor, u, value)
        found = np.isfinite(bound)
        proved += int(found.sum())
        # The listed lines err by 1e-16 and the witness rounds by 1e-15.
        assert np.all(sine_to(u, lines + 0j)[found] <= bound[found] + 2e-15)
    return proved


def certified_share(certify):
    """The share of certified centres among the 30 scales from 1e-15 to 1; every bound is checked on the way."""
    return soundness(certify) / (30 * len(problem()[3]))


def test_certified_bounds_hold_and_are_found():
    # From scale 1e-15 up to 1e-5 a regular line must certify: at least half of the 30 scales.
    assert certified_share(certify_batch) > 0.5


@pytest.mark.parametrize("precision", [64, 128, 300])
def test_ball_enclosure_contains_newtons_solution(precision):
    x, s, tensor, lines = problem(1)
    for line in lines[:4]:
        enclosure = certify_ball(tensor, line, precision)
        assert enclosure is not None
        centre, sine = enclosure.floats()
        u = np.real(centre) / np.linalg.norm(np.real(centre))
        assert sine < 1e-14
        assert distance(newton(x, s, P, line), u) <= sine + 4e-16


def test_singular_lines_are_never_certified():
    # P = u1^4 in D = 3: every line with u1 = 0 is fixed, none isolated.
    tensor = MomentTensor.from_coefficients([[4, 0, 0]], [1], 4, 3)
    rng = np.random.default_rng(0)
    u = rng.standard_normal((200, 3))
    u[:, 0] = rng.choice([0.0, 1e-16, 1e-9], 200)
    u = u / np.linalg.norm(u, axis=1, keepdims=True)
    assert not np.isfinite(certify_batch(tensor, u + 0j, np.zeros(200))).any()
    assert all(certify_ball(tensor, line, 128) is None for line in u[:10])


@given(st.integers(0, 2**32))
def test_property_phase_and_repetition_are_seen_as_one_line(seed):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((6, 3)) + 1j * rng.standard_normal((6, 3))
    turned = u[2] * np.exp(1j * rng.uniform(0, 6)) * rng.uniform(0.5, 2)
    lines = np.vstack([u, turned[None]])
    assert not_apart(lines, np.full(7, 1e-12)) == [(2, 6)]
    near = np.vstack([u, turned[None] + 1e-6])
    assert not_apart(near, np.full(7, 1e-9)) == []
    assert (2, 6) in not_apart(near, np.full(7, 1e-3))
