"""Activations against mpmath at every scale, the fast tanh included."""

import subprocess
import sys
from operator import methodcaller

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from numerics.errors import NumericsError
from numerics.nets.activations import CATALOGUE, from_callable, get
from numerics.nets.hyperbolic import tanh

_ALPHA, _SCALE = mp.mpf("1.6732632423543772848"), mp.mpf("1.0507009873554804934")


def _sigmoid(z):
    return 1 / (1 + mp.exp(-z))


WITNESS = {
    "tanh": mp.tanh,
    "xtanh": lambda z: z * mp.tanh(z),
    "x2tanh": lambda z: z**2 * mp.tanh(z),
    "sigmoid": _sigmoid,
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "relu": lambda z: max(z, mp.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else mp.mpf(0.01) * z,
    "relu2": lambda z: max(z, mp.mpf(0)) ** 2,
    "elu": lambda z: z if z > 0 else mp.expm1(z),
    "selu": lambda z: _SCALE * (z if z > 0 else _ALPHA * mp.expm1(z)),
    "celu": lambda z: z if z > 0 else mp.expm1(z),
    "gelu": lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda z: z * _sigmoid(2 * mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3)),
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * mp.tanh(mp.log1p(mp.exp(z))),
    "erf": mp.erf,
    "sin": mp.sin,
    "arctan": mp.atan,
    "softsign": lambda z: z / (1 + abs(z)),
    "hardtanh": lambda z: min(max(z, mp.mpf(-1)), mp.mpf(1)),
    "hardsigmoid": lambda z: min(max(z / 6 + mp.mpf(1) / 2, mp.mpf(0)), mp.mpf(1)),
    "abs": abs,
    "square": lambda z: z**2,
    "cube": lambda z: z**3,
    "expm1": mp.expm1,
    "logcosh": lambda z: mp.log(mp.cosh(z)),
    "gaussian": lambda z: mp.exp(-(z**2)),
    "identity": lambda z: z,
    "cos": mp.cos,
    "logsigmoid": lambda z: -mp.log1p(mp.exp(-z)),
    "relu6": lambda z: min(max(z, mp.mpf(0)), mp.mpf(6)),
    "tanhshrink": lambda z: z - mp.tanh(z),
    "hardswish": lambda z: z * min(max(z / 6 + mp.mpf(1) / 2, mp.mpf(0)), mp.mpf(1)),
}
POINTS = [s * v for v in (1e-12, 1e-8, 3e-5, 1e-2, 0.3, 0.77, 1.9, 4.1) for s in (1.0, -1.0)]


def test_the_catalogue_is_covered():
    assert set(WITNESS) == set(CATALOGUE)


def test_every_name_and_alias_of_theory_is_here():
    from theory.formula import catalogue

    for name in (*catalogue.CATALOGUE, *catalogue.ALIASES):
        entry = catalogue.find(name)
        assert entry is not None
        assert get(name).name == entry.name


@pytest.mark.parametrize("name", CATALOGUE)
def test_value_keeps_its_relative_accuracy_at_every_scale(name):
    # a handful of roundings, and the condition |z σ'/σ| ≤ 1 + 2 z² of the argument's own
    z = torch.tensor(POINTS, dtype=torch.float64)
    values = CATALOGUE[name].value(z).tolist()
    with mp.workdps(60):
        for point, value in zip(POINTS, values, strict=True):
            exact = WITNESS[name](mp.mpf(point))
            bound = 16 * (1 + 2 * point**2) * np.finfo(float).eps * abs(exact)
            assert abs(value - exact) <= bound, (name, point)


@pytest.mark.parametrize("name", CATALOGUE)
def test_derivative_keeps_its_accuracy_at_every_scale(name):
    z = torch.tensor(POINTS, dtype=torch.float64)
    slopes = CATALOGUE[name].derivative(z).tolist()
    with mp.workdps(60):
        for point, slope in zip(POINTS, slopes, strict=True):
            exact = mp.diff(WITNESS[name], mp.mpf(point), h=mp.mpf(10) ** -25)
            # sums of two terms of opposite sign (gelu, silu, mish) may cancel down to the size of one of them
            size = max(abs(exact), min(1, abs(point)) if name in ("gelu", "gelu_tanh", "silu", "mish") else 0)
            bound = 16 * (1 + 2 * point**2) * np.finfo(float).eps * size
            assert abs(slope - exact) <= bound, (name, point)


