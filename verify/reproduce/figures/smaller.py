"""Condensed networks are small networks: merged, and embedded back (the paper's C8, and the embedding principle).

Setting.  tanh, figure 3's data, gradient descent with small steps from std 1e-4.
Merging.  Neurons of one line become one (numerics.measure); the output may change relatively by the square of the spread
          of their orientations and by the next Taylor term, (r‖x‖)^{q-p}: nothing else.
Training. From one moment on the small network is trained beside the wide one.  Its speed is another one (Σ a² and Σ r² of a
          line are not those of one neuron with the same a r), so that outputs are compared at equal loss.
Embedding. A neuron (a, w) is split into (αa, w) and ((1-α)a, w): output and risk stay, both copies have the ∂R/∂a of the
          original, and their ∂R/∂w are α and 1-α times that of the original: a critical point stays one.
Source.   Zhang et al., NeurIPS 2021, for the embedding.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from numerics.measure import clusters
from numerics.measure.merging import line_labels, merge_neurons, output_change
from numerics.nets import Network
from numerics.nets.activations import get
from numerics.training.runs import Path, Start, train_path
from numerics.training.stopping import RescaledTime, Steps
from theory import SmoothPrediction, predict
from verify.figures import OBSERVED, PREDICTED
from verify.reproduce.counting import in_words
from verify.reproduce.finding import Finding, majority, share
from verify.reproduce.plots import draw
from verify.reproduce.setting import flow_path, sine5, two_layer, with_bias
from verify.reproduce.workspace import Arrays, Workspace
from verify.verdict import Verdict

SETTING = two_layer("smaller", "tanh", None, std=1e-4)
CONDENSED = 0.05  # the fall of the loss at which the small network takes over
CLOSE = 0.05  # of the output: two outputs that a printed line does not tell apart
TOGETHER = 0.95  # cosine from which neurons are merged


def smaller_network(work: Workspace) -> list[Finding]:
    """Three rows: merging along the path, training on, and embedding back."""
    data = sine5()
    prediction = predict(data.x, data.y, "tanh")
    assert isinstance(prediction, SmoothPrediction)
    rate = RescaledTime(0.02, multiplicity=1, rate=prediction.linear.rate)
    budget = 800 if work.quick else 2500
    path = flow_path(work, SETTING, data, rate, seeds=min(work.seeds, 8) if work.quick else work.seeds, budget=budget,
                     every=budget // 50)  # fmt: skip
    merged = [_along(path, s, with_bias(data.x), data.y) for s in range(path.w.shape[1])]
    trained = _train_on(work, path, data.x, data.y, rate)
    draw(
        work,
        "smaller-merged",
        _figure,
        path,
        merged,
        trained,
        title="tanh: the merged network beside the wide one",
    )
    return [_merging(path, merged), _training(trained), _embedding(work, path, data.x, data.y)]


def _merge(a: np.ndarray, w: np.ndarray):
    found = clusters(w, cosine=TOGETHER)
    return merge_neurons(a, w, line_labels(found.centres, found.labels, cosine=TOGETHER), multiplicity=1)


def _along(path: Path, s: int, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Width, relative change of the output, its bound, and both losses at every snapshot."""
    sigma, reach = get("tanh").value, float(np.linalg.norm(x, axis=1).max())
    rows = []
    for a, w in zip(path.a[:, s], path.w[:, s], strict=True):
        small = _merge(a, w)
        change = output_change(sigma, x, (a, w), (small.a, small.w))
        widest = float(np.linalg.norm(w, axis=1).max()) * reach
        bound = float(small.spread.max()) ** 2 + widest**2 / 3  # |c'/c| of tanh is 1/3
        rows.append((len(small.a), change.relative, bound, _loss(a, w, x, y), _loss(small.a, small.w, x, y)))
    names = ("width", "change", "bound", "wide_loss", "small_loss")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _loss(a: np.ndarray, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((np.tanh(x @ w.T) @ a - y) ** 2) / np.mean(y**2))


