"""Do theory and numerics mean the same activation function?

Theory evaluates the formula in Arb balls, correctly rounded; numerics uses its own torch function, or the callable that
verify compiled from the text.  They are compared on both sides of 0 over twelve decades.
"""

from __future__ import annotations

import numpy as np
import torch

from verify.bridge.formula import rounding_bound, torch_activation
from verify.regimes.common.evidence import Evidence
from verify.report.verdict import Check, at_most


def agreement(evidence: Evidence) -> list[Check]:
    """The largest difference of the two activation functions in units of the derived rounding error."""
    activation = evidence.activation
    positive = 10.0 ** np.linspace(-10, 1, 45)
    z = np.concatenate([-positive[::-1], positive])
    exact = activation.evaluate(z)
    measured = torch_activation(activation).value(torch.as_tensor(z)).numpy()
    bound = rounding_bound(activation, z) + np.finfo(float).tiny
    difference = np.abs(measured - exact) / bound
    worst = int(np.argmax(difference))
    observed = float(difference[worst])
    return [
        Check(
            name="the two sides' activation functions (largest difference, in rounding errors)",
            predicted=0.0,
            observed=observed,
            tolerance=1.0,
            verdict=at_most(observed, 1.0),
            why=f"running error analysis of the float64 evaluation at {len(z)} points; worst at z = {z[worst]:.3g}",
        )
    ]
