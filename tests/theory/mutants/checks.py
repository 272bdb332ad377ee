"""What a formula must satisfy, each check by a witness that does not use it; the module under test is an argument.

A check raises AssertionError on a wrong formula.  `tests/theory/mutants/test_mutants.py` runs each on the module as it is
and on mutants of it.
"""

from functools import partial

import mpmath
import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm

from tests.theory.witnesses.orientations import expected_kind, gaussian_data
from theory.fields.smooth import SmoothField
from theory.forms.moment_tensor import MomentTensor
from theory.formula.expression import parse
from theory.orientations import find_orientations

RNG = np.random.default_rng(3)
X, S = RNG.standard_normal((12, 3)), RNG.standard_normal(12)
A0, W0 = RNG.standard_normal(8), RNG.standard_normal((8, 3))


def close(mine, known, rtol=1e-9, atol=0.0):
    np.testing.assert_allclose(np.asarray(mine, float), np.asarray(known, float), rtol=rtol, atol=atol)


def leading_terms(module):
    """p, c, q, c' of `expansion` against mpmath's derivatives."""
    functions = {
        "x*tanh(x) + x**5": lambda z: z * mpmath.tanh(z) + z**5,
        "exp(x) - 1": mpmath.expm1,
        "1 - 3*cos(x)": lambda z: 1 - 3 * mpmath.cos(z),
    }
    for text, function in functions.items():
        found = module.expansion(parse(text))
        with mpmath.workdps(40):
            taylor = [float(v) for v in mpmath.taylor(function, 0, 9)]
        reached = [k for k in range(1, 10) if abs(taylor[k]) > 1e-25][:2]
        assert [found.plus.order, found.plus.next_order] == reached
        close(float(found.plus.constant.ball(64).mid()), taylor[0], atol=1e-20)
        values = (found.plus.coefficient, found.plus.next_coefficient)
        close([float(v.ball(64).mid()) for v in values], [taylor[k] for k in reached])


def activation_properties(module):
    """c, c₋ and the order of accuracy of the flow: the relative error of the leading gradient of a network falls as ε^k."""
    functions = {
        "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
        "z**2": (lambda z: z**2, lambda z: 2 * z),
        "expm1": (np.expm1, np.exp),
        "z**3": (lambda z: z**3, lambda z: 3 * z**2),
    }
    for text, (value, slope) in functions.items():
        act = module.activation(text)
        p, c = act.multiplicity, float(act.leading_coefficient)
        small = 1e-3
        close(c, value(small) / small**p, rtol=2e-3)
        close(
            [float(v) for v in act.one_sided], [value(small) / small**p, value(-small) / small**p], rtol=2e-3
        )
        epsilons = (3e-2, 1e-2) if act.predicted_order > 2 else (1e-2, 1e-3)
        errors = []
        for eps in epsilons:
            a, z = eps * A0, eps * X @ W0.T
            signal = S - value(z) @ a
            full = np.concatenate([value(z).T @ signal, ((slope(z) * a).T * signal) @ X], axis=None)
            lead = np.concatenate([c * (z**p).T @ S, ((p * c * z ** (p - 1) * a).T * S) @ X], axis=None)
            errors.append(np.linalg.norm(full - lead) / np.linalg.norm(full))
        rate = np.log(errors[0] / errors[1]) / np.log(epsilons[0] / epsilons[1])
        assert abs(rate - act.predicted_order) < 0.2


