"""The run folder: nothing lost, nothing mixed, nothing half-written taken for whole.  No network is trained here."""

import json
import os
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import verify
from numerics import Dataset
from numerics.training.stopping import RescaledTime
from tests.verify.report.untrained import X, Y, alike, marked
from verify import Experiment, UsageError, run
from verify.regimes import run as pipeline
from verify.regimes.common.evidence import Resolved
from verify.report import LENGTH, keys, labels
from verify.report import store as provenance
from verify.strategies import experiments
from verify.tables.report import print_report

SIMILAR = ("x*tanh(x)", "x-tanh(x)", "x/tanh(x)", "tanh", "tanh(x)", "x**2", "X**2")


@pytest.fixture
def untrained(monkeypatch):
    monkeypatch.setattr(pipeline, "examine", marked)


@st.composite
def crowds(draw, most=6):
    """Lists of experiments that are easily taken for one another: equal, of one name, of names that look alike on disk."""
    kinds = st.one_of(
        experiments(),
        st.builds(
            lambda name, sigma, std: Experiment(data=Dataset(name, X, Y), activation=sigma, init_std=std),
            st.sampled_from(
                ["own", "Own", "OWN", "a/own", "b/own.csv", "own-tanh", "данные", "..", "own #2", "own-2"]
            ),
            st.sampled_from(SIMILAR),
            st.sampled_from([None, 1e-4, 1e-5]),
        ),
    )
    found = draw(st.lists(kinds, min_size=1, max_size=most))
    return found + draw(st.lists(st.sampled_from(found), max_size=3))


