"""Checks of the two-layer theorems beyond the smooth one; the module under test is an argument, as in mutant_checks.

Witnesses: torch's gradient of the real network, the full gradient flow, SciPy's integrator, sums over the data.
"""

import numpy as np
import sympy

from tests.theory.mutants.checks import close
from tests.theory.witnesses.equations import Reader, chain_rule
from tests.theory.witnesses.leading_order import flow_slope, gradient_slope, integrated, real_gradient
from theory import activation
from theory.fields import SmoothField
from theory.forms.moment_tensor import MomentTensor

RNG = np.random.default_rng(17)
X = np.column_stack([RNG.standard_normal((4, 2)), np.ones(4)])
Y, YS = RNG.standard_normal(4) + 0.4, RNG.standard_normal((4, 2))
A, AS, W = RNG.standard_normal(3), RNG.standard_normal((3, 2)), RNG.standard_normal((3, 3))
EPSILONS = 10.0 ** -np.arange(1.0, 3.3, 0.25)
SMALL = 1e-6


def agree(derived, real, atol):
    for name, value in derived.items():
        close(value, real[name], rtol=0, atol=atol)


def at_small_weights(system, sigma, y, a, w, decay=0.0):
    """A homogeneous system against the network's gradient at ε = 1e-6, over ε^p; what is left out is 1e-6 of it."""
    p = system.gradient_orders["w"]
    assert (p, system.time_exponent) == (system.gradient_orders["a"], 1 - p)
    gradient = real_gradient(sigma, X, y, SMALL * a[:1], SMALL * w[:1])
    a, w = np.atleast_1d(a[0]), w[0]
    a_dot = np.atleast_1d(gradient[0][0]) / SMALL**p - decay * a
    w_dot = gradient[1][0] / SMALL**p - decay * w
    reader = Reader(system, X, y.reshape(len(X), -1), a, w, {"λ": decay})
    agree(reader.rates(), chain_rule(a, w, a_dot, w_dot, p), 1e-4)
    if system.potential is not None:
        # Its gradient is the flow and its degree p + 1: (p + 1) H = a·a' + w·w' (Euler).
        close((p + 1) * reader(system.potential.rhs), a @ a_dot + w @ w_dot, rtol=0, atol=1e-4)
    # The first invariant stands still along the network's own motion.
    moved = []
    for h in (1e-4, -1e-4):
        later = Reader(system, X, y.reshape(len(X), -1), a + h * a_dot, w + h * w_dot, {"λ": decay, "t": h})
        moved.append(later(system.invariants[0].rhs))
    close((moved[0] - moved[1]) / 2e-4, 0.0, atol=1e-4)


def one_sided_equations(module):
    """Flow, polar and orientation form, invariant, potential, scales and order of ReLU-like networks."""
    for sigma, order in {"leaky_relu": 2, "relu2": 3, "elu": 1, "softsign": 1}.items():
        system = module.one_sided_system(activation(sigma))
        assert system.order == order
        at_small_weights(system, sigma, Y, A, W)
        reader = Reader(system, X, Y[:, None], A[:1], W[0], {"ς": np.sign(A[0])})
        p, r = activation(sigma).multiplicity, reader.r
        along = {str(eq.lhs.args[0]): eq.rhs for eq in system.orientation}
        clock = abs(A[0]) * r ** (p - 2)
        polar = reader.rates()
        close(reader(along["log(r)"]), polar["r"] / r / clock)
        close([reader(along["u"], j) for j in range(3)], polar["u"] / clock, atol=1e-12)


def one_sided_numbers(module):
    """The field of ReLU², leaky ReLU and K outputs against torch, its potential and invariant along it."""
    for sigma, order, y, a in (("relu2", 3, Y, A), ("leaky_relu", 2, Y, A), ("relu2", 3, YS, AS)):
        act = activation(sigma)
        p = act.multiplicity
        flow = module.OneSidedField.of(act, X, y)
        assert abs(gradient_slope(flow, sigma, X, y, a, W, 1 - p) - order) < 0.1
        steady(flow, a, W, p)


def steady(flow, a, w, p):
    """The invariant stands still; (p + 1) H = a·a' + w·w' of each neuron."""
    a_dot, w_dot = flow(a, w)
    ends = [flow.invariant(a + h * a_dot, w + h * w_dot) for h in (1e-5, -1e-5)]
    close(np.subtract(*ends), 0, atol=1e-12)
    work = np.sum((a * a_dot).reshape(len(w), -1), axis=1) + np.sum(w * w_dot, axis=1)
    close((p + 1) * flow.potential(a, w), work, atol=1e-12)


def power_forms(module):
    """σ_p and σ_p' of either side against the activations at 1e-7, in torch's values."""
    z = np.array([0.7, -0.4, 1.3, -2.0])
    for sigma, value in {
        "leaky_relu": lambda t: np.where(t > 0, t, 0.01 * t),
        "relu2": lambda t: np.where(t > 0, t, 0.0) ** 2,
        "x*tanh(x)": lambda t: t * np.tanh(t),
        "x**2*tanh(x)": lambda t: t**2 * np.tanh(t),
    }.items():
        act = activation(sigma)
        form = module.PowerForm.of(act)
        p = act.multiplicity
        close(form.value(z), value(1e-7 * z) / 1e-7**p, rtol=1e-6)
        h = 1e-4
        close(form.derivative(z), (form.value(z + h) - form.value(z - h)) / (2 * h), rtol=1e-6, atol=1e-9)


