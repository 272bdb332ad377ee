"""Gated blocks, attention, recurrences, quantised weights: named for what they are, or refused by name."""

import numpy as np
import pytest
import torch
from torch import nn

from numerics.errors import NumericsError
from numerics.weights.adapter import layers

GATED = {
    "llama": ("mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"),
    "t5": ("ff.wi_0.weight", "ff.wi_1.weight", "ff.wo.weight"),
    "w123": ("w1.weight", "w3.weight", "w2.weight"),
    "keras": ("ffn/gate/kernel", "ffn/up/kernel", "ffn/down/kernel"),
}


@pytest.mark.parametrize("style", GATED)
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0)])
@pytest.mark.parametrize("width", [20, 8])
def test_a_gated_block_is_named_and_is_no_chain(style, order, width):
    rng = np.random.default_rng(0)
    gate, up, down = (torch.tensor(rng.standard_normal(s)) for s in ((width, 8), (width, 8), (8, width)))
    turned = style == "keras"
    tensors = {
        GATED[style][k]: each.T.contiguous() if turned else each for k, each in enumerate((gate, up, down))
    }
    state = {GATED[style][k]: tensors[GATED[style][k]] for k in order}
    state["head.kernel" if turned else "head.weight"] = torch.ones(8, 2) if turned else torch.ones(2, 8)
    read = {layer.kind: layer for layer in layers(state)}
    np.testing.assert_array_equal(read["gate"].w, gate)
    np.testing.assert_array_equal(read["gated"].w, up)
    for kind in ("gate", "gated"):
        np.testing.assert_array_equal(read[kind].a, down.T)
        assert read[kind].notes


def test_blocks_of_no_telling_name_are_listed_with_a_note_and_not_reordered():
    state = {f"{name}.weight": torch.randn(shape) for name, shape in
             (("one", (20, 8)), ("two", (20, 8)), ("three", (8, 20)))}  # fmt: skip
    first, second = layers(state)
    assert (first.name, second.name) == ("one", "two")
    assert first.a is None
    assert "no chain" in first.notes[0]
    np.testing.assert_array_equal(second.a, state["three.weight"].T)


ATTENTION = [
    ("q_proj", "k_proj", "v_proj", "o_proj"),
    ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0"),
    ("attention.query", "attention.key", "attention.value", "attention.output.dense"),
    ("wq", "wk", "wv", "wo"),
]


@pytest.mark.parametrize("parts", ATTENTION)
def test_attention_projections_are_named_and_alone_refused(parts):
    state = {f"h.{name}.weight": torch.randn(16, 16) for name in parts}
    with pytest.raises(NumericsError, match=r"'h.*' \(16, 16\).*attention projections"):
        layers(state)
    state |= {"h.fc1.weight": torch.randn(32, 16), "h.fc2.weight": torch.randn(16, 32)}
    read = layers(state)
    assert [layer.kind for layer in read] == ["attention"] * 4 + ["linear"]
    assert [layer.a is None for layer in read] == [True] * 4 + [False]


def test_a_recurrent_layer_is_named_and_a_layer_called_gate_is_a_layer():
    net = nn.ModuleDict({"rnn": nn.RNN(5, 20), "out": nn.Linear(20, 1)})
    assert [layer.kind for layer in layers(net.state_dict())] == ["recurrent", "recurrent"]
    plain = {
        "gate.weight": torch.randn(9, 4),
        "up.weight": torch.randn(6, 9),
        "key.weight": torch.randn(1, 6),
    }
    assert [layer.kind for layer in layers(plain)] == ["linear", "linear"]


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"0.weight": torch.ones(12, 7, dtype=torch.int8), "0.SCB": torch.ones(12)}, "'0.SCB'"),
        ({"0.weight": torch.ones(12, 7, dtype=torch.int8)}, "'0.weight' holds int8"),
        (
            {"0.weight": torch.ones(12, 7).to(torch.float8_e4m3fn), "0.weight_scale": torch.ones(12)},
            "'0.weight_scale'",
        ),
        (
            {"0.weight": torch.ones(12, 7).to(torch.float8_e4m3fn), "0.scale_weight": torch.ones(1)},
            "'0.scale_weight'",
        ),
        (
            {"0.weight": torch.ones(12, 7).to(torch.float8_e5m2), "0.weight_scale_inv": torch.ones(1, 1)},
            "scale_inv",
        ),
        ({"0.qweight": torch.ones(1, 12, dtype=torch.int32), "0.scales": torch.ones(1, 12)}, "'0.qweight'"),
        ({"0.weight": torch.ones(12, 7, dtype=torch.complex64)}, "'0.weight' holds complex64"),
    ],
)
def test_weights_that_are_not_the_stored_numbers_are_refused_by_name(extra, named):
    state = nn.Sequential(nn.Linear(7, 12), nn.Tanh(), nn.Linear(12, 3)).state_dict()
    with pytest.raises(NumericsError, match=named) as error:
        layers(state | extra)
    assert "\n" not in str(error.value)
    small = state | {"0.weight": state["0.weight"].to(torch.float8_e4m3fn)}
    assert len(layers(small)) == 1
    assert len(layers(state | {"0.scale": torch.ones(1), "mask": torch.ones(12, 7, dtype=torch.uint8)})) == 1
