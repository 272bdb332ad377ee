"""The order of accuracy of an experiment outside the smooth regime, as a check with its time."""

from __future__ import annotations

import time

from theory import Prediction, predict
from verify.bridge.experiment import Experiment
from verify.order import OrderResult, order_of
from verify.regimes.common.order import order_check
from verify.report.verdict import Check


def measured_order(experiment: Experiment, prediction: Prediction | None = None) -> tuple[OrderResult, Check]:
    """Measure the order of accuracy of the experiment's leading system, whatever drives its neurons."""
    started = time.perf_counter()
    known = predict(experiment.problem, seed=experiment.seed) if prediction is None else prediction
    result = order_of(known, targets=experiment.targets, seed=experiment.seed)
    return result, order_check(result).timed(time.perf_counter() - started, experiment.name)
