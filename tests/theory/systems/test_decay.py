"""Weight decay: the exact change of time against integration and the full flow, blow-up, mutants."""

import numpy as np
import pytest
import sympy

from tests.theory.witnesses.leading_order import flow_slope, integrated
from theory import MomentTensor, SmoothField, TheoryError, activation, destinations
from theory.fields.one_sided import OneSidedField
from theory.systems.decay import (
    DecayField,
    blow_up_time,
    decay_system,
    decayed_blow_up,
    undecayed_time,
)
from theory.systems.offset import offset_system
from theory.systems.outputs import outputs_system

RNG = np.random.default_rng(9)
X = np.column_stack([RNG.standard_normal((20, 2)), np.ones(20)])
Y = RNG.standard_normal(20)
A, W = RNG.standard_normal(5), RNG.standard_normal((5, 3))
EPSILONS = 10.0 ** -np.arange(1.0, 3.3, 0.25)
LAMBDA, TAU = 0.7, 0.5


def base(name):
    act = activation(name)
    if not act.is_smooth:
        return OneSidedField.of(act, X, Y)
    return SmoothField(MomentTensor.from_data(X, Y, act.multiplicity), float(act.leading_coefficient))


@pytest.mark.parametrize("name", ["tanh", "xtanh", "z**3", "relu", "relu2"])
def test_decay_is_a_change_of_size_and_time(name):
    """θ(t) = e^{-λt} θ̃(t̃), both sides integrated."""
    plain = base(name)
    field = DecayField.of(plain, LAMBDA)
    # z³ blows up soonest: a tenth of its first blow-up time.
    time = 0.1 if name == "z**3" else TAU
    end = integrated(field, A, W, time)
    inner = integrated(plain, A, W, undecayed_time(field.order, LAMBDA, time))
    assert np.allclose(end, np.exp(-LAMBDA * time) * inner, rtol=1e-9, atol=1e-10)
    a, w = end[:5], end[5:].reshape(5, 3)
    a_tilde, w_tilde, t_tilde = field.undecayed(a, w, time)
    assert np.allclose(np.concatenate([a_tilde, w_tilde.ravel()]), inner, rtol=1e-9, atol=1e-10)
    assert t_tilde == undecayed_time(field.order, LAMBDA, time)
    assert np.allclose(field.invariant(a, w, time), plain.invariant(A, W), atol=1e-9)


def test_orientations_of_p1_do_not_change():
    plain = base("tanh")
    end, free = integrated(DecayField.of(plain, LAMBDA), A, W, 3.0), integrated(plain, A, W, 3.0)
    u, v = end[5:].reshape(5, 3), free[5:].reshape(5, 3)
    assert np.allclose(
        u / np.linalg.norm(u, axis=1)[:, None], v / np.linalg.norm(v, axis=1)[:, None], atol=1e-9
    )
    assert np.allclose(u, np.exp(-3 * LAMBDA) * v, rtol=1e-9)


@pytest.mark.parametrize("name", ["z**2", "z**3"])
def test_blow_up_with_decay(name):
    """Close to the predicted time neurons grow as (1 - t/t*)^{-1/(p-1)}; under a stronger decay they die."""
    plain = base(name)
    p = plain.order
    blow_up = destinations(plain, A, W).blow_up_times
    k = int(np.argmin(blow_up))
    a, w = A[[k]], W[[k]]
    weak = 0.5 / ((p - 1) * blow_up[k])
    time = float(decayed_blow_up(p, weak, blow_up)[k])
    assert time == pytest.approx(2 * np.log(2) * blow_up[k], rel=1e-9)
    sizes = [np.linalg.norm(integrated(DecayField.of(plain, weak), a, w, f * time)) for f in (0.999, 0.9999)]
    assert sizes[1] / sizes[0] == pytest.approx(10 ** (1 / (p - 1)), rel=0.02)
    strong = 1.01 / ((p - 1) * blow_up[k])
    assert decayed_blow_up(p, strong, blow_up)[k] == np.inf
    late = integrated(DecayField.of(plain, strong), a, w, 40 / strong)
    assert np.linalg.norm(late) < 1e-3


