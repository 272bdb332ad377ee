"""Figure 2: a convolution and fully connected layers 1024-1024-10 with softmax; and the preprint's MNIST setting.

The paper trains a ResNet18-like network on CIFAR-10 (391 batches an epoch) for 20 to 61 epochs; here a convolution stands
for the part before the fully connected layers, and the ten-class digits for the images (or the user's own).  The learning
rates are a thousandth of the weights and smaller: what counts is how far Adam can have moved a weight, (steps) × (learning
rate), in units of std.  As many steps as run here are taken, with the learning rate raised so that the way is the paper's,
but never above a tenth of std or, where that is more, the paper's own.

Image data with labels: the ten-class digits that scikit-learn bundles, or the user's own CIFAR-10 or MNIST.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from numerics.data import read_npz
from numerics.errors import NumericsError
from numerics.nets import Convolution, Network
from numerics.nets.initial import initialise
from numerics.training import train
from numerics.training.stopping import LossFraction, RescaledTime, Steps
from theory.forms.vectors import unit
from verify.reproduce.counting import count, in_words
from verify.reproduce.finding import Finding, majority, share
from verify.reproduce.plots import cosine_grid, count_grid, draw
from verify.reproduce.workspace import Arrays, Workspace
from verify.verdict import Verdict

BATCH, BATCHES_OF_CIFAR = 128, 391
STEPS = 120
FILTERS, WIDTH = 16, 1024


@dataclass(frozen=True)
class Part:
    """One activation of figure 2: the paper's learning rate, epochs and number of lines."""

    activation: str
    lr: float
    epochs: int
    claimed: int


PARTS = (
    Part("tanh", 3e-8, 20, 1),
    Part("sigmoid", 1e-8, 30, 1),
    Part("softplus", 1e-8, 30, 1),
    Part("xtanh", 5e-6, 61, 2),
)


def figure_2(work: Workspace, data: str | None = None) -> list[Finding]:
    """One row for each activation, for the first fully connected layer of 1024 neurons."""
    pictures = images(data)
    parts = PARTS[:1] + PARTS[3:] if work.quick else PARTS
    seeds = min(work.seeds, 3) if work.quick else work.seeds
    rows, panels, counts = [], [], []
    for part in parts:
        w, loss, lr = _trained(work, part, pictures, seeds)
        row, found = _row(work, part, pictures, w, loss, lr)
        rows.append(row)
        panels.append((f"{part.activation}\nfirst seed", w[0]))
        counts.append((part.activation, found.thresholds, found.orientations, found.chance, None))
    draw(work, "figure-2-cosines", cosine_grid, panels, title="Figure 2: cosines in the first layer of 1024 neurons",
         columns=4)  # fmt: skip
    draw(
        work, "figure-2-counts", count_grid, counts, title="Figure 2: orientations over thresholds", columns=4
    )
    return rows


def _trained(
    work: Workspace, part: Part, pictures: Images, seeds: int
) -> tuple[np.ndarray, np.ndarray, float]:
    channels, height, width = pictures.shape
    kernel = min(3, height, width)
    network = Network(
        inputs=channels * height * width,
        widths=(FILTERS, WIDTH, WIDTH),
        outputs=pictures.y.shape[1],
        activations=("relu", part.activation, part.activation),
        upper_bias=True,
        output_bias=True,
        convolution=Convolution(channels, height, width, kernel, stride=2 if height >= 2 * kernel else 1),
    )
    # The paper's variance 1/m_out³ of the fully connected layers; the convolution starts as usual.
    std = {name: shape[0] ** -1.5 for name, shape in network.shapes.items()}
    std["w1"] = network.shapes["w1"][1] ** -0.5
    small = std["w2"]
    steps = 30 if work.quick else STEPS
    lr = max(part.lr, min(part.lr * part.epochs * BATCHES_OF_CIFAR / steps, small / 10))

    def compute() -> Arrays:
        # One network at a time: at this width a batch of them gains nothing.
        ends = [_one(network, std, seed, pictures, lr, steps) for seed in work.spawn(seeds, 2)]
        return {"w": np.stack([w for w, _ in ends]), "loss": np.array([loss for _, loss in ends])}

    configuration = {**vars(part), "data": pictures.name, "n": len(pictures.x), "steps": steps, "lr": lr,
                     "std": std, "seed": work.seed, "seeds": seeds}  # fmt: skip
    found = work.piece(f"2-{part.activation}", configuration, compute)
    return found["w"].astype(float), found["loss"], lr


