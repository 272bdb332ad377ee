r"""L.output-bias: a network with an output bias goes to ± mean((y - mean y) x), not to ± mean(y x); p = 1.

Setting.     f(x) = b + Σ_j a_j σ(w_j·x), σ = c z + ..., gradient flow of ½ mean (f - y)² from scale ε.
Hypotheses.  ε → 0 at a fixed time; σ smooth, σ(0) = 0, p = 1; mean((y - mean y) x) ≠ 0.
Statement.   b = mean y (1 - e^{-t}) while the neurons are small, and the neurons end along ± g*, g* = mean((y - mean y) x).
Steps.       1. Integrate the full gradient flow of the real network; it knows nothing of c, the mean or the law.
             2. From the time t1 on, at which e^{-t1} of the mean is left, w' = c a (g* + e^{-t} mean(y) mean(x)): what lies
                across g* stays what it was at t1, but for the rest of the mean.  So the angle to the law's line is at most
                ‖w(t1)‖/‖w(T)‖ + e^{-t1} |mean y| ‖mean x‖/‖g*‖, and the next Taylor term and the feedback, each O(output).
             3. The output bias at t1 is mean y, up to e^{-t1} of it and the mean of the neurons' output.
Limits.      Where γ = |c| ‖g*‖ is not small beside 1, neurons reach O(1) before the mean is fitted.
Source.      condense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from numerics.flow.network import network_flow
from numerics.nets import Network
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.verdict import Check, Verdict, at_most

Direction = Callable[[np.ndarray, np.ndarray], np.ndarray]
WIDTH, EPSILON = 20, 1e-9
FITTED, GROWN = 10.0, 14.0  # t1, and T in units of 1/γ: chosen because e^14 is a thousandth of 1/ε
TOLD = 0.02  # rad that the bound must be below; chosen because wrong lines are tenths away
CASES = (("tanh", 0), ("gelu", 1), ("sin", 2))
SLOPES = {"tanh": 1.0, "gelu": 0.5, "sin": 1.0}


@dataclass(frozen=True, eq=False)
class Seen:
    """One network on x (n, D), y (n,): b, a (m,), w (m, D) at the times t1 and T."""

    x: np.ndarray
    y: np.ndarray
    b: np.ndarray
    a: np.ndarray
    w: np.ndarray


@cache
def _seen(name: str, key: int, seed: int) -> Seen:
    """The full gradient flow on Gaussian data whose mean is not 0, scaled so that γ = 0.4: the mean is fitted first."""
    generator = Run(seed=seed).generator("output-bias", name, key)
    inputs = generator.standard_normal((30, 2)) + 0.5
    y = inputs @ generator.choice([-1.0, 1.0], 2) + 0.8 + 0.3 * generator.standard_normal(30)
    x = np.column_stack([inputs, np.ones(30)])
    g = SLOPES[name] * float(np.linalg.norm((y - y.mean()) @ x / len(y)))
    y = y * 0.4 / g
    network = Network(2, WIDTH, activations=witness.sigma_of(name), output_bias=True)
    start = {key: generator.standard_normal(shape) for key, shape in network.shapes.items()}
    out = network_flow(
        network, inputs, y, start,
        epsilons=[EPSILON], time_exponent=0, tau=[FITTED, GROWN / 0.4], rtol=1e-9, max_steps=50_000,
    )  # fmt: skip
    ends = {key: EPSILON * (start[key] + out.moved[key][:, 0]) for key in start}
    return Seen(x, y, ends["a"][:, 0, -1], ends["a"][:, 0, :-1], ends["w1"])


def mean_corrected(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The law of the orientation."""
    return (y - y.mean()) @ x / len(y)


def _left(seen: Seen) -> tuple[float, float]:
    """The angle to the law's line that is left at T, and how far b may be from the mean at t1."""
    norm = np.linalg.norm(seen.w, axis=-1)
    rest = np.exp(-FITTED) * abs(seen.y.mean())
    slow = rest * float(np.linalg.norm(seen.x.mean(axis=0)) / np.linalg.norm(mean_corrected(seen.x, seen.y)))
    # q c'/c z^{q-1} is at most z for the activations here, the feedback the output relative to the signal.
    z = float(np.median(np.max(np.abs(seen.x @ seen.w[1].T), axis=0)))
    output = np.abs(seen.x @ seen.w.transpose(0, 2, 1) @ seen.a[..., None])[..., 0].max(axis=1)
    started = float(np.median(norm[0] / norm[1]))
    return started + slow + z + float(output[1] / np.std(seen.y)), rest + float(output[0]) + EPSILON


def _oriented(law: Direction, run: Run) -> Outcome:
    checks, shown = [], []
    for name, key in CASES[: run.pick(2, 3)]:
        seen = _seen(name, key, run.seed)
        line, (bound, mean_left) = law(seen.x, seen.y), _left(seen)
        line = line / np.linalg.norm(line)
        u = seen.w[1] / np.linalg.norm(seen.w[1], axis=-1, keepdims=True)
        turned = float(np.arccos(min(float(np.median(np.abs(u @ line))), 1.0)))
        checks += [
            Check(
                name=f"median angle to the line once the mean is fitted: {name}, network {key}",
                predicted=0.0,
                observed=turned,
                tolerance=bound,
                verdict=at_most(turned, bound) if bound < TOLD else Verdict.INCONCLUSIVE,
                why=f"start, rest of the mean, next Taylor term, feedback; to be below {TOLD:g} rad",
            ),
            Check(
                name=f"output bias less the mean: {name}, network {key}",
                predicted=0.0,
                observed=abs(float(seen.b[0] - seen.y.mean())),
                tolerance=mean_left,
                verdict=at_most(abs(float(seen.b[0] - seen.y.mean())), mean_left),
                why="e^{-t} of the mean, and the mean of the neurons' output",
            ),
        ]
        shown.append(f"{turned:.1e}")
    return Outcome(f"median angles {', '.join(shown)} rad", tuple(checks))


ORIENTATION = Claim(
    id="L.output-bias",
    title="an output bias: the orientation is ± mean((y - mean y) x)",
    statement=r"f = b + \sum_j a_j \sigma(w_j \cdot x):\ b \to \bar y,\ u \to \pm \hat g,\quad "
    r"g = \langle (y - \langle y\rangle)\,x\rangle",
    hypotheses=("σ smooth, σ(0) = 0, p = 1, one output, half-mse", "an output bias", "ε → 0"),
    source="condense; Zhou et al. 2022 have ± mean(y x), for networks without an output bias",
    method=Method.ORDER,
    about=About.ATTRACTING,
    reading=Reading.NEURON_COUNT,
    dynamics=Dynamics.GRADIENT_FLOW,
    law=mean_corrected,
    validate=_oriented,
    mutants={
        "naive, mean(y x)": lambda x, y: y @ x / len(y),
        "half of the mean taken off": lambda x, y: (y - 0.5 * y.mean()) @ x / len(y),
        "the inputs centred, not the targets": lambda x, y: (
            y @ np.column_stack([x[:, :2] - x[:, :2].mean(axis=0), x[:, 2]])
        ),
        "least squares": lambda x, y: np.linalg.lstsq(x, y, rcond=None)[0],
    },
)
