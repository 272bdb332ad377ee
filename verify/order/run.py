"""`condense order`: the document of an experiment, and the result behind it."""

from __future__ import annotations

import math
from typing import Any

from theory import activation, predict
from verify.bridge.experiment import Experiment
from verify.bridge.formula import torch_activation
from verify.errors import UsageError
from verify.order.cases import case_of
from verify.order.result import OrderResult
from verify.order.smooth import measure_order
from verify.order.trained import trained
from verify.report.verdict import finite


def order_of_accuracy(
    experiment: Experiment,
    *,
    layers: tuple[str, ...] = (),
    upper_bias: bool = False,
    residual: bool = False,
    decay: float = 0.0,
    train: bool = False,
) -> tuple[dict[str, Any], OrderResult]:
    """The `order` document of an experiment's activation and data, and the result behind it.

    `layers` are the activations of further hidden layers, with `upper_bias` and `residual`.  `decay` is the weight
    decay in rescaled time.  `train`: gradient descent of real networks, its learning rate refined until it does not
    matter, in place of the integrated gradient flow.
    """
    if not (math.isfinite(decay) and decay >= 0):
        raise UsageError(f"weight decay is {decay:g}; accepted: a finite number of at least 0")
    sigma = activation(experiment.activation)
    plain = sigma.is_smooth and sigma.value_at_zero == 0 and experiment.targets.ndim == 1
    if plain and not (layers or upper_bias or residual or decay or train):
        data = experiment.dataset
        prediction = predict(
            data.x,
            data.y,
            experiment.activation,
            loss_function=experiment.loss,
            bias=experiment.bias,
            max_paths=experiment.max_paths,
            seed=experiment.seed,
        )
        real = torch_activation(prediction.activation)
        result = measure_order(
            prediction, real.value, real.derivative, loss=experiment.loss, seed=experiment.seed
        )
    else:
        case = case_of(experiment, layers=layers, upper_bias=upper_bias, residual=residual, decay=decay)
        result = trained(case) if train else case.measure()
    document = {
        "activation": experiment.activation,
        "layers": list(layers),
        "upper_bias": upper_bias,
        "residual": residual,
        "weight_decay": decay,
        "trained": train,
        "data": experiment.dataset.name,
        "multiplicity": sigma.multiplicity,
        **result.to_json(),
        "seed": experiment.seed,
    }
    return finite(document), result
