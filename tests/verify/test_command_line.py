"""The command line as a user meets it: documents, exit codes, refusals in one line."""

import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import sympy
import torch

from tests.verify.called import call, csv
from verify import progress


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x1,x2,y\n1,2,3\n2,nan,4\n3,4,5\n", "nan"),
        ("x1,x2,y\n1,2,3\n", "1 row"),
        ("x1,y\n1,0\n2,0\n4,0\n", "is 0 at zero output"),
        ("1,2\n3,4\n5,6\n", "header"),
        ("", "is empty"),
        ("x1,x2,y\n1,a,3\n2,b,4\n", "x2"),
    ],
)
def test_bad_data_is_refused_in_one_line(capsys, tmp_path, content, says):
    code, out, err = call(capsys, "verify", csv(tmp_path, content), "--quiet", "--out", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert says in err
    assert not list(tmp_path.glob("data-*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "nowhere.csv"), "nowhere.csv"),
        (("verify", "line", "--activation", "tanhh"), "tanhh"),
        (("verify", "xor"), "vanish"),
        (("verify", "line", "--width", "0"), "width"),
        (("verify", "line", "--init-std", "-1"), "init_std"),
        (("verify", "line", "--init-std", "0"), "init_std"),
        (("verify", "line", "--seeds", "0"), "seeds is 0"),
        (("verify", "line", "--seeds", "1.5"), "'1.5' is no whole number"),
        (("verify", "line", "more"), "one argument too many: more"),
        (("verify", "line", "--out", ""), "--out is empty"),
        (("verify", "line", "--loss", "logistic"), "takes labels -1 and +1"),
        (("reproduce", "6", "--out", ""), "--out is empty"),
        (("reproduce", "6", "--seeds", "0"), "seeds is 0"),
        (("reproduce", "6", "--data", "own.npz"), "--data is read by the figures 2 and preprint-mnist alone"),
        (("reproduce", "2", "--data", "nowhere.npz"), "no such file"),
        (("claims", "L.invariant", "--out", ""), "--out ''"),
        (("hunt", "C1", "--trials", "0"), "trials is 0; accepted: a whole number of at least 1"),
        (("hunt", "C1", "--seed", "-1"), "seed is -1; accepted: a whole number of at least 0"),
        (("observe", "nowhere.pt"), "no such file"),
        (("order", "tanh", "--weight-decay", "nan"), "weight decay is nan"),
        (("order", "tanh", "--weight-decay", "-1"), "weight decay is -1"),
        (("order", "tanh", "line", "--activation", "xtanh"), "Unknown option: --activation"),
        (("derive", "tanh", "--latex", "--json"), "choose one"),
        (("orientations", "line", "--width", "5"), "Unknown option: --width"),
        (("orientations", "line", "--naive"), "--naive is about σ(0) ≠ 0"),
        (("orientations", "line", "--init-std", "1e-3"), "condense orientations --help"),
        (("verify", "--widht", "3"), "--width"),
        (("multiplicity", "__import__('os')"), "position"),
        (("multiplicity", "x*y"), "variable"),
        (("multiplicity", "3"), "3"),
        (("verify", "line", "--activation", "sigmoid", "--optimizer", "adam"), "σ(0)"),
        (("verify", "line", "--activation", "relu", "--optimizer", "sign"), "kink"),
    ],
)
def test_bad_usage_is_refused_in_one_line(capsys, arguments, says):
    code, out, err = call(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


TRAINING = ("--width", "--init-std", "--lr", "--fraction", "--seeds", "--device")


@pytest.mark.parametrize("command", ["orientations", "order"])
def test_help_lists_only_the_options_that_apply(capsys, command):
    options = set(re.findall(r"--[a-z][a-z-]*", call(capsys, command, "--help")[1]))
    assert not options & {*TRAINING, "--out"}
    assert {"--loss", "--no-bias", "--standardize", "--seed", "--max-paths", "--json", "--quiet"} <= options
    assert ("--optimizer" in options) is (command == "orientations")
    assert set(TRAINING) <= set(re.findall(r"--[a-z][a-z-]*", call(capsys, "verify", "--help")[1]))


def test_commands_without_progress_take_quiet_and_do_not_list_it(capsys):
    for command in ("multiplicity", "derive"):
        assert "--quiet" not in call(capsys, command, "--help")[1]
        assert call(capsys, command, "tanh", "--quiet", "--json")[0] == 0


def test_constant_targets_are_predicted_where_a_moment_is_left(capsys, tmp_path):
    """y = 1: the signal is 1, so T is the mean of (x, 1); without bias and on centred x nothing is left of it."""
    x = [-0.5, 0.2, 0.7, 1.0]
    ones = csv(tmp_path, "x,y\n" + "".join(f"{v},1\n" for v in x))
    code, out, _ = call(capsys, "orientations", ones, "--json", "--quiet")
    found = json.loads(out)["orientations"]
    g = np.array([np.mean(x), 1.0])
    assert code == 0
    np.testing.assert_allclose(found[0]["u"], g / np.linalg.norm(g), rtol=1e-15)
    centred = csv(tmp_path, "x,y\n-1,1\n1,1\n")
    code, out, err = call(capsys, "orientations", centred, "--no-bias", "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "vanish on these data" in err
    for command in (("orientations",), ("order", "tanh")):
        code, out, err = call(capsys, *command, csv(tmp_path, "x,y\n-1,0\n2,0\n"), "--quiet")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "signal" in err


def test_zero_one_labels_are_told_how_to_be_mapped(capsys, tmp_path):
    code, out, err = call(capsys, "verify", csv(tmp_path, "x,y\n1,0\n2,1\n"), "--loss", "logistic", "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "map 0 to -1" in err


def test_orientations_document_of_several_outputs(capsys, tmp_path):
    """K = 2, p = 2: every key of the document, and growing orientations at the corners that symmetry gives.

    y = x₁x₂ and twice that on the four corners: F = 5 (2 u₁u₂)², largest at u = (±1, ±1)/√2, where √F = √5.
    """
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    y = np.column_stack([x[:, 0] * x[:, 1], 2 * x[:, 0] * x[:, 1]])
    np.savez(tmp_path / "outputs.npz", x=x, y=y)
    arguments = ("orientations", str(tmp_path / "outputs.npz"), "--activation", "xtanh", "--no-bias")
    code, out, _ = call(capsys, *arguments, "--json", "--quiet")
    document = json.loads(out)
    assert code == 0
    keys = "multiplicity dimension bias bound_2p lines_expected lines_found complete method notes attractors dying"
    assert set(keys.split()) <= set(document)
    assert (document["multiplicity"], document["dimension"], document["bound_2p"]) == (2, 2, 4)
    assert (document["complete"], document["attractors"], document["dying"]) == (True, 4, 0)
    corners = [o for o in document["orientations"] if o["kind"] == "attractor"]
    np.testing.assert_allclose(np.abs([o["u"] for o in corners]), np.sqrt(0.5), atol=1e-14)
    assert all(o["certified"] and o["neuron_sign"] == 1 for o in corners)
    assert all(abs(o["value"] - np.sqrt(5)) < 1e-12 for o in corners)
    code, out, _ = call(capsys, *arguments, "--quiet")
    assert code == 0
    assert len(re.findall("^attractor", out, re.MULTILINE)) == 4


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("1e400*x", "1e400"),
        ("x*1234560000000000000000000000000", "1.23456e30"),
        ("x/3**200", "/2.65613…e95"),
        ("x/7", "/7"),
    ],
)
def test_long_coefficients_are_short_on_the_screen_and_exact_in_documents(capsys, formula, shown):
    for command in ("multiplicity", "derive"):
        _, text, _ = call(capsys, command, formula)
        assert max(map(len, text.splitlines())) < 124
        assert shown in text
    _, out, _ = call(capsys, "multiplicity", formula, "--json")
    exact = sympy.sympify(json.loads(out)["leading_coefficient"])
    assert exact == sympy.nsimplify(formula.replace("1e400", "10**400")).coeff(sympy.Symbol("x"))
    _, out, _ = call(capsys, "derive", formula, "--json")
    assert "…" not in out


def test_two_sides_have_a_line_each(capsys):
    _, text, _ = call(capsys, "multiplicity", "elu")
    assert "for z > 0" in text
    assert "(-1) z^1 + (1/2) z^2 + ..." in text
    assert "{" not in text


def test_a_reader_that_stops_reading_is_no_error():
    program = "import sys; from verify.cli import main; main(['derive', 'x**2*tanh(x)', '--json'])"
    done = subprocess.run(
        ["bash", "-c", f'"$0" -c "{program}" | true; echo ${{PIPESTATUS[0]}}', sys.executable],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.split()[-1], done.stderr) in (("141", ""), ("0", ""))


def test_names_with_brackets_are_no_markup(capsys, tmp_path):
    """Rich takes [b] and [/y] for tags; a layer or a folder may be called so."""
    folder = tmp_path / "q["
    folder.mkdir()
    torch.save({"[b].weight": torch.eye(4), "out.weight": torch.ones(1, 4)}, folder / "y].pt")
    code, out, err = call(capsys, "observe", f"{folder}/y].pt")
    assert (code, err) == (0, "")
    assert "q[/y].pt: clusters" in out
    assert "[b] " in out


def test_progress_lines_come_when_a_stage_lasts_and_not_before_a_refusal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "DELAY", 0.05)

    def stages(fail):
        with progress.Spinner().running() as watch:
            watch.stage("[/quick]")
            watch.stage("slow")
            time.sleep(0.5)
            in_time.append("slow ..." in capsys.readouterr().err)
            watch.stage("last")
            if fail:
                raise ValueError

    in_time: list[bool] = []
    stages(False)
    assert in_time == [True]
    assert capsys.readouterr().err == "last ...\n"
    with pytest.raises(ValueError, match="^$"):
        stages(True)
    time.sleep(0.2)
    assert capsys.readouterr().err == ""
