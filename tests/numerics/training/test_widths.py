"""An ensemble of widths in one batch: each member is the network of its own width, through every optimiser."""

import numpy as np
import pytest
import torch

from numerics.errors import NumericsError
from numerics.nets import Convolution, Network
from numerics.nets.initial import Balanced, initialise
from numerics.training import train
from numerics.training.stopping import LossFraction, Steps

RNG = np.random.default_rng(8)
X, Y = RNG.standard_normal((20, 4)), RNG.standard_normal((20, 2))


@pytest.mark.parametrize("optimizer", ["gd", "momentum", "adam", "sign"])
@pytest.mark.parametrize("residual", [False, True])
def test_every_member_is_the_network_of_its_own_width(optimizer, residual):
    options = {"outputs": 2, "activations": "xtanh" if not residual else "tanh", "upper_bias": True,
               "output_bias": True, "residual": residual}  # fmt: skip
    widths = [3, 9, (6, 6) if residual else (6, 4)]
    wide = Network(4, (9, 9), **options)
    training = {
        "lr": 0.01,
        "optimizer": optimizer,
        "weight_decay": 0.01,
        "stop": [LossFraction(0.9), Steps(200)],
    }
    together = train(wide, initialise(wide, 0.3, 3, widths=widths), X, Y, **training)
    for member, width in enumerate(widths):
        own = Network(4, width if isinstance(width, tuple) else (width, width), **options)
        alone = train(own, initialise(own, 0.3, [member]), X, Y, **training)
        assert alone.steps[0] == together.steps[member]
        np.testing.assert_allclose(together.losses[member], alone.losses[0], rtol=1e-12)
        one, all_of_it = alone.parameters["w1"][0], together.parameters["w1"][member]
        torch.testing.assert_close(all_of_it[: len(one)], one, rtol=1e-9, atol=1e-12)
        assert not all_of_it[len(one) :].any()
        assert together.parameters["a"][member].count_nonzero() == alone.parameters["a"][0].count_nonzero()


def test_the_balanced_law_and_scales_by_width_hold_for_every_member():
    network, widths = Network(4, 40), np.array([5, 40, 11])
    parameters = initialise(network, widths**-1.5, 3, widths=widths.tolist(), law=Balanced(2))
    a, w = network.neurons(parameters)
    np.testing.assert_allclose((w**2).sum(-1), 2 * a**2, rtol=1e-13)
    assert (np.abs(a) > 0).sum(axis=1).tolist() == widths.tolist()
    alone = initialise(Network(4, 5), 5**-1.5, [0], law=Balanced(2))
    torch.testing.assert_close(parameters["w1"][0, :5], alone["w1"][0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("network", "widths", "message"),
    [
        (Network(4, 9, activations="sigmoid"), [3, 4], "σ\\(0\\) = 0"),
        (Network(4, 9, activations=("tanh",), convolution=Convolution(1, 2, 2, 1)), [3, 4], "no convolution"),
        (Network(4, 9), [3], "1 widths for 2 members"),
        (Network(4, 9), [3, 10], "do not fit"),
        (Network(4, 9), [3, (2, 2)], "do not fit"),
        (Network(4, 9), [3, 0], "positive"),
        (Network(4, 9), [3, 2.5], "whole numbers"),
    ],
)
def test_widths_that_cannot_be_had_are_refused(network, widths, message):
    with pytest.raises(NumericsError, match=message):
        initialise(network, 0.1, 2, widths=widths)
