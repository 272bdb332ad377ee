"""Figure 6: the direction field of a single neuron in a real network, and its stable lines.

Measured: a small probe neuron is put at angle θ beside a network of 100 neurons, and the component across it of the force
-∂R/∂w for an infinitesimal output weight, mean(e_i σ'(w·x_i) x_i), is read off by differentiation: it knows the whole
activation and, through the residuals e_i = y_i - f(x_i), the network's own output.  Its zeros, found by bisection, are
the fixed orientations of the real field; those at which a growing neuron comes to rest are stable.
Predicted: the growing orientations of the leading order for those residuals, certified; at the start they are, up to the
output of the initial weights, those of y.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from numerics.nets.activations import get
from numerics.training.runs import Path
from theory import Kind, MomentTensor, find_orientations
from verify.figures import CHANCE, NEGATIVE, OBSERVED, POSITIVE, PREDICTED
from verify.reproduce.finding import Finding
from verify.reproduce.plots import draw
from verify.reproduce.setting import FIGURE_6, Setting, adam_path, early_flow, line, with_bias
from verify.reproduce.workspace import Workspace
from verify.verdict import Verdict

AGREEMENT = 1e-3  # rad
SAME = 1e-4  # rad: zeros closer than this are one line
PROBE = 0.01  # size of the probe in units of std: its next Taylor term turns the field by less than 1e-5 of the residual
GRID = 720


def figure_6(work: Workspace) -> list[Finding]:
    """Two rows for each activation: at the start, and at the paper's epoch 200."""
    rows, panels = [], []
    for setting in FIGURE_6:
        path = adam_path(work, setting, line(), seeds=work.seeds, snapshots=4)
        for moment, name in ((0, "field at the start"), (-1, f"field at epoch {setting.epochs} of Adam")):
            rows.append(_row(setting, residuals(setting, path, moment), name))
        rows.append(
            _row(
                setting,
                residuals(setting, early_flow(work, setting), -1),
                "field of gradient flow, 10 % fallen",
            )
        )
        panels.append((setting, path))
    draw(
        work,
        "figure-6-field",
        _figure,
        panels,
        title="Figure 6: direction field at the start, stable lines, neurons",
    )
    return rows


def predicted_lines(setting: Setting, residual: np.ndarray) -> np.ndarray:
    """The growing lines of the leading order for the residuals (n,) as angles in [0, π), sorted."""
    tensor = MomentTensor.from_data(with_bias(line().x), residual, setting.multiplicity)
    found = find_orientations(tensor, bias=True)
    angles = np.sort(np.array([np.arctan2(o.u[1], o.u[0]) for o in found.attractors]) % np.pi)
    return _distinct(angles)