@pytest.mark.parametrize("name", [entry.name for entry in CATALOGUE.values() if entry.pair is not None])
@pytest.mark.parametrize("scale", [1e-9, 0.1, 1.0, 30.0])
def test_the_fast_pair_agrees_with_value_and_derivative(name, scale):
    entry = CATALOGUE[name]
    z = scale * torch.randn(4, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    value, derivative = entry.value_and_derivative(z.clone(), torch.empty_like(z), torch.empty_like(z))
    eps = np.finfo(float).eps
    torch.testing.assert_close(value, entry.value(z), rtol=32 * eps, atol=0)
    # 1 - tanh² rounds in units of 1; times z or z² where that stands in front
    size = (1 + z.abs() + z.square()) * 32 * eps
    assert ((derivative - entry.derivative(z)).abs() <= size * (1 + derivative.abs())).all()


@given(st.integers(-300, 2), st.floats(1, 9.9), st.sampled_from([torch.float64, torch.float32]))
def test_property_fast_tanh_is_right_to_two_units_in_the_last_place(exponent, digit, dtype):
    z = torch.linspace(-1, 1, 41, dtype=dtype) * digit * 10.0**exponent
    z = z[(z == 0) | (z.abs() >= torch.finfo(dtype).tiny)]  # below, single precision has fewer digits
    value = tanh(z, torch.empty_like(z))
    with mp.workdps(60):
        for point, result in zip(z.tolist(), value.tolist(), strict=True):
            exact = mp.tanh(mp.mpf(point))
            assert abs(result - exact) <= 2 * torch.finfo(dtype).eps * abs(exact)


def test_fast_tanh_works_in_place_on_slices_and_passes_on_what_is_not_finite_or_empty():
    z = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0], dtype=torch.float64)
    assert tanh(z, z) is z
    assert z[0].isnan()
    assert z[1:].tolist() == [1.0, -1.0, 0.0]
    empty = torch.empty(0, dtype=torch.float64)
    assert tanh(empty, torch.empty_like(empty)).numel() == 0
    wide = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4)
    part = torch.zeros(3, 2, dtype=torch.float64)
    tanh(wide[:, ::2], part)
    torch.testing.assert_close(part, torch.tanh(wide[:, ::2]), rtol=1e-15, atol=0)


def test_callables_get_their_derivative_and_bad_ones_are_refused():
    own = from_callable(lambda z: z.square() * torch.tanh(z), "own")
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    torch.testing.assert_close(own.derivative(z), get("x2tanh").derivative(z), rtol=1e-13, atol=1e-15)
    with pytest.raises(NumericsError, match="not elementwise"):
        from_callable(lambda z: z - z.mean(), "centred")
    with pytest.raises(NumericsError, match="shape and dtype"):
        from_callable(lambda z: z.sum(), "sum")
    with pytest.raises(NumericsError, match="fails on a float64 tensor"):
        from_callable(methodcaller("nonsense"), "broken")
    with pytest.raises(NumericsError, match="known are tanh"):
        get("tanhh")


@pytest.mark.parametrize(("body", "says"), [("z.square()", ""), ("(warn('mine'), z)[1]", "mine")])
def test_callables_where_warnings_are_errors(body, says):
    """torch's own deprecation of torch.jit, met on the way to forward mode, is no fault of a good function; nor is a
    warning of the function itself swallowed."""
    program = (
        "from warnings import warn; from numerics.nets.activations import from_callable; "
        f"print(from_callable(lambda z: {body}, 'own').name)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == (("own", 0) if not says else ("", 1)), done.stderr
    assert says in done.stderr


def test_autograd_uses_the_written_derivative():
    z = torch.tensor([-3.0, 1e-9, 0.5, 40.0], dtype=torch.float64, requires_grad=True)
    get("logcosh")(z).sum().backward()
    torch.testing.assert_close(z.grad, torch.tanh(z.detach()), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (torch.nn.SiLU(inplace=True), torch.nn.SiLU()),
        (torch.nn.ELU(inplace=True), torch.nn.ELU()),
        (lambda z: z.tanh_(), torch.tanh),
        (torch.nn.PReLU(init=0.25).double(), lambda z: torch.where(z > 0, z, 0.25 * z)),
    ],
    ids=["silu", "elu", "tanh", "prelu"],
)
def test_functions_that_overwrite_their_argument_or_have_parameters(given, plain):
    """SiLU(inplace=True) once had the slope of SiLU at SiLU(z), which trained another network without a word."""
    sigma = from_callable(given, "given")
    z = torch.linspace(-2.0, 2.0, 8, dtype=torch.float64)  # the kink at 0 left out
    leaf = z.clone().requires_grad_()
    slope = torch.autograd.grad(plain(leaf).sum(), leaf)[0]
    kept = z.clone()
    value, derivative = sigma.value_and_derivative(z, torch.empty_like(z), torch.empty_like(z))
    torch.testing.assert_close(value, plain(kept), rtol=1e-14, atol=1e-300)
    torch.testing.assert_close(derivative, slope, rtol=1e-14, atol=1e-300)
    assert torch.equal(z, kept)
    assert not value.requires_grad
    assert not derivative.requires_grad