def decay_equations(module):
    """Decayed flow, polar form and invariant against torch; the change of time and the blow-up against integration."""
    for sigma in ("tanh", "xtanh", "leaky_relu", "relu2"):
        at_small_weights(module.decay_system(activation(sigma)), sigma, Y, A, W, decay=0.3)
    for order in (2, 3):
        system = module.decay_system(activation(f"z**{order}"))
        (clock,) = [eq.rhs for eq in system.definitions if str(eq.lhs) == "t̃"]
        (later,) = [eq.rhs for eq in system.definitions if str(eq.lhs) == "t_decayed"]
        t, lam = (next(s for s in clock.free_symbols if s.name == n) for n in ("t", "λ"))
        inner = float(clock.subs({t: 0.4, lam: 0.3}))
        # Blow-up of x' = x^p - λx from 1, and the clock, both as integrals.
        close(inner, sum(np.exp(-(order - 1) * 0.3 * (np.arange(4000) + 0.5) * 1e-4)) * 1e-4, rtol=1e-8)
        blow, rate = (next(s for s in later.free_symbols if s.name == n) for n in ("t_blow", "λ"))
        close(float(later.subs({blow: inner, rate: 0.3})), 0.4)


def decay_numbers(module):
    """Field, clock, blow-up, potential and invariant against integration."""
    for sigma, order, time in (("xtanh", 2, 0.05), ("cube", 3, 0.005)):
        act = activation(sigma)
        plain = SmoothField(MomentTensor.from_data(X, Y, order), 1.0)
        flow = module.DecayField.of(plain, 0.3)
        end = integrated(flow, A, W, time)
        a, w = end[:3], end[3:].reshape(3, 3)
        inner = module.undecayed_time(order, 0.3, time)
        other = integrated(plain, A, W, inner)
        a_tilde, w_tilde, t_tilde = flow.undecayed(a, w, time)
        close(np.concatenate([a_tilde, w_tilde.ravel()]), other, rtol=1e-9, atol=1e-10)
        close(t_tilde, inner)
        close(flow.invariant(a, w, time), plain.invariant(A, W), rtol=1e-8, atol=1e-10)
        close(module.decayed_blow_up(order, 0.3, np.array([inner])), [time], rtol=1e-9)
        assert module.decayed_blow_up(order, 0.3, np.array([1.01 / ((order - 1) * 0.3)]))[0] == np.inf
        assert np.isfinite(module.decayed_blow_up(order, 0.3, np.array([0.99 / ((order - 1) * 0.3)]))[0])
        a_dot, _ = flow(A, W)
        h = 1e-6
        close((flow.potential(A + h, W) - flow.potential(A - h, W)) / (2 * h), a_dot, rtol=1e-6)
        assert act.multiplicity == order
    plain = SmoothField(MomentTensor.from_data(X, Y, 2), 1.0)
    slope = flow_slope(
        lambda eps: module.DecayField.of(plain, 0.3 * eps), "xtanh", X, Y, A, W, tau=0.05, time_exponent=-1,
        epsilons=EPSILONS, weight_decay=0.3, autonomous=True, by_scale=True,
    )  # fmt: skip
    assert abs(slope.value - 2) < 0.1


def outputs_equations(module):
    """Flow, polar form, invariants, potential, scales and order with two outputs."""
    for sigma, order in {"silu": 1, "xtanh": 2, "cube": 4, "relu2": 3}.items():
        system = module.outputs_system(activation(sigma))
        assert system.order == order
        at_small_weights(system, sigma, YS, AS, W)
    pair = module.outputs_system(activation("tanh")).invariants[1].rhs
    # w_i·w_j - a_i·a_j of two neurons, in one dimension and one output each: its text says what stands still.
    assert str(pair) == "w[i]*w[j] - Sum(a[i, k]*a[j, k], (k, 1, K))"
    rates = [real_gradient("tanh", X, YS, SMALL * AS, SMALL * W)[k] / SMALL for k in (0, 1)]
    pairs = W @ rates[1].T + rates[1] @ W.T - AS @ rates[0].T - rates[0] @ AS.T
    close(pairs, np.zeros((3, 3)), atol=1e-5)