def signals(module):
    """s = -∂ℓ/∂f and ∂²ℓ/∂f² at f = 0 against mpmath's derivatives of the losses as PyTorch defines them."""
    losses = {
        "half-mse": (lambda f, y: (f - y) ** 2 / 2, [0.3, -2.5]),
        "mse": (lambda f, y: (f - y) ** 2, [0.3, -2.5]),
        "logistic": (lambda f, y: mpmath.log1p(mpmath.exp(-y * f)), [1.0, -1.0]),
        "huber": (
            lambda f, y: (f - y) ** 2 / 2 if abs(f - y) <= 1 else abs(f - y) - mpmath.mpf(1) / 2,
            [0.3, -2.5],
        ),
    }
    for name, (value, targets) in losses.items():
        ell = module.loss(name)
        y = np.array(targets)
        with mpmath.workdps(40):
            known = [[mpmath.diff(partial(value, y=t), 0, k) for t in targets] for k in (1, 2)]
        close(ell.signal(y), [-float(v) for v in known[0]], atol=1e-15)
        close(ell.curvature_at_zero(y), [float(v) for v in known[1]], atol=1e-15)
    labels = np.array([0, 2, 1])
    ell = module.loss("cross-entropy")

    def entropy(row):
        return lambda *f: mpmath.log(sum(mpmath.exp(v) for v in f)) - f[row]

    with mpmath.workdps(30):
        first = [
            [
                -float(mpmath.diff(entropy(row), (0, 0, 0), tuple(int(j == k) for j in range(3))))
                for k in range(3)
            ]
            for row in labels.tolist()
        ]
        second = float(mpmath.diff(entropy(0), (0, 0, 0), (2, 0, 0)))
    close(ell.signal(labels), first)
    close(ell.curvature_at_zero(labels), np.full((3, 3), second))
    close(ell.value_at_zero(labels), np.full(3, np.log(3)))


def tensor(module):
    """P, T u^{p-1}, T u^{p-2} and the bound of ‖T‖ against sums over the data."""
    u = RNG.standard_normal((4, 3))
    dots = u @ X.T
    for p in (1, 2, 3, 5):
        form = module.MomentTensor.from_data(X, S, p)
        close(form.value(u), (dots**p) @ S / 12, atol=1e-12)
        close(form.gradient(u), (dots ** (p - 1) * S) @ X / 12, atol=1e-12)
        if p > 1:
            close(form.hessian(u), np.einsum("un,ni,nj->uij", dots ** (p - 2) * S, X, X) / 12, atol=1e-12)
        full = np.zeros((3,) * p)
        for row, s in zip(X, S, strict=True):
            outer = s / 12
            for _ in range(p):
                outer = np.multiply.outer(outer, row)
            full += outer
        close(form.frobenius_bound * 2.0**form.exponent2, np.linalg.norm(full))


def field(module):
    """(a', w') against finite differences of c a mean(s (w·x)^p); K is constant along it, H is that potential."""
    for p, c in ((1, 0.5), (2, -1.3), (3, 0.7)):
        flow = module.SmoothField(MomentTensor.from_data(X, S, p), c)

        def potential(a, w, p=p, c=c):
            return c * a * np.mean(S * (w @ X.T) ** p)

        a_dot, w_dot = flow(A0, W0)
        close(flow.potential(A0, W0), [potential(a, w) for a, w in zip(A0, W0, strict=True)], atol=1e-12)
        h = 1e-5
        for a, w, da, dw in zip(A0, W0, a_dot, w_dot, strict=True):
            close((potential(a + h, w) - potential(a - h, w)) / (2 * h), da, rtol=1e-6, atol=1e-8)
            slopes = [(potential(a, w + h * e) - potential(a, w - h * e)) / (2 * h) for e in np.eye(3)]
            close(slopes, dw, rtol=1e-6, atol=1e-8)
        ends = [flow.invariant(A0 + h * a_dot, W0 + h * w_dot) for h in (1e-5, -1e-5)]
        close(np.subtract(*ends), 0, atol=1e-12)


