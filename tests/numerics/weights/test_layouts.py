"""Weights as other libraries store them: x @ W, kernels, stacks, adapters; what cannot be told is asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from numerics.errors import NumericsError
from numerics.weights.adapter import layers
from numerics.weights.checkpoint import load_state
from numerics.weights.observe import observe


def network(widths, seed=0, bias=True):
    """Weights (outputs, inputs) and biases of a chain of these widths."""
    rng = np.random.default_rng(seed)
    pairs = zip(widths[1:], widths, strict=False)
    return [
        (
            torch.tensor(rng.standard_normal(shape)),
            torch.tensor(rng.standard_normal(shape[0])) if bias else None,
        )
        for shape in pairs
    ]


def stored(parts, weight, bias="", turned=True):
    state = {}
    for k, (w, b) in enumerate(parts):
        state[weight.format(k)] = (w.T if turned else w).contiguous()
        if b is not None:
            state[bias.format(k)] = b
    return state


def same(read, parts):
    assert len(read) == len(parts) - 1
    for k, layer in enumerate(read):
        w, b = parts[k]
        np.testing.assert_array_equal(layer.w, w if b is None else np.c_[w, b])
        np.testing.assert_array_equal(layer.a, parts[k + 1][0].T)


def reading(state):
    """The layers, or None and what is said instead."""
    try:
        return layers(state), ""
    except NumericsError as error:
        return None, str(error)


NAMES = {
    "flax": ("params.Dense_{}.kernel", "params.Dense_{}.bias"),
    "keras": ("dense_{}/kernel:0", "dense_{}/bias:0"),
    "haiku": ("mlp/~/linear_{}.w", "mlp/~/linear_{}.b"),
    "flat": ("W{}", "b{}"),
    "torch": ("layers.{}.weight", "layers.{}.bias"),
}
WIDTHS = st.lists(st.integers(2, 9), min_size=3, max_size=14)


@pytest.mark.parametrize("convention", NAMES)
@settings(max_examples=60, deadline=None)
@given(widths=WIDTHS, bias=st.booleans(), turned=st.booleans(), in_text_order=st.booleans())
def test_no_layout_is_misread_and_the_option_settles_what_is_asked(
    convention, widths, bias, turned, in_text_order
):
    """Any chain under any names: the right reading or a question, never another reading; with the layout, right."""
    parts = network(widths, bias=bias)
    state = stored(parts, *NAMES[convention], turned=turned)
    if in_text_order:
        state = dict(sorted(state.items()))
    layout = "inputs-outputs" if turned else "outputs-inputs"
    same(layers(state, layout=layout), parts)
    read, refusal = reading(state)
    if read is None:
        assert "--layout" in refusal
        assert "\n" not in refusal
        # A name or a bias of a length of its own tells: then nothing is asked.
        assert not (convention in ("flax", "keras") and turned)
        assert not (bias and len(set(widths)) == len(widths))
        assert not (convention == "torch" and not turned)
        return
    # What convention says of every axis is believed where the shapes agree with it.
    denied = (convention == "torch" and turned) or (convention in ("flax", "keras") and not turned)
    squares_alone = len(set(widths)) == 1 or (not bias and widths == widths[::-1])
    if not (denied and (squares_alone or not bias)):
        same(read, parts)


def test_weights_stored_for_x_at_w_are_read_by_columns_and_a_stored_mean_is_no_layer():
    (w, b), (v, _), (last, _) = parts = network([12, 20, 20, 3])
    for name in ("data_mean", "x_std", "pixel_grid", "stats"):
        for shape in ((1, 12), (12, 12), (12, 20)):
            extra = {name: torch.ones(shape, dtype=torch.float64)}
            state = {"enc.W0": w.T, "enc.W1": v.T, "out.weight": last}
            same(layers(extra | state), [(each, None) for each, _ in parts])
            same(layers(state | extra), [(each, None) for each, _ in parts])
    # A mean of the length of the inputs is not the bias of a square or of any other weight.
    state = {"W": w.T, "mean": torch.ones(12), "b": b, "out.weight": v[:3]}
    np.testing.assert_array_equal(layers(state)[0].w, np.c_[w, b])


@pytest.mark.parametrize("kernel", ["Conv_0.kernel", "conv2d/kernel:0"])
def test_kernels_of_convolutions_have_their_outputs_last(kernel):
    rng = np.random.default_rng(0)
    first = torch.tensor(rng.standard_normal((3, 3, 2, 8)))
    dense = torch.tensor(rng.standard_normal((8 * 4, 5)))
    bias = torch.tensor(rng.standard_normal(8))
    names = {kernel: first, kernel.replace("kernel", "bias"): bias, "Dense_0.kernel": dense}
    (layer,) = layers(names)
    assert (layer.kind, layer.w.shape) == ("convolution", (8, 2 * 9 + 1))
    np.testing.assert_array_equal(layer.w[:, :9], first[:, :, 0].reshape(9, 8).T)
    np.testing.assert_array_equal(layer.w[:, -1], bias)


def test_a_generator_of_transposed_convolutions_without_biases_is_not_read_backwards():
    net = nn.Sequential(*(nn.ConvTranspose2d(i, o, 4, bias=False) for i, o in ((100, 64), (64, 64), (64, 3))))
    first, second = layers(net.state_dict())
    for mine, theirs in zip((first, second), layers(net), strict=True):
        np.testing.assert_array_equal(mine.w, theirs.w)
    assert first.w.shape == (64, 1600)


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ({"W0": (7, 7), "W1": (7, 7)}, "'W0' (7, 7), 'W1' (7, 7)"),
        ({"W_out": (20, 1), "W_in": (5, 20)}, "'W_out' (20, 1)"),
        ({"a": (20, 8), "b": (8, 20)}, "'a' (20, 8), 'b' (8, 20)"),
        ({"layer1.weight": (12, 20), "layer2.weight": (20, 3)}, "'layer1.weight' (12, 20)"),
        ({"u.A": (4, 7), "u.B": (5, 9), "u.C": (2, 3)}, "'u.A' (4, 7)"),
    ],
)
def test_where_two_readings_fit_the_layout_is_asked_for_in_one_line(state, named):
    tensors = {name: torch.randn(shape) for name, shape in state.items()}
    with pytest.raises(NumericsError) as error:
        layers(tensors)
    assert named in str(error.value)
    assert "--layout outputs-inputs or inputs-outputs" in str(error.value)
    assert "\n" not in str(error.value)
    by_rows, by_columns = (layers(tensors, layout=f"{way}s") for way in ("outputs-input", "inputs-output"))
    assert sorted(layer.w.shape for layer in by_rows) != sorted(layer.w.shape for layer in by_columns) or any(
        not np.array_equal(one.w, two.w) for one, two in zip(by_rows, by_columns, strict=True)
    )


def test_a_layout_that_a_bias_denies_or_that_is_none_is_refused():
    state = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 1)).state_dict()
    with pytest.raises(NumericsError, match=r"'0.weight' \(5, 3\) has a bias of 5"):
        layers(state, layout="inputs-outputs")
    with pytest.raises(
        NumericsError, match=r"layout is 'x@W'; accepted: outputs-inputs, inputs-outputs, stacked"
    ):
        layers(state, layout="x@W")
    with pytest.raises(NumericsError, match="no stacked networks"):
        layers(state, layout="stacked-outputs-inputs")
    with pytest.raises(NumericsError, match="for a module"):
        layers(nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 1)), layout="outputs-inputs")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("convolution", [True, False])
@pytest.mark.parametrize("networks", [1, 2, 5])
def test_a_stacked_ensemble_is_read_network_by_network(bias, convolution, networks):
    def one():
        first = nn.Conv2d(2, 9, 3, bias=bias) if convolution else nn.Linear(6, 9, bias=bias)
        return nn.Sequential(
            first, nn.BatchNorm1d(9), nn.Flatten(), nn.Linear(9, 4, bias=bias), nn.Linear(4, 1, bias=bias)
        )

    members = [one() for _ in range(networks)]
    state, buffers = torch.func.stack_module_state(members)
    if convolution and not bias:
        state = {name: value for name, value in state.items() if not name.startswith("1.")}
        buffers = {}
    read = layers({**state, **buffers})
    assert [layer.network for layer in read] == [k for k in range(networks) for _ in range(2)]
    expected = [layer for member in members for layer in layers(member)]
    for mine, theirs in zip(read, expected, strict=True):
        np.testing.assert_array_equal(mine.w, theirs.w)
        np.testing.assert_array_equal(mine.a, theirs.a)
        assert mine.name == f"{theirs.name}[{mine.network}]"


def test_a_stack_of_x_at_w_networks_is_read_and_convolutions_are_no_stack():
    rng = np.random.default_rng(1)
    state = {"W0": (3, 6, 9), "b0": (3, 9), "W1": (3, 9, 1), "b1": (3, 1)}
    state = {name: torch.tensor(rng.standard_normal(shape)) for name, shape in state.items()}
    read = layers(state)
    np.testing.assert_array_equal(read[2].w, np.c_[state["W0"][2].T, state["b0"][2]])
    for net in (
        nn.Sequential(nn.Conv1d(8, 8, 5), nn.Conv1d(8, 8, 3)),
        nn.Sequential(nn.Conv1d(8, 8, 3, bias=False), nn.Conv1d(8, 8, 3, bias=False)),
        nn.Sequential(nn.Conv2d(8, 8, 5, bias=False), nn.Conv2d(8, 8, 3, bias=False)),
    ):
        (layer,) = layers(net.state_dict())
        assert (layer.kind, layer.network, len(layer.w)) == ("convolution", None, 8)
    cube = {"a.weight": torch.randn(8, 8, 8), "b.weight": torch.randn(8, 8, 8)}
    with pytest.raises(NumericsError, match="convolutions or a stack of networks"):
        layers(cube)
    assert len(layers(cube, layout="stacked-outputs-inputs")) == 8
    assert layers(cube, layout="outputs-inputs")[0].kind == "convolution"


def adapted(style, rank=2, alpha=None, convolution=False):
    """A state with an adapter on its first layer and the weight that results."""
    torch.manual_seed(3)
    first = nn.Conv2d(2, 12, 3) if convolution else nn.Linear(7, 12)
    net = nn.Sequential(first, nn.Tanh(), nn.Linear(12, 3)).double()
    inside = (rank, 2, 3, 3) if convolution else (rank, 7)
    a = torch.randn(inside).double()
    b = torch.randn(12, rank, *([1, 1] if convolution else [])).double()
    state = net.state_dict()
    if style == "peft":
        parts = {"0.lora_A.default.weight": a, "0.lora_B.default.weight": b}
        state = {
            name.replace("0.", "0.base_layer.", 1) if name[0] == "0" else name: v for name, v in state.items()
        }
    elif style == "loralib":
        parts = {"0.lora_A": a, "0.lora_B": b}
    else:
        parts = {"0.lora_down.weight": a, "0.lora_up.weight": b}
    if alpha is not None:
        parts["0.alpha"] = torch.tensor(alpha)
    weight = first.weight.detach() + (1 if alpha is None else alpha / rank) * (
        b.flatten(1) @ a.flatten(1)
    ).view_as(first.weight)
    return state | parts, np.c_[weight.flatten(1), first.bias.detach()]


@pytest.mark.parametrize("style", ["peft", "loralib", "down and up"])
@pytest.mark.parametrize("alpha", [None, 0.5, 16.0])
@pytest.mark.parametrize("convolution", [False, True])
def test_an_adapter_is_added_to_its_weight(style, alpha, convolution):
    state, expected = adapted(style, alpha=alpha, convolution=convolution)
    (layer,) = layers(state)
    assert layer.name == "0"
    np.testing.assert_allclose(layer.w, expected, rtol=1e-14, atol=1e-14)
    assert ("stores no scale" in layer.notes[0]) == (alpha is None)
    assert observe(state)[0].to_json()["notes"] == layer.notes


def test_adapters_that_cannot_be_added_are_refused_by_name():
    state, _ = adapted("peft")
    a = state["0.lora_A.default.weight"]
    for change, message in (
        ({"0.lora_A.other.weight": a, "0.lora_B.other.weight": a}, "one pair A, B for each weight"),
        (
            {"0.lora_A.default.weight": a[:, :5]},
            r"shapes \(2, 5\) and \(12, 2\) do not fit '0.weight' \(12, 7\)",
        ),
        ({"0.lora_magnitude_vector.default.weight": torch.ones(12)}, "of a form not known here"),
        ({"9.lora_A.weight": a, "9.lora_B.weight": a.T}, "adapters without '9.weight'"),
    ):
        with pytest.raises(NumericsError, match=message):
            layers(state | change)


CASES = Path(__file__).parents[2] / "cases"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inputs-by-outputs", [("layer.W", "linear", 20, 12, 2, 20)]),
        ("flax-kernels", [("params.Dense_0.kernel", "linear", 20, 12, 2, 20)]),
        ("lora", [("net.0", "linear", 30, 7, 2, 30)]),
        ("gated-mlp", [("gate_proj", "gate", 20, 8, 0, 0), ("up_proj", "gated", 20, 8, 0, 0)]),
    ],
)
def test_files_that_were_misread(name, expected):
    read = observe(load_state(CASES / f"{name}.pt"))
    assert [
        (each.layer, each.kind, each.neurons, each.dimension, each.orientations, each.condensed_neurons)
        for each in read
    ] == expected
    assert all(each.chance.no_more == (each.orientations == 0) for each in read)


def test_a_file_of_four_networks():
    """Each on two directions; the biases, not condensed, let a few neurons of some stand apart."""
    state = load_state(CASES / "stacked-ensemble.pt")
    read = observe(state)
    assert [(each.network, each.neurons, each.dimension) for each in read] == [(k, 30, 7) for k in range(4)]
    without = observe({name: value for name, value in state.items() if "bias" not in name})
    assert [(each.network, each.orientations, each.condensed_neurons) for each in without] == [
        (k, 2, 30) for k in range(4)
    ]
