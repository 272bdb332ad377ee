"""Integrators of the leading flow and of the full gradient flow."""

from numerics.flow.full import Alignment, FullFlowResult, FullStatus, LossFall, gradient_flow
from numerics.flow.leading import LeadingFlowResult, LeadingStatus, leading_flow
from numerics.flow.losses import FlowLoss
from numerics.flow.moments import Force, moments, one_sided_moments

__all__ = [
    "Alignment",
    "FlowLoss",
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
