"""Order of accuracy: the full gradient flow, or a trained network, against a leading-order flow, as ε → 0.

A leading-order theory says more than "it agrees": at a fixed rescaled time the relative distance falls as ε^k with a
derived k.  A wrong coefficient, order, moment or signal leaves a distance that does not fall.
"""

from verify.order.engine import DECADES, POINTS_PER_DECADE
from verify.order.fields import Reached, compare_flows
from verify.order.result import TOLERANCE, GroupOrder, OrderResult, judge_slope
from verify.order.run import order_of, order_of_accuracy
from verify.order.smooth import measure_order

__all__ = [
    "DECADES",
    "POINTS_PER_DECADE",
    "TOLERANCE",
    "GroupOrder",
    "OrderResult",
    "Reached",
    "compare_flows",
    "judge_slope",
    "measure_order",
    "order_of",
    "order_of_accuracy",
]
