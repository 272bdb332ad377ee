"""Scales that cannot be followed are refused at once, with a remedy that is taken; ordinary runs are not."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics import Dataset
from theory import TheoryError
from verify import Experiment
from verify.cli import main
from verify.regimes.run import refuse

RAW = Path(__file__).parents[2] / "cases" / "raw-scale.csv"
ORDINARY = (
    "tanh",
    "xtanh",
    "x2tanh",
    "sigmoid",
    "softplus",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "z**4",
)


def inputs_of(size, d):
    rng = np.random.default_rng(d)
    x = size * rng.uniform(-1, 1, (40, d))
    return Dataset("far", x, np.sin(x[:, 0] / size) + 0.3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": RAW, "activation": "tanh"}, "is not small"),
        ({"data": RAW, "activation": "xtanh"}, "is not small"),
        ({"data": RAW, "activation": "sigmoid"}, "is not small"),
        ({"data": inputs_of(1e4, 1), "activation": "softplus"}, "is not small"),
        (
            {"data": inputs_of(1e4, 3), "activation": "softplus", "init_std": 1e-9},
            "the weights grow to about",
        ),
        ({"data": "line", "activation": "elu(1e6*x)"}, "is not small"),
        ({"data": "line", "init_std": 1e-160}, "which binary64 cannot work with"),
        ({"data": "line", "init_std": 5e-324}, "which binary64 cannot work with"),
        ({"data": "line", "init_std": 1e160}, "which binary64 cannot work with"),
        ({"data": "line", "activation": "relu", "init_std": 1e160}, "which binary64 cannot work with"),
        ({"data": "line", "activation": "xtanh", "init_std": 1e-60}, "which binary64 cannot work with"),
        ({"data": "line", "optimizer": "adam", "init_std": 1e-10}, "below Adam's epsilon"),
        (
            {"data": "line", "optimizer": "adam", "activation": "x2tanh", "init_std": 1e-6},
            "below Adam's epsilon",
        ),
        ({"data": "line", "optimizer": "sign", "init_std": 1e-10}, "steps of at most lr"),
        ({"data": "line", "optimizer": "sign", "lr": 1e-12}, "steps of at most lr"),
        *(({"data": "line", "activation": f"x**{p}"}, "before the blow-up") for p in (7, 8, 9, 10, 12, 20)),
        ({"data": "line", "activation": "x**7", "fraction": 1e-2}, "before the blow-up"),
        ({"data": "line", "activation": "x**60"}, "which binary64 cannot work with"),
    ],
)
def test_scales_that_cannot_be_followed_are_refused_at_once(options, says):
    experiment = Experiment(**options)
    began = time.perf_counter()
    with pytest.raises(TheoryError) as error:
        refuse(experiment)
    assert time.perf_counter() - began < 10
    assert says in str(error.value)
    assert "accepted: " in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", ["line", "sine5", "digits"])
@pytest.mark.parametrize("activation", ORDINARY)
def test_ordinary_runs_are_not_refused(data, activation):
    for optimizer in ("gd", "momentum", "adam", "sign"):
        refuse(Experiment(data=data, activation=activation, optimizer=optimizer))
    for std in (1e-4, 1e-3) if activation == "z**4" else (1e-6, 1e-4, 1e-3):
        refuse(Experiment(data=data, activation=activation, init_std=std))


def test_where_the_leading_moments_vanish_a_higher_order_decides():
    """xor has no mean(s x): what rounding leaves of it is no gradient."""
    for optimizer in ("gd", "adam", "sign"):
        refuse(Experiment(data="xor", activation="tanh", optimizer=optimizer))
        refuse(Experiment(data="xor", activation="xtanh", optimizer=optimizer))


@given(st.sampled_from(["tanh", "xtanh", "x2tanh", "gelu", "softplus"]), st.floats(0, 8))
def test_property_the_std_that_is_said_to_be_accepted_is(activation, decades):
    data = Dataset("d", 10**decades * np.array([[1.0], [-0.4], [0.3]]), np.array([1.0, -1.0, 0.0]))
    said = refusal(data, activation)
    assert (said is None) == (decades < 5) or 2 < decades < 5
    if said is None:
        return
    assert "--standardize" in said
    std = float(said.rsplit(" ", 1)[1])
    assert refusal(data, activation, init_std=std / 2) is None
    assert refusal(data, activation, init_std=10 * std) is not None


def refusal(data, activation, **options):
    try:
        refuse(Experiment(data=data, activation=activation, **options))
    except TheoryError as error:
        return str(error)


def test_the_command_line_refuses_before_anything_runs(capsys, tmp_path):
    began = time.perf_counter()
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(RAW), "--out", str(tmp_path / "runs")])
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert "accepted: --standardize, or --init-std of at most" in err
    assert time.perf_counter() - began < 20
    assert not (tmp_path / "runs").exists()
