"""Checks of the two-layer theorems beyond the smooth one; the module under test is an argument, as in mutant_checks.

Witnesses: torch's gradient of the real network, the full gradient flow, SciPy's integrator, sums over the data.
"""

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from tests.theory.derived_equations import Reader, chain_rule
from tests.theory.leading_order_witness import flow_slope, gradient_slope, integrated, real_gradient
from tests.theory.mutant_checks import close
from theory import activation, loss
from theory.dynamics.field import SmoothField
from theory.dynamics.offset_field import OffsetVariant
from theory.moment_tensor import MomentTensor

RNG = np.random.default_rng(17)
X = np.column_stack([RNG.standard_normal((4, 2)), np.ones(4)])
Y, YS = RNG.standard_normal(4) + 0.4, RNG.standard_normal((4, 2))
A, AS, W = RNG.standard_normal(3), RNG.standard_normal((3, 2)), RNG.standard_normal((3, 3))
EPSILONS = 10.0 ** -np.arange(1.0, 3.3, 0.25)
SMALL = 1e-6
VARIANTS = [v for v in OffsetVariant if v is not OffsetVariant.NAIVE]


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


def offset_equations(module):
    """The offset system and its weaker variants as derived, at ε = 1e-2, where each term counts; orders and scales."""
    for sigma, orders in {"sigmoid": (3, 2, 1, 1), "gaussian": (4, 3, 2, 1)}.items():
        act = activation(sigma)
        systems = [module.offset_system(act, variant=v) for v in VARIANTS]
        assert tuple(s.order for s in systems) == orders
        assert {s.time_exponent for s in systems} == {1}
        assert dict(systems[0].gradient_orders) == {"a": 0, "w": act.multiplicity}
        eps = 1e-2
        a, w = eps * A, eps * W
        a_dot, w_dot = real_gradient(sigma, X, Y, a, w)
        # Each variant errs by no more than its order says; the constant covers |z|^q and the sum over neurons.
        most = 600 if sigma == "gaussian" else 4
        kept = 4 if sigma == "sigmoid" else 1
        for system, order in zip(systems[:kept], orders, strict=False):
            reader = Reader(system, X, np.zeros((4, 1)), a[:1], w[0], {})
            reader.signal = (Y - reader.output(a, w))[:, None]
            real = chain_rule(a[:1], w[0], a_dot[:1], w_dot[0], act.multiplicity)
            derived = reader.rates()
            for name, value in derived.items():
                bound = most * eps ** (order + {"u": -1, "balance": 1}.get(name, 0))
                close(value, real[name], rtol=0, atol=bound)


def offset_numbers(module):
    """The offset field of each variant against torch and the full flow; the balance; losses."""
    for sigma, orders in {"sigmoid": (3, 2, 1, 1), "gaussian": (4, 3, 2, 1)}.items():
        for name, order in zip((v.name for v in VARIANTS), orders, strict=True):
            variant = module.OffsetVariant[name]
            flow = module.OffsetField.of(activation(sigma), loss("half-mse"), X, Y, variant)
            assert abs(gradient_slope(flow, sigma, X, Y, A, W, 1) - order) < 0.15
        flow = module.OffsetField.of(activation(sigma), loss("half-mse"), X, Y)
        a, w = SMALL * A, SMALL * W
        a_dot, w_dot = real_gradient(sigma, X, Y, a, w)
        p = activation(sigma).multiplicity
        close(flow.balance_rate(a, w), 2 * np.sum(w * w_dot, axis=1) - 2 * p * a * a_dot, rtol=1e-5)
    naive = module.OffsetField.of(activation("sigmoid"), loss("half-mse"), X, Y, module.OffsetVariant.NAIVE)
    own = SmoothField(MomentTensor.from_data(X, Y, 1), 0.25)
    for mine, known in zip(naive(A, W), own(A, W), strict=True):
        close(mine, known)
    labels = np.array([0, 1, 1, 0])
    several = module.OffsetField.of(activation("sigmoid"), loss("cross-entropy"), X, labels)
    slope = gradient_slope(
        several, "sigmoid", X, labels, AS, W, 1, loss="cross-entropy", epsilons=(1e-1, 1e-2)
    )
    assert abs(slope - 3) < 0.1


