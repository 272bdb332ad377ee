"""The two witnesses never talk: theory imports no torch and no numerics, numerics no sympy and no theory."""

import subprocess
import sys

import pytest

MODULES = {
    "theory": ("theory, theory.predictions.smooth, theory.times.horizon", ("torch", "numerics", "verify")),
    "numerics": (
        "numerics.training.train, numerics.flow, numerics.measure.orientation, numerics.measure.merging, "
        "numerics.weights.monitor, numerics.data.datasets",
        ("sympy", "theory", "verify", "flint"),
    ),
}


@pytest.mark.parametrize("room", MODULES)
def test_imports_keep_their_direction(room):
    modules, forbidden = MODULES[room]
    # torch itself imports sympy in some versions: only what the room adds beyond torch counts.
    base = "import torch; " if room == "numerics" else ""
    program = f"import sys; {base}before = set(sys.modules); import {modules}; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {name.split(".")[0] for name in loaded} & set(forbidden)
