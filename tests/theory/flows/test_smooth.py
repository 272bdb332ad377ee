"""Destinations by the autonomous flow, against exact special cases and numerics' Cartesian flow."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from numerics.flow import LeadingStatus, leading_flow, moments
from theory.errors import TheoryError
from theory.fields import SmoothField
from theory.flows.linear import LinearFlow
from theory.flows.smooth import Fate, destinations, neurons_at
from theory.forms.moment_tensor import MomentTensor


def field_of(x, s, p, c=1.0):
    return SmoothField(MomentTensor.from_data(x, s, p), c)


def axes_field():
    """P(u) = Σ u_k³: three unit inputs, each with signal 3."""
    return np.eye(3), np.full(3, 3.0), field_of(np.eye(3), np.full(3, 3.0), 3)


def draw(seed, neurons, dimension):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(neurons), rng.standard_normal((neurons, dimension))


def test_sum_of_cubes_grows_to_the_axes_and_dies_on_the_diagonal():
    x, s, field = axes_field()
    a0, w0 = draw(0, 400, 3)
    end = destinations(field, a0, w0)
    axis = np.argmax(np.abs(end.u), axis=1)
    sign = np.sign(end.u[np.arange(400), axis])
    grows, dies = end.fates == Fate.GROWS, end.fates == Fate.DIES
    assert np.all(grows | dies)
    # Growing: ±e_k with the sign of a there, which is that of c P(u).
    np.testing.assert_allclose(np.abs(end.u[grows]).max(axis=1), 1, atol=1e-12)
    assert set(zip(axis[grows], sign[grows], strict=True)) == {(k, v) for k in range(3) for v in (1.0, -1.0)}
    # Dying: ∓(1,1,1)/√3, where |P| is smallest; necessary for it are K < 0 and H < 0.
    np.testing.assert_allclose(np.abs(end.u[dies]), 1 / np.sqrt(3), atol=1e-6)
    assert np.all(field.invariant(a0, w0)[dies] < 0)
    assert np.all(field.potential(a0, w0)[dies] < 0)
    assert 0.02 < dies.mean() < 0.09


@pytest.mark.parametrize(("p", "dimension", "c"), [(2, 3, 1.0), (3, 2, -0.7), (3, 4, 0.5), (4, 2, 2.0)])
def test_agrees_with_the_cartesian_flow(p, dimension, c):
    rng = np.random.default_rng([p, dimension])
    x, s = rng.standard_normal((30, dimension)), rng.standard_normal(30)
    a0, w0 = draw(1, 60, dimension)
    end = destinations(field_of(x, s, p, c), a0, w0)
    other = leading_flow(moments(x, s, p, c), a0, w0)
    grows = end.growing
    np.testing.assert_array_equal(grows, other.status == LeadingStatus.GROWING)
    np.testing.assert_allclose(end.u[grows], other.orientation[grows], atol=1e-7)
    np.testing.assert_allclose(end.blow_up_times[grows], other.blowup_time[grows], rtol=1e-6)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_state_at_a_time_agrees_with_the_cartesian_flow(p):
    rng = np.random.default_rng(p)
    x, s = rng.standard_normal((30, 3)), rng.standard_normal(30)
    a0, w0 = draw(2, 40, 3)
    field = field_of(x, s, p, 1.3)
    time = 1.0 if p == 1 else 0.6 * destinations(field, a0, w0).blow_up_times.min()
    at = neurons_at(field, a0, w0, time)
    other = leading_flow(moments(x, s, p, 1.3), a0, w0, times=time, rtol=1e-12)
    np.testing.assert_allclose(at.w, other.w, atol=1e-9 * np.abs(other.w).max())
    np.testing.assert_allclose(at.a, other.a, atol=1e-9 * np.abs(other.a).max())


@given(st.integers(0, 10_000), st.floats(0.1, 3), st.sampled_from([-1.5, 0.4]))
def test_property_order_one_is_the_closed_form(seed, time, c):
    rng = np.random.default_rng(seed)
    x, s = rng.standard_normal((12, 3)), rng.standard_normal(12)
    a0, w0 = draw(seed, 20, 3)
    field = field_of(x, s, 1, c)
    flow = LinearFlow((s[:, None] * x).mean(axis=0), c)
    time = time / flow.rate
    a, w = flow.at(time, a0, w0)
    at = neurons_at(field, a0, w0, time)
    scale = np.exp(flow.rate * time)
    np.testing.assert_allclose(at.a, a, atol=1e-8 * scale)
    np.testing.assert_allclose(at.w, w, atol=1e-8 * scale)
    np.testing.assert_allclose(
        destinations(field, a0, w0).u, np.outer(flow.signs(a0, w0), flow.direction), atol=1e-7
    )


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6))
@settings(max_examples=max(8, settings.default.max_examples // 4))
def test_property_scale_of_the_start_changes_only_the_clock(seed, scale):
    x, s, field = axes_field()
    a0, w0 = draw(seed, 20, 3)
    one, other = destinations(field, a0, w0), destinations(field, scale * a0, scale * w0)
    np.testing.assert_allclose(one.u, other.u, atol=1e-7)
    grows = one.growing
    np.testing.assert_allclose(other.blow_up_times[grows] * scale**2, one.blow_up_times[grows], rtol=1e-6)


def test_balanced_blow_up_time_is_exact():
    x, s, field = axes_field()
    a0 = np.array([0.3, 1.0])
    w0 = np.sqrt(3) * a0[:, None] * np.eye(3)[:2]
    # 1/((p-1) C p^{p/2} |a0|^{p-1}) with p = 3, C = 1.
    expected = 1 / (2 * 3**1.5 * a0**2)
    np.testing.assert_allclose(destinations(field, a0, w0).blow_up_times, expected, rtol=1e-8)


def test_wrong_factor_is_noticed():
    """A mutant of the field, p c a T w^{p-1} without its p, disagrees with the Cartesian flow."""
    x, s, field = axes_field()
    a0, w0 = draw(3, 50, 3)
    mutant = SmoothField(field.tensor, field.coefficient * 1.01)
    right, wrong = destinations(field, a0, w0), destinations(mutant, a0, w0)
    ratio = wrong.blow_up_times[right.growing] / right.blow_up_times[right.growing]
    np.testing.assert_allclose(ratio, 1 / 1.01, rtol=1e-6)


def test_refuses_what_has_no_orientation():
    x, s, field = axes_field()
    with pytest.raises(TheoryError, match="neuron 1 has zero"):
        destinations(field, np.ones(2), np.array([[1.0, 0, 0], [0, 0, 0]]))
    with pytest.raises(TheoryError, match="vanishes"):
        destinations(field_of(np.eye(3), np.zeros(3), 3), np.ones(1), np.ones((1, 3)))


@dataclass(frozen=True)
class Binary:
    """P(w) = Σ_k `coefficients`[k] w1^{p-k} w2^k, all that the flow asks of a moment tensor of D = 2."""

    coefficients: tuple[float, ...]
    dimension = 2

    @property
    def order(self):
        return len(self.coefficients) - 1

    def value(self, w):
        p = self.order
        return sum(c * w[..., 0] ** (p - k) * w[..., 1] ** k for k, c in enumerate(self.coefficients))

    def gradient(self, w):
        p, terms = self.order, list(enumerate(self.coefficients))
        along = sum(c * (p - k) * w[..., 0] ** max(p - k - 1, 0) * w[..., 1] ** k for k, c in terms)
        across = sum(c * k * w[..., 0] ** (p - k) * w[..., 1] ** max(k - 1, 0) for k, c in terms)
        return np.stack([along, across], axis=-1) / p


def blow_up_of_the_equations(form, a0, w0):
    """The time at which ‖(a, w)‖ = 1e4, by DOP853 on a' = P(w), w' = a ∇P(w): what is left is below 1e-7 of it."""

    def equations(_, y):
        return np.concatenate([[form.value(y[1:])], form.order * y[0] * form.gradient(y[1:])])

    def far(_, y):
        return np.linalg.norm(y) - 1e4

    far.terminal = True
    run = solve_ivp(equations, (0, 1e3), np.r_[a0, w0], "DOP853", rtol=1e-12, atol=1e-14, events=far)
    return run.t_events[0][0]


@pytest.mark.parametrize(
    "coefficients", [(1.0, 0.0, 1.5, 0.0), (1.0, 0.0, 2.0, 0.0, 0.5), (1.0, 0.0, 2.0, 0.0, -1.0)]
)
def test_a_degenerate_maximum_is_blown_up_at(coefficients):
    """At w1 the maxima are of fourth order, where an angle falls as a power of log r and never below a tolerance."""
    form, angles, a0 = Binary(coefficients), np.array([0.4, -0.1]), np.array([0.7, 1.5])
    w0 = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    end = destinations(SmoothField(form, 1.0), a0, w0)
    witness = [blow_up_of_the_equations(form, *start) for start in zip(a0, w0, strict=True)]
    np.testing.assert_allclose(end.blow_up_times, witness, rtol=1e-6)
    assert np.all(end.u[:, 0] > 0.99)


def test_the_degenerate_maximum_of_data_has_the_first_blow_up():
    """The largest P lies at (1, 0, 1)/√2, which has a zero direction: no certified orientation has its blow-up time."""
    rows = np.array([[1, -1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1], [-1, 0, 1, 0], [-1, 0, 1, 1]], dtype=float)
    form = MomentTensor.from_data(rows[:, :3], rows[:, 3], 4)
    a0, w0 = np.array([0.5]), np.array([[1.0, 0.3, 0.8]])
    end = destinations(SmoothField(form, 1.0), a0, w0)
    np.testing.assert_allclose(end.blow_up_times, blow_up_of_the_equations(form, 0.5, w0[0]), rtol=1e-6)
    assert abs(end.u[0] @ [1, 0, 1]) / np.sqrt(2) > 0.999


@pytest.mark.parametrize("p", [1, 2, 3])
def test_many_times_in_one_pass_are_each_time_alone(p):
    rng = np.random.default_rng(p)
    x, s = rng.standard_normal((20, 3)), rng.standard_normal(20)
    a0, w0 = draw(5, 15, 3)
    field = field_of(x, s, p)
    last = 2.0 if p == 1 else 1.2 * np.sort(destinations(field, a0, w0).blow_up_times)[1]
    times = last * np.array([0.0, 0.1, 0.1, 0.5, 0.9, 1.0])
    many = neurons_at(field, a0, w0, times)
    own = neurons_at(field, a0, w0, np.multiply.outer(times, np.linspace(0.5, 1.0, 15)))
    for k, time in enumerate(times):
        one = neurons_at(field, a0, w0, float(time))
        np.testing.assert_array_equal(many.blown_up[k], one.blown_up)
        here = ~one.blown_up
        np.testing.assert_allclose(many.a[k, here], one.a[here], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(many.w[k, here], one.w[here], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(own.w[k, -1], many.w[k, -1], rtol=1e-8, atol=1e-9)
    assert p == 1 or many.blown_up[-1].any()
    with pytest.raises(TheoryError, match="ascend"):
        neurons_at(field, a0, w0, times[::-1])
