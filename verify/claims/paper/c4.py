"""C4: "orientation moves faster than amplitude at small initialisation, u' ~ r'/ε".  In which sense that is true.

Setting.     Gradient flow from scale ε; neuron w = r u, so r' = u·w' and u' = (w' - r' u)/r.
Hypotheses.  σ(0) = 0, σ smooth, T_p ≠ 0.
Statement.   a. |u'|/|r'| = Θ(1/ε): as stated.
             b. |u'|/|(log r)'| = Θ(1): relative to its own size the amplitude moves just as fast.
             c. p = 1: an angle η is reached after a time of order ε^0, the fall of the loss needs ln(1/ε)/γ more: the
                orientation is settled first, by a margin that grows like a logarithm.
             d. p ≥ 2: both times grow as ε^{1-p}, so their ratio does not depend on ε: there is no such margin.
Steps.       1. r' = p c a r^{p-1} P and u' = p c a r^{p-2} (T u^{p-1} - P u): the ratio is r⁻¹ times a function of u,
                and r = Θ(ε): a and b.
             2. p = 1: sin angle = ‖w⊥(0)‖/‖w‖ and ‖w‖ grows as e^{γt}: to the angle η it takes ln(1/η)/γ, and to a
                given fall of the loss, which needs r = Θ(1), ln(1/ε)/γ: c.
             3. t = τ ε^{1-p} with the same τ for both, up to O(ε) as the fall is reached at blow-up: d.
Limits.      Neurons on the boundary of a basin take longer.
Source.      Zhou et al. 2022 (heuristic remark); b, c, d: condense.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from numerics.data import append_bias, load
from numerics.flow import Aligned, LeadingStatus, LossFall, gradient_flow, leading_flow, moments
from verify.claims import witness
from verify.claims.model import About, Claim, Dynamics, Method, Outcome, Reading, Run
from verify.claims.witness import exponent_check
from verify.verdict import Verdict

CASES = (("line", "tanh", 1), ("line", "x*tanh(x)", 2), ("line", "x**2*tanh(x)", 3))
EPSILONS = tuple(10.0 ** -np.arange(1.0, 4.6, 0.25))
STEP = 1e-4  # of the time scale, over which velocities are taken


@dataclass(frozen=True)
class Speeds:
    """Exponents in ε of |u'| over |r'|, and of |u'| over |(log r)'|; None is not asserted."""

    absolute: float | None = None
    relative: float | None = None


@cache
def _speeds(data: str, name: str, order: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ε (E,), and the medians over the neurons of |u'|/|r'| and |u'|/|(log r)'| (E,), by a difference quotient."""
    seen = witness.flow(data, name, order=order, times=(0.3, 0.3 + STEP), epsilons=EPSILONS, seed=seed)
    w = seen.epsilons[:, None, None] * seen.w
    r = np.linalg.norm(w, axis=-1)
    u = w / r[..., None]
    turn = np.linalg.norm(u[1] - u[0], axis=-1)
    absolute, relative = (np.median(turn / np.abs(v), axis=1) for v in (r[1] - r[0], np.log(r[1] / r[0])))
    return seen.epsilons, absolute, relative


def _speed(law: Speeds, run: Run) -> Outcome:
    checks = []
    for data, name, order in CASES:
        epsilons, absolute, relative = _speeds(data, name, order, run.seed)
        for what, predicted, sizes in (("r'", law.absolute, absolute), ("(log r)'", law.relative, relative)):
            if predicted is not None:
                checks.append(
                    exponent_check(
                        f"exponent in ε of |u'|/|{what}|: {name} on {data}", predicted, epsilons, sizes, 0.0
                    )
                )
    shown = ", ".join(f"{c.observed:.3f}" for c in checks if c.observed is not None)
    return Outcome(f"measured exponents for p = 1, 2, 3: {shown}", tuple(checks))


