"""Update rules against torch.optim over 100 steps, full batch, and mutants that must be seen."""

import numpy as np
import pytest
import torch

from numerics.data import load
from numerics.errors import NumericsError
from numerics.nets import Network
from numerics.nets.initial import initialise
from numerics.training import train
from numerics.training.optimizers import Adam, GradientDescent, Momentum, SignDescent, get
from numerics.training.stopping import Steps

STEPS = 100
CASES = {
    "gd": (GradientDescent(), lambda p: torch.optim.SGD(p, lr=0.01)),
    "gd decay": (GradientDescent(0.1), lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=0.1)),
    "momentum": (Momentum(), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
    "momentum decay": (
        Momentum(0.8, 0.05),
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, weight_decay=0.05),
    ),
    "adam": (Adam(), lambda p: torch.optim.Adam(p, lr=0.01)),
    "adam decay": (
        Adam((0.8, 0.99), 1e-6, 0.05),
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.05),
    ),
}


def _by_torch(network, parameters, member, x, y, build, steps=STEPS):
    leaves = {name: value[member : member + 1].clone().requires_grad_() for name, value in parameters.items()}
    optimizer = build(list(leaves.values()))
    columns, targets = torch.tensor(x), torch.tensor(y)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (network.forward(leaves, columns)[0, 0] - targets).square().mean() / 2
        loss.backward()
        optimizer.step()
    return {name: value.detach() for name, value in leaves.items()}


def _distance(one, other):
    return max(float((one[name] - other[name]).norm() / other[name].norm()) for name in one)


def _setting():
    data, network = load("line"), Network(1, 20)
    return network, initialise(network, 0.3, 2), data.x, data.y


@pytest.mark.parametrize("name", CASES)
def test_update_rules_are_those_of_torch_to_rounding(name):
    network, parameters, x, y = _setting()
    ours, build = CASES[name]
    result = train(network, parameters, x, y, lr=0.01, optimizer=ours, stop=Steps(STEPS))
    for member in range(2):
        theirs = _by_torch(network, parameters, member, x, y, build)
        one = {key: value[member : member + 1] for key, value in result.parameters.items()}
        # some 40 roundings a step (40 samples), none amplified: the loss is far from its edge of stability
        assert _distance(one, theirs) <= 40 * STEPS * np.finfo(float).eps


def test_sign_descent_is_its_definition():
    network, parameters, x, y = _setting()

    class Signed(torch.optim.SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for leaf in group["params"]:
                    leaf.grad.sign_()
            return super().step(closure)

    result = train(network, parameters, x, y, lr=1e-3, optimizer=SignDescent(), stop=Steps(20))
    theirs = _by_torch(network, parameters, 1, x, y, lambda p: Signed(p, lr=1e-3), 20)
    one = {key: value[1:2] for key, value in result.parameters.items()}
    assert _distance(one, theirs) <= 40 * 20 * np.finfo(float).eps


@pytest.mark.parametrize(
    "mutant",
    [
        Adam((0.9, 0.998)),
        Adam((0.89, 0.999)),
        Adam(eps=1e-6),
        Momentum(0.9),
        GradientDescent(),
        SignDescent(),
    ],
)
def test_a_changed_rule_is_seen(mutant):
    network, parameters, x, y = _setting()
    result = train(network, parameters, x, y, lr=0.01, optimizer=mutant, stop=Steps(STEPS))
    theirs = _by_torch(network, parameters, 0, x, y, CASES["adam"][1])
    one = {key: value[:1] for key, value in result.parameters.items()}
    assert _distance(one, theirs) > 1e3 * 40 * STEPS * np.finfo(float).eps


def test_names_and_weight_decay():
    assert get("gd") == GradientDescent()
    assert get("adam", weight_decay=0.1) == Adam(weight_decay=0.1)
    with pytest.raises(NumericsError, match="known are gd, momentum, adam, sign"):
        get("sgd")
