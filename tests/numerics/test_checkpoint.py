"""Which dictionary of a checkpoint is the network, and what is refused."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from numerics import checkpoint
from numerics.checkpoint import load_state
from numerics.errors import NumericsError


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


def test_empty_and_pickled_files_and_folders_are_refused_in_one_line(tmp_path):
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "folder.pt").mkdir()
    torch.save({"array": np.ones((3, 3)), "a": object}, tmp_path / "pickled.pt")
    for name in ("empty.pt", "empty.safetensors", "folder.pt", "pickled.pt"):
        with pytest.raises(NumericsError) as error:
            load_state(tmp_path / name)
        assert "\n" not in str(error.value)
