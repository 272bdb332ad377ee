"""What the equations say: exact, symbolic, certified.

>>> import theory
>>> theory.activation("x*tanh(x)").multiplicity
2
"""

from theory.errors import TheoryError
from theory.fields import SmoothField, rescaled
from theory.fields.deep import DeepField
from theory.fields.offset import OffsetField, OffsetVariant
from theory.fields.one_sided import OneSidedField
from theory.fields.outputs import LinearOutputs, OutputsField, output_tensors
from theory.flows.basins import BasinShare, BasinShares, basin_shares
from theory.flows.linear import LinearFlow, linear_horizon
from theory.flows.smooth import Destinations, Fate, Neurons, destinations, neurons_at
from theory.forms.moment_tensor import MomentTensor
from theory.forms.taylor import PowerForm
from theory.formula.activation import Activation, activation
from theory.losses.loss import Loss, loss
from theory.losses.signal import FittedOutput, fitted_output, signal_function
from theory.orientations import (
    AdamReason,
    AdamRegime,
    Arc,
    Kind,
    OneSidedDestinations,
    OneSidedFate,
    Orientation,
    OrientationSet,
    adam_follows,
    circle_basins,
    find_extremal_orientations,
    find_orientations,
    linear_sign_destinations,
    one_sided_destinations,
    one_sided_form,
    sign_descent_orientations,
)
from theory.orientations.deep import FirstLayer, first_layer, product_order
from theory.orientations.outputs import output_orientations
from theory.predictions import derive, predict
from theory.predictions.offset import OffsetPrediction, Split, offset_prediction
from theory.predictions.prediction import Expected, Prediction
from theory.predictions.smooth import SmoothPrediction
from theory.problem import Network, Optimizer, Problem
from theory.systems import LeadingSystem
from theory.systems.decay import DecayField, decay_system, decayed_blow_up, undecayed_time
from theory.systems.deep.system import deep_system
from theory.systems.offset import offset_system
from theory.systems.one_sided import one_sided_system
from theory.systems.outputs import outputs_system
from theory.systems.smooth import smooth_system
from theory.times.blow_up import (
    aligned_blow_up_time,
    alignment_exponent,
    alignment_time,
    balanced_blow_up_time,
    balanced_horizon,
    blow_up_bounds,
    linear_alignment_time,
)
from theory.times.horizon import Horizon, blow_up_horizon

__all__ = [
    "Activation",
    "AdamReason",
    "AdamRegime",
    "Arc",
    "BasinShare",
    "BasinShares",
    "DecayField",
    "DeepField",
    "Destinations",
    "Expected",
    "Fate",
    "FirstLayer",
    "FittedOutput",
    "Horizon",
    "Kind",
    "LeadingSystem",
    "LinearFlow",
    "LinearOutputs",
    "Loss",
    "MomentTensor",
    "Network",
    "Neurons",
    "OffsetField",
    "OffsetPrediction",
    "OffsetVariant",
    "OneSidedDestinations",
    "OneSidedFate",
    "OneSidedField",
    "Optimizer",
    "Orientation",
    "OrientationSet",
    "OutputsField",
    "PowerForm",
    "Prediction",
    "Problem",
    "SmoothField",
    "SmoothPrediction",
    "Split",
    "TheoryError",
    "activation",
    "adam_follows",
    "aligned_blow_up_time",
    "alignment_exponent",
    "alignment_time",
    "balanced_blow_up_time",
    "balanced_horizon",
    "basin_shares",
    "blow_up_bounds",
    "blow_up_horizon",
    "circle_basins",
    "decay_system",
    "decayed_blow_up",
    "deep_system",
    "derive",
    "destinations",
    "find_extremal_orientations",
    "find_orientations",
    "first_layer",
    "fitted_output",
    "linear_alignment_time",
    "linear_horizon",
    "linear_sign_destinations",
    "loss",
    "neurons_at",
    "offset_prediction",
    "offset_system",
    "one_sided_destinations",
    "one_sided_form",
    "one_sided_system",
    "output_orientations",
    "output_tensors",
    "outputs_system",
    "predict",
    "product_order",
    "rescaled",
    "sign_descent_orientations",
    "signal_function",
    "smooth_system",
    "undecayed_time",
]
