"""Figure 5: in the initial stage the output of a network of multiplicity p is close to a polynomial of degree p.

With Adam, as in the paper, the distance to the best polynomial of each degree is measured at the stated epoch.  Under
gradient flow theory says more: at fixed rescaled time f = ε^{p+1} (c Σ a (w·x)^p + c' ε^{q-p} Σ a (w·x)^q + ...), so
that the relative distance to the best polynomial of degree p falls as ε^{q-p}, and that of degree p - 1 does not fall.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from numerics.flow import gradient_flow
from numerics.nets.activations import get
from theory import Fate, SmoothPrediction, destinations, predict
from verify.figures import OBSERVED, PREDICTED
from verify.order.result import judge_slope, power_law
from verify.reproduce.finding import Finding, majority, share
from verify.reproduce.plots import draw
from verify.reproduce.setting import FIGURE_5, Setting, adam_path, early_flow, line, with_bias
from verify.reproduce.workspace import Arrays, Workspace
from verify.verdict import Verdict

OVERLAP = 0.05  # of the output's size: what the width of a printed line hides; declared beforehand
EPSILONS = 10.0 ** -np.arange(1.0, 4.01, 0.25)


def figure_5(work: Workspace) -> list[Finding]:
    """Two rows for each activation: Adam at the stated epoch, and the order in std under gradient flow."""
    rows, curves = [], []
    for setting in FIGURE_5:
        rows.append(_adam(work, setting, curves))
        rows.append(_same_start(work, setting))
        rows.append(_flow(work, setting))
    draw(
        work,
        "figure-5-output",
        _figure,
        curves,
        title="Figure 5, Adam: output and its polynomial fits, first seed",
    )
    return rows


def distance(f: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    """‖f - best polynomial of that degree‖ / ‖f‖ on the points x (n,) of outputs f (..., n)."""
    basis, _ = np.linalg.qr(np.polynomial.legendre.legvander(2 * (x - x.min()) / np.ptp(x) - 1, degree))
    rest = f - (f @ basis) @ basis.T
    return np.linalg.norm(rest, axis=-1) / np.linalg.norm(f, axis=-1)


def _adam(work: Workspace, setting: Setting, curves: list) -> Finding:
    data, p = line(), setting.multiplicity
    path = adam_path(work, setting, data, seeds=work.seeds)
    sigma = get(setting.activations[0]).value
    x = with_bias(data.x)
    f = _outputs(sigma, path.a[-1], path.w[-1], x)
    by_degree = {k: distance(f, data.x[:, 0], k) for k in range(p + 2)}
    overlaps = by_degree[p] < OVERLAP
    curves.append((setting.case, data.x[:, 0], data.y, f[0], p))
    stage = path.fallen(0.3)
    early = np.where(stage >= 0, stage, len(path.steps) - 1)
    at = path.at(early)
    f_early = _outputs(sigma, at["a"][:, 0], at["w1"], x)
    before = distance(f_early, data.x[:, 0], p)
    return Finding(
        figure="5",
        case=setting.case,
        dynamics="Adam",
        claimed=f"overlaps a polynomial of degree {p}",
        predicted=f"degree {p} while weights are small",
        observed=f"distance to degree {p}: {np.median(by_degree[p]):.1%}",
        paper=majority(overlaps),
        theory=None,
        why=f"within {OVERLAP:.0%} of the output's size in {share(overlaps)}; to degree {p - 1}: "
        f"{np.median(by_degree[p - 1]):.1%}; when the loss has fallen to 70 % (epoch "
        f"{np.median(path.steps[early]):.0f}) to degree {p}: {np.median(before):.1%}",
        numbers={
            "distance_by_degree": {str(k): v for k, v in by_degree.items()},
            "distance_at_seventy_percent": before,
            "loss": path.losses[-1],
        },
    )


def _same_start(work: Workspace, setting: Setting) -> Finding:
    """Gradient flow from the start of the Adam networks, until the loss has fallen by a tenth."""
    data, p = line(), setting.multiplicity
    path = early_flow(work, setting)
    f = _outputs(get(setting.activations[0]).value, path.a[-1], path.w[-1], with_bias(data.x))
    at_p, below = (distance(f, data.x[:, 0], k) for k in (p, p - 1))
    fallen = 1 - path.losses[-1]
    overlaps = at_p < OVERLAP
    return Finding(
        figure="5",
        case=setting.case,
        dynamics="gradient flow, same start",
        claimed="-",
        predicted=f"degree {p} while weights are small",
        observed=f"distance to degree {p}: {np.median(at_p):.1%}",
        paper=None,
        theory=None,
        why=f"when the loss has fallen by {np.median(fallen):.1%}; within {OVERLAP:.0%} in {share(overlaps)}; to degree "
        f"{p - 1}: {np.median(below):.1%}",
        numbers={"distance_p": at_p, "distance_p_minus_1": below, "fallen": fallen},
    )


def _outputs(sigma: Any, a: np.ndarray, w: np.ndarray, x: np.ndarray) -> np.ndarray:
    import torch

    z = torch.as_tensor(np.ascontiguousarray(w @ x.T))
    return np.einsum("...m,...mn->...n", a, sigma(z).numpy())


def _flow(work: Workspace, setting: Setting) -> Finding:
    data, name = line(), setting.activations[0]
    prediction = predict(data.x, data.y, name)
    assert isinstance(prediction, SmoothPrediction)
    p, sigma = prediction.driving_order, get(name)
    neurons = 12

    def compute() -> Arrays:
        rng = np.random.default_rng(np.random.SeedSequence([work.seed, 5, p]))
        a0, w0 = rng.standard_normal(neurons), rng.standard_normal((neurons, 2))
        full = gradient_flow(
            sigma.value,
            sigma.derivative,
            prediction.x,
            prediction.y,
            a0,
            w0,
            epsilons=EPSILONS,
            multiplicity=p,
            tau=_time(prediction, a0, w0),
            loss="half-mse",
        )
        f = _outputs(sigma.value, full.a, EPSILONS[:, None, None] * full.w, prediction.x)
        return {"f": f}

    f = work.piece(
        f"5-{name}-flow", {"neurons": neurons, "seed": work.seed, "scales": list(EPSILONS)}, compute
    )["f"]
    at_p, below = (distance(f, data.x[:, 0], k) for k in (p, p - 1))
    slope, flat = power_law(EPSILONS, at_p, 1e-13), power_law(EPSILONS, below, 1e-13)
    assert prediction.next_term is not None
    expected = prediction.next_term[0] - p
    falls_not = bool(below.min() > 0.5 * below.max())
    verdict, _ = judge_slope(expected, slope)
    if slope.resolved and not falls_not:
        verdict = Verdict.REFUTED
    return Finding(
        figure="5",
        case=name,
        dynamics="gradient flow, fixed rescaled time",
        claimed="-",
        predicted=f"distance to degree {p} ∝ std^{expected}, to degree {p - 1} constant",
        observed=f"exponents {slope.value:.3f} and {flat.value:.3f}",
        paper=None,
        theory=verdict,
        why=f"std from {EPSILONS.min():.0e} to {EPSILONS.max():.0e} at the same rescaled time; the distance to degree "
        f"{p - 1} stays at {below.min():.1%}-{below.max():.1%}",
        numbers={"std": EPSILONS, "distance_p": at_p, "distance_p_minus_1": below, "expected": expected},
    )


def _time(prediction: SmoothPrediction, a0: np.ndarray, w0: np.ndarray) -> float:
    """Half the way to the first blow-up, or 1/γ for order 1."""
    if prediction.driving_order == 1:
        return 1.0 / prediction.linear.rate
    ends = destinations(prediction.force, a0, w0)
    return 0.5 * float(ends.blow_up_times[ends.fates == Fate.GROWS].min())


def _figure(curves: list, *, title: str) -> Figure:
    figure = Figure(figsize=(2.6 * len(curves), 2.6), layout="constrained")
    for ax, (name, x, y, f, p) in zip(np.atleast_1d(figure.subplots(1, len(curves))), curves, strict=True):
        ax.plot(x, y, ".", color="0.6", markersize=3, label="data")
        for degree, line_style in ((p - 1, ":"), (p, "--")):
            fit = np.polynomial.Polynomial.fit(x, f, degree)
            ax.plot(
                x,
                fit(x),
                line_style,
                color=PREDICTED,
                linewidth=1.2,
                label=f"fit of degree {degree}",
                zorder=3,
            )
        ax.plot(x, f, color=OBSERVED, label="network")
        ax.set_title(name)
        ax.set_xlabel("x")
        ax.legend(fontsize=6)
    figure.suptitle(title, fontsize=10)
    return figure
