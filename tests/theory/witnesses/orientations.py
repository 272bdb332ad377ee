"""Independent witnesses for orientations: everything straight from the data, nothing from theory's tensor."""

import mpmath
import numpy as np


def gaussian_data(p, dimension, seed, n=200):
    """Gaussian data with a bias column of ones, and a Gaussian signal."""
    rng = np.random.default_rng([p, dimension, seed])
    x = rng.standard_normal((n, dimension))
    x[:, -1] = 1.0
    return x, rng.standard_normal(n)


def xor_data():
    x = np.array([[a, b, 1.0] for a in (-1, 1) for b in (-1, 1)])
    return x, x[:, 0] * x[:, 1]


def value(x, s, p, u):
    return np.mean(s * (x @ u) ** p)


def gradient(x, s, p, u):
    """T u^{p-1}."""
    return (s * (x @ u) ** (p - 1)) @ x / len(s)


def tangent_spectrum(x, s, p, u):
    """Eigenvalues of (p-1) T u^{p-2} - P I on an explicit basis of the tangent space."""
    hessian = (p - 1) * (x.T * (s * (x @ u) ** (p - 2) if p > 1 else 0 * s)) @ x / len(s)
    basis = np.linalg.svd(u[None])[2][1:]
    return np.linalg.eigvalsh(basis @ (hessian - value(x, s, p, u) * np.eye(len(u))) @ basis.T)


def rounding_at(x, s, p, u):
    """Bounds of what rounding, and u's own last digit, do to P(u) and to the tangent spectrum above."""
    n, size = x.shape
    dots, norm, weight = np.abs(x @ u), np.linalg.norm(x, axis=1), np.abs(s)

    def moment(lowered):  # mean |s| |u·x|^{p-k} ‖x‖^k
        return np.mean(weight * dots ** max(p - lowered, 0) * norm**lowered)

    # n + 2p roundings of the terms; each dot product errs by D + 1 roundings of ‖x‖; all of it twice.
    height = 2**-51 * ((n + 2 * p) * moment(0) + p * (size + 1) * moment(1))
    form = 2**-51 * (p - 1) * ((n + 2 * p) * moment(2) + max(p - 2, 0) * (size + 1) * moment(3))
    return height, form * np.sqrt(size) + height


def expected_kind(x, s, p, u):
    """(kind, neuron sign) from the spectrum above; every sign must be clear of rounding."""
    spectrum, height = tangent_spectrum(x, s, p, u), value(x, s, p, u)
    height_error, spectrum_error = rounding_at(x, s, p, u)
    assert abs(height) > height_error
    assert np.all(np.abs(spectrum) > spectrum_error)
    sign = int(np.sign(height))
    if np.all(spectrum < 0):
        return ("attractor", sign) if sign > 0 else ("dying", -sign)
    if np.all(spectrum > 0):
        return ("attractor", sign) if sign < 0 else ("dying", -sign)
    return "saddle", None


def newton(x, s, p, u, digits=50):
    """The fixed unit vector near u by Newton's method in mpmath, on T u^{p-1} - λ u = 0, u·u = 1."""
    with mpmath.workdps(digits):
        size, n = len(u), len(s)
        rows = [[mpmath.mpf(float(v)) for v in row] for row in x]
        signal = [mpmath.mpf(float(v)) for v in s]
        point = [mpmath.mpf(float(v)) for v in u]
        height = None
        for _ in range(12):
            dots = [mpmath.fdot(row, point) for row in rows]
            first = [w * d ** (p - 1) / n for w, d in zip(signal, dots, strict=True)]
            second = [
                (p - 1) * w * d ** (p - 2) / n if p > 1 else mpmath.mpf(0)
                for w, d in zip(signal, dots, strict=True)
            ]
            grad = [mpmath.fdot(first, [row[k] for row in rows]) for k in range(size)]
            if height is None:
                height = mpmath.fdot(grad, point)
            system = mpmath.zeros(size + 1)
            right = mpmath.zeros(size + 1, 1)
            for j in range(size):
                column = [row[j] * w for row, w in zip(rows, second, strict=True)]
                for k in range(j, size):
                    system[j, k] = system[k, j] = mpmath.fdot(column, [row[k] for row in rows])
                system[j, j] -= height
                system[j, size] = system[size, j] = -point[j]
                right[j] = -(grad[j] - height * point[j])
            right[size] = (mpmath.fdot(point, point) - 1) / 2
            step = mpmath.lu_solve(system, right)
            point = [a + step[k] for k, a in enumerate(point)]
            height += step[size]
            if max(abs(step[k]) for k in range(size)) < mpmath.mpf(10) ** (8 - digits):
                return point
    raise AssertionError("Newton's method in high precision did not converge")


