"""The order of accuracy of a prediction or an experiment, and the document of `condense order`."""

from __future__ import annotations

from typing import Any

import numpy as np

from theory import Prediction, Problem, SmoothPrediction, predict
from verify.bridge.digits import torch_activation
from verify.bridge.experiment import Experiment
from verify.errors import UsageError
from verify.order.cases import case_of
from verify.order.engine import LOWEST
from verify.order.result import OrderResult
from verify.order.smooth import measure_order
from verify.order.trained import trained
from verify.verdict import finite


def order_of(
    prediction: Prediction, *, targets: np.ndarray | None = None, seed: int = 0, train: bool = False
) -> OrderResult:
    """The order of accuracy of a prediction's leading flow against the full gradient flow of the real network.

    `targets` (n,) or (n, K) are what the network is trained on (default: the problem's), `seed` draws its start.  `train`:
    gradient descent, its learning rate refined until it does not matter, in place of the integrated gradient flow.
    Smooth neurons have integrators of their own; not where the formula of σ loses its digits at small arguments, as
    1 - sqrt(1 + x**2) does: then the scales end where its digits do, and integrators ask for no more of them.
    """
    case = case_of(prediction, targets=targets, seed=seed)
    if train:
        return trained(case)
    if not isinstance(prediction, SmoothPrediction) or case.decay or case.lowest > LOWEST:
        return case.measure()
    sigma = torch_activation(prediction.activation)
    return measure_order(prediction, sigma.value, sigma.derivative, seed=seed)


def problem_of(
    experiment: Experiment,
    *,
    layers: tuple[str, ...] = (),
    hidden_bias: bool = False,
    residual: bool = False,
    decay: float = 0.0,
) -> Problem:
    """The problem of an experiment with further hidden layers or weight decay in rescaled time."""
    if not layers and (hidden_bias or residual):
        raise UsageError(
            "--hidden-bias and --residual are about further hidden layers: name those with --layers"
        )
    if not (layers or decay):
        return experiment.problem
    return Problem.of(
        experiment.dataset.x,
        experiment.dataset.y,
        experiment.activation,
        layers=layers,
        loss_function=experiment.loss,
        bias=experiment.bias,
        output_bias=experiment.output_bias,
        hidden_bias=hidden_bias,
        residual=residual,
        weight_decay=decay,
    )


def order_of_accuracy(
    experiment: Experiment,
    *,
    layers: tuple[str, ...] = (),
    hidden_bias: bool = False,
    residual: bool = False,
    decay: float = 0.0,
    train: bool = False,
) -> tuple[dict[str, Any], OrderResult]:
    """The `order` document of an experiment's activation and data, and the result behind it.

    `layers` are the activations of further hidden layers, with `hidden_bias` and `residual`.  `decay` is the weight
    decay in rescaled time.  `train` as in `order_of`.
    """
    problem = problem_of(experiment, layers=layers, hidden_bias=hidden_bias, residual=residual, decay=decay)
    result = order_of(
        predict(problem, seed=experiment.seed),
        targets=experiment.targets,
        seed=experiment.seed,
        train=train,
    )
    document = {
        "activation": experiment.activation,
        "layers": list(layers),
        "upper_bias": hidden_bias,
        "residual": residual,
        "output_bias": experiment.output_bias,
        "weight_decay": decay,
        "trained": train,
        "data": experiment.dataset.name,
        "multiplicity": problem.activation.multiplicity,
        **result.to_json(),
        "seed": experiment.seed,
    }
    return finite(document), result
