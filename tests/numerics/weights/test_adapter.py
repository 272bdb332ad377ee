"""Anyone's network: layers found by structure in modules, state_dicts and files; forward values checked."""

import numpy as np
import pytest
import torch
from torch import nn

from numerics.errors import NumericsError
from numerics.weights.adapter import layers
from numerics.weights.checkpoint import load_state


class Head(nn.Module):
    """Registered in the wrong order, with odd names and a plain parameter."""

    def __init__(self):
        super().__init__()
        self.zz_answer = nn.Linear(5, 2)
        self.mid_part = nn.ModuleDict({"blk0": nn.Sequential(nn.Linear(12, 5), nn.Tanh())})

    def forward(self, x):
        return self.zz_answer(self.mid_part["blk0"](x))


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.tail = Head()
        self.norm = nn.BatchNorm2d(3)
        self.feature_extractor = nn.Conv2d(2, 3, 2, stride=2, padding=1)
        self.unused = nn.Linear(7, 7)

    def forward(self, x):
        return self.tail(torch.tanh(self.norm(self.feature_extractor(x))).flatten(1))


@pytest.fixture
def odd():
    torch.manual_seed(0)
    return Odd().double()


X = torch.linspace(-1, 2, 2 * 2 * 2 * 2, dtype=torch.float64).view(2, 2, 2, 2)


def test_layers_come_in_the_order_of_execution_with_the_bias_last(odd):
    with torch.no_grad():
        odd.feature_extractor.weight[1] = 0
        odd.feature_extractor.bias[1] = 0
    found = layers(odd, inputs=X)
    assert [layer.name for layer in found] == ["feature_extractor", "tail.mid_part.blk0.0"]
    assert [layer.kind for layer in found] == ["convolution", "linear"]
    assert found[0].w.shape == (3, 2 * 2 * 2 + 1)
    np.testing.assert_array_equal(found[0].w[1], 0)
    np.testing.assert_array_equal(found[0].w[2, :-1], odd.feature_extractor.weight[2].detach().ravel())
    np.testing.assert_array_equal(found[1].w[:, -1], odd.tail.mid_part["blk0"][0].bias.detach())
    np.testing.assert_array_equal(found[1].a, odd.tail.zz_answer.weight.detach().T)
    assert found[0].a.shape == (3, 5 * 4)  # five neurons take each filter at its four positions
    assert odd.training


def test_a_state_dict_gives_the_same_neurons(odd, tmp_path):
    from safetensors.torch import save_file

    module = nn.Sequential(
        nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4, bias=False), nn.Tanh(), nn.Linear(4, 1)
    )
    direct = layers(module)
    torch.save(module.state_dict(), tmp_path / "m.pt")
    torch.save({"epoch": 3, "model": module.state_dict()}, tmp_path / "wrapped.pth")
    save_file(module.state_dict(), tmp_path / "m.safetensors")
    for name in ("m.pt", "wrapped.pth", "m.safetensors"):
        found = layers(load_state(tmp_path / name))
        assert [layer.bias for layer in found] == [True, False]
        for one, other in zip(direct, found, strict=True):
            np.testing.assert_array_equal(one.w, other.w)
            np.testing.assert_array_equal(one.a, other.a)
    names = [layer.name for layer in layers(odd.state_dict())]
    assert "feature_extractor" in names
    assert all("norm" not in name for name in names)


def test_odd_names_of_weight_and_bias_are_matched_by_shape():
    state = {"enc.kernel": torch.ones(4, 3), "enc.shift": torch.arange(4.0), "out.W": torch.ones(1, 4)}
    (layer,) = layers(state)
    assert layer.name == "enc.kernel"
    np.testing.assert_array_equal(layer.w[:, -1], np.arange(4.0))


def test_a_layer_that_computes_something_else_is_refused():
    class Scaled(nn.Linear):
        def forward(self, x):
            return 1.001 * super().forward(x)

    module = nn.Sequential(Scaled(3, 4), nn.Tanh(), nn.Linear(4, 1))
    with pytest.raises(NumericsError, match=r"layer '0' does not compute"):
        layers(module, inputs=torch.ones(2, 3))


