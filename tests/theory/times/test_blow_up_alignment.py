"""Times: blow-up on an orientation and its bounds, alignment, against quadrature and against the followed neurons."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import (
    LinearFlow,
    MomentTensor,
    SmoothField,
    TheoryError,
    destinations,
    find_orientations,
    neurons_at,
)
from theory.times.blow_up import (
    aligned_blow_up_time,
    alignment_exponent,
    alignment_time,
    balanced_blow_up_time,
    balanced_horizon,
    blow_up_bounds,
    linear_alignment_time,
)


def problem(p, dimension, seed, c=1.0):
    rng = np.random.default_rng([p, dimension, seed])
    x, s = rng.standard_normal((30, dimension)), rng.standard_normal(30)
    return SmoothField(MomentTensor.from_data(x, s, p), c)


@pytest.mark.parametrize("p", [2, 3, 4, 7])
@pytest.mark.parametrize(
    ("a0", "r0"), [(0.3, 1.0), (-0.3, 1.0), (1.0, 0.4), (1.0, 1e-3), (-0.01, 2.0), (0.0, 1.0)]
)
def test_aligned_time_is_the_integral(p, a0, r0):
    balance = r0**2 - p * a0**2
    mine = float(aligned_blow_up_time(1.7, a0, r0, p))
    if balance < 0 and a0 <= 0:
        assert mine == np.inf
        return
    with mpmath.workdps(30):
        a, r = mpmath.mpf(a0), mpmath.mpf(r0)
        # Steepest at the start, over a range of r0², and at a = 0, over one of √K.
        cuts = [a + r**2 * 10**k for k in range(7)] + ([mpmath.mpf(0)] if a0 < 0 else [])
        known = mpmath.quad(
            lambda v: (p * v**2 + r**2 - p * a**2) ** (mpmath.mpf(-p) / 2), [a, *sorted(cuts), mpmath.inf]
        )
    assert mine == pytest.approx(float(known) / 1.7, rel=1e-10)


@pytest.mark.parametrize("p", [2, 3, 5])
@pytest.mark.parametrize("gap", [0.0, 1e-12, -1e-12, 1e-6, -1e-6])
def test_nearly_balanced_neurons_have_the_balanced_time(p, gap):
    near = aligned_blow_up_time(0.9, 0.2, np.sqrt(p) * 0.2 * (1 + gap), p)
    assert float(near) == pytest.approx(
        float(balanced_blow_up_time(0.9, np.array(0.2), p)), rel=3 * p * abs(gap) + 1e-7
    )


def test_wrong_sign_and_too_much_output_weight_never_blows_up():
    times = aligned_blow_up_time(1.0, np.array([-1.0, -0.1, -1.0]), np.array([0.5, 0.5, np.sqrt(3)]), 3)
    assert times[0] == times[2] == np.inf
    assert np.isfinite(times[1])


@pytest.mark.parametrize(("p", "dimension", "c"), [(2, 3, 1.0), (3, 3, -0.7), (4, 2, 2.0), (5, 2, 1.0)])
def test_aligned_time_is_that_of_the_followed_neurons(p, dimension, c):
    field = problem(p, dimension, 0, c)
    best = find_orientations(field.tensor).attractors[0]
    push = c * best.value
    a0 = np.array([0.3, 1.0, -0.05])
    r0 = np.array([1.0, 0.4, 0.8])
    end = destinations(field, np.sign(push) * a0, np.outer(r0, best.u))
    np.testing.assert_allclose(end.blow_up_times, aligned_blow_up_time(abs(push), a0, r0, p), rtol=1e-7)


@given(st.sampled_from([(2, 3), (3, 2), (3, 4), (4, 3)]), st.integers(0, 300), st.floats(1e-4, 1e2))
@settings(max_examples=max(8, settings.default.max_examples // 4))
def test_property_bounds_hold_and_scale(shape, seed, scale):
    p, dimension = shape
    field = problem(p, dimension, seed % 3)
    rng = np.random.default_rng(seed)
    a0, w0 = scale * rng.standard_normal(20), scale * rng.standard_normal((20, dimension))
    times = destinations(field, a0, w0).blow_up_times
    for known in (None, find_orientations(field.tensor)):
        low, high = blow_up_bounds(field, a0, w0, known)
        assert np.all(low <= times * (1 + 1e-9))
        assert np.all(times <= high * (1 + 1e-9))
    other = blow_up_bounds(field, 2 * a0, 2 * w0)
    np.testing.assert_allclose(other[0], blow_up_bounds(field, a0, w0)[0] * 2.0 ** (1 - p), rtol=1e-12)


def test_bounds_are_attained_by_the_best_balanced_neuron():
    field = problem(3, 3, 1)
    found = find_orientations(field.tensor)
    best = max(found.attractors, key=lambda o: o.value)
    a0, w0 = np.array([0.1]), np.sqrt(3) * 0.1 * np.array([best.u])
    low, high = blow_up_bounds(field, a0, w0, found)
    exact = balanced_blow_up_time(best.value, a0, 3)
    np.testing.assert_allclose([low, high], [exact, exact], rtol=1e-12)


def test_balanced_horizon_lowers_the_risk_by_the_fall():
    """At that time the leader's own C p^{p/2} a^{p+1} is the fall."""
    field = problem(3, 3, 1)
    best = max(find_orientations(field.tensor).attractors, key=lambda o: o.value)
    a0 = np.array([0.1])
    w0 = np.sqrt(3) * a0[:, None] * np.array(best.u)
    blow_up = float(balanced_blow_up_time(best.value, a0, 3)[0])
    time = balanced_horizon(blow_up, best.value, 3, 0.02)
    at = neurons_at(field, a0, w0, time)
    assert float(field.potential(at.a, at.w)[0]) == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize(("p", "dimension", "c"), [(2, 3, 1.0), (3, 3, -0.7), (4, 2, 2.0)])
