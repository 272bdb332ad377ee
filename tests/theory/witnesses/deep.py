"""Witnesses for deep networks: torch's gradient of the real one at small ε, and the cases that the tests share."""

import numpy as np
import torch

from numerics.nets import Network
from theory.fields.deep import DeepField

# Catalogue names of numerics for theory's: both sides build their own functions.
NAMES = {
    "x*tanh(x)": "xtanh", "x**2*tanh(x)": "x2tanh", "z**2": "square", "z**3": "cube",
}  # fmt: skip
RNG = np.random.default_rng(20210524)
INPUTS = RNG.standard_normal((14, 2))
X = np.column_stack([INPUTS, np.ones(14)])
Y = RNG.standard_normal(14) + 0.7

PAIRS = (
    ("tanh", "tanh"), ("silu", "tanh"), ("tanh", "x*tanh(x)"), ("x*tanh(x)", "tanh"), ("tanh", "x**2*tanh(x)"),
    ("x*tanh(x)", "silu"), ("gelu", "x*tanh(x)"), ("z**2", "sin"), ("x**2*tanh(x)", "expm1"), ("sin", "z**3"),
    ("x*tanh(x)", "x*tanh(x)"), ("erf", "logcosh"), ("arctan", "mish"),
)  # fmt: skip
TRIPLES = (
    ("tanh", "x*tanh(x)", "silu"), ("silu", "tanh", "x*tanh(x)"), ("x*tanh(x)", "tanh", "x**2*tanh(x)"),
    ("tanh", "z**2", "sin"),
)  # fmt: skip
SETTINGS = ((False, False), (True, False), (False, True), (True, True))


def network(names, *, bias=False, residual=False, width=3, inputs=2, outputs=1):
    return Network(
        inputs,
        (width,) * len(names),
        outputs,
        tuple(NAMES.get(name, name) for name in names),
        upper_bias=bias,
        residual=residual,
    )


def drawn(net, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in net.shapes.items()}


def real_gradient(net, theta, x=INPUTS, y=Y):
    """-∇R of the half-MSE by automatic differentiation of the real network."""
    leaves = {name: torch.tensor(value)[None].requires_grad_() for name, value in theta.items()}
    f = net.forward(leaves, torch.tensor(x))[0]
    goal = torch.tensor(np.reshape(y, (len(x), -1)).T)
    (-0.5 * ((f - goal) ** 2).sum(0).mean()).backward()
    return {name: leaf.grad[0].numpy() for name, leaf in leaves.items()}


def gradient_laws(field, net, theta, epsilons, x=INPUTS, y=Y):
    """For each group (gradient order, order of the relative error) as slopes between two scales."""
    split = field.architecture.split
    sizes, gaps = [], []
    for eps in epsilons:
        point = {name: eps * value for name, value in theta.items()}
        real, lead = split(real_gradient(net, point, x, y)), split(field(point))
        sizes.append({g: np.linalg.norm(real[g]) for g in real})
        gaps.append({g: np.linalg.norm(real[g] - lead[g]) / np.linalg.norm(real[g]) for g in real})
    step = np.log(epsilons[0] / epsilons[1])
    return {
        g: tuple(float(np.log(pair[0][g] / pair[1][g]) / step) for pair in (sizes, gaps)) for g in sizes[0]
    }


def field_of(names, *, bias=False, residual=False, x=X, y=Y, **options):
    return DeepField.of(names, x, y, hidden_bias=bias, residual=residual, **options)
