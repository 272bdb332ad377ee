"""`import condense`: the facade's names, and what is said where a folder or file of one of our names stands in the way."""

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest

import condense
import numerics
import theory
import verify

SCRIPT = Path(sys.executable).with_name("condense")


def test_every_name_is_the_room_s_own():
    ours = {name: getattr(condense, name) for name in condense.__all__}
    for name in (
        "Network",
        "OrientationSet",
        "Prediction",
        "Problem",
        "activation",
        "derive",
        "loss",
        "predict",
    ):
        assert ours.pop(name) is getattr(theory, name)
    for name in ("Dataset", "load", "observe"):
        assert ours.pop(name) is getattr(numerics, name)
    for name in ("Experiment", "Report", "Verdict"):
        assert ours.pop(name) is getattr(verify, name)
    assert ours.pop("verify") is verify.run
    assert set(ours) == {"orientations"}
    assert set(condense.__all__) < set(dir(condense))
    assert condense.__version__ == "0.1.0"
    with pytest.raises(AttributeError, match="module 'condense' has no attribute 'orientation'"):
        _ = condense.orientation  # type: ignore[attr-defined]


def test_examples_of_its_docstrings():
    result = doctest.testmod(condense)
    assert result.attempted >= 5
    assert not result.failed


def test_orientations_are_those_of_the_prediction():
    data = numerics.load("line")
    found = condense.orientations(data.x, data.y, "x*tanh(x)", bias=True)
    assert found == theory.predict(data.x, data.y, "x*tanh(x)", bias=True).orientations
    assert found == condense.orientations(condense.Problem.of(data.x, data.y, "x*tanh(x)"))
    with pytest.raises(theory.TheoryError, match="half-mse"):
        condense.orientations(data.x, data.y, "tanh", loss_function="hinge")


def test_predicting_loads_neither_torch_nor_the_command_line():
    program = (
        "import sys, condense; condense.load('line'); condense.predict([1.0, 2.0], [1.0, 0.5], 'tanh').orientations; "
        "print({'torch', 'cyclopts', 'matplotlib'} & set(sys.modules))"
    )
    done = _python("-c", program)
    assert done.stdout == "set()\n", done.stderr


def _python(*arguments, where=None, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=where,
        env={**os.environ, **environment},
        check=False,
        timeout=120,
    )


IN_THE_WAY = ("theory/__init__.py", "theory.py", "numerics/__init__.py", "verify/__init__.py")


def _in_the_way(folder, name):
    """A file of the user's own that Python takes for one of the rooms."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine = 1\n")
    return folder / name, name.split("/")[0].removesuffix(".py")


def _says_which_and_what(line, path, room):
    ours = Path(condense.__file__).parents[1] / room
    assert f"{path} is taken for the package {room!r} of condense ({ours})" in line
    assert line.endswith(f"rename it, or run from a folder in which nothing is named {room}")


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_a_script_beside_such_a_file(name, tmp_path):
    path, room = _in_the_way(tmp_path, name)
    (tmp_path / "script.py").write_text("import condense\n")
    done = _python("script.py", where=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: ")
    _says_which_and_what(last, path, room)


@pytest.mark.parametrize("name", IN_THE_WAY[:3])
def test_a_script_that_imports_verify(name, tmp_path):
    path, room = _in_the_way(tmp_path, name)
    (tmp_path / "script.py").write_text("import verify\nverify.Experiment(data='line')\n")
    last = _python("script.py", where=tmp_path).stderr.splitlines()[-1]
    assert last.startswith("ImportError: ")
    _says_which_and_what(last, path, room)


@pytest.mark.parametrize("name", IN_THE_WAY[:3])
def test_the_command_line_from_such_a_folder(name, tmp_path):
    path, room = _in_the_way(tmp_path, name)
    module = _python("-m", "verify", "multiplicity", "tanh", where=tmp_path)
    script = subprocess.run(
        [SCRIPT, "multiplicity", "tanh"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        timeout=120,
    )
    for done in (module, script):
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        _says_which_and_what(line, path, room)


def test_the_script_does_not_look_into_the_folder_where_it_is_called(tmp_path):
    _in_the_way(tmp_path, "theory/__init__.py")
    done = subprocess.run(
        [SCRIPT, "multiplicity", "tanh"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_without_an_init_is_in_nobody_s_way(tmp_path):
    (tmp_path / "theory").mkdir()
    (tmp_path / "script.py").write_text("import condense\nprint(condense.activation('tanh').multiplicity)\n")
    assert _python("script.py", where=tmp_path).stdout == "1\n"