def test_change_of_time_in_exact_arithmetic():
    for order in (2, 3, 5):
        decay, star = sympy.Symbol("λ", positive=True), sympy.Symbol("t_blow", real=True)
        expected = -sympy.log(1 - (order - 1) * decay * star) / ((order - 1) * decay)
        assert sympy.simplify(blow_up_time(order) - expected) == 0
        value = float(blow_up_time(order).subs({decay: 0.1, star: 0.5}))
        assert value == pytest.approx(float(decayed_blow_up(order, 0.1, 0.5)), rel=1e-13)
        assert undecayed_time(order, 0.1, value) == pytest.approx(0.5, rel=1e-12)
    assert undecayed_time(1, 0.3, 2.0) == 2.0
    assert np.array_equal(decayed_blow_up(2, 0.0, np.array([1.0, np.inf])), [1.0, np.inf])


@pytest.mark.parametrize(("name", "order", "tau"), [("tanh", 2, 1.0), ("xtanh", 2, TAU), ("relu2", 3, 0.3)])
def test_full_flow_confirms_the_order_with_decay(name, order, tau):
    """λ = λ̂ ε^{p-1}: numerics takes λ̂ in rescaled time."""
    plain = base(name)
    assert decay_system(activation(name)).order == order
    slope = flow_slope(
        lambda eps: DecayField.of(plain, LAMBDA * eps ** (plain.order - 1)), name, X, Y, A, W, tau=tau,
        time_exponent=1 - plain.order, epsilons=EPSILONS, weight_decay=LAMBDA, autonomous=True, by_scale=True,
    )  # fmt: skip
    assert slope.resolved
    assert abs(slope.value - order) < 0.05


MUTANTS = {
    "λ 1 % off": lambda plain, lam: DecayField.of(plain, 1.01 * lam),
    "λ of the wrong sign": lambda plain, lam: DecayField.of(plain, -lam),
    "no decay": lambda plain, lam: DecayField.of(plain, 0.0),
    "decay of a alone": lambda plain, lam: lambda a, w: (plain(a, w)[0] - lam * a, plain(a, w)[1]),
    "decay doubled, as for λθ² without the half": lambda plain, lam: DecayField.of(plain, 2 * lam),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutants_lose_the_order(mutant):
    plain = base("xtanh")
    slope = flow_slope(
        lambda eps: mutant(plain, LAMBDA * eps), "xtanh", X, Y, A, W, tau=TAU, time_exponent=-1,
        epsilons=EPSILONS / 30, weight_decay=LAMBDA, autonomous=True, by_scale=True,
    )  # fmt: skip
    assert slope.resolved  # so small that what is wrong leads
    assert slope.value < 0.5


@pytest.mark.parametrize("wrong", [1.05, -1.0])
def test_a_wrong_clock_misses(wrong):
    plain = base("xtanh")
    end = integrated(DecayField.of(plain, LAMBDA), A, W, TAU)
    inner = integrated(plain, A, W, undecayed_time(2, wrong * LAMBDA, TAU))
    assert not np.allclose(end, np.exp(-LAMBDA * TAU) * inner, rtol=1e-4)


def test_potential_is_what_the_field_climbs():
    field, h = DecayField.of(base("xtanh"), LAMBDA), 1e-6
    a_dot, w_dot = field(A, W)
    assert np.allclose((field.potential(A + h, W) - field.potential(A - h, W)) / (2 * h), a_dot, rtol=1e-7)
    step = np.array([h, 0, 0])
    slope = (field.potential(A, W + step) - field.potential(A, W - step)) / (2 * h)
    assert np.allclose(slope, w_dot[:, 0], rtol=1e-6)


def test_equations_as_text():
    text = decay_system(activation("x**2*tanh(x)")).text()
    assert "da/dt = -a*λ + mean(s*z**3)" in text
    assert "dw/dt = 3*a*mean(s*x*z**2) - w*λ" in text
    assert "K = (-3*a**2 + r**2)*exp(2*t*λ)" in text
    assert "t_decayed = -log(-2*t_blow*λ + 1)/(2*λ)" in text
    assert "weight decay λ = λ̂ ε^2" in text
    several = decay_system(activation("tanh"), outputs_system(activation("tanh")))
    assert "dw/dt = -w*λ + Sum(mean(x*s[k])*a[k], (k, 1, K))" in several.text()


def test_offset_system_is_refused():
    with pytest.raises(TheoryError, match="do not share one degree"):
        decay_system(activation("sigmoid"), offset_system(activation("sigmoid")))