@given(crowds(most=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_experiment_of_a_run_has_a_name_and_a_folder_of_its_own(crowd):
    for names in (labels(crowd), keys(crowd)):
        assert len({name.casefold() for name in names}) == len(crowd)
    for key in keys(crowd):
        assert re.fullmatch(r"[A-Za-z0-9._-]+", key)
        assert key.strip(".") == key
        assert len(key) <= LENGTH + 10


def test_names_say_what_differs():
    one, other = (Experiment(data="line", init_std=s) for s in (1e-4, None))
    assert labels([one]) == ("line/tanh",)
    assert labels([one, other]) == ("line/tanh, init_std 0.0001", "line/tanh, init_std default")
    assert labels([one, one]) == ("line/tanh", "line/tanh #2")
    changed = [Experiment(data=Dataset("own", X, y)) for y in (Y, 2 * Y)]
    assert [re.sub("[0-9a-f]{8}$", "...", name) for name in labels(changed)] == ["own/tanh, data ..."] * 2
    formulas = [Experiment(data="line", activation=sigma) for sigma in ("x*tanh(x)", "x-tanh(x)")]
    assert keys(formulas) == ("line-x-tanh-x", "line-x-tanh-x-2")
    assert keys([Experiment(data=Dataset(name, X, Y)) for name in ("own", "OWN")]) == (
        "own-tanh",
        "OWN-tanh-2",
    )


@given(crowds(most=2))
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_no_array_check_note_or_figure_is_lost_or_mixed(tmp_path_factory, monkeypatch, crowd):
    monkeypatch.setattr(pipeline, "examine", marked)
    crowd = [each.settled(width=10 + k) for k, each in enumerate(crowd)]
    report = run(crowd, out=tmp_path_factory.mktemp("runs"))
    document = json.loads((Path(report.run_dir) / "run.json").read_text())
    assert document["complete"] is True
    names = [each["experiment"] for each in document["details"]]
    for k, experiment in enumerate(crowd):
        folder = Path(report.run_dir) / document["details"][k]["folder"]
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            assert arrays["mark"] == 10 + k
            np.testing.assert_array_equal(arrays["x"], experiment.dataset.x)
        assert f"mark {10 + k}" in (folder / "mark.svg").read_text()
        assert (folder / "mark.png").is_file()
        alone = json.loads((folder / "experiment.json").read_text())
        for found in (document, alone):
            own = [check["observed"] for check in found["checks"] if check["experiment"] == names[k]]
            assert own == [10 + k]
        assert f"{names[k]}: note {10 + k}" in document["notes"]
        assert Experiment.from_json(document, k).to_json() == experiment.to_json()
    assert sorted(p.name for p in Path(report.run_dir).iterdir()) == sorted({*keys(crowd), "run.json"})


def test_the_table_on_the_screen_mixes_nothing_either(untrained, capsys):
    print_report(run(alike()))
    shown = capsys.readouterr().out
    assert [len(re.findall(rf"^mark +{k} +{k} ", shown, re.M)) for k in (10, 11, 12)] == [1, 1, 1]


def test_the_document_says_what_was_taken_and_asked_and_where_it_comes_from(untrained, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sys.argv", ["condense", "verify", "own \udcff.csv"]
    )  # a name of bytes that are no text
    report = run(alike(1, seed=np.int64(3)), out=tmp_path)
    document = json.loads((Path(report.run_dir) / "run.json").read_text())
    taken, asked = document["experiments"][0], document["asked"][0]
    assert (taken["init_std"], taken["lr"], taken["fraction"], taken["width"]) == (1e-4, 0.5, 0.001, 10)
    assert (asked["init_std"], asked["lr"], asked["fraction"], asked["seed"]) == (None, None, None, 3)
    assert document["command"] == ["condense", "verify", "own \udcff.csv"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", document["date"])
    assert document["commit"] is None or re.fullmatch("[0-9a-f]{40}", document["commit"])
    assert document["platform"]
    assert document["processors"] == os.cpu_count()
    assert {"numba", "numpy", "torch", "python"} <= set(document["versions"])
    assert {f.name for f in fields(Experiment) if f.init} == set(taken) == set(asked)


def test_an_installed_package_has_no_commit_even_below_a_repository(tmp_path, monkeypatch):
    room = Path(verify.__file__).parent
    assert provenance._commit(room) == (
        provenance.provenance()["commit"],
        provenance.provenance()["modified"],
    )
    package = tmp_path / "lib" / "verify"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    assert provenance._git(tmp_path, "init", "-q") is not None
    assert provenance._commit(package) == (None, None)
    monkeypatch.setenv("PATH", "")
    assert provenance._commit(room) == (None, None)


def test_a_change_in_any_room_is_a_modification(tmp_path):
    """It was looked for below verify/report, where the function stands, and not in the rooms."""
    for room in ("theory/formula", "numerics", "verify/report"):
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").write_text("")
    (tmp_path / "verify/__init__.py").write_text("")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for arguments in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "all")):
        assert provenance._git(tmp_path, *arguments) is not None
    assert provenance._commit(tmp_path / "verify")[1] is False
    for room in ("theory/formula", "numerics", "verify/report"):
        (tmp_path / room / "__init__.py").write_text("x = 1")
        assert provenance._commit(tmp_path / "verify")[1] is True
        (tmp_path / room / "__init__.py").write_text("")
    assert provenance._commit(tmp_path / "verify")[1] is False


def test_what_is_recorded_is_of_the_package(monkeypatch):
    asked = []
    monkeypatch.setattr(provenance, "_commit", lambda room: asked.append(room) or ("c" * 40, True))
    assert provenance.provenance()["modified"] is True
    assert asked == [Path(verify.__file__).resolve().parent]


def test_a_data_file_that_changes_during_the_run_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "own.npz"
    np.savez(path, x=X, y=Y)

    def examine(experiment, watch):
        np.savez(path, x=X, y=-Y)
        return marked(replace(experiment, width=7), watch)  # as the regimes do

    monkeypatch.setattr(pipeline, "examine", examine)
    report = run([Experiment(data=path), Experiment(data=path)], out=tmp_path / "runs")
    document = json.loads((Path(report.run_dir) / "run.json").read_text())
    repeated = Experiment.from_json(document, 1)
    np.testing.assert_array_equal(repeated.dataset.y, Y)
    with pytest.raises(UsageError, match="are other data"):
        Experiment(**document["experiments"][1])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["details"][0].update(folder="../elsewhere"), "is not one of the run's own"),
        (lambda d: d["details"][0].update(folder=".."), "is not one of the run's own"),
        (lambda d: d["details"][0].update(folder=3), "is not one of the run's own"),
        (lambda d: d["asked"][0].update(data_sha256="0" * 64), "are other data"),
        (lambda d: d["asked"][0].update(colour="red"), "unknown field 'colour'"),
        (lambda d: d["asked"][0].update(bias="no"), "bias is 'no'"),
        (lambda d: d["asked"][0].pop("data"), "data is"),
        (lambda d: d["asked"][0].update(width="wide"), "width is 'wide'"),
        (lambda d: d.update(asked=None, experiments=[3]), "lists no experiments"),
        (lambda d: d.update(run_dir="nowhere"), "accepted: folder="),
        (lambda d: d.update(run_dir=None), "names no run folder"),
    ],
)
def test_a_document_that_fits_no_run_is_refused_in_one_line(untrained, tmp_path, change, says):
    report = run(alike(1), out=tmp_path)
    document = json.loads((Path(report.run_dir) / "run.json").read_text())
    moved = Experiment.from_json({**document, "run_dir": None}, folder=report.run_dir)
    assert Experiment.from_json(document).to_json() == moved.to_json() == alike(1)[0].to_json()
    change(document)
    with pytest.raises(ValueError, match=says) as error:
        Experiment.from_json(document)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rate", "lr", "rule"),
    [
        (0.03, 0.03, None),
        (RescaledTime(0.01, 1, 4.0), 0.0025, None),
        (RescaledTime(0.01, 2, 4.0), None, {"step": 0.01, "multiplicity": 2, "rate": 4.0}),
    ],
)
def test_the_learning_rate_that_was_taken(rate, lr, rule):
    """A number where it is constant, and otherwise the rule by which it follows the neurons."""
    taken = Resolved.taken(np.float64(1e-3), float("nan"), rate)
    assert (taken.init_std, taken.fraction, taken.lr) == (1e-3, None, lr)
    assert (rule is None) is (taken.schedule is None)
    assert (rule or {}).items() <= (taken.schedule or {}).items()
    assert json.dumps(vars(taken), allow_nan=False)
