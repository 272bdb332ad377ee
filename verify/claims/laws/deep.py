r"""L.deep: the first layer of a deep network follows the moments of the product of the multiplicities.

Setting.     f = a·σ₂(V σ₁(W x)), first bias inside x, no upper bias, all parameters of scale ε; multiplicities p₁, p₂.
Hypotheses.  σ_l smooth, σ_l(0) = 0, T_{p₁p₂} = mean(s x^{⊗p₁p₂}) ≠ 0.
Statement.   The neuron of the first layer that outgrows the others ends at a growing Z-eigenvector of T_{p₁p₂}, not of
             T_{p₁}: in a (1, 3) network of T_3.
Steps.       1. The gradient of the real network, by automatic differentiation at the size ε; with it θ/‖θ‖ is carried along
                the gradient flow in a clock in which growth is exponential: what counts is the path.
             2. The largest first-layer neuron of each network against the law's orientations.
Limits.      Leading order: before the output feeds back on the signal.  With upper biases the mean is fitted first, and the
             order is p₁ (theory.orientations.deep).
Source.      condense; Kumar, Haupt 2024 for the direction of all parameters together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from numerics.nets import Network
from theory import MomentTensor, activation, find_orientations
from theory.forms.vectors import angle
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, at_most

Order = Callable[[int, int], int]  # of p₁ and p₂
CASES = (("tanh", "x2tanh"), ("xtanh", "tanh"), ("tanh", "xtanh"), ("xtanh", "xtanh"))
SIZE, STEP, STEPS = 1e-3, 0.1, 600
TOLERANCE = 1e-3  # relative distance to the leading order at this size: O(ε^k), k ≥ 1
FORMULAS = {"tanh": "tanh", "xtanh": "x*tanh(x)", "x2tanh": "x**2*tanh(x)"}


@cache
def _data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = Run(seed=seed).generator("deep")
    x = np.column_stack([generator.uniform(-1, 1.5, (40, 2)), np.ones(40)])
    return x, np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + 0.5


@cache
def _grown(names: tuple[str, str], seed: int, networks: int) -> np.ndarray:
    """The orientation (B, D) of the largest first-layer neuron of each network, after a growth by e^(STEP STEPS)."""
    x, y = _data(seed)
    net = Network(x.shape[1] - 1, (6, 4), 1, names)
    generator = Run(seed=seed).generator("deep start", *names)
    theta = {
        name: torch.tensor(generator.standard_normal((networks, *shape)))
        for name, shape in net.shapes.items()
    }
    inputs, goal = torch.tensor(x[:, :-1]), torch.tensor(y)
    for _ in range(STEPS):
        theta = _scaled(theta, SIZE)
        leaves = {name: value.clone().requires_grad_() for name, value in theta.items()}
        f = net.forward(leaves, inputs).reshape(networks, -1)
        (-0.5 * ((f - goal) ** 2).mean(dim=1).sum()).backward()
        force = _scaled({name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}, SIZE)
        theta = {name: theta[name] + STEP * force[name] for name in theta}
    w = theta["w1"].numpy()
    r = np.linalg.norm(w, axis=2)
    k = np.argmax(r, axis=1)
    return np.take_along_axis(w / r[..., None], k[:, None, None], axis=1)[:, 0]


def _scaled(theta: dict[str, torch.Tensor], size: float) -> dict[str, torch.Tensor]:
    """Each network (first axis) brought to the norm `size`."""
    norm = torch.sqrt(torch.stack([(v**2).flatten(1).sum(1) for v in theta.values()]).sum(0))
    return {name: v * (size / norm).reshape(-1, *(1,) * (v.ndim - 1)) for name, v in theta.items()}


def _follows(law: Order, run: Run) -> Outcome:
    checks = []
    x, y = _data(run.seed)
    for names in CASES[: run.pick(2, None)]:
        u = _grown(names, run.seed, run.pick(6, 24))
        p1, p2 = (activation(FORMULAS[name]).multiplicity for name in names)
        order = law(p1, p2)
        listed = np.array([o.u for o in find_orientations(MomentTensor.from_data(x, y, order)).attractors])
        away = float(np.max(np.min(angle(u[:, None], listed[None]), axis=1)))
        checks.append(
            Check(
                name=f"largest angle to a growing orientation of T_{order}, {len(u)} networks: {names[0]}, then {names[1]}",
                predicted=0.0,
                observed=away,
                tolerance=TOLERANCE,
                verdict=at_most(away, TOLERANCE),
                why=f"parameters of norm {SIZE:g}: what is beyond leading order is at most of that relative size",
            )
        )
    return Outcome(
        f"largest angle {max(c.observed for c in checks):.1e} to the growing orientations of T_(p₁p₂)",
        tuple(checks),
    )


def product(p1: int, p2: int) -> int:
    """The law."""
    return p1 * p2


CLAIM = Claim(
    id="L.deep",
    title="the first of two layers follows the moments of order p₁ p₂",
    statement=r"w_{1} \to \text{growing Z-eigenvectors of } T_{p_1 p_2} = \langle s\,x^{\otimes p_1 p_2}\rangle",
    hypotheses=("σ smooth, σ(0) = 0, two hidden layers, no upper bias", "T_{p₁p₂} ≠ 0"),
    source="condense",
    method=Method.ORDER,
    about=About.GROWING,
    reading=Reading.AMPLITUDE,
    dynamics=Dynamics.LEADING_FLOW,
    law=product,
    validate=_follows,
    mutants={
        "p₁, as in one layer": lambda p1, p2: p1,
        "p₁ + p₂": lambda p1, p2: p1 + p2,
        "p₂": lambda p1, p2: p2,
        "p₂ (1 + p₁), the order of the gradient": lambda p1, p2: p2 * (1 + p1),
    },
)