@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"padding": 1}, {"dilation": 2}, {"bias": False}, {"padding": "same"}]
)
def test_every_kind_of_convolution_passes_its_forward_check(options):
    module = nn.Sequential(nn.Conv2d(2, 3, 3, **options), nn.Flatten(), nn.LazyLinear(2))
    x = torch.randn(2, 2, 7, 9, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        module(x)
    (layer,) = layers(module, inputs=x)
    assert layer.w.shape == (3, 18 + options.get("bias", True))


def test_nothing_unsafe_or_meaningless_is_read(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "pickled.pt")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    (tmp_path / "junk.pt").write_bytes(b"junk")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    (tmp_path / "net.onnx").write_bytes(b"junk")
    expected = {
        "pickled.pt": "holds pickled Python objects",
        "empty.pt": "holds no weight tensors",
        "junk.pt": "is plain text: no state_dict",
        "junk.safetensors": "is no safetensors file but plain text",
        "missing.pt": "no such file",
        "net.onnx": "unknown extension",
    }
    for name, message in expected.items():
        with pytest.raises(NumericsError, match=message) as error:
            load_state(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(NumericsError, match="at least two"):
        layers(nn.Sequential(nn.Linear(2, 1)))
    with pytest.raises(NumericsError, match="not finite"):
        layers({"a.weight": torch.full((2, 2), float("nan")), "b.weight": torch.ones(1, 2)})
    with pytest.raises(NumericsError, match="does not run on inputs"):
        layers(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)), inputs=torch.ones(1, 5))


def test_modules_called_in_unusual_ways_are_read_and_checked():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 5), nn.Linear(5, 1)

        def forward(self, x):
            return self.b(input=torch.tanh(self.a(input=x)))

    (layer,) = layers(Named(), inputs=torch.ones(2, 3))
    assert layer.w.shape == (5, 4)
    single = nn.Sequential(nn.Conv1d(2, 8, 5, padding=1), nn.Flatten(0), nn.Linear(64, 4))
    (layer,) = layers(single, inputs=torch.ones(2, 10))
    assert layer.a.shape == (8, 4 * 8)


def test_a_transposed_convolution_is_a_layer_of_its_output_channels():
    torch.manual_seed(2)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ConvTranspose2d(4, 6, 3), nn.Flatten(), nn.Linear(6 * 64, 3)
    ).double()
    x = torch.randn(2, 1, 8, 8).double()
    first, second = layers(net, inputs=x)
    assert (first.a.shape, second.w.shape, second.a.shape) == ((4, 6 * 9), (6, 4 * 9 + 1), (6, 3 * 64))
    # A unit image of one channel is spread into the kernel: what the row of an output channel holds.
    unit = torch.zeros(1, 4, 1, 1).double()
    unit[0, 2] = 1
    with torch.no_grad():
        spread = (net[1](unit) - net[1](torch.zeros_like(unit)))[0]
    np.testing.assert_allclose(second.w[:, 2 * 9 : 3 * 9], spread.flatten(1), rtol=1e-12)
    for mine, theirs in zip((first, second), layers(net.state_dict()), strict=True):
        np.testing.assert_array_equal(mine.w, theirs.w)
        np.testing.assert_array_equal(mine.a, theirs.a)


def test_what_cannot_be_run_or_read_is_refused_in_one_line():
    class Broken(nn.Sequential):
        def forward(self, x):
            raise KeyError("q\nr")

    net = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 1))
    for source, inputs, message in (
        (Broken(*net), torch.ones(1, 3), "does not run"),
        (net, torch.ones(0, 3), "batch of finite numbers"),
        (net, torch.full((2, 3), float("nan")), "batch of finite numbers"),
        (nn.Sequential(nn.LazyLinear(5), nn.LazyLinear(1)), None, "no weights yet"),
        ([torch.ones(2, 2)], None, "list is no network"),
        (nn.ParameterList([torch.ones(2, 2), torch.ones(1, 2)]), None, "state_dict"),
        (
            nn.Sequential(nn.ConvTranspose1d(4, 4, 3, groups=2), nn.Conv1d(4, 1, 1)),
            None,
            "grouped transposed",
        ),
    ):
        with pytest.raises(NumericsError, match=message) as error:
            layers(source, inputs=inputs)
        assert "\n" not in str(error.value)


def test_a_module_registered_from_its_output_is_ordered_by_its_shapes():
    class Backwards(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.out, self.inner = torch.nn.Linear(9, 2), torch.nn.Linear(12, 9, bias=False)
            self.first = torch.nn.Linear(6, 12)

    module = Backwards()
    names = [layer.name for layer in layers(module)]
    assert names == ["first", "inner"] == [layer.name for layer in layers(module.state_dict())]


def test_a_layer_under_two_names_is_one_and_equal_layers_are_two(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 6), torch.nn.Linear(6, 1))
    module.insert(2, module[1])
    torch.save(module.state_dict(), tmp_path / "shared.pt")
    for state in (module.state_dict(), load_state(tmp_path / "shared.pt")):
        assert [layer.name for layer in layers(state)] == ["0", "1"]
    copied = {name: value.clone() for name, value in module.state_dict().items()}
    assert [layer.name for layer in layers(copied)] == ["0", "1", "2"]


def test_inputs_that_are_no_tensor_are_refused():
    with pytest.raises(NumericsError, match="inputs are of type ndarray"):
        layers(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)), inputs=np.ones((3, 2)))
