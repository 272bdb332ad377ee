"""Runs of which every number says which experiment it is of, without a network trained: for tests of what is written."""

import numpy as np
from matplotlib.figure import Figure

from numerics import Dataset
from verify import Check, Experiment, Verdict
from verify.regimes.common.evidence import Examination, Resolved

X, Y = np.linspace(-1, 1, 9)[:, None], np.linspace(-1, 1, 9) ** 2


def marked(experiment, watch):
    """An examination that bears the mark of its experiment everywhere: its width."""
    mark = experiment.width
    return Examination(
        experiment=experiment,
        resolved=Resolved(init_std=1e-4, fraction=0.001, lr=0.5, schedule=None),
        checks=(Check("mark", mark, mark, 0, Verdict.CONFIRMED, "equal", experiment=experiment.name),),
        notes=(f"note {mark}",),
        arrays={"mark": np.array(mark)},
        drawings=(("mark", lambda: marked_figure(mark)),),
    )


def marked_figure(mark):
    figure = Figure(figsize=(1, 1))
    figure.text(0, 0, f"mark {mark}")
    return figure


def alike(count=3, first=10, **fields):
    """Experiments of one name, marked `first`, `first` + 1, ..."""
    return [Experiment(data=Dataset("own", X, Y), width=first + k, **fields) for k in range(count)]
