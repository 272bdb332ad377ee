"""Killed while writing, disk full, no permission, two runs at once, a clock that goes back.  No network is trained."""

import errno
import json
import os
import resource
import signal
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.verify.report.untrained import alike, marked, marked_figure
from theory import TheoryError
from verify import UsageError, Verdict, run
from verify.progress import Silent
from verify.regimes import run as pipeline
from verify.report import store
from verify.report import store as provenance
from verify.report.store import write_arrays, write_json
from verify.reproduce import reproduce
from verify.reproduce.figures import figure3, figure6
from verify.reproduce.finding import Finding
from verify.reproduce.plots import draw
from verify.reproduce.workspace import Workspace

WRITES = (
    12  # of a run of two experiments: 2 arrays, 2 figures of 2 files, run.json and 2 experiment.json twice
)


@pytest.fixture(autouse=True)
def untrained(monkeypatch):
    monkeypatch.setattr(pipeline, "examine", marked)


def child(work):
    """The exit status of a process that does `work` and nothing else."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(9)
    return os.waitpid(pid, 0)[1]


def at(number, function, then):
    """The function, but that its call of this number is preceded by `then`."""
    calls = iter(range(10**6))

    def wrapped(*arguments):
        if next(calls) == number:
            then()
        return function(*arguments)

    return wrapped


def read(folder):
    """Every file below the folder that has its name, read to its end: none is in pieces."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = json.loads(path.read_text())
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                found[name] = {key: arrays[key] for key in arrays.files}
        elif path.suffix == ".png":
            Image.open(path).load()
            found[name] = None
        elif path.suffix == ".svg":
            assert path.read_text().rstrip().endswith("</svg>")
            found[name] = None
        else:
            assert path.is_dir() or path.suffix == ".part", name
    return found


def whole_as_far_as_it_says(folder):
    """What a document says is there: run.json all experiments, a complete document its figures too."""
    found = read(folder)
    for name, document in found.items():
        if not name.endswith(".json"):
            continue
        below = Path(name).parent
        for each in document["details"]:
            place = below / each["folder"]
            assert f"{place / 'arrays.npz'}" in found
            assert f"{place / 'experiment.json'}" in found
            mark = int(found[f"{place / 'arrays.npz'}"]["mark"])
            assert [c["observed"] for c in document["checks"] if c["experiment"] == each["experiment"]] == [
                mark
            ]
            if document["complete"]:
                assert {f"{place / 'mark.png'}", f"{place / 'mark.svg'}"} <= set(found)
    return found


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", range(WRITES))
def test_killed_at_any_write(tmp_path, step, number):
    def work():
        kill = at(number, getattr(os, step), lambda: os.kill(os.getpid(), signal.SIGKILL))
        setattr(store.os, step, kill)
        run(alike(2), out=tmp_path)

    assert os.WTERMSIG(child(work)) == signal.SIGKILL
    left = contents(tmp_path)
    found = whole_as_far_as_it_says(tmp_path / "verify-001")
    marks = [name for name in found if name.endswith("arrays.npz")]
    assert len(marks) == min(2, (number + 1) // 2)  # each as soon as it is found
    again = run(alike(2), out=tmp_path)
    assert Path(again.run_dir).name == "verify-002"
    assert again.complete
    assert left.items() <= contents(tmp_path).items()


def test_no_write_more_than_were_killed(tmp_path, monkeypatch):
    calls = []
    replace = os.replace
    monkeypatch.setattr(store.os, "replace", lambda *names: (calls.append(names), replace(*names)))
    assert run(alike(2), out=tmp_path).complete
    assert len(calls) == WRITES


@pytest.mark.parametrize("number", range(WRITES))
def test_disk_full_at_any_write(tmp_path, monkeypatch, number):
    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.os, "fsync", at(number, os.fsync, full))
    report = run(alike(2), out=tmp_path)
    assert [check.observed for check in report.checks] == [10, 11]
    assert report.verdict is Verdict.CONFIRMED
    assert not report.complete
    assert "No space left on device" in report.notes[-1]
    assert not list(tmp_path.rglob("*.part"))
    found = whole_as_far_as_it_says(tmp_path / "verify-001")
    assert not found.get("run.json", {"complete": False})["complete"]


