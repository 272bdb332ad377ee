"""What the flows of the smooth field and their times must satisfy, by witnesses that do not use them; see checks."""

import mpmath
import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm

from tests.theory.mutants.checks import A0, W0, S, X, close
from theory.fields import SmoothField
from theory.forms.moment_tensor import MomentTensor
from theory.orientations import find_orientations


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