def distance(point, u):
    """Euclidean distance of an mpmath point and floats, as an mpf that compares exactly with a float."""
    with mpmath.workdps(50):
        return mpmath.sqrt(sum((a - mpmath.mpf(float(b))) ** 2 for a, b in zip(point, u, strict=True)))


def power_method(x, s, p, starts, seed, sign, iterations=2000):
    """Converged maxima of sign·P by the adaptively shifted symmetric power method (Kolda and Mayo 2014)."""
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((starts, x.shape[1]))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    s = sign * s / len(s)
    outer = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    constant = (s @ outer).reshape(x.shape[1], -1) if p == 2 else None  # the same form for all u
    done = []
    for _ in range(iterations):
        if constant is None:
            dots = u @ x.T
            grad = (dots ** (p - 1) * s) @ x
        else:
            dots, grad = u, u @ constant
        along = (grad * u).sum(axis=1)
        rest = np.linalg.norm(grad - along[:, None] * u, axis=1)
        ready = rest < 1e-9 * np.linalg.norm(grad, axis=1)
        done.append(u[ready])
        u, grad, dots = u[~ready], grad[~ready], dots[~ready]
        if not len(u):
            break
        # The least shift that makes the form convex at u: the step then climbs (their theorem 5.1).
        if constant is None:
            forms = (p - 1) * ((dots ** max(p - 2, 0) * s) @ outer).reshape(-1, x.shape[1], x.shape[1])
        else:
            forms = constant[None]
        shift = np.maximum(0, 1e-6 - np.linalg.eigvalsh(forms)[:, 0])
        u = grad + shift[:, None] * u
        u /= np.linalg.norm(u, axis=1, keepdims=True)
    return np.concatenate(done)


def check_orientations(x, s, p, result, starts=500, newton_lines=None, converged=0.5):
    """Every claim of a complete result against the witnesses; AssertionError names the first that fails.

    `newton_lines` of the lines are solved in high precision (None: all); at least the share `converged` of the starts
    of the power method must arrive, so that its silence means something.
    """
    assert result.complete
    assert result.lines_found == result.lines_expected
    assert all(o.certified for o in result.orientations)
    listed = {o.u: o for o in result.orientations}
    for o in result.orientations:
        u = np.array(o.u)
        assert abs(value(x, s, p, u) - o.value) <= rounding_at(x, s, p, u)[0] + 2**-50 * abs(o.value)
        assert (o.kind.value, o.neuron_sign) == expected_kind(x, s, p, u)
        twin = listed[tuple(0.0 - c for c in o.u)]
        assert twin.kind is o.kind
        assert twin.value == (-o.value if p % 2 else o.value)
    for o in result.orientations[: None if newton_lines is None else 2 * newton_lines : 2]:
        assert distance(newton(x, s, p, o.u), o.u) <= o.radius <= 1e-15
    tops = np.array([o.u for o in (*result.attractors, *result.dying)]).reshape(-1, x.shape[1])
    for sign in (1, -1):
        ends = power_method(x, s, p, starts, 7, sign)
        assert len(ends) >= converged * starts
        for u in ends:
            assert np.min(np.linalg.norm(tops - u, axis=1), initial=3.0) < 1e-5, f"missing near {u}"
