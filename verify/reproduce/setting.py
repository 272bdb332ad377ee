"""The settings of the source paper's experiments, as stated there; what it leaves open is chosen here and said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numerics.data import Dataset, load
from numerics.data import generators as targets
from numerics.nets import Network

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
