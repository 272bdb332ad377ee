"""The order of accuracy of an experiment outside the smooth regime, as a check with its time."""

from __future__ import annotations

import time

from verify.bridge.experiment import Experiment
from verify.order.cases import case_of
from verify.order.result import OrderResult
from verify.regimes.common.order import order_check
from verify.report.verdict import Check


def measured_order(experiment: Experiment) -> tuple[OrderResult, Check]:
    """Measure the order of accuracy of the experiment's leading system, whatever drives its neurons."""
    started = time.perf_counter()
    result = case_of(experiment).measure()
    return result, order_check(result).timed(time.perf_counter() - started, experiment.name)
