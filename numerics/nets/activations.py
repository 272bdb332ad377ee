"""Activations for real networks: torch values with hand-written derivatives, independent of theory.

Every value and derivative keeps its relative accuracy at tiny arguments: training from small weights lives at
|z| ~ 1e-8, where the textbook forms of log cosh or exp(z) - 1 lose everything to cancellation.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import factorial, pi, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from numerics.errors import NumericsError
from numerics.nets.hyperbolic import tanh as fast_tanh

Elementwise = Callable[[Tensor], Tensor]
Pair = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class TorchActivation:
    """An elementwise activation: its value and its derivative as functions of a tensor of any shape.

    `pair(z, first, second)`, where given, returns (value, derivative) faster, in the two buffers; its
    derivative may round in units of σ'(0) where σ' itself is far smaller.
    """

    name: str
    value: Elementwise
    derivative: Elementwise
    pair: Pair | None = None

    def __call__(self, z: Tensor) -> Tensor:
        """σ(z), differentiable once through the hand-written derivative."""
        return _Applied.apply(z, self) if z.requires_grad else self.value(z)  # type: ignore[return-value]

    def value_and_derivative(self, z: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """(σ(z), σ'(z)), in the two buffers of z's shape where the activation can use them."""
        if self.pair is not None:
            return self.pair(z, first, second)
        return self.value(z), self.derivative(z)


class _Applied(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, activation: TorchActivation) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(z)
        ctx.activation = activation
        return activation.value(z)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (z,) = ctx.saved_tensors
        return gradient * ctx.activation.derivative(z), None


def _sech2(z: Tensor) -> Tensor:
    return torch.cosh(z).square().reciprocal()  # 1 - tanh² would cancel at large |z|


def _one_minus_square(t: Tensor, out: Tensor) -> Tensor:
    return torch.addcmul(t.new_ones(()), t, t, value=-1.0, out=out)


def _tanh(z: Tensor) -> Tensor:
    if z.requires_grad and torch.is_grad_enabled():
        return torch.tanh(z)
    return fast_tanh(z, torch.empty_like(z))


def _tanh_pair(z: Tensor, h: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    return fast_tanh(z, h), _one_minus_square(h, d)


def _xtanh_pair(z: Tensor, h: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    t = fast_tanh(z, h)
    torch.addcmul(t, z, _one_minus_square(t, d), out=d)
    return h.mul_(z), d


def _x2tanh_pair(z: Tensor, h: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    t = fast_tanh(z, h)
    _one_minus_square(t, d).mul_(z).add_(t, alpha=2.0).mul_(z)  # z (2t + z (1 - t²))
    return h.mul_(z).mul_(z), d


def _square_pair(z: Tensor, h: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    return torch.mul(z, z, out=h), torch.mul(z, 2.0, out=d)


def _cube_pair(z: Tensor, h: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    torch.mul(z, z, out=d)
    return torch.mul(d, z, out=h), d.mul_(3.0)


def _sigmoid_pair(z: Tensor, h: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    torch.sigmoid(z, out=h)
    return h, torch.addcmul(h, h, h, value=-1.0, out=d)


def _relu_pair(z: Tensor, h: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    return torch.clamp(z, min=0.0, out=h), torch.gt(z, 0.0, out=d)


def _softplus(z: Tensor) -> Tensor:
    return torch.logaddexp(z, torch.zeros((), dtype=z.dtype, device=z.device))  # torch's own is z above 20


def _negative_part(z: Tensor) -> Tensor:
    return z.clamp(max=0.0)


def _elu(z: Tensor) -> Tensor:
    return torch.where(z > 0, z, torch.expm1(_negative_part(z)))


def _elu_derivative(z: Tensor) -> Tensor:
    return torch.exp(_negative_part(z))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, appendix


def _selu(z: Tensor) -> Tensor:
    return _SELU_SCALE * torch.where(z > 0, z, _SELU_ALPHA * torch.expm1(_negative_part(z)))


def _selu_derivative(z: Tensor) -> Tensor:
    return _SELU_SCALE * torch.where(z > 0, torch.ones_like(z), _SELU_ALPHA * torch.exp(_negative_part(z)))


def _normal_cdf(z: Tensor) -> Tensor:
    return 0.5 * torch.special.erfc(z * -sqrt(0.5))


def _gelu_derivative(z: Tensor) -> Tensor:
    return _normal_cdf(z) + z * torch.exp(-0.5 * z * z) / sqrt(2 * pi)


def _gelu_tanh_gate(z: Tensor) -> Tensor:
    return sqrt(8 / pi) * z * (1 + 0.044715 * z * z)  # 2u: ½ (1 + tanh u) = sigmoid(2u)


def _gelu_tanh_derivative(z: Tensor) -> Tensor:
    gate = _gelu_tanh_gate(z)
    slope = sqrt(8 / pi) * (1 + 3 * 0.044715 * z * z)
    return torch.sigmoid(gate) * (1 + z * slope * torch.sigmoid(-gate))


def _silu_derivative(z: Tensor) -> Tensor:
    return torch.sigmoid(z) * (1 + z * torch.sigmoid(-z))


def _mish_derivative(z: Tensor) -> Tensor:
    t = torch.tanh(_softplus(z))
    return t + z * (1 - t * t) * torch.sigmoid(z)


def _logcosh(z: Tensor) -> Tensor:
    size = z.abs()
    small = torch.log1p(2 * torch.sinh(size.clamp(max=1.0) / 2).square())  # cosh z = 1 + 2 sinh²(z/2)
    return torch.where(size < 1, small, size + torch.log1p(torch.exp(-2 * size)) - 0.6931471805599453)


_SHRINK = [2 * k / factorial(2 * k + 1) for k in range(1, 10)]


def _tanhshrink(z: Tensor) -> Tensor:
    """z - tanh z, below 1 as (z cosh z - sinh z)/cosh z with z cosh z - sinh z = Σ 2k/(2k+1)! z^{2k+1}: no cancellation."""
    near = z.clamp(-1.0, 1.0)
    square, series = near * near, torch.zeros_like(z)
    for coefficient in reversed(_SHRINK):
        series = series * square + coefficient
    return torch.where(z.abs() < 1, near * square * series / torch.cosh(near), z - torch.tanh(z))


def _gaussian(z: Tensor) -> Tensor:
    return torch.exp(-z * z)


_TABLE: tuple[TorchActivation, ...] = (
    TorchActivation("tanh", _tanh, _sech2, _tanh_pair),
    TorchActivation("xtanh", lambda z: z * _tanh(z), lambda z: _tanh(z) + z * _sech2(z), _xtanh_pair),
    TorchActivation(
        "x2tanh",
        lambda z: z * z * _tanh(z),
        lambda z: z * (2 * _tanh(z) + z * _sech2(z)),
        _x2tanh_pair,
    ),
    TorchActivation("sigmoid", torch.sigmoid, lambda z: torch.sigmoid(z) * torch.sigmoid(-z), _sigmoid_pair),
    TorchActivation("softplus", _softplus, torch.sigmoid),
    TorchActivation("relu", lambda z: z.clamp(min=0.0), lambda z: (z > 0).to(z.dtype), _relu_pair),
    TorchActivation(
        "leaky_relu",
        lambda z: torch.where(z > 0, z, 0.01 * z),
        lambda z: torch.where(z > 0, torch.ones_like(z), torch.full_like(z, 0.01)),
    ),
    TorchActivation("relu2", lambda z: z.clamp(min=0.0).square(), lambda z: 2 * z.clamp(min=0.0)),
    TorchActivation("elu", _elu, _elu_derivative),
    TorchActivation("selu", _selu, _selu_derivative),
    TorchActivation("celu", _elu, _elu_derivative),  # equal to ELU at alpha = 1
    TorchActivation("gelu", lambda z: z * _normal_cdf(z), _gelu_derivative),
    TorchActivation("gelu_tanh", lambda z: z * torch.sigmoid(_gelu_tanh_gate(z)), _gelu_tanh_derivative),
    TorchActivation("silu", lambda z: z * torch.sigmoid(z), _silu_derivative),
    TorchActivation("mish", lambda z: z * torch.tanh(_softplus(z)), _mish_derivative),
    TorchActivation("erf", torch.erf, lambda z: 2 / sqrt(pi) * torch.exp(-z * z)),
    TorchActivation("sin", torch.sin, torch.cos),
    TorchActivation("arctan", torch.arctan, lambda z: (1 + z * z).reciprocal()),
    TorchActivation("softsign", lambda z: z / (1 + z.abs()), lambda z: (1 + z.abs()).square().reciprocal()),
    TorchActivation("hardtanh", lambda z: z.clamp(-1.0, 1.0), lambda z: (z.abs() < 1).to(z.dtype)),
    TorchActivation(
        "hardsigmoid", lambda z: (z / 6 + 0.5).clamp(0.0, 1.0), lambda z: (z.abs() < 3).to(z.dtype) / 6
    ),
    TorchActivation("abs", torch.abs, torch.sign),
    TorchActivation("square", lambda z: z * z, lambda z: 2 * z, _square_pair),
    TorchActivation("cube", lambda z: z * z * z, lambda z: 3 * z * z, _cube_pair),
    TorchActivation("expm1", torch.expm1, torch.exp),
    TorchActivation("logcosh", _logcosh, torch.tanh),
    TorchActivation("gaussian", _gaussian, lambda z: -2 * z * _gaussian(z)),
    TorchActivation("identity", lambda z: z.clone(), torch.ones_like),
    TorchActivation("cos", torch.cos, lambda z: -torch.sin(z)),
    TorchActivation("logsigmoid", lambda z: -_softplus(-z), lambda z: torch.sigmoid(-z)),
    TorchActivation("relu6", lambda z: z.clamp(0.0, 6.0), lambda z: ((z > 0) & (z < 6)).to(z.dtype)),
    TorchActivation("tanhshrink", _tanhshrink, lambda z: torch.tanh(z).square()),
    TorchActivation(
        "hardswish",
        lambda z: z * (z / 6 + 0.5).clamp(0.0, 1.0),
        lambda z: (z / 6 + 0.5).clamp(0.0, 1.0) + z * (z.abs() < 3).to(z.dtype) / 6,
    ),
)
_ALIASES = {
    "linear": "identity", "x_tanh": "xtanh", "x2_tanh": "x2tanh", "logistic": "sigmoid", "expit": "sigmoid",
    "log_sigmoid": "logsigmoid", "leakyrelu": "leaky_relu", "lrelu": "leaky_relu", "squared_relu": "relu2",
    "gelu_new": "gelu_tanh", "swish": "silu", "sine": "sin", "cosine": "cos", "atan": "arctan", "absolute": "abs",
    "log_cosh": "logcosh", "hard_tanh": "hardtanh", "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish",
}  # fmt: skip
CATALOGUE: dict[str, TorchActivation] = {entry.name: entry for entry in _TABLE}


def get(activation: str | TorchActivation) -> TorchActivation:
    """The catalogue's activation of that name or alias (an activation is returned as it is).

    Raises NumericsError for a name that is not in the catalogue.
    """
    if isinstance(activation, TorchActivation):
        return activation
    name = _ALIASES.get(activation, activation)
    if name not in CATALOGUE:
        raise NumericsError(f"unknown activation {activation!r}: known are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def from_callable(function: Elementwise, name: str) -> TorchActivation:
    """An activation from any elementwise torch function, named `name`, its derivative by forward-mode differentiation.

    The function may overwrite its argument, which is then copied first; parameters of its own are held
    constant. Raises NumericsError where it does not return a tensor of its argument's shape and dtype, or
    where an output depends on another input (it is then no activation).

    >>> import torch
    >>> sigma = numerics.from_callable(lambda z: z * torch.tanh(z), "x tanh x")
    >>> sigma.derivative(torch.zeros(1)).item()
    0.0
    """

    _load_forward_mode()

    def derivative(z: Tensor) -> Tensor:
        with torch.no_grad():  # its own parameters, of a PReLU for example, are constants here
            # a function that works in place must find an argument of its own, in forward mode too
            return torch.func.jvp(lambda own: apply(own.clone()), (z,), (torch.ones_like(z),))[1]

    probe = torch.linspace(-1.5, 1.25, 12, dtype=torch.float64).view(3, 4)
    apply = function
    try:
        given = probe.clone()
        value = _constant(function(given), given)
        if not torch.equal(given, probe):
            apply = _out_of_place(function)
        derivative(probe)
    except Exception as error:
        raise NumericsError(
            f"activation {name!r} fails on a float64 tensor ({error}): a torch function is needed"
        ) from error
    if not isinstance(value, Tensor) or value.shape != probe.shape or value.dtype != probe.dtype:
        raise NumericsError(f"activation {name!r} must return a tensor of its argument's shape and dtype")
    one_by_one = torch.stack([_constant(apply(z), z) for z in probe.reshape(-1, 1)]).view(3, 4)
    if not torch.allclose(value, one_by_one, rtol=1e-12, atol=1e-300, equal_nan=True):
        raise NumericsError(f"activation {name!r} is not elementwise: an output depends on another input")
    return TorchActivation(name, lambda z: _constant(apply(z), z), derivative)


def _constant(value: Tensor, z: Tensor) -> Tensor:
    """σ(z) without the graph of the function's own parameters."""
    alone = isinstance(value, Tensor) and value.requires_grad and not z.requires_grad
    return value.detach() if alone else value


def _out_of_place(function: Elementwise) -> Elementwise:
    """For functions that overwrite their argument, such as torch.nn.SiLU(inplace=True)."""
    return lambda z: function(z.clone())


@cache
def _load_forward_mode() -> None:
    """Let torch compile its rules of forward mode, by a torch.jit that it has itself deprecated, before a user's call.

    Where warnings are errors, that one would otherwise look like a fault of the user's function.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        one = torch.ones(1, dtype=torch.float64)
        torch.func.jvp(torch.square, (one,), (one,))


def as_numpy(function: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """An elementwise numpy or torch function as a float64 numpy function, decided once by trying it."""
    probe = np.array([0.25, -0.5])
    try:
        if isinstance(function(probe), np.ndarray):
            return function
    except (TypeError, AttributeError, RuntimeError):
        pass

    def through_torch(z: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return function(torch.from_numpy(np.ascontiguousarray(z))).numpy()

    try:
        through_torch(probe)
    except (TypeError, AttributeError, RuntimeError) as error:
        raise NumericsError(
            f"the activation cannot be evaluated ({error}); an elementwise numpy or torch function is needed"
        ) from error
    return through_torch
