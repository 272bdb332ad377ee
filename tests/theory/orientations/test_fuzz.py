"""Small-integer problems, where fixed lines are often multiple or fill continua: no traceback, and what is certified holds.

Each problem is drawn from its own seed, so that a failure names the problem.
"""

import numpy as np
import pytest

from theory import predict
from theory.errors import TheoryError
from theory.forms.stability import Kind

SMOOTH = {1: "z", 2: "z**2", 3: "z**3", 4: "z**4", 5: "z**5"}
ONE_SIDED = {1: "relu", 2: "max(0,z)**2", 3: "max(0,z)**3"}
FAMILIES = ("smooth", "one-sided", "outputs", "sign")


def problem(seed):
    """(x, y, activation text, p, options) of one seed: integers in ±3, many of them repeated or 0."""
    rng = np.random.default_rng([20260101, seed])
    family = FAMILIES[seed % len(FAMILIES)]
    p = int(rng.integers(1, 4 if family in ("one-sided", "outputs") else 6))
    dimension = int(rng.integers(2, 5))
    bias = bool(rng.integers(2))
    n = int(rng.integers(1, 9))
    reach = int(rng.integers(1, 4))
    x = rng.integers(-reach, reach + 1, size=(n, dimension - bias)).astype(float)
    shape = (n, int(rng.integers(2, 4))) if family == "outputs" else (n,)
    y = rng.integers(-reach, reach + 1, size=shape).astype(float)
    text = (ONE_SIDED if family == "one-sided" else SMOOTH)[p]
    return x, y, text, p, {"bias": bias, "optimizer": "sign" if family == "sign" else "gd", "max_paths": 400}


def check(seed):
    """Solve one problem; False where it is refused in one line."""
    x, y, text, p, options = problem(seed)
    try:
        found = predict(x, y, text, **options).orientations
    except TheoryError:
        return False
    assert found.complete or found.notes
    inputs = np.column_stack([x, np.ones(len(x))]) if options["bias"] else x
    for o in found.orientations:
        u = np.array(o.u)
        assert abs(np.linalg.norm(u) - 1) < 1e-12
        assert np.isfinite(o.value)
        assert 0 <= o.radius <= 2
        if not o.certified or options["optimizer"] == "sign":
            continue
        check_stationary(inputs, y, text, p, u, o)
    return True


def check_stationary(x, y, text, p, u, o):
    """The value and, away from kinks, the vanishing of the projected gradient, from the data."""
    dots = x @ u
    powers = np.maximum(dots, 0) ** p if text in ONE_SIDED.values() else dots**p
    slopes = dots ** (p - 1) * (dots > 1e-9 if text in ONE_SIDED.values() else 1)
    signal = y if y.ndim == 2 else y[:, None]
    moments = signal.T @ powers / len(x)
    value = moments[0] if y.ndim == 1 else (moments @ moments if p == 1 else np.linalg.norm(moments))
    scale = max(1.0, np.abs(x).max() ** p * len(x[0]) ** p * np.abs(y).max(initial=0) ** signal.shape[1])
    assert abs(value - o.value) < 1e-7 * scale  # a root of F = 1e-16 is 1e-8
    if text in ONE_SIDED.values() and np.abs(dots).min() < 1e-9:
        return
    gradient = (moments @ (signal * slopes[:, None]).T @ x) if y.ndim == 2 else (signal[:, 0] * slopes) @ x
    assert np.linalg.norm(gradient - (gradient @ u) * u) < 1e-9 * scale * len(x)
    assert o.kind is not Kind.DYING or o.neuron_sign in (1, -1)


def test_a_singular_step_of_the_search():
    """M² + d is singular to rounding at a start, whatever is added to it below 1e-16 of its size."""
    assert check(1066)


@pytest.mark.parametrize("block", range(4))
def test_small_integer_problems(block):
    assert sum(check(seed) for seed in range(15 * block, 15 * (block + 1))) > 5


@pytest.mark.slow
@pytest.mark.parametrize("block", range(40))
def test_thousands_of_small_integer_problems(block):
    assert sum(check(seed) for seed in range(1000 + 100 * block, 1100 + 100 * block)) > 50
