"""Checks of the theorems for σ(0) ≠ 0; the module under test is an argument, as in mutant_checks_two_layer."""

import numpy as np
from scipy.integrate import solve_ivp

from tests.theory.mutants.checks import close
from tests.theory.mutants.checks_two_layer import AS, RNG, SMALL, A, W, X, Y
from tests.theory.witnesses.equations import Reader, chain_rule
from tests.theory.witnesses.leading_order import gradient_slope, real_gradient
from theory import activation, loss
from theory.fields import SmoothField
from theory.fields.offset import OffsetField, OffsetVariant
from theory.flows.offset import integrated_split
from theory.forms.moment_tensor import MomentTensor
from theory.problem import Problem

VARIANTS = [v for v in OffsetVariant if v is not OffsetVariant.NAIVE]


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


def _fit(module, x, y, sigma):
    problem = Problem.of(x, y, sigma)
    return module.MeanFit.of(problem, OffsetField.of(problem.activation, problem.loss, problem.x, problem.y))


def splits(module):
    """Stages of σ(0) ≠ 0 with a mean so small that the output never matters: the closed form is then exact up to e^{-ρt}.

    The witness integrates the offset field by SciPy, and the network's own gradient gives the field.
    """
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    x, y = x + 1.0, y + 0.02 - y.mean()
    m, eps = 24, 1e-11
    found = _fit(module, x, y, "softplus")
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
    close(times[1] - reached, found.delay(m), rtol=1e-2)
    w = states[times[2]][1]
    assert np.min(w @ found.direction / np.linalg.norm(w, axis=1)) > 0.999
    turned = [np.mean(states[t][1] @ found.direction < 0) for t in times[3:]]
    assert turned[0] == 0 < turned[1]
    assert turned[2] < 0.3 <= turned[3]
    # The very neurons: those that have turned are those whose own times come first.
    away = states[times[-1]][1] @ found.direction < 0
    assert np.max(third.turns[away]) <= np.min(third.turns[~away]) * 1.02
    close(integrated_split(found, a0, w0).time, first.time, rtol=0.03)
    assert 0.01 < first.loading < 0.1


def typical_splits(module):
    """The quantile of many neurons' own times, and the loading against the fall of the rate in the integrated field."""
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((30, 2)), rng.standard_normal(30) + 0.6
    found = _fit(module, x, y, "sigmoid")
    m, eps = 20_000, 1e-12
    own = found.split(eps * rng.standard_normal(m), eps * rng.standard_normal((m, 3)), share=0.2)
    close(found.typical_split(m, eps, share=0.2), own.time, rtol=3e-3)
    # Loading: what the output of m aligned neurons does to mean(s x) along ĝ, and to the mean, by the network's own f.
    strength, common = 0.3, 0.05
    beyond = found.field.form.plus * strength * found.x @ found.direction
    change = -(beyond - beyond.mean()) @ found.x / len(x) @ found.direction
    g = found.signal @ found.x / len(x)
    shift = found.field.form.plus * common * np.mean(found.x @ found.direction) / found.field.constant
    close(found.loading(strength, common), abs(change) / np.linalg.norm(g) + abs(shift))
