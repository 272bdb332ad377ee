"""Which dictionary of a checkpoint is the network, and what is refused."""

import json
import pickle
import warnings

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from numerics.data import load
from numerics.errors import NumericsError
from numerics.weights import checkpoint
from numerics.weights.adapter import layers
from numerics.weights.checkpoint import load_state


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))


@pytest.fixture
def optimizer(net):
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(3, 4)).sum().backward()
    adam.step()
    return adam.state_dict()


def test_the_network_is_found_beside_and_below_other_tensors(net, optimizer, tmp_path):
    state = net.state_dict()
    for number, stored in enumerate(
        (
            {"epoch": 3, "model": state, "optimizer": optimizer},
            {"optimizer": optimizer, "scale": torch.ones(3, 3), "net": state},
            {"run": {"step": 7, "nested": {"weights": state, "moments": {"a": torch.ones(2, 2)}}}},
            {"x": torch.ones(9, 4), "y": torch.ones(9, 1), "state_dict": state},
        )
    ):
        torch.save(stored, tmp_path / f"{number}.ckpt")
        read = load_state(tmp_path / f"{number}.ckpt")
        assert list(read) == list(state)
        assert all(torch.equal(read[name], state[name]) for name in state)


@pytest.mark.parametrize(("weight", "bias"), [("kernel", "bias"), ("w", "b")])
@pytest.mark.parametrize("wrapped", ["", "params"])
def test_a_tree_of_parameters_is_one_network_and_two_trees_are_two(weight, bias, wrapped, tmp_path):
    def tree(width):
        shapes = {"Dense_0": (3, width), "Dense_1": (width, 4), "Dense_2": (4, 1)}
        return {n: {bias: torch.ones(s[1]), weight: torch.randn(s)} for n, s in shapes.items()}

    one = tree(7)
    torch.save({wrapped: one, "step": 3} if wrapped else one, tmp_path / "tree.pt")
    read = load_state(tmp_path / "tree.pt")
    assert list(read) == [f"Dense_{k}.{leaf}" for k in range(3) for leaf in (bias, weight)]
    first, second = layers(read)
    np.testing.assert_array_equal(first.w[:, :-1], one["Dense_0"][weight].T)
    assert (first.w.shape, second.w.shape) == ((7, 4), (4, 8))
    torch.save({"actor": tree(7), "critic": {"params": tree(9)}}, tmp_path / "two.pt")
    with pytest.raises(NumericsError, match=r"several sets of weights: 'actor', 'critic.params'; choose"):
        load_state(tmp_path / "two.pt")
    assert len(layers(load_state(tmp_path / "two.pt", entry="critic.params"))[0].w) == 9


def test_several_networks_are_never_chosen_by_chance(net, tmp_path, capsys):
    other = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 2))
    path = tmp_path / "gan.pt"
    torch.save({"generator": net.state_dict(), "critic": {"sd": other.state_dict()}}, path)
    with pytest.raises(NumericsError, match=r"several sets of weights: 'generator', 'critic.sd'; choose"):
        load_state(path)
    assert len(load_state(path, entry="critic.sd")["0.weight"]) == 9
    with pytest.raises(NumericsError, match=r"no entry 'nope' with weights; there: 'generator', 'critic.sd'"):
        load_state(path, entry="nope")

    from verify.cli import main

    with pytest.raises(SystemExit) as stop:
        main(["observe", str(path), "--entry", "critic.sd", "--json", "--quiet"])
    assert stop.value.code == 0
    assert [layer["neurons"] for layer in json.loads(capsys.readouterr().out)["layers"]] == [9]
    with pytest.raises(SystemExit) as stop:
        main(["observe", str(path)])
    out = capsys.readouterr()
    assert (stop.value.code, out.out, out.err.count("\n")) == (2, "", 1)


def test_an_optimizer_alone_is_no_network(optimizer, tmp_path):
    torch.save({"optimizer": optimizer}, tmp_path / "o.pt")
    with pytest.raises(NumericsError, match="holds no weight tensors"):
        load_state(tmp_path / "o.pt")


def test_a_file_larger_than_memory_is_refused_with_the_numbers(net, tmp_path, monkeypatch):
    torch.save(net.state_dict(), tmp_path / "big.pt")
    monkeypatch.setattr(checkpoint, "available_bytes", lambda device: 100)
    with pytest.raises(NumericsError, match=r"GiB on disk and 0.0 GiB of memory are available"):
        load_state(tmp_path / "big.pt")


