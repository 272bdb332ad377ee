"""SymPy on Python's integers and on FLINT's: the same activations, derivations and predictions, as documents."""

import json
import os
import subprocess
import sys

PROGRAM = """
import json, sys
import numpy as np
from theory import activation, loss, offset_system, one_sided_system, predict, smooth_system
from theory.formula.catalogue import CATALOGUE
texts = [*CATALOGUE, "tanh(x + 1)", "mish(mish(x))", "gelu(x + 1)", "sqrt(2 + sqrt(3 + x))"]
texts += ["acosh(1 + x**2)", "sin(x + 1)*exp(cos(x))", "(x + 1)**pi", "0.1*x + x**2", "sinh(x) - sin(x)"]
out = {"ground": None, "activations": [activation(text).to_json() for text in texts]}
out["smooth"] = [smooth_system(activation(t)).to_json() for t in ("tanh", "gelu", "erf", "-2*x**2*tanh(x)", "mish")]
out["offset"] = [offset_system(activation(t)).to_json() for t in ("sigmoid", "softplus")]
out["one_sided"] = [one_sided_system(activation(t)).to_json() for t in ("relu", "elu")]
y = np.array([0.3, -1.7, 2.0, 0.5, -0.1])
losses = ["half-mse", "mse", "huber", "(f - y)**4", "log(cosh(f - y))", "sqrt(1 + (f - y)**2)"]
out["signals"] = [[str(s) for s in loss(name).signal(y)] for name in losses]
out["latex"] = [loss(name).latex() for name in losses]
x = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.1], [-0.2, 0.7], [1.1, 1.3]])
out["orientations"] = [predict(x, y, t).orientations.to_json() for t in ("tanh", "z**2", "x2tanh")]
import sympy.external.gmpy as gmpy
out["ground"] = gmpy.GROUND_TYPES
json.dump(out, sys.stdout)
"""


def test_both_ground_types_give_the_same():
    documents = []
    for ground in ("flint", "python"):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "SYMPY_GROUND_TYPES": ground},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert run.returncode == 0, run.stderr
        documents.append(json.loads(run.stdout))
        assert documents[-1].pop("ground") == ground
    assert documents[0] == documents[1]
    assert len(documents[0]["activations"]) > 30