def fitted_constants(module):
    """Signals at any output against torch, fitted constants as minimisers by a search over the loss itself."""
    import torch

    f = np.array([0.3, -1.7, 2.2])
    for name, y in {"half-mse": Y[:3], "mse": Y[:3], "logistic": [1.0, -1.0, 1.0], "huber": Y[:3]}.items():
        y = np.array(y)
        for k in range(3):
            out = torch.tensor(f[k : k + 1], requires_grad=True)
            ell = {
                "half-mse": lambda o, t: 0.5 * (o - t) ** 2,
                "mse": lambda o, t: (o - t) ** 2,
                "logistic": lambda o, t: torch.nn.functional.softplus(-t * o),
                "huber": lambda o, t: torch.nn.functional.huber_loss(o, t, reduction="none"),
            }[name]
            ell(out, torch.tensor(y[k : k + 1])).sum().backward()
            close(module.signal_function(loss(name))(f, y)[k], -out.grad.numpy()[0])
    hot, rows = np.eye(3)[[2, 0]], RNG.standard_normal((2, 3))
    out = torch.tensor(rows, requires_grad=True)
    torch.nn.functional.cross_entropy(out, torch.tensor([2, 0]), reduction="sum").backward()
    close(module.signal_function(loss("cross-entropy"))(rows, hot), -out.grad.numpy())
    grid = np.linspace(-3, 3, 60_001)
    for name, y, risk in (
        ("half-mse", np.array([1.0, 2.0, -0.5]), lambda g, t: (g - t) ** 2),
        ("mse", np.array([1.0, 2.0, -0.5]), lambda g, t: (g - t) ** 2),
        ("logistic", np.array([1.0, 1.0, -1.0]), lambda g, t: np.log1p(np.exp(-t * g))),
        (
            "huber",
            np.array([0.0, 0.1, 2.5]),
            lambda g, t: np.where(abs(g - t) < 1, (g - t) ** 2 / 2, abs(g - t) - 0.5),
        ),
        ("(f - y)**4", np.array([0.0, 0.1, 2.5]), lambda g, t: (g - t) ** 4),
    ):
        fit = module.fitted_output(loss(name), y)
        best = grid[np.argmin(sum(risk(grid, t) for t in y))]
        close(float(fit.value), best, rtol=0, atol=1.01e-4)
        there = module.signal_function(loss(name))(np.full(len(y), float(fit.value)), y)
        close([float(s.p) / float(s.q) for s in fit.signal], there, atol=1e-12)
        close(np.mean(there), 0, atol=1e-12)
    fit = module.fitted_output(loss("cross-entropy"), np.array([0, 1, 1, 2]))
    there = module.signal_function(loss("cross-entropy"))(np.tile(fit.value, (4, 1)), np.eye(3)[[0, 1, 1, 2]])
    close([[float(s.p) / float(s.q) for s in row] for row in fit.signal], there, atol=1e-12)
    close(there.mean(axis=0), 0, atol=1e-12)
    close(fit.value.sum(), 0, atol=1e-12)


def splits(module):
    """Stages of σ(0) ≠ 0 with a mean so small that the output never matters: the closed form is then exact up to e^{-ρt}.

    The witness integrates the offset field by SciPy, and the network's own gradient gives the field.
    """
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    x, y = x + 1.0, y + 0.02 - y.mean()
    m, eps = 24, 1e-11
    found = module.offset_prediction(x, y, "softplus")
    a0, w0 = eps * rng.standard_normal(m), eps * rng.standard_normal((m, 3))
    first, third = found.split(a0, w0), found.split(a0, w0, share=0.3)
    rho = found.mean_rate(m)
    assert 20.0 / rho < 0.5 * first.time < third.time < np.inf
    times = [1.0 / rho, 10.0 / rho, 0.5 * first.time]
    times += [f * t for t in (first.time, third.time) for f in (0.96, 1.04)]

    def rhs(_, v):
        a_dot, w_dot = found.field(1e-6 * v[:m], 1e-6 * v[m:].reshape(m, 3))
        return np.concatenate([a_dot, w_dot.ravel()]) / 1e-6

    run = solve_ivp(
        rhs, (0, max(times)), 1e6 * np.r_[a0, w0.ravel()], "RK45", t_eval=sorted(times), rtol=1e-8, atol=1e-8
    )
    states = {t: (1e-6 * v[:m], 1e-6 * v[m:].reshape(m, 3)) for t, v in zip(run.t, run.y.T, strict=True)}

    close(np.mean(states[times[0]][0]), found.amplitude(m) * (1 - np.exp(-1)), rtol=1e-3)
    a, w = states[times[1]]
    close(a, np.full(m, found.amplitude(m)), rtol=1e-3)
    reached = np.mean(w @ found.direction) / abs(found.amplitude(m)) / found.rate
    close(times[1] - reached, found._delay(m), rtol=1e-2)
    w = states[times[2]][1]
    assert np.min(w @ found.direction / np.linalg.norm(w, axis=1)) > 0.999
    turned = [np.mean(states[t][1] @ found.direction < 0) for t in times[3:]]
    assert turned[0] == 0 < turned[1]
    assert turned[2] < 0.3 <= turned[3]
    # The very neurons: those that have turned are those whose own times come first.
    away = states[times[-1]][1] @ found.direction < 0
    assert np.max(third.turns[away]) <= np.min(third.turns[~away]) * 1.02
    close(found.integrate_split(a0, w0).time, first.time, rtol=0.03)
    assert 0.01 < first.loading < 0.1


def typical_splits(module):
    """The quantile of many neurons' own times, and the loading against the fall of the rate in the integrated field."""
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((30, 2)), rng.standard_normal(30) + 0.6
    found = module.offset_prediction(x, y, "sigmoid")
    m, eps = 20_000, 1e-12
    own = found.split(eps * rng.standard_normal(m), eps * rng.standard_normal((m, 3)), share=0.2)
    close(found.typical_split(m, eps, share=0.2), own.time, rtol=3e-3)
    # Loading: what the output of m aligned neurons does to mean(s x) along ĝ, and to the mean, by the network's own f.
    strength, common = 0.3, 0.05
    beyond = found.field.form.plus * strength * found.x @ found.direction
    change = -(beyond - beyond.mean()) @ found.x / len(x) @ found.direction
    g = found.signal @ found.x / len(x)
    shift = found.field.form.plus * common * np.mean(found.x @ found.direction) / found.field.constant
    close(found._loading(strength, common), abs(change) / np.linalg.norm(g) + abs(shift))


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
