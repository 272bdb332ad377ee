"""The settings of the source paper's experiments, as stated there, with what theory says of each optimiser on its data.

What the paper leaves open is chosen here and said.

Training paths of many networks from the same start: with the paper's Adam, and along gradient flow (figures 5 and 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numerics.data import Dataset, load
from numerics.data import generators as targets
from numerics.nets import Network
from numerics.training import log_spaced
from numerics.training.runs import Path, Start, train_path
from numerics.training.stopping import LossFraction, Rate, RescaledTime, Steps
from theory import (
    MomentTensor,
    Optimizer,
    OrientationSet,
    Problem,
    SmoothPrediction,
    TheoryError,
    activation,
    predict,
)
from theory.orientations.cube import sign_descent_orientations
from theory.predictions.prediction import refusal
from verify.reproduce.workspace import Arrays, Workspace

# The paper's names of its activations, in the order of figure 3.
MULTIPLICITY = {"tanh": 1, "xtanh": 2, "x2tanh": 3, "sigmoid": 1, "softplus": 1, "relu": 1}


@dataclass(frozen=True)
class Setting:
    """One experiment: network, data, N(0, std²) start, Adam with `lr` for `epochs` full-batch steps, half-MSE.

    `claimed_lines` is what the paper reports (opposite orientations count as one line), None where it reports nothing.
    Adam's betas and eps are not given in the paper: PyTorch's defaults are used.
    """

    figure: str
    case: str
    inputs: int
    widths: tuple[int, ...]
    activations: tuple[str, ...]
    std: float
    lr: float
    epochs: int
    claimed_lines: int | None
    residual: bool = False

    @property
    def network(self) -> Network:
        """The network; every hidden layer has a bias (the paper's x^[l] ends with a 1), the output has none."""
        return Network(
            inputs=self.inputs,
            widths=self.widths,
            activations=self.activations,
            hidden_bias=True,
            upper_bias=len(self.widths) > 1,
            residual=self.residual,
        )

    @property
    def multiplicity(self) -> int:
        """p of the first layer's activation."""
        return MULTIPLICITY[self.activations[0]]

    def configuration(self, **more: Any) -> dict[str, Any]:
        """What decides a run, for the name of its stored piece."""
        return {**vars(self), **more}


def two_layer(figure: str, activation: str, claimed: int | None, **changes: Any) -> Setting:
    """Figure 3's 5-50-1 network, with changes."""
    base = Setting(
        figure=figure,
        case=activation,
        inputs=5,
        widths=(50,),
        activations=(activation,),
        std=0.005,
        lr=1e-3,
        epochs=100,
        claimed_lines=claimed,
    )
    return replace(base, **changes)


FIGURE_3 = (
    two_layer("3", "tanh", 1),
    two_layer("3", "xtanh", 2),
    two_layer("3", "x2tanh", 3),
    two_layer("3", "sigmoid", 1, lr=8e-4),
    two_layer("3", "softplus", 1, lr=2.5e-4),
)
RELU = two_layer("relu", "relu", None)
LOW_FREQUENCY = two_layer("preprint-low", "x2tanh", 3)
FIGURE_4 = Setting(
    figure="4",
    case="six layers",
    inputs=3,
    widths=(18,) * 5,
    activations=("x2tanh", "xtanh", "sigmoid", "tanh", "softplus"),
    std=0.01,
    lr=4e-5,
    epochs=1400,
    claimed_lines=None,
    residual=True,
)
FIGURE_5 = tuple(
    Setting("5", name, 1, (100,), (name,), std=0.005, lr=5e-4, epochs=1000, claimed_lines=None)
    for name in ("tanh", "xtanh", "x2tanh")
)
FIGURE_6 = tuple(replace(each, figure="6", epochs=200, claimed_lines=each.multiplicity) for each in FIGURE_5)


def sine5() -> Dataset:
    """Figure 3's data: the shipped draw.  It is a chosen draw, see numerics.data; `sine_draw` gives others."""
    return load("sine5")


def sine_draw(seed: int, *, dimension: int = 5, amplitude: float = 3.5, frequency: float = 5.0) -> Dataset:
    """A fresh draw of the sine data: figure 3 by default, (3, 4, 12) for figure 4, frequency 2 for the preprint."""
    x, y = targets.sines(seed, dimension=dimension, amplitude=amplitude, frequency=frequency)
    return Dataset(f"sines({dimension}, {frequency:g}, seed {seed})", x, y)


def line() -> Dataset:
    """Figures 5 and 6."""
    return load("line")


def with_bias(x: np.ndarray) -> np.ndarray:
    """x with the constant column that theory counts as a coordinate."""
    return np.column_stack([x, np.ones(len(x))])


_LABELS = {
    "smooth": "gradient-flow orientations",
    "stepwise": "extremal orientations",
    "offset": "mean-corrected orientations",
}


@dataclass(frozen=True)
class Predicted:
    """The growing orientations u (k, D) of one theory, k = 0 where there is none, in words for the table."""

    u: np.ndarray
    label: str
    text: str
    notes: tuple[str, ...] = ()


def _none(label: str, dimension: int, reason: str) -> Predicted:
    return Predicted(np.zeros((0, dimension)), label, "no theorem", (reason,))


def _of(found: OrientationSet, label: str) -> Predicted:
    growing = np.array([o.u for o in found.attractors]).reshape(-1, found.dimension)
    at_least = "" if found.complete else "at least "
    return Predicted(growing, label, f"{at_least}{len(growing)} ({label})", found.notes)


def adam_orientations(setting: Setting, data: Dataset) -> Predicted:
    """Sign descent, which Adam follows while its gradients are large and its steps small."""
    act, label = activation(setting.activations[0]), "sign-descent orientations"
    problem = Problem.of(data.x, data.y, act, optimizer=Optimizer.SIGN)
    try:
        if act.value_at_zero == 0:
            return _of(predict(problem).orientations, label)
        if not act.is_smooth:
            raise refusal(problem, "where sign descent takes its neurons", "a smooth activation")
        # σ(0) ≠ 0: every a moves with the sign of the mean signal and carries all neurons to one of the two.
        signal = problem.signal
        found = sign_descent_orientations(
            MomentTensor.from_data(problem.x, signal, act.multiplicity), bias=True
        )
    except TheoryError as reason:
        return _none(label, problem.dimension, str(reason))
    numbers = signal.astype(float)
    side = np.sign(float(act.value_at_zero) * float(act.leading_coefficient) * numbers.mean())
    both = np.array([o.u for o in found.attractors])
    one = both[np.argmax(side * both @ (numbers @ problem.x))][None]
    return Predicted(one, label, f"1 ({label}, one sign of a)", found.notes)


def flow_orientations(setting: Setting, data: Dataset) -> Predicted:
    """Gradient flow: the growing orientations of the leading order; for σ(0) ≠ 0 those after the mean is fitted."""
    problem = Problem.of(data.x, data.y, setting.activations[0])
    try:
        prediction = predict(problem)
        return _of(prediction.orientations, _LABELS[prediction.regime])
    except TheoryError as reason:
        return _none(_LABELS["smooth"], problem.dimension, str(reason))


INITIAL_STAGE = 0.3  # the paper's end of the initial stage: the loss has fallen to 70 %


def adam_path(work: Workspace, setting: Setting, data: Dataset, *, seeds: int, snapshots: int = 12) -> Path:
    """The paper's training: Adam with its learning rate, full batch, for the stated number of epochs."""
    steps = sorted({*log_spaced(setting.epochs, snapshots), 1, setting.epochs})
    return _path(work, setting, data, "adam", setting.lr, steps, [Steps(setting.epochs)], seeds)


def flow_path(
    work: Workspace,
    setting: Setting,
    data: Dataset,
    rate: Rate,
    *,
    seeds: int,
    budget: int,
    every: int,
    fraction: float = INITIAL_STAGE,
) -> Path:
    """Gradient descent with small steps from the same start, until the initial stage ends or the budget is used up."""
    steps = list(range(0, budget + 1, every))
    return _path(work, setting, data, "gd", rate, steps, [LossFraction(fraction), Steps(budget)], seeds)


def _path(
    work: Workspace,
    setting: Setting,
    data: Dataset,
    optimizer: str,
    rate: Rate,
    steps: list[int],
    stop,
    seeds: int,
) -> Path:
    configuration = setting.configuration(
        data=data.name,
        optimizer=optimizer,
        rate=str(rate),
        stop=str(stop),
        steps=steps,
        seed=work.seed,
        seeds=seeds,
    )

    def compute() -> Arrays:
        start = Start.draw(setting.network, setting.std, work.spawn(seeds))
        options = {"optimizer": optimizer, "lr": rate, "stop": stop}
        return _stored(train_path(start, data.x, data.y, snapshots=steps, **options))

    name = f"{setting.figure}-{setting.case.replace(' ', '-')}-{data.name.split('(')[0]}-{optimizer}"
    return _path_of(work.piece(name, configuration, compute))


def _stored(path: Path) -> Arrays:
    parameters = {f"p_{name}": value.astype(np.float32) for name, value in path.parameters.items()}
    return {"steps": path.steps, "times": path.times, "losses": path.losses, **parameters}


def _path_of(arrays: Arrays) -> Path:
    named = {name[2:]: value.astype(float) for name, value in arrays.items() if name.startswith("p_")}
    return Path(arrays["steps"], arrays["times"], arrays["losses"], named)


def early_flow(work: Workspace, setting: Setting) -> Path:
    """Gradient flow from the same start, until the loss has fallen by a tenth or the budget is used up."""
    data = line()
    prediction = predict(data.x, data.y, setting.activations[0])
    assert isinstance(prediction, SmoothPrediction)
    rate = RescaledTime(0.02, multiplicity=prediction.driving_order, rate=prediction.clock_rate)
    budget = 1500 if work.quick else 4000
    seeds = min(work.seeds, 8) if work.quick else work.seeds
    return flow_path(work, setting, data, rate, seeds=seeds, budget=budget, every=budget, fraction=0.1)