def outputs_numbers(module):
    """The field of K outputs against torch, its potential and invariant; the closed form of p = 1 against SciPy."""
    for sigma, order in {"silu": 1, "xtanh": 2, "cube": 4}.items():
        act = activation(sigma)
        flow = module.OutputsField.of(act, X, YS)
        scales = (1e-1, 1e-2) if order > 2 else (1e-2, 1e-3)
        assert (
            abs(gradient_slope(flow, sigma, X, YS, AS, W, 1 - act.multiplicity, epsilons=scales) - order)
            < 0.1
        )
        steady(flow, AS, W, act.multiplicity)
    s = X[:, :2] + 0.3 * YS
    flow = module.OutputsField.of(activation("-2*z"), X, s)
    linear = module.LinearOutputs.of(flow)
    a, w = linear.at(1.2, AS, W)
    close(np.concatenate([a.ravel(), w.ravel()]), integrated(flow, AS, W, 1.2), rtol=1e-8, atol=1e-9)
    far = 40.0 / (linear.rates[0] - linear.rates[1])
    end = linear.at(far, AS, W)
    u = end[1] / np.linalg.norm(end[1], axis=1, keepdims=True)
    close(u, np.outer(linear.signs(AS, W), linear.direction), atol=1e-9)
    close(end[0] @ linear.output_direction * linear.signs(AS, W), np.linalg.norm(end[0], axis=1), rtol=1e-9)
    angles, sizes = [], []
    for t in (0.3 * far, 0.4 * far):
        w = linear.at(t, AS, W)[1]
        second = np.linalg.svd(s.T @ X)[2][1]
        angles.append(np.abs(w @ second) / np.linalg.norm(w, axis=1))
        sizes.append(np.linalg.norm(w, axis=1))
    # angle ~ r^{-(1 - σ₂/σ₁)} along the way: what ε^{1-σ₂/σ₁} is at r = 1.
    measured = -np.log(angles[1] / angles[0]) / np.log(sizes[1] / sizes[0])
    close(measured, np.full(3, linear.alignment_exponent), rtol=1e-3)


def output_lines(module):
    """F, the count of singular pairs, and the orientations of two outputs against the data."""
    tensors = tuple(MomentTensor.from_data(X, YS[:, k], 2) for k in range(2))
    u = RNG.standard_normal((5, 3))
    by_hand = sum(np.mean(YS[:, k] * (u @ X.T) ** 2, axis=1) ** 2 for k in range(2))
    close(module.squared_form(tensors).value(u), by_hand)
    # Friedland and Ottaviani: 9 = 13 - 2² for plane curves; K = 1 is the count of eigenvectors; p = 1 that of pairs.
    assert [module.singular_pairs(*s) for s in ((2, 3, 2), (2, 4, 2), (2, 3, 1), (3, 3, 1), (1, 5, 3))] == [
        9,
        16,
        3,
        7,
        3,
    ]
    found = module.output_orientations(X, YS, 2)
    assert found.complete
    for o in found.orientations:
        v = np.array(o.u)
        values = np.array([np.mean(YS[:, k] * (X @ v) ** 2) for k in range(2)])
        close(o.value, np.linalg.norm(values), atol=1e-12)
        tangent = np.linalg.svd(v[None])[2][1:]
        nearby = [v + 1e-3 * d for t in tangent for d in (t, -t)]
        heights = [
            np.linalg.norm([np.mean(YS[:, k] * (X @ (n / np.linalg.norm(n))) ** 2) for k in range(2)])
            for n in nearby
        ]
        if o.kind.value == "attractor":
            assert o.neuron_sign == 1
            assert max(heights) < o.value
        else:
            assert o.neuron_sign is None
            assert o.kind.value != "dying"
            assert max(heights) > o.value
    assert len(found.attractors) >= 2


def homogeneous_forms(module):
    """σ_p and σ'_p of both sides, as symbols, against the activations themselves."""
    z = sympy.Symbol("z", real=True)
    for text, c_plus, c_minus, p in (
        ("leaky_relu", 1.0, -0.01, 1),
        ("abs", 1.0, 1.0, 1),
        ("relu2", 1.0, 0.0, 2),
    ):
        rhs = {str(eq.lhs): eq.rhs for eq in module.definitions(activation(text))}
        for point, c in ((0.7, c_plus), (-0.7, c_minus)):
            size, side = 0.7**p, 1 if point > 0 else -1
            close(float(rhs["σ_p(z)"].subs(z, point)), c * size)
            close(float(rhs["σ'_p(z)"].subs(z, point)), side * p * c * size / 0.7)
        assert module.monomial(activation(text)) is None
    form, slope = module.monomial(activation("-2*z**2*tanh(z)"))
    assert (str(form), str(slope)) == ("-2*z**3", "-6*z**2")
    names = [(name, q) for name, _, q in module.sides(activation("elu"))]
    assert names == [("z > 0", None), ("z < 0", 2)]
    mixed = module.sides(activation("max(0, z) + 3*min(0, z)**2"))
    assert [(str(c), q) for _, c, q in mixed] == [("1", None), ("0", 2)]


def counting(module):
    """Powers of ε against measured ones, and the rescaled field."""
    eps = module.EPS
    s, x = sympy.symbols("s x")
    assert module.lowest(3 * eps**4 * s + eps**2 * x) == 2
    # A parameter ε that moves at ε³ for a time τ ε^{-1}: displacement ε², relative ε.
    assert module.relative_error(3, -1) == 1
    assert str(module.average(2 * s * x + 3 * s, x)) == "3*s*mean(1) + 2*s*mean(x)"