def autonomous_flow(module):
    """States and blow-up times of `destination` against DOP853 on the Cartesian equations."""
    for p, c, scale in ((2, 1.0, 0.7), (3, -0.7, 0.7)):
        form = MomentTensor.from_data(X, S, p)

        def rhs(_, y, p=p, c=c):
            a, w = y[0], y[1:]
            dots = X @ w
            return np.concatenate([[c * np.mean(S * dots**p)], p * c * a * (S * dots ** (p - 1)) @ X / 12])

        flow = SmoothField(form, c)
        times = module.destinations(flow, A0[:4], W0[:4], max_steps=600).blow_up_times
        growing = np.flatnonzero(np.isfinite(times))
        assert growing.size
        time = scale * float(times[growing].min())
        at = module.neurons_at(flow, A0[:4], W0[:4], time, max_steps=600)
        for k in range(4):
            run = solve_ivp(rhs, (0, time), np.r_[A0[k], W0[k]], "DOP853", rtol=1e-11, atol=1e-13)
            close(np.r_[at.a[k], at.w[k]], run.y[:, -1], rtol=1e-6, atol=1e-8)
        k = int(growing[np.argmin(times[growing])])
        event = lambda _, y: np.linalg.norm(y) - 1e6  # noqa: E731
        event.terminal = True
        run = solve_ivp(
            rhs, (0, 2 * times[k]), np.r_[A0[k], W0[k]], "DOP853", rtol=1e-11, atol=1e-13, events=event
        )
        assert run.t_events[0].size
        close(run.t_events[0][0], times[k], rtol=1e-5)
        best = find_orientations(form).attractors[0]
        a0 = np.array([0.2 * np.sign(c * best.value)])
        aligned = module.destinations(flow, a0, np.sqrt(p) * 0.2 * np.array([best.u])).blow_up_times
        close(aligned, 1 / ((p - 1) * abs(c * best.value) * p ** (p / 2) * 0.2 ** (p - 1)), rtol=1e-7)


def closed_form(module):
    """The flow for p = 1 against a matrix exponential, its horizon and its tilt against a linear network in full."""
    g, c = np.array([0.6, -0.3, 0.2]), -0.8
    flow = module.LinearFlow(g, c)
    generator = np.zeros((4, 4))
    generator[0, 1:] = generator[1:, 0] = c * g
    later = expm(1.3 * generator) @ np.vstack([A0, W0.T])
    a, w = flow.at(1.3, A0, W0)
    close(a, later[0])
    close(w, later[1:].T, atol=1e-12)
    end = expm(60 * generator) @ np.vstack([A0, W0.T])
    goals = end[1:].T / np.linalg.norm(end[1:], axis=0)[:, None]
    close(np.outer(flow.signs(A0, W0), flow.direction), goals, atol=1e-9)
    close(flow.angles(1.3, A0, W0), np.arccos((w * goals).sum(axis=1) / np.linalg.norm(w, axis=1)), rtol=1e-6)
    slope, y, fraction = 1.4, S, 0.01  # σ(z) = 1.4 z
    a0, w0 = 1e-9 * A0, 1e-9 * W0  # at the end every neuron is aligned to 1e-6

    def rhs(_, v):
        a, w = v[:8], v[8:].reshape(8, 3)
        force = (y - slope * X @ (w.T @ a)) @ X / 12
        return np.concatenate([slope * w @ force, slope * np.outer(a, force).ravel()])

    def fallen(_, v):
        f = slope * X @ (v[8:].reshape(8, 3).T @ v[:8])
        return np.mean((y - f) ** 2) / np.mean(y**2) - (1 - fraction)

    fallen.terminal = True
    start = np.r_[a0, w0.ravel()]
    run = solve_ivp(rhs, (0, 1e4), start, "DOP853", rtol=1e-11, atol=1e-22, events=fallen)
    flow = module.LinearFlow((S[:, None] * X).mean(axis=0), slope)
    limits = {"fraction": fraction, "risk": float(np.mean(y**2) / 2), "curvature": 1.0}
    predicted = module.linear_horizon(flow, a0, w0, X, **limits)
    assert 2 * flow.rate * abs(run.t_events[0][0] - predicted) < 5 * fraction
    # The growing mode alone, f = c S ĝ·x with S' = 2 S (γ - κ S), exactly.
    to = flow.g / np.linalg.norm(flow.g)
    along = slope * X @ to
    deep = {**limits, "fraction": 0.4 * np.mean(S * along) ** 2 / np.mean(along**2) / np.mean(y**2)}
    strength = module.fallen_mode(flow, X, **deep)
    close(np.mean((y - strength * along) ** 2), (1 - deep["fraction"]) * np.mean(y**2))
    alone = solve_ivp(
        lambda _, v: 2 * v * np.mean((y - v * along) * along),
        (0, module.linear_horizon(flow, a0, w0, X, **deep)),
        [np.sum(((a0 + w0 @ to) / 2) ** 2)],
        "DOP853",
        rtol=1e-11,
        atol=1e-25,
    )
    close(alone.y[0, -1], strength, rtol=1e-6)
    end = run.y_events[0][0][8:].reshape(8, 3)
    close(
        module.fallen_mode(flow, X, **limits),
        np.sum(((run.y_events[0][0][:8] + end @ flow.direction) / 2) ** 2),
        rtol=0.05,
    )
    turned = (end / (end @ flow.direction)[:, None]).mean(axis=0) - flow.direction
    tilt = flow.tilt(X, module.fallen_mode(flow, X, **limits), 1.0)
    assert np.linalg.norm(turned - tilt) < 0.1 * np.linalg.norm(tilt)


