"""C7: residual connections are not needed for condensation.

Setting.     Two hidden layers of tanh, first bias inside x, with and without h² = σ(V h¹) + h¹; gradient descent from small
             weights to a fall of the loss by 1 %.
Hypotheses.  p₁ = p₂ = 1, σ(0) = 0, g = mean(s x) ≠ 0, no upper bias.
Statement.   With and without the skip, the first layer's neurons that carry the output lie on ± g: at least 90 % of the
             amplitude ‖w_j‖ ‖(outgoing weights of j)‖ of each network within cosine 0.95.
Steps.       1. Without: H = Σ a_k V_kj (w_j·g), so w_j' ∥ g: the orientations of p₁p₂ = 1 are ± g.
             2. With: to leading order the skip is the two-layer network (a, W): w_j' = a_j g, the same line.
Limits.      For p₁ > 1 without a skip the orientations are those of T_{p₁p₂}, not of T_{p₁}.
Source.      Zhou et al. 2022 (appendix).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from numerics.data import append_bias, load
from numerics.nets import Network
from numerics.nets.initial import initialise
from numerics.training import train
from numerics.training.runs import reached
from numerics.training.stopping import LossFraction, RescaledTime, Steps
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.statistics import StatisticalTest, near_any_chance

ALARM = 1e-5
COSINE, SHARE, STD, WIDTH = 0.95, 0.9, 1e-4, 30
Direction = Callable[[np.ndarray, np.ndarray], np.ndarray]


@cache
def _trained(
    residual: bool, seed: int, networks: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Data, first-layer weights (B, m, D), their amplitudes (B, m), and which networks reached the fall."""
    data = load("sine5")
    x = append_bias(data.x)
    network = Network(inputs=data.x.shape[1], widths=(WIDTH, WIDTH), activations="tanh", residual=residual)
    each = [int(s.generate_state(1, np.uint64)[0]) for s in np.random.SeedSequence([seed, 7]).spawn(networks)]
    speed = witness.rate(x, data.y, 1)
    # The skip makes the leading gradients those of two layers, of first order; without it they are of second order.
    rate = 0.01 / speed if residual else RescaledTime(0.01, multiplicity=2, rate=speed)
    out = train(
        network,
        initialise(network, STD, each),
        data.x,
        data.y,
        lr=rate,
        stop=[LossFraction(0.01), Steps(30_000)],
        snapshots=[0],
    )
    weights = {name: np.asarray(value.double()) for name, value in out.parameters.items()}
    outgoing = np.linalg.norm(weights["w2"], axis=1)
    if residual:
        outgoing = outgoing + np.abs(weights["a"][:, 0])
    w = weights["w1"]
    return x, data.y, w, outgoing * np.linalg.norm(w, axis=-1), reached(out)


def _validate(law: Direction, run: Run) -> Outcome:
    networks = run.pick(32, 64)
    checks, shown = [], []
    for residual in (False, True):
        x, y, w, amplitude, done = _trained(residual, run.seed, networks)
        line = law(x, y)
        u = w / np.linalg.norm(w, axis=-1, keepdims=True)
        near = np.abs(u @ line) / np.linalg.norm(line) >= COSINE
        share = np.sum(near * amplitude, axis=1) / np.sum(amplitude, axis=1)
        name = "with" if residual else "without"
        test = StatisticalTest(
            f"share of networks {name} residual connections with {SHARE:.0%} of the amplitude within cosine {COSINE}",
            threshold=0.9,
            effect=0.5,
            n=networks,
            alpha=ALARM / 2,
        )
        checks.append(test.check((share >= SHARE) & done))
        shown.append(f"{name}: {np.median(share):.3f}")
    unit = line / np.linalg.norm(line)
    chance = near_any_chance(np.array([unit, -unit]), COSINE).value
    return Outcome(
        f"median share of the amplitude on the line, {', '.join(shown)}; chance {chance:.1e}", tuple(checks)
    )


CLAIM = Claim(
    id="C7",
    title="residual connections are not needed for condensation",
    statement=r"\text{with and without } h^{2} = \sigma(V h^{1}) + h^{1}:\ w_j \parallel \langle s x\rangle",
    hypotheses=("two hidden layers, p = 1, σ(0) = 0, no upper bias", "small weights, loss down by 1 %"),
    source="Zhou et al. 2022",
    method=Method.STATISTICAL,
    about=About.GROWING,
    reading=Reading.AMPLITUDE,
    dynamics=Dynamics.GRADIENT_DESCENT,
    law=lambda x, s: s @ x / len(s),
    validate=_validate,
    mutants={
        "signal less its mean": lambda x, s: (s - s.mean()) @ x / len(s),
        "sign by sign": lambda x, s: np.sign(s @ x),
        "third moments": lambda x, s: s @ x**3 / len(s),
    },
    false_alarm=ALARM,
)
