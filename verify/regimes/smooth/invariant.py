"""Is K = ‖w‖² - p a² conserved along the leading-order flow?

Theory derives K symbolically; numerics integrates the Cartesian flow, which knows nothing of it.  Each accepted step has
a local error of at most `RTOL` relative to ρ, so K/ρ² drifts by at most (2 + 2p) `RTOL` a step.
"""

from __future__ import annotations

import numpy as np

from numerics.flow import leading_flow, moments
from verify.regimes.common.evidence import SmoothEvidence
from verify.report.verdict import Check, at_most

RTOL = 1e-10


def invariant(evidence: SmoothEvidence) -> list[Check]:
    """The largest drift of K over all neurons of all networks, from the start to the end of their flows."""
    prediction, trained = evidence.prediction, evidence.trained
    dimension = trained.w0.shape[-1]
    a0, w0 = trained.a0.reshape(-1), trained.w0.reshape(-1, dimension)
    force = moments(prediction.x, prediction.signal, prediction.driving_order, prediction.coefficient)
    times = float(evidence.expected.times.min()) * np.array([0.25, 0.5, 0.75])
    run = leading_flow(force, a0, w0, times=times, rtol=RTOL)
    k0 = prediction.field.invariant(a0, w0)
    size = np.sum(run.w**2, axis=-1) + run.a**2
    drift = np.abs(prediction.field.invariant(run.a, run.w) - k0) / np.maximum(size, size[0])
    worst = float(np.max(drift))
    bound = float((2 + 2 * prediction.driving_order) * RTOL * np.max(run.steps + run.rejected))
    return [
        Check(
            name="invariant ‖w‖² - p a² along the leading flow (largest relative drift)",
            predicted=0.0,
            observed=worst,
            tolerance=bound,
            verdict=at_most(worst, bound),
            why=f"local errors of {RTOL:.0e} a step add up over {int(np.max(run.steps))} steps",
        )
    ]
