"""The library's front door: what an experiment is made of, what is refused in one line, what a report shows."""

from pathlib import Path

import numpy as np
import pytest

from numerics import Dataset
from theory import TheoryError
from verify import Check, Experiment, Report, UsageError, Verdict, run

X, Y = np.linspace(-1, 1, 9)[:, None], np.linspace(-1, 1, 9) ** 2


def test_data_are_a_name_a_path_or_arrays(tmp_path):
    (tmp_path / "own.csv").write_text(
        "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(X[:, 0].tolist(), Y.tolist(), strict=True))
    )
    by_path, by_name = Experiment(data=tmp_path / "own.csv"), Experiment(data=str(tmp_path / "own.csv"))
    by_arrays = Experiment(data=Dataset("own", X, Y))
    for each in (by_path, by_name, by_arrays):
        np.testing.assert_array_equal(each.dataset.x, X)
        np.testing.assert_array_equal(each.dataset.y, Y)
        assert each.name == "own/tanh"
    assert by_path.to_json() == by_name.to_json()
    assert by_arrays.to_json()["data_sha256"] == by_name.to_json()["data_sha256"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": (X, Y)}, r"data is of type tuple; accepted: .*numerics.Dataset\(name, x, y\)"),
        ({"data": 3}, "data is of type int"),
        ({"width": 2.5}, "width is 2.5; accepted: a whole number of at least 1"),
        ({"seeds": "eight"}, "seeds is 'eight'; accepted: a whole number of at least 1"),
        ({"seeds": None}, "seeds is None"),
        ({"seed": 1.5}, "seed is 1.5; accepted: a whole number of at least 0"),
        ({"init_std": "small"}, "init_std is 'small'; accepted: a finite number above 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"fraction": "all"}, "fraction is 'all'; accepted: a number between 0 and 1"),
        ({"activation": "tanhh"}, "unknown activation 'tanhh'"),
        ({"activation": 3}, "a formula is text"),
        ({"loss": "none"}, "unknown loss 'none'"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'"),
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused_when_it_is_made(options, says):
    with pytest.raises((UsageError, TheoryError), match=says) as error:
        Experiment(**{"data": "line", **options})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", ["line", 3, [], ["line"]])
def test_run_takes_experiments(given):
    with pytest.raises(UsageError, match="run takes experiments"):
        run(given)


def test_a_report_at_the_plain_prompt():
    """A line for the verdict and one for each check; what others claim stands with its source."""

    checks = (
        Check("own", 1, 1, 0, Verdict.CONFIRMED, "rounding"),
        Check("other", 1, 2, 0, Verdict.REFUTED, "rounding", source="Somebody 2020"),
    )
    shown = repr(Report((Experiment(data="line"),), checks, {}, (), 1.5, str(Path("runs") / "line-001")))
    assert shown.splitlines() == [
        "Report: CONFIRMED on line/tanh (1.5 s, runs/line-001)",
        "  CONFIRMED    own",
        "  REFUTED      other [Somebody 2020]",
    ]
