"""Condensation of a hand-written network's checkpoint: planted clusters, zero rows, odd names, wrong registration order."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from numerics.errors import NumericsError
from numerics.measure.chance import pair_chance
from numerics.weights.adapter import layers
from numerics.weights.checkpoint import load_state
from numerics.weights.observe import observe


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem_k = nn.Conv2d(1, 12, 3)
        self.squash = nn.ModuleDict({"lin-A": nn.Linear(12 * 4, 40)})


class Script(nn.Module):
    """The head is registered first, the blocks are nested and oddly named."""

    def __init__(self):
        super().__init__()
        self.zz_head = nn.Linear(40, 3)
        self.core = nn.ModuleList([Trunk()])

    def forward(self, x):
        h = torch.tanh(self.core[0].stem_k(x)).flatten(1)
        return self.zz_head(torch.tanh(self.core[0].squash["lin-A"](h)))


@pytest.fixture
def script():
    """Filters: 5 on one orientation, 4 on its opposite, 2 zero, 1 alone.  Neurons: 20 + 10 in two clusters, 3 zero, 7
    in random directions of R^49."""
    torch.manual_seed(1)
    net = Script().double()
    rng = np.random.default_rng(7)

    def rows(dimension, plan, strays):
        out = []
        for direction, count in plan:
            out.append(
                np.outer(rng.uniform(0.5, 2, count), direction)
                + 1e-3 * rng.standard_normal((count, dimension))
            )
        return np.concatenate([*out, rng.standard_normal((strays, dimension))])

    e = np.linalg.qr(rng.standard_normal((49, 2)))[0].T
    filters = np.concatenate([rows(10, [(np.eye(10)[9], 5), (-np.eye(10)[9], 4)], 1), np.zeros((2, 10))])
    dense = np.concatenate([rows(49, [(e[0], 20), (e[1], 10)], 7), np.zeros((3, 49))])
    with torch.no_grad():
        for layer, w in ((net.core[0].stem_k, filters), (net.core[0].squash["lin-A"], dense)):
            assert isinstance(layer, nn.Conv2d | nn.Linear)
            assert layer.bias is not None
            layer.weight.copy_(torch.as_tensor(w[:, :-1]).view_as(layer.weight))
            layer.bias.copy_(torch.as_tensor(w[:, -1]))
    return net


def test_a_hand_written_checkpoint_is_measured(script, tmp_path):
    torch.save(script.state_dict(), tmp_path / "net.pt")
    first, second = observe(load_state(tmp_path / "net.pt"))
    assert (first.layer, first.kind, first.neurons, first.dimension) == (
        "core.0.stem_k",
        "convolution",
        12,
        10,
    )
    assert (first.zero_neurons, first.orientations, first.condensed_neurons) == (2, 2, 9)
    assert [c.neurons for c in first.clusters] == [5, 4]
    assert first.clusters[0].centre[-1] == pytest.approx(1, abs=1e-5)
    assert first.clusters[1].centre[-1] == pytest.approx(-1, abs=1e-5)
    assert (second.layer, second.neurons, second.zero_neurons) == ("core.0.squash.lin-A", 40, 3)
    assert (second.orientations, second.condensed_neurons) == (2, 30)
    # By count: 37 neurons in classes of 20, 10 and seven single ones.
    assert second.effective_width_by_count == pytest.approx(37**2 / (20**2 + 10**2 + 7))
    assert 1 < second.effective_width < 37
    assert second.cosine_quantiles == tuple(sorted(second.cosine_quantiles))
    # The module itself, run once, gives the same.
    direct = observe(script, inputs=torch.ones(2, 1, 4, 4, dtype=torch.float64))
    assert [a.to_json() for a in direct] == [b.to_json() for b in (first, second)]


def test_outgoing_weights_follow_the_filters_through_the_flattening(script):
    conv, dense = layers(script.state_dict())
    weight = script.core[0].squash["lin-A"].weight.detach().numpy()
    assert conv.a.shape == (12, 40 * 4)
    np.testing.assert_array_equal(np.sort(conv.a[3]), np.sort(weight[:, 3 * 4 : 4 * 4].ravel()))
    np.testing.assert_array_equal(dense.a, script.zz_head.weight.detach().numpy().T)


def test_a_silent_neuron_weighs_nothing_by_amplitude(script):
    with torch.no_grad():
        script.zz_head.weight[:, :20] = 0
    second = observe(script.state_dict())[1]
    assert second.orientations == 2
    assert second.clusters[0].share == 0
    loud = observe(script.state_dict(), multiplicity=40)[1]
    assert loud.orientations_by_amplitude != second.orientations_by_amplitude


def test_the_threshold_decides_and_chance_is_counted(script):
    seen = observe(script.state_dict(), threshold=0.9999999)[1]
    assert (seen.orientations, seen.threshold) == (0, 0.9999999)
    counted = observe(script.state_dict(), chance=True, seed=3)[1].counts
    assert [row["cosine"] for row in counted] == [0.8, 0.9, 0.95, 0.98, 0.99]
    assert all(row["count"] == 2 and row["chance_mean"] == 0 for row in counted)
    assert counted == observe(script.state_dict(), chance=True, seed=3)[1].counts


def test_an_ambiguous_order_stays_as_registered():
    square = {f"{name}.weight": torch.eye(4) for name in ("c", "a", "b")}
    assert [layer.name for layer in layers(square)] == ["c", "a"]


def test_a_layer_of_zeros_has_no_orientation():
    (seen,) = observe({"a.weight": torch.zeros(5, 3), "b.weight": torch.ones(1, 5)})
    assert (seen.zero_neurons, seen.orientations, seen.effective_width, seen.cosine_quantiles) == (
        5,
        0,
        0.0,
        None,
    )


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_amplitudes_count_at_any_scale_and_multiplicity(script, scale):
    state = {name: scale * value for name, value in script.state_dict().items()}
    one = observe(state, multiplicity=400)[1]
    # The neuron of the largest norm carries all: a strength of 400 leaves nothing to the others.
    assert one.effective_width < 1.5
    assert one.effective_width == pytest.approx(
        observe(script.state_dict(), multiplicity=400)[1].effective_width
    )


def test_threshold_one_means_equal(script):
    with torch.no_grad():
        script.zz_head.weight[:] = 1
        script.core[0].squash["lin-A"].weight[:7] = script.core[0].squash["lin-A"].weight[0] * 3
        script.core[0].squash["lin-A"].bias[:7] = script.core[0].squash["lin-A"].bias[0] * 3
    second = observe(script.state_dict(), threshold=1.0)[1]
    assert (second.orientations, second.condensed_neurons) == (1, 7)
    assert second.effective_width_by_count == pytest.approx(37**2 / (7**2 + 30))


def test_nonsense_is_refused(script):
    with pytest.raises(NumericsError, match="threshold is 1.5"):
        observe(script.state_dict(), threshold=1.5)
    with pytest.raises(NumericsError, match="multiplicity is 0"):
        observe(script.state_dict(), multiplicity=0)
    with pytest.raises(NumericsError, match="seed is -1"):
        observe(script.state_dict(), seed=-1)


def planted(rows):
    rows = torch.as_tensor(rows)
    return {"a.weight": rows, "b.weight": torch.ones(1, len(rows), dtype=rows.dtype)}


@pytest.mark.parametrize("neurons", [30, 120])
@pytest.mark.parametrize("dimension", [1, 3])
def test_a_fresh_layer_is_no_more_condensed_than_chance(dimension, neurons):
    """Its many orientations are those of random directions; one of twenty may stand out, three of six may not."""
    said = []
    for seed in range(6):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(dimension, neurons), nn.Tanh(), nn.Linear(neurons, 1))
        said.append(observe(net, seed=seed)[0])
    assert sum(not each.chance.no_more for each in said) < 3
    assert all(each.chance.dimension == dimension + 1 and each.chance.neurons == neurons for each in said)
    if dimension == 1:
        for each in said:
            assert each.chance.orientations == pytest.approx(each.orientations, abs=3)
            assert each.chance.condensed_neurons > 0.7 * neurons


@pytest.mark.parametrize("dimension", [2, 3, 6, 40])
@pytest.mark.parametrize("directions", [1, 2, 4])
def test_condensed_neurons_are_more_than_chance(dimension, directions):
    rng = np.random.default_rng(dimension)
    centres = rng.standard_normal((directions, dimension))
    rows = centres[np.arange(40) % directions] * rng.uniform(0.5, 2, (40, 1))
    (each,) = observe(planted(rows))
    assert not each.chance.no_more
    assert each.chance.p <= 0.05


def test_chance_lives_in_the_dimensions_that_have_a_weight():
    rows = np.zeros((50, 9))
    rows[:, 4] = np.random.default_rng(0).standard_normal(50)
    (each,) = observe(planted(rows))
    assert (each.orientations, each.condensed_neurons) == (2, 50)
    assert (each.chance.dimension, each.chance.orientations, each.chance.no_more) == (1, 2, True)
    (each,) = observe(planted(np.zeros((5, 3))))
    assert each.chance is None


def test_the_chance_of_a_pair_is_the_share_of_a_cap():
    # In the plane an angle; in space the height of the cap (Archimedes); elsewhere by drawing.
    assert pair_chance(2, 0.95) == pytest.approx(np.arccos(0.95) / np.pi, rel=1e-12)
    assert pair_chance(3, 0.8) == pytest.approx(0.1, rel=1e-12)
    assert pair_chance(1, 0.95) == 0.5
    rows = np.random.default_rng(0).standard_normal((200_000, 6))
    drawn = (rows[:, 0] >= 0.5 * np.linalg.norm(rows, axis=1)).mean()
    assert pair_chance(6, 0.5) == pytest.approx(drawn, abs=4 * np.sqrt(drawn / len(rows)))


def test_the_verdict_on_chance_is_in_the_table_and_in_the_document(tmp_path, capsys):
    from verify.cli import main

    torch.manual_seed(0)
    torch.save(
        nn.Sequential(nn.Linear(1, 60), nn.Tanh(), nn.Linear(60, 1)).state_dict(), tmp_path / "fresh.pt"
    )
    rows = np.outer(np.linspace(0.5, 2, 60), [0.6, 0.8])
    torch.save(planted(rows), tmp_path / "condensed.pt")
    torch.save({f"W{k}": torch.eye(4) for k in range(3)}, tmp_path / "square.pt")

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["observe", *map(str, arguments)])
        return stop.value.code, capsys.readouterr()

    for name, no_more in (("fresh.pt", True), ("condensed.pt", False)):
        _, out = run(tmp_path / name)
        assert ("no more than chance" in out.out) == no_more
        assert "60 random vectors in D = 2 give" in out.out
        _, out = run(tmp_path / name, "--json", "--quiet")
        assert json.loads(out.out)["layers"][0]["chance"]["no_more"] is no_more
    code, out = run(tmp_path / "square.pt")
    assert (code, out.out, out.err.count("\n")) == (2, "", 1)
    assert "--layout outputs-inputs or inputs-outputs" in out.err
    assert run(tmp_path / "square.pt", "--layout", "inputs-outputs")[0] == 0


def test_the_command(script, tmp_path, capsys):
    from verify.cli import main

    torch.save(script.state_dict(), tmp_path / "net.pth")
    with pytest.raises(SystemExit) as stop:
        main(["observe", str(tmp_path / "net.pth"), "--json", "--quiet"])
    document = json.loads(capsys.readouterr().out)
    keys = {"layer", "neurons", "zero_neurons", "orientations", "orientations_by_amplitude", "effective_width",
            "cosine_quantiles", "threshold"}  # fmt: skip
    assert stop.value.code == 0
    assert all(keys <= set(layer) for layer in document["layers"])
    for arguments in (["observe", str(tmp_path / "no.pt")], ["observe", __file__]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        out = capsys.readouterr()
        assert (stop.value.code, out.out, out.err.count("\n")) == (2, "", 1)
