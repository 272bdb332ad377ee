"""A loss as a formula: the callables against the catalogue and against differences; through the commands."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from numerics.nets import losses
from verify import Experiment, run
from verify.bridge.formula import numeric_loss
from verify.cli import main

SAME = {"half-mse": "(f - y)**2/2", "mse": "(y - f)**2", "logistic": "log(1 + exp(-y*f))"}


@pytest.mark.parametrize("name", SAME)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-8, 1e-3, 1.0]))
def test_property_a_formula_is_the_catalogue_s_loss(name, seed, scale):
    rng = np.random.default_rng(seed)
    f, y = scale * rng.standard_normal((3, 2, 5)), rng.choice([-1.0, 1.0], (2, 5))
    ours, theirs = numeric_loss(SAME[name]), losses.get(name)
    for part in ("value", "gradient", "decrease"):
        a, b = (getattr(each, part)(torch.tensor(f), torch.tensor(y)) for each in (ours, theirs))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-11, atol=1e-13 * scale)


def test_names_stay_names():
    assert numeric_loss("huber") == "huber"


@pytest.mark.slow
def test_a_formula_is_verified_and_a_wrong_one_is_not_the_same(tmp_path):
    report = run(Experiment(data="line", activation="tanh", loss="(f - y)**2/2", seeds=2))
    named = run(Experiment(data="line", activation="tanh", seeds=2))
    assert report.verdict is named.verdict
    for a, b in zip(report.checks, named.checks, strict=True):
        assert a.verdict is b.verdict
        if isinstance(a.observed, float) and a.observed > 1e-6:
            assert a.observed == pytest.approx(b.observed, rel=1e-6)
    quartic = run(Experiment(data="line", activation="tanh", loss="(f - y)**4/4", seeds=2))
    assert quartic.experiments[0].to_json()["loss"] == "(f - y)**4/4"
    assert [c.observed for c in quartic.checks] != [c.observed for c in named.checks]


def test_the_commands_take_a_formula(capsys):
    for arguments, code in (
        (("orientations", "xor", "--activation", "z**3", "--loss", "cosh(f - y)"), 0),
        (("orientations", "line", "--loss", "nonsense"), 2),
        (("orientations", "line", "--loss", "y**2"), 2),
        (("order", "tanh", "--loss", "cosh(f - y)", "--quiet"), 0),
    ):
        with pytest.raises(SystemExit) as stop:
            main([*arguments, "--json"])
        out = capsys.readouterr()
        assert stop.value.code == code, out.err
        if code == 2:
            assert out.err.count("\n") == 1
            assert "f" in out.err
        else:
            json.loads(out.out)
