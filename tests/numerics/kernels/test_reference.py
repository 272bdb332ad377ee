"""Every compiled loop against its slow reference; kept code is compiled anew when a helper's file changes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numba.core.dispatcher import Dispatcher

from numerics.kernels import compiled, compiling, elementary, products, reference
from numerics.nets.activations import CATALOGUE

EPS = np.finfo(float).eps


def test_every_compiled_function_has_a_reference():
    """Activations have theirs in numerics.nets.activations, and `_split` is a part of exp."""
    names = {
        name.lstrip("_")
        for module in (compiled, elementary, products)
        for name, value in vars(module).items()
        if isinstance(value, Dispatcher)
    }
    assert len(names) >= 8
    assert {name for name in names if not hasattr(reference, name)} == {"activate", "split"}


def test_elementary_functions():
    z = np.concatenate([np.linspace(-600, 600, 2001), np.linspace(-1, 1, 2001), [0.0, 1e-300, -1e-17]])
    for name, units in (("exp", 4), ("expm1", 4), ("tanh", 4)):
        ours, theirs = np.array([getattr(elementary, name)(v) for v in z]), getattr(reference, name)(z)
        assert (np.abs(ours - theirs) <= units * EPS * np.abs(theirs)).all(), name


@pytest.mark.parametrize("name", compiled.KINDS)
def test_activations(name):
    z = np.random.default_rng(1).standard_normal(501) * 3
    value, slope, given = z.copy(), np.empty_like(z), torch.tensor(z)
    compiled._activate(compiled.KINDS.index(name), value, slope)
    sigma = CATALOGUE[name]
    np.testing.assert_allclose(value, sigma.value(given).numpy(), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(slope, sigma.derivative(given).numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("columns", [1, 3, 4, 7, 16])
def test_products(bias, shared, columns):
    rng = np.random.default_rng(columns)
    w, h = rng.standard_normal((3, 5, columns)), rng.standard_normal((1 if shared else 3, columns, 11))
    start, out = rng.standard_normal((3, 5 if bias else 0)), np.full((3, 5, 11), np.nan)
    products._combine(w, h, start, out)
    np.testing.assert_allclose(out, reference.combine(w, h, start), rtol=0, atol=1e-14 * columns)
    t, found = rng.standard_normal((3, 5, 11)), np.full((3, 5, columns + bias), np.nan)
    products._dots(t, h, bias, found)
    np.testing.assert_allclose(found, reference.dots(t, h, bias), rtol=0, atol=1e-13)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 6, 9])
def test_passes(bias, outputs, dimension):
    rng = np.random.default_rng(dimension)
    width, n = 7, 13
    w, a = rng.standard_normal((2, width, dimension)), rng.standard_normal((2, outputs, width + bias))
    columns, residual = rng.standard_normal((dimension, n)), rng.standard_normal((2, outputs, n))
    flat = np.concatenate([w.reshape(2, -1), a.reshape(2, -1)], axis=1)
    h, d, f = np.empty((2, width, n)), np.empty((2, width, n)), np.empty((2, outputs, n))
    compiled.forward(0, flat, columns, bias, h, d, f)
    wanted = reference.forward(w, a, columns, np.tanh, lambda z: 1 / np.cosh(z) ** 2)
    for ours, theirs in zip((h, d, f), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    slopes, (of_w, of_a) = np.full_like(flat, np.nan), reference.backward(w, a, columns, h, d, residual)
    compiled.backward(flat, columns, bias, h, d, residual, slopes)
    theirs = np.concatenate([of_w.reshape(2, -1), of_a.reshape(2, -1)], axis=1)
    np.testing.assert_allclose(slopes, theirs, rtol=0, atol=1e-12)


def test_adam():
    rng = np.random.default_rng(3)
    gradient, mean, square = rng.standard_normal(50), rng.standard_normal(50), rng.random(50)
    wanted = reference.adam(gradient, mean, square, 0.9, 0.999, 1e-8, 1.7)
    compiled.adam(gradient, mean, square, 0.9, 0.999, 1e-8, 1.7)
    for ours, theirs in zip((gradient, mean, square), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


CALLER = """
from numerics.kernels.compiling import exact
from helper import step

@exact
def twice(x):
    return step(step(x))

print(twice(1.0), sum(twice.stats.cache_hits.values()))
"""
HELPER = """
from numerics.kernels.compiling import exact

@exact
def step(x):
    return x + {}
"""


def test_kept_code_is_compiled_anew_when_a_helper_changes(tmp_path):
    """Numba looks at the caller's own file alone and would go on with the old helper inlined."""
    (tmp_path / "caller.py").write_text(CALLER)
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "kept"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run() -> list[float]:
        done = subprocess.run(
            [sys.executable, tmp_path / "caller.py"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [float(word) for word in done.stdout.split()]

    (tmp_path / "helper.py").write_text(HELPER.format(1.0))
    assert run() == [3.0, 0]
    assert run() == [3.0, 1]
    (tmp_path / "helper.py").write_text(HELPER.format(10.0))
    assert run() == [21.0, 0]


def test_the_fingerprint_of_a_folder_sees_names_and_contents(tmp_path):
    seen = set()
    for name, text in (("a.py", "x"), ("a.py", "y"), ("b.py", "y"), ("ab.py", ""), ("c.txt", "z")):
        (tmp_path / name).write_text(text)
        seen.add(compiling.fingerprint(tmp_path))
    assert len(seen) == 4  # a text file is none of them