def test_a_file_system_that_stops_in_the_middle_of_a_file(tmp_path):
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, kept[1]))
    try:
        report = run(alike(2), out=tmp_path)
        with pytest.raises(OSError, match="File too large"):
            write_arrays(tmp_path / "one.npz", {"a": np.arange(10_000.0)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert not report.complete
    assert "File too large" in report.notes[-1]
    assert whole_as_far_as_it_says(tmp_path) == {}


def test_no_permission_before_and_during_the_run(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "file").touch()
    with pytest.raises(
        UsageError, match=r"--out .*: Not a directory; a folder that can be written to is needed"
    ):
        run(alike(2), out=tmp_path / "file" / "runs")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "touch", refuse)
        with pytest.raises(UsageError, match=r"--out .*: Permission denied"):
            run(alike(2), out=tmp_path)

    def examine(experiment, watch):
        monkeypatch.setattr(Path, "mkdir", refuse)  # taken away while networks are trained
        return marked(experiment, watch)

    monkeypatch.setattr(pipeline, "examine", examine)
    report = run(alike(2), out=tmp_path)
    assert [check.observed for check in report.checks] == [10, 11]
    assert (report.run_dir, report.complete) == (None, False)
    assert "Permission denied" in report.notes[-1]


def test_an_experiment_that_is_refused_takes_no_other_with_it(tmp_path, monkeypatch):
    def examine(experiment, watch):
        if experiment.width == 12:
            raise TheoryError("no theorem")
        return marked(experiment, watch)

    monkeypatch.setattr(pipeline, "examine", examine)
    with pytest.raises(TheoryError, match="no theorem"):
        run(alike(3), out=tmp_path / "several")
    found = whole_as_far_as_it_says(tmp_path / "several" / "verify-001")
    assert sum(name.endswith("experiment.json") for name in found) == 2
    assert "run.json" not in found
    with pytest.raises(TheoryError, match="no theorem"):
        run(alike(1, first=12), out=tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_runs_at_once_in_one_folder(tmp_path):
    def work(first):
        for k in range(4):
            assert run(alike(1, first=first + k), out=tmp_path).complete

    children = []
    for first in (10, 20, 30):
        pid = os.fork()
        if pid == 0:
            try:
                work(first)
                os._exit(0)
            except BaseException:
                os._exit(9)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    folders = list(tmp_path.iterdir())
    found = [whole_as_far_as_it_says(folder)["run.json"]["checks"][0]["observed"] for folder in folders]
    assert sorted(found) == [10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]


def test_a_file_that_several_write_at_once_is_one_of_theirs(tmp_path):
    path = tmp_path / "piece.npz"
    write_arrays(path, {"mark": np.zeros(20_000)})
    children = []
    for mark in (1.0, 2.0):
        pid = os.fork()
        if pid == 0:
            for _ in range(60):
                write_arrays(path, {"mark": np.full(20_000, mark) + np.arange(20_000)})
            os._exit(0)
        children.append(pid)
    for _ in range(100):
        with np.load(path, allow_pickle=False) as arrays:
            assert len(arrays["mark"]) == 20_000
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_a_clock_that_goes_back(tmp_path, monkeypatch):
    class Clock(datetime):
        year_now = 2030

        @classmethod
        def now(cls, tz=None):
            cls.year_now -= 1
            return datetime(cls.year_now, 1, 1, tzinfo=tz)

    monkeypatch.setattr(provenance, "datetime", Clock)
    first = Path(run(alike(2), out=tmp_path).run_dir)
    kept = contents(first)
    second = Path(run(alike(2), out=tmp_path).run_dir)
    dates = [json.loads((each / "run.json").read_text())["date"][:4] for each in (first, second)]
    assert (first.name, second.name, *dates) == ("verify-001", "verify-002", "2029", "2028")
    assert contents(first) == kept


@pytest.fixture
def figures(monkeypatch):
    """Figures 3 and 6 at once: their page, picture and finding bear their number and the seed."""

    def figure(name):
        def make(work):
            mark = float(work.piece(name, {"seed": work.seed}, lambda: {"v": np.array(work.seed)})["v"])
            draw(work, f"figure-{name}-one", lambda: marked_figure(mark))
            return [Finding(name, "case", "gd", "", "", f"seen {mark}", None, Verdict.CONFIRMED, "")]

        return make

    monkeypatch.setattr(figure3, "figure_3", figure("3"))
    monkeypatch.setattr(figure6, "figure_6", figure("6"))


def test_what_one_call_of_reproduce_has_written_no_other_touches(figures, tmp_path):
    calls = [(["6"], 0), (["3"], 0), (["6"], 1), (["6"], 0), (["3", "6"], 2)]
    kept = {}
    for names, seed in calls:
        result = reproduce(names, out=tmp_path, seed=seed, seeds=1)
        folder = Path(result.run_dir)
        assert kept.items() <= contents(tmp_path).items()
        kept = contents(tmp_path)
        document = json.loads((folder / "reproduction.json").read_text())
        assert [each["figure"] for each in document["findings"]] == names
        assert f"seen {float(seed)}" in (folder / "reproduction.md").read_text()
        assert {"date", "command", "commit", "platform", "versions"} <= set(document)
        for image in document["images"]:
            assert image.endswith(".png") or f"mark {float(seed)}" in (folder / image).read_text()
    found = sorted(path.name for path in (tmp_path / "reproduce").iterdir())
    assert found == ["3-001", "3-6-001", "6-001", "6-002", "6-003", "pieces"]


def test_a_call_of_reproduce_that_is_killed_has_no_document(figures, tmp_path):
    def work(number):
        kill = at(number, os.replace, lambda: os.kill(os.getpid(), signal.SIGKILL))
        store.os.replace = kill
        reproduce(["6"], out=tmp_path / str(number), seeds=1)

    for number in range(5):  # piece, two pictures, page, document
        assert os.WTERMSIG(child(lambda number=number: work(number))) == signal.SIGKILL
        assert not list((tmp_path / str(number)).rglob("reproduction.json"))
        again = reproduce(["6"], out=tmp_path / str(number), seeds=1)
        assert Path(again.run_dir).name == "6-002"


def test_a_piece_cut_off_anywhere_is_made_again(tmp_path):
    work = Workspace.open(tmp_path, seed=0, seeds=1, quick=True, progress=Silent())
    work.piece("one", {}, lambda: {"v": np.arange(50), "w": np.eye(3)})
    (path,) = work.pieces.iterdir()
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        assert work.piece("one", {}, lambda: {"v": np.arange(50), "w": np.eye(3)})["v"].tolist() == list(
            range(50)
        )
        assert len(path.read_bytes()) == len(data)


def test_json_is_strict_and_whole_or_the_old_one(tmp_path):
    write_json(tmp_path / "one.json", {"a": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "one.json", {"a": float("nan")})
    assert json.loads((tmp_path / "one.json").read_text()) == {"a": 1}
