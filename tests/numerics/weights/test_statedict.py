"""State_dicts read as the network that torch runs: parts put together, biases found, no layer too many."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from numerics.errors import NumericsError
from numerics.weights.adapter import layers
from numerics.weights.observe import observe


def names(state):
    return [layer.name for layer in layers(state)]


def deprecated(wrap, layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return wrap(layer)


def scaled_weight_norm(layer):
    parametrizations.weight_norm(layer)
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(
            torch.linspace(-2, 3, 12).view(-1, *[1] * (layer.weight.ndim - 1))
        )
    return layer


WRAPS = {
    "weight normalisation": scaled_weight_norm,
    "weight normalisation, old": lambda layer: deprecated(nn.utils.weight_norm, layer),
    "weight normalisation, whole": lambda layer: parametrizations.weight_norm(layer, dim=None),
    "spectral normalisation": lambda layer: parametrizations.spectral_norm(layer),
    "spectral normalisation, old": lambda layer: deprecated(nn.utils.spectral_norm, layer),
    "pruning": lambda layer: prune.random_unstructured(layer, "weight", 0.4),
}


@pytest.mark.parametrize("name", WRAPS)
@pytest.mark.parametrize("convolution", [False, True])
def test_reparametrised_weights_are_those_that_run(name, convolution):
    torch.manual_seed(3)
    first = nn.Conv2d(2, 12, 3) if convolution else nn.Linear(7, 12)
    net = nn.Sequential(WRAPS[name](first), nn.Tanh(), nn.Flatten(), nn.Linear(12, 3)).double().eval()
    x = torch.randn(1, 2, 3, 3).double() if convolution else torch.randn(1, 7).double()
    net(x)
    (read,) = layers(net.state_dict())
    # What runs, from outputs alone: the bias at zero, then the response to each unit input.
    basis = torch.eye(x.numel(), dtype=torch.float64).view(-1, *x.shape[1:])
    with torch.no_grad():
        bias = first(torch.zeros_like(x)).flatten()
        response = first(basis).flatten(1) - bias
    np.testing.assert_allclose(read.w, np.c_[response.T, bias], atol=40 * np.finfo(np.float32).eps)


def test_an_unknown_reparametrisation_is_refused():
    with pytest.raises(NumericsError, match=r"'0.weight' is reparametrised"):
        layers(nn.Sequential(parametrizations.orthogonal(nn.Linear(3, 3)), nn.Linear(3, 1)).state_dict())


def test_weights_that_happen_to_be_called_like_parts_are_weights():
    state = {"to_g.w": torch.ones(4, 3), "mix_g": torch.ones(5, 4), "mix_v": torch.ones(2, 5)}
    assert names(state) == ["to_g.w", "mix_g"]


def test_plain_parameters_find_their_biases_and_their_axis():
    rng = np.random.default_rng(0)
    w, b, v, c = (torch.tensor(rng.standard_normal(shape)) for shape in ((20, 5), 20, (3, 20), 3))
    expected = np.c_[w, b]
    upright = {"W0": w, "b0": b, "W1": v, "b1": c}
    for state in (
        upright,
        {"net.W0": w, "net.W1": v, "net.b0": b, "net.b1": c},
        {"W0": w.T, "b0": b, "W1": v.T, "b1": c},
        {"W0": w.T, "b0": b, "W1": v.T},
        {"l1.weight": w.T, "l1.bias": b, "l2.weight": v.T, "l2.bias": c},
    ):
        (layer,) = layers(state)
        np.testing.assert_array_equal(layer.w, expected)
        np.testing.assert_array_equal(layer.a, v.T)


def test_square_weights_follow_the_axis_of_the_others():
    a, h, out = torch.randn(5, 4), torch.randn(4, 4), torch.randn(4, 1)
    state = {"a.weight": a, "a.bias": torch.ones(4), "h.weight": h, "h.bias": torch.zeros(4),
             "o.weight": out, "o.bias": torch.zeros(1)}  # fmt: skip
    _, second = layers(state)
    np.testing.assert_array_equal(second.w[:, :-1], h.T)
    state = {key: tensor.T if tensor.ndim == 2 else tensor for key, tensor in state.items()}
    np.testing.assert_array_equal(layers(state)[1].w[:, :-1], h.T)


def test_the_output_channels_of_a_transposed_convolution_are_its_neurons():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ConvTranspose2d(4, 6, 3), nn.Conv2d(6, 2, 1))
    first, second = layers(net.state_dict())
    assert second.w.shape == (6, 4 * 9 + 1)
    assert first.a.shape == (4, 6 * 9)


class Odd(nn.Module):
    def __init__(self, tied=False):
        super().__init__()
        self.register_buffer("grid", torch.ones(40, 40))
        self.register_buffer("pixel_mean", torch.ones(1, 3, 1, 1))
        self.register_buffer("mask", torch.ones(32, 16, dtype=torch.bool))
        self.words = nn.Embedding(50, 16)
        self.fc = nn.Linear(16, 32)
        self.norm = nn.LayerNorm([32])
        self.squash = nn.PReLU(32)
        self.back = nn.Linear(32, 16)
        self.out = nn.Linear(16, 50)
        if tied:
            self.out.weight = self.words.weight


@pytest.mark.parametrize("tied", [False, True])
def test_buffers_embeddings_and_normalisations_are_no_layers(tied):
    found = layers(Odd(tied).state_dict())
    assert [layer.name for layer in found] == ["fc", "back"]
    assert [layer.w.shape for layer in found] == [(32, 17), (16, 33)]
    assert all(layer.a is not None for layer in found)


def test_a_normalisation_of_images_is_no_convolution():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.LayerNorm([4, 6, 6]),
        nn.Flatten(),
        nn.Linear(144, 30),
        nn.ReLU(),
        nn.Linear(30, 2),
    )
    assert names(net.state_dict()) == ["0", "3"]


def test_a_bias_free_branch_is_not_taken_for_an_embedding():
    state = {"a.weight": torch.ones(64, 5), "b.weight": torch.ones(32, 69), "c.weight": torch.ones(1, 32)}
    assert names(state) == ["a", "b"]


def test_layers_of_one_shape_keep_their_order_before_the_one_output():
    shapes = {"out": (1, 20), "h2": (20, 20), "h1": (20, 20), "enter": (20, 7)}
    assert names({f"{name}.weight": torch.ones(shape) for name, shape in shapes.items()}) == [
        "enter",
        "h2",
        "h1",
    ]


def test_an_order_that_does_not_exist_is_not_searched_for_ever():
    # 20 interchangeable layers and widths that never meet: 20! orders if tried one by one
    state = {f"h{k}.weight": torch.ones(20, 20) for k in range(20)} | {"odd.weight": torch.ones(7, 13)}
    state |= {f"p{k}.weight": torch.ones(2 + k % 3, 2 + (k + 1) % 3) for k in range(3)}
    assert len(layers(state)) == 23


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "module.", "_orig_mod.", "sparse"])
def test_what_does_not_change_the_neurons_does_not_change_the_measure(kind):
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv1d(2, 8, 5), nn.Tanh(), nn.Flatten(), nn.Linear(24, 9), nn.Tanh(), nn.Linear(9, 2)
    )
    state = plain.bfloat16().half().float().state_dict()
    if "float" in kind:
        other = {name: value.to(getattr(torch, kind)) for name, value in state.items()}
    elif kind == "sparse":
        other = {name: value.to_sparse() for name, value in state.items()}
    else:
        other = {kind + name: value for name, value in state.items()}
    for one, two in zip(observe(state), observe(other), strict=True):
        mine, theirs = one.to_json(), two.to_json()
        assert theirs.pop("layer").endswith(mine.pop("layer"))
        assert mine == theirs


def test_numbers_that_are_not_there_are_refused():
    good = {"a.weight": torch.ones(4, 3), "b.weight": torch.ones(1, 4)}
    with pytest.raises(NumericsError, match="layer 'a' holds no numbers"):
        layers(good | {"a.weight": torch.ones(4, 3, device="meta")})
    with pytest.raises(NumericsError, match="layer 'b' holds weights that are not finite"):
        layers(good | {"b.weight": torch.full((1, 4), float("inf"))})


def test_a_transformer_has_no_layer_of_words_or_positions():
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(100, 16)
            self.places = nn.Parameter(torch.ones(1, 20, 16))
            self.block = nn.TransformerEncoderLayer(16, 2, 32)
            self.head = nn.Linear(16, 100, bias=False)

    assert names(Small().state_dict()) == [
        "block.self_attn.in_proj_weight",
        "block.self_attn.out_proj",
        "block.linear1",
        "block.linear2",
    ]