def test_angle_falls_with_the_exponent_and_in_the_time(p, dimension, c):
    field = problem(p, dimension, 0, c)
    best = find_orientations(field.tensor).attractors[0]
    u = np.array(best.u)
    basis = np.linalg.svd(u[None])[2][1:]
    form = basis @ ((p - 1) * field.tensor.hessian(u) - best.value * np.eye(dimension)) @ basis.T
    slowest = basis.T @ np.linalg.eigh(form)[1][:, np.argmin(np.abs(np.linalg.eigvalsh(form)))]
    a0, r0, start = np.sign(c * best.value) * 0.4, 0.5, 1e-5
    w0 = r0 * (np.cos(start) * u + np.sin(start) * slowest)
    time = alignment_time(field, u, float(a0), r0, start, start / 3)
    at = neurons_at(field, np.array([a0]), w0[None], time)
    angle = float(np.arcsin(np.linalg.norm(at.u[0] - (at.u[0] @ u) * u)))
    assert angle == pytest.approx(start / 3, rel=1e-4)
    exponent = -np.log(angle / start) / np.log(float(at.r[0]) / r0)
    assert exponent == pytest.approx(alignment_exponent(field, u), rel=1e-4)


def test_dying_neurons_align_as_they_vanish():
    tensor = MomentTensor.from_coefficients(3 * np.eye(3, dtype=int), [1, 1, 1], 3, 3)
    field, u = SmoothField(tensor, 1.0), np.ones(3) / np.sqrt(3)
    # P = 1/√3 and (p-1) T u^{p-2} = 2 P I: M = P, so the angle falls like r itself.
    assert alignment_exponent(field, u) == pytest.approx(1.0, rel=1e-12)
    across = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)
    w0 = 0.1 * (u + 1e-4 * across)
    at = neurons_at(field, np.array([-1.0]), w0[None], 40.0)
    angle = np.linalg.norm(at.u[0] - (at.u[0] @ u) * u)
    assert np.log(angle / 1e-4) / np.log(float(at.r[0]) / 0.1) == pytest.approx(1.0, abs=1e-3)


@given(st.integers(0, 10_000), st.floats(1e-3, 1.2))
def test_property_linear_alignment_time(seed, angle):
    rng = np.random.default_rng(seed)
    flow = LinearFlow(rng.standard_normal(4), -0.7)
    a0, w0 = rng.standard_normal(12), rng.standard_normal((12, 4))
    times = linear_alignment_time(flow, a0, w0, angle)
    for k in range(12):
        later = flow.angles(times[k] + 0.5 / flow.rate, a0[[k]], w0[[k]])[0]
        assert later < angle
        at = flow.angles(times[k], a0[[k]], w0[[k]])[0]
        assert at == pytest.approx(angle, rel=1e-6) if times[k] > 0 else at <= angle


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: aligned_blow_up_time(1.0, 1.0, 1.0, 1), "needs p >= 2"),
        (lambda: aligned_blow_up_time(1.0, 1.0, 0.0, 2), "must be above 0"),
        (lambda: blow_up_bounds(problem(1, 2, 0), np.ones(1), np.ones((1, 2))), "accepted: p >= 2"),
        (lambda: alignment_time(problem(2, 2, 0), np.eye(2)[0], 1.0, 1.0, 0.1, 0.2), "0 < end <= start"),
        (lambda: alignment_time(problem(1, 2, 0), np.eye(2)[0], 1.0, 1.0, 0.1, 0.01), "for p >= 2"),
        (lambda: linear_alignment_time(LinearFlow(np.ones(1), 1.0), np.ones(1), np.ones((1, 1)), 2.0), "π/2"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(TheoryError, match=message):
        call()


def test_a_saddle_has_no_alignment():
    field = problem(3, 3, 0)
    saddle = next(o for o in find_orientations(field.tensor).orientations if o.kind.value == "saddle")
    with pytest.raises(TheoryError, match="neither"):
        alignment_exponent(field, np.array(saddle.u))
    best = find_orientations(field.tensor).attractors[0]
    with pytest.raises(TheoryError, match="sign of a0"):
        alignment_time(field, np.array(best.u), -float(np.sign(best.value)), 1.0, 0.1, 0.01)
