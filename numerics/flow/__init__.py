"""Integrators of the leading flow and of the full gradient flow."""

from numerics.flow.full import FullStatus
from numerics.flow.leading import LeadingFlowResult, LeadingStatus, leading_flow
from numerics.flow.moments import Force, moments, one_sided_moments
from numerics.flow.two_layer import Aligned, FullFlowResult, LossFall, gradient_flow

__all__ = [
    "Aligned",
    "Force",
    "FullFlowResult",
    "FullStatus",
    "LeadingFlowResult",
    "LeadingStatus",
    "LossFall",
    "gradient_flow",
    "leading_flow",
    "moments",
    "one_sided_moments",
]