def field(setting: Setting, residual: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """The force across a probe at angles theta (G,) for a > 0, given the residuals e (n,): (G,), by differentiation."""
    x, e = torch.as_tensor(with_bias(line().x)), torch.as_tensor(residual)
    probe = torch.as_tensor(
        PROBE * setting.std * np.column_stack([np.cos(theta), np.sin(theta)])
    ).requires_grad_()
    with torch.enable_grad():
        pull = (get(setting.activations[0]).value(probe @ x.T) * e).mean(dim=1).sum()
        (force,) = torch.autograd.grad(pull, probe)
    across = np.column_stack([-np.sin(theta), np.cos(theta)])
    return np.sum(force.numpy() * across, axis=1)


def residuals(setting: Setting, path: Path, moment: int) -> np.ndarray:
    """y - f of every network of the path at one moment, (S, n)."""
    data = line()
    z = torch.as_tensor(np.ascontiguousarray(path.w[moment] @ with_bias(data.x).T))
    sigma = get(setting.activations[0]).value(z).numpy()
    return data.y - np.einsum("sm,smn->sn", path.a[moment], sigma)


def stable_lines(setting: Setting, residual: np.ndarray) -> np.ndarray:
    """The angles in [0, π) of the lines on which a growing neuron comes to rest, given the residuals (n,)."""
    edges = np.linspace(-np.pi, np.pi, GRID + 1)
    at = field(setting, residual, edges)
    roots = []
    # For a > 0 a neuron comes to rest where the field changes from + to -, for a < 0 where it changes back.
    for sign, changes in ((1.0, (at[:-1] > 0) & (at[1:] <= 0)), (-1.0, (at[:-1] < 0) & (at[1:] >= 0))):
        low, high = edges[:-1][changes], edges[1:][changes]
        for _ in range(48):
            middle = (low + high) / 2
            right = sign * field(setting, residual, middle) > 0
            low, high = np.where(right, middle, low), np.where(right, high, middle)
        angles = (low + high) / 2
        roots.append(angles[sign * _radial(setting, residual, angles) > 0])
    lines = np.sort(np.concatenate(roots) % np.pi)
    return _distinct(lines)


def _distinct(lines: np.ndarray) -> np.ndarray:
    """Sorted angles in [0, π) with those of one line, u and -u, taken once."""
    if len(lines) < 2:
        return lines
    gaps: np.ndarray = np.diff(np.concatenate([lines, [lines[0] + np.pi]]))
    return lines[gaps > SAME]


def _radial(setting: Setting, residual: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """mean(e σ(w·x)): where sign(a) times this is positive, a neuron grows."""
    probe = PROBE * setting.std * np.column_stack([np.cos(theta), np.sin(theta)])
    z = torch.as_tensor(np.ascontiguousarray(probe @ with_bias(line().x).T))
    return get(setting.activations[0]).value(z).numpy() @ residual / len(residual)


def _row(setting: Setting, residual: np.ndarray, name: str) -> Finding:
    at_zero = predicted_lines(setting, line().y)
    found = [stable_lines(setting, e) for e in residual]
    wanted = [predicted_lines(setting, e) for e in residual]
    errors = np.array([_error(p, f) for p, f in zip(wanted, found, strict=True)])
    moved = np.array([_error(at_zero, f) for f in found])
    number = np.array([len(each) for each in found])
    same = number == setting.claimed_lines
    seen = str(number[0]) if np.all(number == number[0]) else f"{number.min()}-{number.max()}"
    worst = float(errors.max())
    agreement = (
        f"off by at most {worst:.0e} rad" if np.isfinite(worst) else "in another number than predicted"
    )
    shift = f"moved by up to {moved.max():.1g} rad" if np.all(np.isfinite(moved)) else "other in number"
    return Finding(
        figure="6",
        case=setting.case,
        dynamics=name,
        claimed=f"{setting.claimed_lines} stable line" + ("s" if setting.claimed_lines != 1 else ""),
        predicted=f"{_numbers(wanted)} line(s)",
        observed=f"{seen} line(s), {agreement}",
        paper=Verdict.CONFIRMED
        if np.all(same)
        else Verdict.REFUTED
        if not np.any(same)
        else Verdict.INCONCLUSIVE,
        theory=Verdict.CONFIRMED if worst <= AGREEMENT else Verdict.REFUTED,
        why=f"{len(found)} networks, each against the prediction for its own residuals; the lines for zero output, at "
        + ", ".join(f"{t:.4f}" for t in at_zero)
        + f" rad, are {shift}",
        numbers={
            "predicted_at_zero_output": at_zero,
            "predicted": [list(each) for each in wanted],
            "lines": [list(each) for each in found],
            "errors": errors,
            "moved": moved,
        },
    )


def _numbers(lines: list[np.ndarray]) -> str:
    counts = sorted({len(each) for each in lines})
    return "-".join(str(c) for c in (counts if len(counts) == 1 else (counts[0], counts[-1])))


def _error(predicted: np.ndarray, found: np.ndarray) -> float:
    """The largest distance of matched lines; inf where their numbers differ."""
    if len(predicted) != len(found):
        return np.inf
    gap = np.abs(predicted[:, None] - found[None])
    gap = np.minimum(gap, np.pi - gap)
    return float(gap.min(axis=1).max())


def _borders(setting: Setting) -> np.ndarray:
    """The angles at which a neuron that grows there (of the sign of a for which the radial force is positive) is left by
    all others, and the zeros of the radial force, where the sign of a that grows changes: the borders of the basins."""
    tensor = MomentTensor.from_data(with_bias(line().x), line().y, setting.multiplicity)
    theta = np.linspace(-np.pi, np.pi, 20 * GRID + 1)
    power = tensor.value(np.column_stack([np.cos(theta), np.sin(theta)]))
    zeros = theta[:-1][np.sign(power[:-1]) != np.sign(power[1:])]
    fixed = find_orientations(tensor, bias=True).orientations
    others = np.array([np.arctan2(o.u[1], o.u[0]) for o in fixed if o.kind is not Kind.ATTRACTOR])
    return np.concatenate([zeros, others])


def _figure(panels: list, *, title: str) -> Figure:
    figure = Figure(figsize=(3.0 * len(panels), 3.5), layout="constrained")
    for ax, (setting, path) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        e = residuals(setting, path, 0)[0]
        side = np.linspace(-1.1, 1.1, 17)
        gx, gy = (each.ravel() for each in np.meshgrid(side, side))
        theta = np.arctan2(gy, gx)
        power = _radial(setting, e, theta)
        # What a growing neuron does: of the sign of a for which the radial force is positive.
        push = field(setting, e, theta) * np.sign(power)
        push = push / np.abs(push).max()
        inside = np.hypot(gx, gy) > 0.15
        colour = np.where(power > 0, POSITIVE, NEGATIVE)
        ax.quiver(gx[inside], gy[inside], (-np.sin(theta) * push)[inside], (np.cos(theta) * push)[inside],
                  color=colour[inside], alpha=0.6, scale=14, width=0.006)  # fmt: skip
        for angle in _borders(setting):
            end = 1.7 * np.array([np.cos(angle), np.sin(angle)])
            ax.plot(
                [0, end[0]],
                [0, end[1]],
                ":",
                color=CHANCE,
                linewidth=0.8,
                zorder=1,
                label="border of two basins",
            )
        for angle in predicted_lines(setting, line().y):
            c, s = 1.7 * np.cos(angle), 1.7 * np.sin(angle)
            ax.plot([-c, c], [-s, s], color=PREDICTED, linewidth=1.4, zorder=2, label="predicted stable line")
        for moment, colour_of, label in (
            (0, CHANCE, "neurons, start"),
            (-1, OBSERVED, f"epoch {setting.epochs}"),
        ):
            w = path.w[moment, 0] / np.abs(path.w[moment, 0]).max()
            ax.plot(w[:, 0], w[:, 1], "o", color=colour_of, markersize=2.5, alpha=0.8, label=label)
        ax.plot([], [], ">", color=POSITIVE, label="a > 0 grows here")
        ax.plot([], [], ">", color=NEGATIVE, label="a < 0 grows here")
        ax.set(
            xlim=(-1.15, 1.15),
            ylim=(-1.15, 1.15),
            aspect="equal",
            title=setting.case,
            xlabel="weight",
            ylabel="bias",
        )
    handles, labels = figure.axes[0].get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=6, fontsize=7)
    figure.suptitle(title, fontsize=10)
    return figure