def _one(
    network: Network, std: dict, seed: int, pictures: Images, lr: float, steps: int
) -> tuple[np.ndarray, float]:
    start = initialise(network, std, [seed], dtype=torch.float32)
    result = train(
        network,
        start,
        pictures.x,
        pictures.y,
        loss="cross-entropy",
        optimizer="adam",
        lr=lr,
        stop=[Steps(steps)],
        batch_size=min(BATCH, len(pictures.x)),
        batch_seed=seed % 2**32,
        snapshots=[steps],
    )
    return result.parameters["w2"][0].numpy(), float(result.losses[0] / result.zero_loss)


def _row(work: Workspace, part: Part, pictures: Images, w: np.ndarray, loss: np.ndarray, lr: float):
    found = count(w, np.linalg.norm(w, axis=-1), seed=work.seed, draws=2)
    orientations, lines, _ = found.at()
    hit = lines == part.claimed
    steps = 30 if work.quick else STEPS
    way, paper_way = (each / WIDTH**-1.5 for each in (lr * steps, part.lr * part.epochs * BATCHES_OF_CIFAR))
    short = way < 0.5 * paper_way
    return Finding(
        figure="2",
        case=part.activation,
        dynamics="Adam",
        claimed=f"{part.claimed} line" + ("s" if part.claimed > 1 else ""),
        predicted="no theorem",
        observed=f"{in_words(orientations)} orientations, {in_words(lines)} lines",
        paper=Verdict.INCONCLUSIVE if short and majority(hit) is not Verdict.CONFIRMED else majority(hit),
        theory=None,
        why=("the way that Adam can go here is far shorter than the paper's; " if short else "")
        + f"{part.claimed} line(s) in {share(hit)}; {pictures.name}, {steps} steps of {lr:.2g} "
        f"(a way of {way:.1f} std; the paper's is {paper_way:.3g} std), loss "
        f"{np.median(loss):.3f} of that of zero output; random vectors give {found.chance[2, 0]:g} orientations",
        numbers={"counts": found.to_json(), "loss": loss, "lr": lr, "way_in_std": way},
    ), found