def _merging(path: Path, merged: list[dict[str, np.ndarray]]) -> Finding:
    moments = path.fallen(CONDENSED)
    chosen = [(each, k) for each, k in zip(merged, moments, strict=True) if k >= 0]
    width = np.array([each["width"][k] for each, k in chosen])
    change = np.array([each["change"][k] for each, k in chosen])
    bound = np.array([each["bound"][k] for each, k in chosen])
    small = change <= bound
    return Finding(
        figure="smaller",
        case="merged along the path",
        dynamics="gradient flow",
        claimed="equivalent to a much smaller network",
        predicted=f"output changes by at most {np.median(bound):.1e}",
        observed=f"{in_words(width)} of 50 neurons, output changed by {np.median(change):.1e}",
        paper=majority(width <= 25),
        theory=majority(small),
        why=f"when the loss has fallen by {100 * CONDENSED:g} %; within the bound (spread² + next Taylor term) in "
        f"{share(small)}; much smaller is declared as half the neurons or fewer",
        numbers={"width": width, "change": change, "bound": bound},
    )


def _train_on(
    work: Workspace, path: Path, x: np.ndarray, y: np.ndarray, rate: RescaledTime
) -> dict[str, np.ndarray]:
    """The small network of the first seed trained on beside the wide one: losses (T,) and their outputs' distance."""
    moment = int(path.fallen(CONDENSED)[0])
    a, w = path.a[moment, 0], path.w[moment, 0]
    small = _merge(a, w)
    steps = 400 if work.quick else 1500

    def compute() -> Arrays:
        marks = np.unique(np.linspace(0, steps, 161).astype(int)).tolist()
        out: Arrays = {"steps": np.array(marks)}
        outputs = []
        for name, (a_, w_) in {"wide": (a, w), "small": (small.a, small.w)}.items():
            network = Network(x.shape[1], len(a_), activations="tanh")
            weights = {"w1": torch.as_tensor(w_[None]), "a": torch.as_tensor(a_[None, None])}
            way = train_path(
                Start(network, weights, SETTING.std), x, y, lr=rate, stop=[Steps(steps)], snapshots=marks
            )
            out[name] = way.losses[:, 0]
            at = {key: torch.as_tensor(value[:, 0]) for key, value in way.parameters.items()}
            outputs.append(network.forward(at, torch.as_tensor(x))[:, 0].numpy())
        wide, little = outputs
        # The small network's output where its loss, which falls, is that of the wide one.
        at_equal_loss = np.stack(
            [np.interp(out["wide"], out["small"][::-1], sample[::-1]) for sample in little.T], axis=1
        )
        out["distance"] = np.linalg.norm(wide - at_equal_loss, axis=1) / np.linalg.norm(wide, axis=1)
        return out

    configuration = SETTING.configuration(
        compared="interpolated", seed=work.seed, steps=steps, neurons=len(small.a), moment=moment
    )
    return work.piece("smaller-trained", configuration, compute) | {"neurons": np.array(len(small.a))}


def _training(trained: dict[str, np.ndarray]) -> Finding:
    wide, small, distance = trained["wide"], trained["small"], trained["distance"]
    apart = np.flatnonzero(distance >= CLOSE)
    until = len(wide) if not len(apart) else int(apart[0])
    fallen = 1 - wide[max(until - 1, 0)]
    return Finding(
        figure="smaller",
        case="trained on, wide and small",
        dynamics="gradient flow",
        claimed="equivalent to a much smaller network",
        predicted="-",
        observed=f"{_neurons(int(trained['neurons']))} of 50; at equal loss outputs within {CLOSE:.0%} until it "
        f"has fallen by {fallen:.1%}",
        paper=Verdict.CONFIRMED if until == len(wide) else Verdict.REFUTED,
        theory=None,
        why=f"at the end the losses are {wide[-1]:.3f} (wide) and {small[-1]:.3f} (small) and at equal loss the outputs "
        f"{distance[-1]:.1%} apart: the wide network's neurons have left their line by then",
        numbers=dict(trained),
    )


