"""Random settings of `condense verify`: data of many shapes and scales, activations of all multiplicities, every loss and
optimiser, widths from 1 to 500.  `draw(k)` is the k-th, always the same; the order of the random numbers is part of it."""

import numpy as np

from numerics.data import Dataset
from verify.bridge.experiment import Experiment

ONE = ["tanh", "erf", "sin", "arctan", "gelu", "silu", "softsign", "elu", "tanh(x) + x**2", "x - x**2",
       "-tanh(x)", "sin(x) - x**3", "exp(x) - 1", "x + x**5", "-x + x**2/2", "log(1+x**2) + x/4", "x"]  # fmt: skip
TWO = ["xtanh", "square", "x**2*sigmoid(x)", "x**2 + x**3", "-x*tanh(x)", "cos(x)-1", "x**2*exp(x)", "x**2 - x**5",
       "x*sin(x)", "1-sqrt(1+x**2)", "x*silu(x)"]  # fmt: skip
THREE = ["x2tanh", "cube", "x**3 + x**4", "-x**3 + x**5", "x**2*sin(x)", "tanh(x)**3", "x - tanh(x)",
         "x**3*exp(-x)"]  # fmt: skip
FOUR = ["x**4", "x**3*tanh(x)", "x**2*tanh(x)**2"]
OFFSET = ["sigmoid", "softplus", "1 + tanh(x)", "exp(x)", "cos(x) + x", "sigmoid(x) - 1"]
ONE_SIDED = ["relu", "leaky_relu", "elu", "relu(x) - x/4", "abs(x)", "relu(x)*exp(x)", "softsign",
             "relu(x) + x**2", "tanh(relu(x))"]  # fmt: skip
GROUPS = {
    "p1": (0.30, ONE), "p2": (0.15, TWO), "p3": (0.12, THREE), "p4": (0.03, FOUR), "offset": (0.12, OFFSET),
    "sided": (0.12, ONE_SIDED), "outputs": (0.06, [*ONE[:8], "relu"]), "cube1": (0.06, ONE),
    "cube2": (0.04, TWO + THREE),
}  # fmt: skip
LOSSES = ["half-mse", "half-mse", "half-mse", "mse", "huber", "logistic", "(f - y)**4", "log(cosh(f - y))"]
WIDTHS = [1, 2, 5, 10, 30, 50, 100, 200, 500]
WIDTH_SHARES = [0.04, 0.06, 0.1, 0.15, 0.25, 0.2, 0.1, 0.07, 0.03]


def draw(number: int) -> tuple[str, Experiment]:
    """The group and the experiment of this number."""
    rng = np.random.default_rng([2026, number])
    group = str(rng.choice(list(GROUPS), p=[share for share, _ in GROUPS.values()]))
    options = {"activation": str(rng.choice(GROUPS[group][1])), "max_paths": 2000}
    outputs = int(rng.integers(2, 4)) if group == "outputs" else 1
    kinds = ["gauss", "heavy", "scaled", "shifted"]
    if group != "outputs":
        kinds = ["gauss", "gauss", *kinds, "line", "sine5", "xor"]
    data = _data(rng, str(rng.choice(kinds)), outputs)
    loss = str(rng.choice(LOSSES))
    if isinstance(data, Dataset) and group == "outputs" and rng.random() < 0.5:
        loss = "cross-entropy"
        data = Dataset(data.name, data.x, np.argmax(data.y, axis=1).astype(float))
    elif loss == "logistic" and isinstance(data, Dataset):
        data = Dataset(data.name, data.x, np.where(data.y > np.median(data.y), 1.0, -1.0))
    elif loss == "logistic":
        loss = "half-mse"
    options["loss"], options["data"] = loss, data
    options["optimizer"] = "gd" if rng.random() < 0.85 else "momentum"
    if group.startswith("cube"):
        options["optimizer"] = str(rng.choice(["adam", "sign"]))
    options["bias"] = bool(rng.random() < 0.8)
    options["width"] = int(rng.choice(WIDTHS, p=WIDTH_SHARES))
    if group == "offset" and rng.random() < 0.5:
        options["width"] = None
    if rng.random() < 0.3:
        options["init_std"] = float(10.0 ** rng.uniform(-7, -1.5))
    if rng.random() < 0.25:
        options["fraction"] = float(10.0 ** rng.uniform(-4, -0.7))
    if rng.random() < 0.1:
        options["step"] = float(10.0 ** rng.uniform(-2.7, -1.3))
    options["seeds"], options["seed"] = int(rng.integers(1, 4)), int(rng.integers(0, 10))
    return group, Experiment(**options)


def _data(rng: np.random.Generator, kind: str, outputs: int) -> Dataset | str:
    if kind in ("line", "sine5", "xor"):
        return kind
    n, d = int(rng.integers(10, 101)), int(rng.integers(1, 7))
    scale_x, scale_y = (10.0 ** rng.uniform(-2, 2, 2)) if kind == "scaled" else (1.0, 1.0)
    x = rng.standard_t(2, (n, d)) if kind == "heavy" else rng.standard_normal((n, d))
    if kind == "shifted":
        x = x + rng.normal(size=d) * 2
    slope, offset = rng.standard_normal((d, outputs)), 0.5 * rng.standard_normal((1, outputs))
    y = x @ slope + offset + rng.uniform(0, 1) * rng.standard_normal((n, outputs))
    style = str(rng.choice(["linear", "skewed", "sine", "noise", "quadratic"]))
    if style == "skewed":
        y = np.exp(np.clip(y / 2, -5, 4))
    elif style == "sine":
        y = np.sin(2 * y)
    elif style == "noise":
        y = rng.standard_normal(y.shape)
    elif style == "quadratic":
        y = y**2 - (y**2).mean() + y
    name = f"{kind}-{style}-n{n}-d{d}-x{scale_x:.2g}-y{scale_y:.2g}"
    return Dataset(name, scale_x * x, scale_y * (y[:, 0] if outputs == 1 else y))