def preprint_mnist(work: Workspace, data: str | None = None) -> list[Finding]:
    """x² tanh x, 30 neurons, std 0.001, Adam 5e-5, 100 epochs: the preprint reports one line.  Gradient flow beside it.

    Loss, batch and output are not stated there: softmax with cross-entropy, batches of 128; gradient flow in full batch.
    """
    pictures = images(data)
    network = Network(pictures.x.shape[1], 30, pictures.y.shape[1], activations="x2tanh")
    epochs = 20 if work.quick else 100
    steps = epochs * -(-len(pictures.x) // BATCH)
    flow_steps = 300 if work.quick else 1500
    clock = RescaledTime(0.02, multiplicity=3, rate=_force(pictures))
    runs = {
        "Adam": {
            "optimizer": "adam",
            "lr": 5e-5,
            "stop": [Steps(steps)],
            "batch_size": BATCH,
            "batch_seed": work.seed,
        },
        "gradient flow": {"optimizer": "gd", "lr": clock, "stop": [LossFraction(0.01), Steps(flow_steps)]},
    }
    rows, panels = [], []
    for dynamics, options in runs.items():
        found = _mnist_run(work, network, pictures, dynamics, options)
        row, counts = _mnist_row(work, pictures, dynamics, found)
        rows.append(row)
        panels.append((f"x² tanh x\n{dynamics}", counts.thresholds, counts.orientations, counts.chance, 6.0))
    draw(work, "preprint-mnist-counts", count_grid, panels, title="Preprint, MNIST setting", columns=2)
    return rows


def _force(pictures: Images) -> float:
    """The rate of the leading flow of z³: 3 max ‖mean(s (u·x)² x)‖ over random unit u, s the signal of cross-entropy."""
    x = np.column_stack([pictures.x, np.ones(len(pictures.x))])
    signal = pictures.y - 1 / pictures.y.shape[1]
    u = unit(np.abs(np.random.default_rng(0).standard_normal((200, x.shape[1]))))
    forces = np.einsum("nk,nu,nd->ukd", signal, (x @ u.T) ** 2, x, optimize=True) / len(x)
    return 3 * float(np.linalg.norm(forces, axis=-1).max())


def _mnist_run(work: Workspace, network: Network, pictures: Images, dynamics: str, options: dict) -> Arrays:
    def compute() -> Arrays:
        start = initialise(network, 0.001, work.spawn(work.seeds, 3))
        result = train(network, start, pictures.x, pictures.y, loss="cross-entropy", snapshots=[0], **options)
        return {
            "w": result.parameters["w1"].numpy(),
            "a": result.parameters["a"].numpy(),
            "loss": result.losses / result.zero_loss,
            "steps": result.steps,
        }

    configuration = {"data": pictures.name, "n": len(pictures.x), "options": str(options), "seed": work.seed,
                     "seeds": work.seeds}  # fmt: skip
    return work.piece(f"preprint-mnist-{dynamics.replace(' ', '-')}", configuration, compute)


def _mnist_row(work: Workspace, pictures: Images, dynamics: str, found: Arrays):
    w, adam = found["w"], dynamics == "Adam"
    amplitude = np.linalg.norm(found["a"], axis=1) * np.linalg.norm(w, axis=-1) ** 3
    counts = count(w, amplitude, seed=work.seed)
    orientations, lines, heavy = counts.at()
    return Finding(
        figure="preprint-mnist",
        case="x2tanh",
        dynamics=dynamics,
        claimed="1 line" if adam else "-",
        predicted="no theorem" if adam else "few neurons grow",
        observed=f"{in_words(orientations)} orientations, {in_words(lines)} lines, {in_words(heavy)} by amplitude",
        paper=majority(lines == 1) if adam else None,
        theory=None,
        why=(f"1 line in {share(lines == 1)}; " if adam else "")
        + f"{pictures.name}, {np.median(found['steps']):.0f} steps, loss {np.median(found['loss']):.3f} "
        + "of that of zero output"
        + ("; several outputs and p = 3 under sign descent: no theorem" if adam else ""),
        numbers={"counts": counts.to_json(), "loss": found["loss"]},
    ), counts


@dataclass(frozen=True)
class Images:
    """n images as rows x (n, channels·height·width), channel by channel, in [0, 1]; one-hot y (n, K)."""

    name: str
    x: np.ndarray
    y: np.ndarray
    shape: tuple[int, int, int]


def images(path: str | None) -> Images:
    """The digits, or an .npz with x (n, H, W), (n, H, W, C) or (n, C, H, W) or flat squares, and labels y (n,).

    Raises NumericsError, in one line, for anything else.
    """
    return _digits() if path is None else _file(path)


def _digits() -> Images:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise NumericsError("the digits need scikit-learn: install condense with the extra 'data'") from error
    bundled = load_digits()
    x = np.asarray(bundled.data, dtype=float) / 16  # type: ignore[attr-defined]
    return Images("digits, ten classes", x, _one_hot(bundled.target), (1, 8, 8))  # type: ignore[attr-defined]


def _file(path: str) -> Images:
    rows, y = read_npz(path, ("x", "y"))
    labels = y.ravel()
    if rows.ndim == 0 or len(labels) != len(rows):
        raise NumericsError(
            f"{path}: x has shape {rows.shape} and y {y.shape}; one label for each image is needed"
        )
    if not np.all(labels == np.round(labels)) or labels.min(initial=0) < 0:
        raise NumericsError(
            f"{path}: y holds other labels than whole numbers from 0; one for each class is needed"
        )
    if not np.isfinite(rows).all() or rows.max(initial=0) <= 0:
        raise NumericsError(f"{path}: x must hold finite pixels, not all of them 0")
    rows, shape = _channels_first(rows, path)
    return Images(
        Path(path).stem, rows.reshape(len(rows), -1) / rows.max(), _one_hot(labels.astype(int)), shape
    )


def _channels_first(x: np.ndarray, path: str) -> tuple[np.ndarray, tuple[int, int, int]]:
    if x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    if x.ndim == 4:
        return x, (x.shape[1], x.shape[2], x.shape[3])
    if x.ndim == 3:
        return x, (1, x.shape[1], x.shape[2])
    for channels in (1, 3):
        side = round((x.shape[1] / channels) ** 0.5) if x.ndim == 2 else 0
        if side and channels * side * side == x.shape[1]:
            return x, (channels, side, side)
    raise NumericsError(
        f"{path}: x has shape {x.shape}; (n, H, W), (n, C, H, W), (n, H, W, C) or flat squares are needed"
    )


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(int(labels.max()) + 1)[labels]