def broken(net, folder):
    """Files that are no checkpoint of tensors, by name, and what the line must say of each."""
    torch.save(net.state_dict(), folder / "whole.pt")
    torch.save(net.state_dict(), folder / "old.pt", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(net.state_dict(), folder / "whole.safetensors")
    good, old, safe = ((folder / n).read_bytes() for n in ("whole.pt", "old.pt", "whole.safetensors"))
    half = len(good) // 2
    flipped = bytes(b ^ 0x5A if 300 < i < 1200 else b for i, b in enumerate(good))
    (folder / "folder.pt").mkdir()
    np.savez(folder / "arrays.npz", w=np.ones((3, 2)))
    torch.save(net, folder / "model.pt")
    torch.save({"array": np.ones((3, 3)), "model": net.state_dict()}, folder / "beside.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; files of it remain
        torch.jit.save(torch.jit.script(net), folder / "script.pt")
    written = {
        "empty.pt": b"",
        "empty.safetensors": b"",
        "cut.pt": good[:half],
        "cut_old.pt": old[:500],
        "flipped.pt": flipped,
        "text.pt": b"weights: 1 2 3\n",
        "text.safetensors": b"weights: 1 2 3\n",
        "noise.bin": bytes(range(256)),
        "pickle.pt": pickle.dumps({"a": [1, 2]}),
        "arrays.pt": (folder / "arrays.npz").read_bytes(),
        "cut.safetensors": safe[:200],
        "torch.safetensors": good,
        "safe.pt": safe,
        "whole.weights": good,
    }
    for name, content in written.items():
        (folder / name).write_bytes(content)
    advice = r"save its weights: torch.save\(model.state_dict\(\), 'weights.pt'\)"
    return {
        "": "the name of the file is empty",
        "missing.pt": "no such file",
        "folder.pt": "is a directory; a state_dict saved by torch or a .safetensors file is needed",
        "empty.pt": "is empty",
        "empty.safetensors": "is empty",
        "cut.pt": "a zip archive that is cut off or damaged",
        "cut_old.pt": "cut off or damaged",
        "flipped.pt": "cut off or damaged",
        "cut.safetensors": "is a safetensors file, but cut off or damaged",
        "text.pt": "is plain text: no state_dict",
        "text.safetensors": "is no safetensors file but plain text",
        "noise.bin": "is of no format known here: no state_dict",
        "pickle.pt": r"is a pickle \(never loaded\): no state_dict; .*" + advice,
        "arrays.pt": r"is a NumPy archive \(.npz\)",
        "model.pt": r"holds pickled Python objects \(torch.nn.modules.container.Sequential\), .*" + advice,
        "beside.pt": r"holds pickled Python objects \(numpy\..*\), which are never loaded; .*" + advice,
        "script.pt": r"is a TorchScript archive \(a program, never run\); .*" + advice,
        "torch.safetensors": "a file saved by torch; rename it to .pt",
        "safe.pt": "is a safetensors file inside; rename it to .safetensors",
        "whole.weights": "unknown extension",
    }


def test_every_other_file_is_named_in_one_line_of_our_own(net, tmp_path):
    for name, says in broken(net, tmp_path).items():
        with pytest.raises(NumericsError, match=says) as error:
            load_state(tmp_path / name if name else name)
        line = str(error.value)
        assert "\n" not in line
        assert not any(word in line for word in ("\x1b", "weights_only", "miniz", "PytorchStream")), line
    assert len(load_state(tmp_path / "whole.pt")) == len(load_state(tmp_path / "old.pt")) == 4


class Trap:
    """A pickle that would write a file, were it ever loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["trap.pt", "trap.safetensors", "trap.npz"])
def test_nothing_pickled_is_ever_run(tmp_path, name):
    marker = tmp_path / "sprung"
    for write in (
        lambda: torch.save({"w": Trap(marker)}, tmp_path / name),
        lambda: (tmp_path / name).write_bytes(pickle.dumps(Trap(marker))),
    ):
        write()
        with pytest.raises(NumericsError) as error:
            (load if name.endswith("npz") else load_state)(tmp_path / name)
        assert "\n" not in str(error.value)
        assert not marker.exists()
