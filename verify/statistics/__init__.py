"""Statistics done right: intervals that cover, thresholds declared beforehand, chance levels, families of tests.

>>> from verify.statistics import StatisticalTest
>>> test = StatisticalTest.planned("neurons at their destination", threshold=0.99, effect=0.02)
>>> test.n, test.verdict(test.n).value
(1004, 'CONFIRMED')
"""

from verify.statistics.chance import (
    ChanceLevel,
    cosine_chance,
    cosine_quantile,
    near_any_chance,
)
from verify.statistics.declared import (
    SequentialTest,
    StatisticalTest,
    false_alarm_rate,
    power,
    verdict_rates,
)
from verify.statistics.intervals import (
    Interval,
    bootstrap_interval,
    clopper_pearson,
    holm,
    median_interval,
    quantile_interval,
    wilson,
)

__all__ = [
    "ChanceLevel",
    "Interval",
    "SequentialTest",
    "StatisticalTest",
    "bootstrap_interval",
    "clopper_pearson",
    "cosine_chance",
    "cosine_quantile",
    "false_alarm_rate",
    "holm",
    "median_interval",
    "near_any_chance",
    "power",
    "quantile_interval",
    "verdict_rates",
    "wilson",
]