def blow_up(module):
    """Aligned times against mpmath's integral, bounds against followed neurons, attained by the best balanced one."""
    for p in (2, 3, 4):
        for a0, r0 in ((0.3, 1.0), (-0.2, 1.0), (1.0, 0.4)):
            known = mpmath.quad(
                lambda v, p=p, a0=a0, r0=r0: (p * v**2 + r0**2 - p * a0**2) ** (-p / 2),
                [a0, 0, 1, 3, mpmath.inf] if a0 < 0 else [a0, a0 + 0.05, a0 + 0.3, a0 + 2, mpmath.inf],
            )
            close(module.aligned_blow_up_time(1.7, a0, r0, p), float(known) / 1.7, rtol=1e-7)
        best = max(find_orientations(MomentTensor.from_data(X, S, p)).attractors, key=lambda o: abs(o.value))
        flow = SmoothField(MomentTensor.from_data(X, S, p), 0.6)
        a0 = np.sign(best.value) * np.array([0.1])
        w0 = np.sqrt(p) * 0.1 * np.array([best.u])
        exact = module.aligned_blow_up_time(0.6 * abs(best.value), 0.1, np.sqrt(p) * 0.1, p)
        low, high = module.blow_up_bounds(flow, a0, w0, find_orientations(flow.tensor))
        close([low[0], high[0], module.balanced_blow_up_time(0.6 * abs(best.value), 0.1, p)], [exact] * 3)


def alignment(module):
    """The exponent and the time against a neuron followed by DOP853, close to a growing orientation."""
    p, c = 3, 0.7
    form = MomentTensor.from_data(X, S, p)
    best = find_orientations(form).attractors[0]
    u = np.array(best.u)
    basis = np.linalg.svd(u[None])[2][1:]
    second = (p - 1) * (X.T * (S * (X @ u))) @ X / 12 - best.value * np.eye(3)
    spectrum, vectors = np.linalg.eigh(basis @ second @ basis.T)
    across = basis.T @ vectors[:, np.argmin(np.abs(spectrum))]
    flow = SmoothField(form, c)
    a0, r0 = 0.4 * np.sign(best.value), 0.5
    time = module.alignment_time(flow, u, a0, r0, 1e-5, 5e-6)

    def rhs(_, y):
        dots = X @ y[1:]
        return np.concatenate([[c * np.mean(S * dots**p)], p * c * y[0] * (S * dots ** (p - 1)) @ X / 12])

    run = solve_ivp(rhs, (0, time), np.r_[a0, r0 * (u + 1e-5 * across)], "DOP853", rtol=1e-12, atol=1e-15)
    end = run.y[1:, -1]
    r = np.linalg.norm(end)
    angle = np.linalg.norm(end / r - (end @ u) / r * u)
    close(angle, 5e-6, rtol=1e-3)
    close(-np.log(angle / 1e-5) / np.log(r / r0), module.alignment_exponent(flow, u), rtol=1e-3)
    from theory.flows.linear import LinearFlow

    linear = LinearFlow(np.array([0.6, -0.3, 0.2]), -0.8)
    times = module.linear_alignment_time(linear, A0, W0, 0.1)
    for k in np.flatnonzero(times > 0):
        close(linear.angles(float(times[k]), A0[[k]], W0[[k]]), 0.1, rtol=1e-6)