@cache
def _times(order: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ε (E,), and the gradient-flow times over ε^{1-p} at which one neuron is within 0.1 rad of where it ends, and at which
    the loss has fallen by 0.1 %; a network of a single neuron, so that both times are its own."""
    data, (_, name, _) = load("line"), CASES[order - 1]
    x, sigma = append_bias(data.x), witness.sigma_of(name)
    generator = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    epsilons = 10.0 ** -np.arange(2.0, 6.1 if order == 1 else 4.6, 0.25)
    fall = LossFall(1e-3)

    # The leading flow says which neurons grow and where the integration may end: after blow-up it would be stiff.
    a, w = generator.standard_normal(100), generator.standard_normal((100, 2))
    lead = leading_flow(moments(x, data.y, order, 1.0), a, w)
    turned = np.abs(np.sum(lead.orientation * w, axis=1)) < 0.9 * np.linalg.norm(w, axis=1)
    k = int(np.argmax((lead.status == LeadingStatus.GROWING) & turned))
    gamma = witness.rate(x, data.y, 1)
    end = (np.log(1 / epsilons.min()) + 5) / gamma if order == 1 else float(lead.blowup_time[k])
    out = gradient_flow(
        sigma.value,
        sigma.derivative,
        x,
        data.y,
        a[[k]],
        w[[k]],
        epsilons=epsilons,
        multiplicity=order,
        tau=end,
        events=(fall, Aligned(tuple(lead.orientation[k]), float(np.cos(0.1)))),
    )
    return epsilons, out.event_tau[1], out.event_tau[0]


@dataclass(frozen=True)
class Times:
    """How t_align and t_fall (in units of ε^{1-p}/γ) grow per unit of ln(1/ε)."""

    align: float
    fall: float


def _logarithms(law: Times, run: Run) -> Outcome:
    data = load("line")
    gamma = witness.rate(append_bias(data.x), data.y, 1)
    epsilons, align, fall = _times(1, run.seed)
    # e^{γt} against 1/ε: an exponent is the growth per unit of ln(1/ε).
    asked = (("within 0.1 rad", law.align, align), ("the loss has fallen by 0.1 %", law.fall, fall))
    checks = tuple(
        exponent_check(
            f"exponent of e^(γt) in 1/ε, t when {what}", predicted, 1 / epsilons, np.exp(gamma * t), 0.0
        )
        for what, predicted, t in asked
    )
    ratio = align / fall
    return Outcome(
        f"t_align/t_fall {ratio[0]:.2f} at ε = 1e-2, {ratio[-1]:.2f} at 1e-6: smaller and smaller", checks
    )


def _powers(law: float, run: Run) -> Outcome:
    checks, shown = [], []
    for order in (2, 3)[: run.pick(1, 2)]:
        epsilons, align, fall = _times(order, run.seed)
        ratio = align / fall
        shown.append(f"p = {order}: {ratio[0]:.2f} at ε = 1e-2, {ratio[-1]:.2f} at 3e-5")
        checks.append(
            exponent_check(f"exponent in ε of t_align/t_fall, p = {order}", law, epsilons, ratio, 0.0)
        )
    document = {
        "data": "line",
        "activation": [name for _, name, p in CASES if p > 1],
        "width": 1,
        "seed": run.seed,
    }
    return Outcome("t_align/t_fall " + "; ".join(shown) + ": it stays", tuple(checks), document)


_SOURCE = "Zhou et al. 2022"
_COMMON = {
    "hypotheses": ("σ smooth, σ(0) = 0", "T_p ≠ 0", "a neuron that grows, off the boundary of its basin"),
    "source": _SOURCE,
    "method": Method.ORDER,
    "about": About.OTHER,
    "reading": Reading.NONE,
    "dynamics": Dynamics.GRADIENT_FLOW,
}

ABSOLUTE = Claim(
    id="C4",
    title="orientation moves faster than amplitude: u' ~ r'/ε",
    statement=r"\|u'\| / |r'| = \Theta(\varepsilon^{-1})",
    law=Speeds(absolute=-1),
    validate=_speed,
    mutants={
        "as fast": Speeds(absolute=0),
        "faster by ε²": Speeds(absolute=-2),
        "slower": Speeds(absolute=1),
    },
    **_COMMON,
)
RELATIVE = Claim(
    id="C4.relative",
    title="so relative to their sizes too: u' ≫ (log r)'",
    statement=r"\|u'\| / |(\log r)'| = \Theta(\varepsilon^{-1})",
    law=Speeds(relative=-1),
    validate=_speed,
    expected=Verdict.REFUTED,
    corrected=Speeds(relative=0),
    mutants={"faster by ε": Speeds(relative=-1), "slower by ε": Speeds(relative=1)},
    **_COMMON,
)
LOGARITHM = Claim(
    id="C4.time",
    title="p = 1: the orientation is settled first, by ln(1/ε)/γ",
    statement=r"p = 1:\ t_{\text{align}} = \Theta(1),\ t_{\text{fall}} = \gamma^{-1} \ln(1/\varepsilon) + \Theta(1)",
    law=Times(align=0, fall=1),
    validate=_logarithms,
    mutants={
        "both wait": Times(align=1, fall=1),
        "twice the rate": Times(align=0, fall=0.5),
        "no logarithm": Times(align=0, fall=0),
    },
    **_COMMON,
)
POWER = Claim(
    id="C4.blowup",
    title="p ≥ 2: the orientation is settled ever earlier before the loss falls, as ε → 0",
    statement=r"p \ge 2:\ t_{\text{align}} / t_{\text{fall}} = O(\varepsilon)",
    law=1.0,
    validate=_powers,
    expected=Verdict.REFUTED,
    corrected=0.0,
    mutants={"by a power": 1.0, "ever later": -1.0},
    **_COMMON,
)