def _embedding(work: Workspace, path: Path, x: np.ndarray, y: np.ndarray) -> Finding:
    """Split every neuron of the small network and compare risk and gradient, by automatic differentiation."""
    moment = int(path.fallen(CONDENSED)[0])
    small = _merge(path.a[moment, 0], path.w[moment, 0])
    alpha = np.random.default_rng(np.random.SeedSequence([work.seed, 8])).uniform(-1, 2, len(small.a))
    a = np.concatenate([alpha * small.a, (1 - alpha) * small.a])
    w = np.concatenate([small.w, small.w])
    risk, slope_a, slope_w = _gradient(small.a, small.w, with_bias(x), y)
    again, wide_a, wide_w = _gradient(a, w, with_bias(x), y)
    m = len(small.a)
    size = max(float(np.abs(slope_a).max()), float(np.abs(slope_w).max()))
    off = max(
        abs(again - risk) / risk,
        float(np.abs(np.concatenate([wide_a[:m] - slope_a, wide_a[m:] - slope_a])).max()) / size,
        float(np.abs(wide_w[:m] - alpha[:, None] * slope_w).max()) / size,
        float(np.abs(wide_w[m:] - (1 - alpha)[:, None] * slope_w).max()) / size,
    )
    # Sums of 2m terms of n samples: each rounds by at most its length times the unit roundoff.
    bound = 4 * (2 * m + len(x)) * np.finfo(float).eps
    return Finding(
        figure="smaller",
        case="embedded back",
        dynamics="none",
        claimed="risk and criticality are kept (Zhang et al. 2021)",
        predicted="risk and ∂R/∂a equal, ∂R/∂w times α and 1-α",
        observed=f"equal to {off:.0e} relative",
        paper=Verdict.CONFIRMED if off <= bound else Verdict.REFUTED,
        theory=Verdict.CONFIRMED if off <= bound else Verdict.REFUTED,
        why=f"{m} neurons split into {2 * m} with random shares α; rounding bound {bound:.0e}",
        numbers={"off": off, "bound": bound, "alpha": alpha},
    )


def _gradient(
    a: np.ndarray, w: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    ta, tw = (torch.as_tensor(each).clone().requires_grad_() for each in (a, w))
    with torch.enable_grad():
        risk = 0.5 * ((torch.tanh(torch.as_tensor(x) @ tw.T) @ ta - torch.as_tensor(y)) ** 2).mean()
        slope_a, slope_w = torch.autograd.grad(risk, (ta, tw))
    return float(risk.detach()), slope_a.numpy(), slope_w.numpy()


def _neurons(number: int) -> str:
    return f"{number} neuron" + ("s" if number > 1 else "")


def _figure(
    path: Path, merged: list[dict[str, np.ndarray]], trained: dict[str, np.ndarray], *, title: str
) -> Figure:
    figure = Figure(figsize=(8.4, 2.7), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    fallen = 1 - path.losses
    for s, each in enumerate(merged):
        alive = (fallen[:, s] > 1e-6) & (each["width"] < 50)
        left.semilogx(fallen[alive, s], each["width"][alive], color=OBSERVED, alpha=0.4, linewidth=0.9)
        middle.loglog(fallen[alive, s], each["change"][alive], color=OBSERVED, alpha=0.5, linewidth=0.9,
                      label="change of the output" if s == 0 else None)  # fmt: skip
        middle.loglog(fallen[alive, s], each["bound"][alive], color=PREDICTED, alpha=0.5, linewidth=0.9, linestyle="--",
                      label="spread² + next term" if s == 0 else None)  # fmt: skip
    left.set(xlabel="fall of the loss", ylabel="neurons after merging", ylim=(0, None))
    middle.set(xlabel="fall of the loss", ylabel="relative")
    middle.legend()
    right.plot(trained["steps"], trained["wide"], color=OBSERVED, label="50 neurons")
    right.plot(
        trained["steps"],
        trained["small"],
        color=PREDICTED,
        linestyle="--",
        label=_neurons(int(trained["neurons"])),
    )
    right.set(xlabel="steps after merging", ylabel="loss / loss of zero output")
    right.legend()
    figure.suptitle(title, fontsize=10)
    return figure