def circle_shares(module):
    """Shares on the circle against exact cases: P = cos² + 2 sin², and P = cos² - 2 sin² where Δ is elementary."""
    from theory.flows.smooth import Fate

    ratio = 0.7
    definite = MomentTensor.from_coefficients([[2, 0], [0, 2]], [1, 2], 2, 2)
    parts, _ = module.planar_shares(
        SmoothField(definite, 1.0), find_orientations(definite).orientations, ratio
    )
    close(sum(v for _, fate, v in parts if fate is Fate.DIES), (1 - 1 / np.sqrt(1 + 2 * ratio**2)) / 2)

    def turned(
        low, high
    ):  # 2P/P' of low cos² - high sin² from its zero z: Δ = (high log cos + low log sin)/(low + high)
        z = np.arctan(np.sqrt(low / high))

        def chance(angle):
            drop = (np.cos(angle) / np.cos(z)) ** high * (np.sin(angle) / np.sin(z)) ** low
            t = 1 - drop ** (2 / (low + high))
            return np.sqrt(t / (t + 2 * ratio**2))

        return quad(chance, 0, z, epsabs=1e-12)[0] / (4 * np.pi)

    saddle = MomentTensor.from_coefficients([[2, 0], [0, 2]], [1, -2], 2, 2)
    lines = find_orientations(saddle).orientations
    parts, error = module.planar_shares(SmoothField(saddle, 1.0), lines, ratio)
    assert error < 1e-7
    # ±e1 keep what starts with a c > 0 and does not turn to ±e2, and what turns back to them with a c < 0.
    share = 2 * (1 / 8 - turned(2, 1)) + 2 * turned(1, 2)
    for o, fate, found in parts:
        assert fate is Fate.GROWS
        close(found, share if abs(o.u[0]) == 1 else 1 / 2 - share, rtol=1e-6)


def method_of(verb, p, dimension):
    """A check of one method: every orientation satisfies the equation and has the kind that the data give it."""

    def check(module):
        x, s = gaussian_data(p, dimension, 4)
        form = MomentTensor.from_data(x, s, p)
        result = getattr(module, verb)(form, bias=True)
        assert result.complete
        for o in result.orientations:
            u = np.array(o.u)
            assert abs(np.linalg.norm(u) - 1) < 1e-15
            size = np.mean(np.abs(s) * np.linalg.norm(x, axis=1) ** p)
            assert np.linalg.norm(form.gradient(u) - o.value * u) < 1e-13 * size
            assert (o.kind.value, o.neuron_sign) == expected_kind(x, s, p, u)

    return check


def enumeration(module):
    """The count of complex lines is met and makes complete, from explicit start lines that are eigenlines."""
    for p, dimension in ((3, 3), (4, 3)):
        form = MomentTensor.from_data(*gaussian_data(p, dimension, 1), p)
        expected = module.lines_of(p, dimension)
        result = module.homotopy(form, bias=True, expected=expected)
        assert result.complete
        assert result.lines_found == expected == {3: 7, 4: 13}[p]


def start_system(module):
    """The explicit start lines are distinct eigenlines of the diagonal tensor, as many as the count."""
    b = np.array([1.0 + 0.3j, -0.7 + 1j, 0.2 - 1.1j])
    for p, count in ((3, 7), (4, 13), (5, 21)):
        u, value = module.start_lines(b, p)
        assert len(u) == count
        close(np.abs(b * u ** (p - 1) - value[:, None] * u), 0, atol=1e-12)
        overlap = np.abs(u.conj() @ u.T) - np.eye(count)
        assert overlap.max() < 1 - 1e-6
